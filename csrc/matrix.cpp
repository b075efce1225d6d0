#include "matrix.h"

#include <cstring>

#include "team.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace ponder {

Bytes allocate(size_t bytes) {
  constexpr size_t LINE = 64, HUGE = size_t{1} << 21;
  const bool large = bytes >= HUGE;
  const size_t alignment = large ? HUGE : LINE;
  void* p = nullptr;
  if (posix_memalign(&p, alignment, bytes + LINE) != 0) throw std::bad_alloc();
#if defined(__linux__)
  if (large) madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return Bytes(static_cast<uint8_t*>(p));
}

std::shared_ptr<uint8_t> Arena::take(size_t bytes) {
  constexpr size_t LINE = 64;
  bytes = (bytes + LINE - 1) / LINE * LINE;
  if (bytes > left_) {
    left_ = bytes > CHUNK ? bytes : CHUNK;
    chunk_ = allocate(left_);
    next_ = chunk_.get();
  }
  std::shared_ptr<uint8_t> piece(chunk_, next_);
  next_ += bytes;
  left_ -= bytes;
  return piece;
}

size_t stored_row_bytes(Kind kind, int in) {
  const size_t n = static_cast<size_t>(in);
  switch (kind) {
    case Kind::F32: return n * 4;
    case Kind::F16:
    case Kind::BF16: return n * 2;
    case Kind::Q4_0: return n / 32 * 18;
    case Kind::Q4_1: return n / 32 * 20;
    case Kind::Q8_0: return n / 32 * 34;
    case Kind::Q4_K: return n / 256 * 144;
    case Kind::Q6_K: return n / 256 * 210;
  }
  return 0;
}

namespace {

uint16_t half_at(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  return h;
}

// Puts the code of input i (of 32) of row `lane` into vectors of two steps each.
void put_nibble(uint8_t (*codes)[64], int lane, int i, unsigned code) {
  const int step = i / 4, byte = 4 * lane + i % 4;
  uint8_t& both = codes[step / 2][byte];
  both = static_cast<uint8_t>(step % 2 ? (both & 0x0f) | code << 4 : (both & 0xf0) | code);
}

// One row of a block, `from` its bytes in the file (formats: ggml-common.h and ggml-quants.c of ggml).
void put(BlockQ4_0& to, int lane, const uint8_t* from) {  // f16 scale, 16 bytes: i in low, i + 16 in high nibbles
  to.scale[lane] = half_at(from);
  for (int i = 0; i < 16; i++) {
    put_nibble(to.codes, lane, i, from[2 + i] & 15u);
    put_nibble(to.codes, lane, i + 16, from[2 + i] >> 4);
  }
}

void put(BlockQ4_1& to, int lane, const uint8_t* from) {
  to.scale[lane] = half_at(from);
  to.minimum[lane] = half_at(from + 2);
  for (int i = 0; i < 16; i++) {
    put_nibble(to.codes, lane, i, from[4 + i] & 15u);
    put_nibble(to.codes, lane, i + 16, from[4 + i] >> 4);
  }
}

void put(BlockQ8_0& to, int lane, const uint8_t* from) {
  to.scale[lane] = half_at(from);
  for (int i = 0; i < 32; i++) to.codes[i / 4][4 * lane + i % 4] = static_cast<uint8_t>(from[2 + i] ^ 0x80);
}

void put(BlockQ4_K& to, int lane, const uint8_t* from) {  // f16 scale, f16 minimum, 12 bytes of scales, 128 of codes
  to.scale[lane] = half_at(from);
  to.minimum[lane] = half_at(from + 2);
  const uint8_t* six = from + 4;
  for (int j = 0; j < 8; j++) {
    const bool early = j < 4;
    to.scales[j][lane] = static_cast<uint8_t>(early ? six[j] & 63 : (six[j + 4] & 15) | (six[j - 4] >> 6) << 4);
    to.minimums[j][lane] = static_cast<uint8_t>(early ? six[j + 4] & 63 : six[j + 4] >> 4 | (six[j] >> 6) << 4);
  }
  for (int j = 0; j < 8; j++) {
    for (int i = 0; i < 32; i++) {
      const unsigned pair = from[16 + 32 * (j / 2) + i];
      put_nibble(to.codes[j], lane, i, j % 2 ? pair >> 4 : pair & 15u);
    }
  }
}

void put(BlockQ6_K& to, int lane, const uint8_t* from) {  // 128 bytes of low, 64 of high bits, 16 scales, f16 scale
  const uint8_t *low = from, *high = from + 128, *scales = from + 192;
  to.scale[lane] = half_at(from + 208);
  for (int j = 0; j < 16; j++) to.scales[j][lane] = static_cast<int8_t>(scales[j]);
  for (int j = 0; j < 8; j++) {
    for (int i = 0; i < 32; i++) {
      const int half = j / 4, quarter = j % 4;
      const unsigned four = low[64 * half + 32 * (quarter % 2) + i] >> (quarter / 2 * 4) & 15u;
      const unsigned two = high[32 * half + i] >> (2 * quarter) & 3u;
      put_nibble(to.low[j], lane, i, four);
      const int step = i / 4;
      uint8_t& all = to.high[j][step / 4][4 * lane + i % 4];
      const int shift = 2 * (step % 4);
      all = static_cast<uint8_t>((all & ~(3u << shift)) | two << shift);
    }
  }
}

template <class Block>
void pack_tile(uint8_t* to, const uint8_t* const* rows, int count, int blocks, size_t stored_bytes) {
  for (int b = 0; b < blocks; b++) {
    Block& block = reinterpret_cast<Block*>(to)[b];
    for (int lane = 0; lane < count; lane++) put(block, lane, rows[lane] + static_cast<size_t>(b) * stored_bytes);
  }
}

template <class Number>
void pack_numbers(uint8_t* to, const uint8_t* const* rows, int count, int in) {
  Number* numbers = reinterpret_cast<Number*>(to);
  for (int lane = 0; lane < count; lane++) {
    for (int i = 0; i < in; i++) std::memcpy(numbers + i * TILE + lane, rows[lane] + static_cast<size_t>(i) * sizeof(Number), sizeof(Number));
  }
}

}  // namespace

