// Of formats.h, what packs and reads by the row: compiled for every processor.
#define PONDER_ISA portable
#include "matrix.h"

#include <cstring>

#include "formats.h"
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

namespace {

using namespace portable;

// A stored number, or a quantised block: calls use(Format) with an object that says which.
template <class Use>
auto with_format(Kind kind, Use use) {
  switch (kind) {
#define PONDER_CASE(NAME) case Kind::NAME: return use(static_cast<const NAME*>(nullptr));
    PONDER_QUANTISED(PONDER_CASE)
#undef PONDER_CASE
    default: throw std::invalid_argument("not a quantised kind of weights");
  }
}

template <class Number>
void pack_numbers(uint8_t* to, const uint8_t* const* rows, int count, int in) {
  Number* numbers = reinterpret_cast<Number*>(to);
  for (int lane = 0; lane < count; lane++) {
    for (int i = 0; i < in; i++) std::memcpy(numbers + i * TILE + lane, rows[lane] + static_cast<size_t>(i) * sizeof(Number), sizeof(Number));
  }
}

template <class Format>
void pack_blocks(uint8_t* to, const uint8_t* const* rows, int count, int in) {
  std::memset(to, 0, sizeof(Format) * static_cast<size_t>(in / Format::INPUTS));
  for (int b = 0; b < in / Format::INPUTS; b++) {
    Format& block = reinterpret_cast<Format*>(to)[b];
    for (int lane = 0; lane < count; lane++) block.put(lane, rows[lane] + static_cast<size_t>(b) * Format::STORED);
  }
}

template <class Format>
void read_blocks(const uint8_t* tile, int lane, int in, float* out) {
  for (int i = 0; i < in; i += BLOCK) {
    const Format& block = reinterpret_cast<const Format*>(tile)[i / Format::INPUTS];
    const int b = i % Format::INPUTS / BLOCK;
    for (int step = 0; step < 8; step++) {
      const int part = step * Format::PARTS / 8;
      alignas(64) uint8_t codes[64];
      float scales[TILE], minima[TILE] = {};
      const u8x64 code = block.code(b, step);
      std::memcpy(codes, &code, sizeof codes);
      store(scales, block.scale(b, part));
      if constexpr (Format::MINIMUM) store(minima, block.minimum(b, part));
      for (int j = 0; j < 4; j++) {
        const float value = scales[lane] * static_cast<float>(codes[4 * lane + j] - Format::OFFSET);
        out[i + 4 * step + j] = Format::MINIMUM ? value + minima[lane] : value;
      }
    }
  }
}

}  // namespace

BlockShape block_shape(Kind kind) {
  if (!is_quantised(kind)) {
    const size_t bytes = kind == Kind::F32 ? 4 : 2;
    return {1, bytes, bytes * TILE};
  }
  return with_format(kind, []<class Format>(const Format*) { return BlockShape{Format::INPUTS, Format::STORED, sizeof(Format)}; });
}

void read_row(const Matrix& matrix, int row, float* out) {
  const uint8_t* tile = matrix.tile(row / TILE);
  const int lane = row % TILE;
  if (is_quantised(matrix.kind)) {
    return with_format(matrix.kind, [&]<class Format>(const Format*) { read_blocks<Format>(tile, lane, matrix.in, out); });
  }
  for (int i = 0; i < matrix.in; i++) {
    alignas(64) float all[LANES];
    const int place = i * TILE;
    switch (matrix.kind) {
      case Kind::F16: store(all, load_f16(reinterpret_cast<const uint16_t*>(tile) + place)); break;
      case Kind::BF16: store(all, load_bf16(reinterpret_cast<const uint16_t*>(tile) + place)); break;
      default: store(all, load(reinterpret_cast<const float*>(tile) + place));
    }
    out[i] = all[lane];
  }
}

Matrix pack(Arena& arena, Kind kind, const uint8_t* stored, int out, int in, const int64_t* order, int threads) {
  const BlockShape shape = block_shape(kind);
  const size_t blocks = static_cast<size_t>(in / shape.inputs), row_bytes = blocks * shape.stored;
  Matrix matrix{kind, out, in, blocks * shape.bytes, nullptr};
  matrix.data = arena.take(matrix.bytes());
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
      if (kind == Kind::F32) return pack_numbers<uint32_t>(to, rows, count, in);
      if (!is_quantised(kind)) return pack_numbers<uint16_t>(to, rows, count, in);
      with_format(kind, [&]<class Format>(const Format*) { pack_blocks<Format>(to, rows, count, in); });
    });
  });
  return matrix;
}

}  // namespace ponder
