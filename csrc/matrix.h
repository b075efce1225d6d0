// Weights as they lie in memory: tiles of 16 output rows, quantised as in the file.
//
// A tile holds blocks of 32 inputs one after another; a block holds, for 16 rows, what the kernels read with
// whole vectors. Lane l of a vector is row l of the tile, and its four bytes are four inputs in a row, so that
// one instruction multiplies 64 codes by 4 activations. No byte is added to the file's, except for K-quants,
// whose 6-bit scales become bytes.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>

namespace ponder {

constexpr int TILE = 16;   // output rows
constexpr int BLOCK = 32;  // inputs

enum class Kind { F32, F16, BF16, Q4_0, Q4_1, Q8_0, Q4_K, Q6_K };
constexpr int NUM_KINDS = 8;

// Blocks of 32 inputs by 16 rows. Codes of step s (inputs 4s to 4s+3) are 64 bytes; 4-bit codes of steps 2v and
// 2v+1 share a vector, low and high nibble. Scales are float16 bits.
struct BlockQ4_0 { uint8_t codes[4][64]; uint16_t scale[TILE]; };
struct alignas(64) BlockQ4_1 { uint8_t codes[4][64]; uint16_t scale[TILE], minimum[TILE]; };
struct BlockQ8_0 { uint8_t codes[8][64]; uint16_t scale[TILE]; };  // codes + 128
// A super-block of 256 inputs: value = scale * scales[i] * code - minimum * minimums[i].
struct BlockQ4_K { uint8_t codes[8][4][64]; uint8_t scales[8][TILE], minimums[8][TILE]; uint16_t scale[TILE], minimum[TILE]; };
// value = scale * scales[i] * (code - 32), i counts 16 inputs; two bits of steps 4h .. 4h+3 share a vector.
struct BlockQ6_K { uint8_t low[8][4][64]; uint8_t high[8][2][64]; int8_t scales[16][TILE]; uint16_t scale[TILE]; };

// Bytes of a tile's block, and how many inputs it holds.
struct BlockShape { size_t bytes; int inputs; };

inline BlockShape block_shape(Kind kind) {
  switch (kind) {
    case Kind::F32: return {4 * TILE, 1};
    case Kind::F16:
    case Kind::BF16: return {2 * TILE, 1};
    case Kind::Q4_0: return {sizeof(BlockQ4_0), BLOCK};
    case Kind::Q4_1: return {sizeof(BlockQ4_1), BLOCK};
    case Kind::Q8_0: return {sizeof(BlockQ8_0), BLOCK};
    case Kind::Q4_K: return {sizeof(BlockQ4_K), 256};
    case Kind::Q6_K: return {sizeof(BlockQ6_K), 256};
  }
  throw std::invalid_argument("no such kind of weights");
}

inline bool is_quantised(Kind kind) { return kind >= Kind::Q4_0; }

struct Free { void operator()(uint8_t* p) const { std::free(p); } };
using Bytes = std::unique_ptr<uint8_t, Free>;

// Memory aligned to cache lines; large pieces on huge pages where the system has them.
Bytes allocate(size_t bytes);

// Memory of a model's weights, handed out one piece behind the other: what is read in the order in which it was taken
// is one stream to the processor's prefetchers, on huge pages.
class Arena {
 public:
  std::shared_ptr<uint8_t> take(size_t bytes);

 private:
#ifdef __SANITIZE_ADDRESS__
  static constexpr size_t CHUNK = 0;  // each matrix by itself, so that reading past one shows
#else
  static constexpr size_t CHUNK = size_t{64} << 20;  // what is not used of it is never touched
#endif
  std::shared_ptr<uint8_t> chunk_;
  size_t left_ = 0;
  uint8_t* next_ = nullptr;
};

// [out, in] weights; rows are padded to whole tiles with zeros.
struct Matrix {
  Kind kind;
  int out, in;
  size_t tile_bytes;
  std::shared_ptr<uint8_t> data;

  int tiles() const { return (out + TILE - 1) / TILE; }
  size_t bytes() const { return tile_bytes * static_cast<size_t>(tiles()); }
  const uint8_t* tile(int i) const { return data.get() + tile_bytes * static_cast<size_t>(i); }
};

// Repacks a stored tensor: `stored` are the file's bytes, row by row; row i of the matrix is stored row rows[i]
// (i itself where rows is null).
Matrix pack(Arena& arena, Kind kind, const uint8_t* stored, int out, int in, const int64_t* rows, int threads);

// Bytes of one row as stored in a file.
size_t stored_row_bytes(Kind kind, int in);

}  // namespace ponder