Matrix pack(Arena& arena, Kind kind, const uint8_t* stored, int out, int in, const int64_t* order, int threads) {
  const BlockShape shape = block_shape(kind);
  const int blocks = in / shape.inputs;
  Matrix matrix{kind, out, in, shape.bytes * static_cast<size_t>(blocks), nullptr};
  matrix.data = arena.take(matrix.bytes());
  const size_t row_bytes = stored_row_bytes(kind, in);
  Team::run(threads, [&](Member& member) {
    member.each(matrix.tiles(), [&](int t) {
      const uint8_t* rows[TILE];
      const int count = out - t * TILE < TILE ? out - t * TILE : TILE;
      for (int lane = 0; lane < count; lane++) {
        const int row = t * TILE + lane;
        rows[lane] = stored + row_bytes * static_cast<size_t>(order ? order[row] : row);
      }
      uint8_t* to = matrix.data.get() + matrix.tile_bytes * static_cast<size_t>(t);
      if (count < TILE) std::memset(to, 0, matrix.tile_bytes);
      switch (kind) {
        case Kind::F32: return pack_numbers<uint32_t>(to, rows, count, in);
        case Kind::F16:
        case Kind::BF16: return pack_numbers<uint16_t>(to, rows, count, in);
        case Kind::Q4_0: return pack_tile<BlockQ4_0>(to, rows, count, blocks, 18);
        case Kind::Q4_1: return pack_tile<BlockQ4_1>(to, rows, count, blocks, 20);
        case Kind::Q8_0: return pack_tile<BlockQ8_0>(to, rows, count, blocks, 34);
        case Kind::Q4_K: return pack_tile<BlockQ4_K>(to, rows, count, blocks, 144);
        case Kind::Q6_K: return pack_tile<BlockQ6_K>(to, rows, count, blocks, 210);
      }
    });
  });
  return matrix;
}

}  // namespace ponder
