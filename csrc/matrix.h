// Weights in memory: tiles of 16 output rows, numbers or codes as in the file.
//
// A tile holds its inputs one after another, of which each is there for 16 rows: what the kernels read with whole vectors.
// Of quantised types (formats.h) it holds blocks of 32 or 256 inputs. Lane l of a vector is row l of the tile, and its four
// bytes are four inputs in a row, so that one instruction multiplies 64 codes by 4 activations.
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

#define PONDER_QUANTISED(USE) \
  USE(Q4_0) USE(Q4_1) USE(Q5_0) USE(Q5_1) USE(Q8_0) USE(Q2_K) USE(Q3_K) USE(Q4_K) USE(Q5_K) USE(Q6_K) USE(IQ4_NL) USE(IQ4_XS) USE(MXFP4)
#define PONDER_ITEM(NAME) NAME,
#define PONDER_NAME(NAME) #NAME,
enum class Kind { F32, F16, BF16, PONDER_QUANTISED(PONDER_ITEM) };
constexpr const char* KIND_NAMES[] = {"F32", "F16", "BF16", PONDER_QUANTISED(PONDER_NAME)};
#undef PONDER_ITEM
#undef PONDER_NAME

// A row's bytes in the file for each `inputs` of it, and a tile's.
struct BlockShape { int inputs; size_t stored, bytes; };
BlockShape block_shape(Kind kind);

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

// One row as floats: the numbers that the file stands for.
void read_row(const Matrix& matrix, int row, float* out);

}  // namespace ponder
