// Products of activations and weights.
//
// An output is the sum over blocks of 32 inputs, in order, of an exact integer product and two scales: nothing
// in it depends on how many rows or tiles are computed together, or by whom.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <vector>

#include "program.h"
#include "simd.h"
#include "team.h"

namespace ponder::PONDER_ISA {

// Rows, and tiles of 16 outputs, that are multiplied together.
#if PONDER_AVX512
constexpr int MAX_ROWS = 6, MAX_TILES = 4;  // 6 x 2: 12 sums of integers and 12 of floats, what 32 registers hold
#else
constexpr int MAX_ROWS = 2, MAX_TILES = 2;
#endif

// 32 activations as 8-bit codes, x = scale * code; `sums` are those of the codes of each half.
struct ActivationBlock {
  int8_t codes[BLOCK];
  float scale, scaled_sum;
  int32_t sums[2];
};

// How the rows of a batch are cut into chunks that are computed together: as equal as can be, so that no number of
// rows is much worse than the next.
struct Chunks {
  int rows, count;
  explicit Chunks(int rows) : rows(rows), count((rows + MAX_ROWS - 1) / MAX_ROWS) {}
  int start(int chunk) const { return static_cast<int>(static_cast<int64_t>(chunk) * rows / count); }
  int size(int chunk) const { return start(chunk + 1) - start(chunk); }
  int of(int row) const { return static_cast<int>((static_cast<int64_t>(row + 1) * count - 1) / rows); }
};

// The activations of a batch, [rows, width]: quantised, or as floats, or both, as those who read them need.
// The blocks of a chunk's rows lie side by side.
struct Activations {
  std::vector<ActivationBlock> blocks;
  std::vector<float> numbers;
  int rows = 0, width = 0;
  bool quantised = false, plain = false;

  // Says who will read them.
  void reads(std::initializer_list<Linear> layers) {
    for (const Linear& layer : layers) {
      width = layer.weight->in;
      (is_quantised(layer.weight->kind) ? quantised : plain) = true;
    }
  }
  void resize(int new_rows) {
    rows = new_rows;
    const size_t size = static_cast<size_t>(rows) * static_cast<size_t>(width);
    if (quantised && blocks.size() < size / BLOCK) blocks.resize(size / BLOCK);
    if (plain && numbers.size() < size) numbers.resize(size);
  }
  ActivationBlock* chunk(int first_row) { return blocks.data() + static_cast<size_t>(first_row) * static_cast<size_t>(width / BLOCK); }
  float* row(int i) { return numbers.data() + static_cast<size_t>(i) * static_cast<size_t>(width); }
};

inline void quantise_block(ActivationBlock& to, f32x16 a, f32x16 b) {
  const f32x16 infinity = splat(std::numeric_limits<float>::infinity());
  const float top = largest(max(abs(a), abs(b)));
  const bool finite = (less_mask(abs(a), infinity) & less_mask(abs(b), infinity)) == 0xffff;
  const bool counts = top > 1e-36f;  // less has no inverse
  const f32x16 inverse = splat(counts ? 127.0f / top : 0.0f);
  const f32x16 x = round(a * inverse), y = round(b * inverse);
  store_i8(to.codes, x);
  store_i8(to.codes + LANES, y);
  const float first = sum(x), second = sum(y);
  to.scale = finite ? (counts ? top / 127.0f : 0.0f) : std::numeric_limits<float>::quiet_NaN();
  to.scaled_sum = to.scale * (first + second);
  to.sums[0] = finite ? static_cast<int32_t>(first) : 0;
  to.sums[1] = finite ? static_cast<int32_t>(second) : 0;
}

// Takes in one row of `width` floats.
inline void put_row(Activations& to, int row, const float* x) {
  if (to.plain) std::copy(x, x + to.width, to.row(row));
  if (!to.quantised) return;
  const Chunks chunks(to.rows);
  const int chunk = chunks.of(row), first = chunks.start(chunk), size = chunks.size(chunk);
  ActivationBlock* block = to.chunk(first) + (row - first);
  for (int i = 0; i < to.width; i += BLOCK, block += size) quantise_block(*block, load(x + i), load(x + i + LANES));
}

// What the quantised formats have in common: codes of steps 2v and 2v + 1 of block b, and their scales. A block has
// PARTS scales; codes go up to LARGEST; OFFSET is subtracted from them; with MINIMUM, a value is added that is the same for
// all codes.
template <Kind> struct Format;

PONDER_INLINE void nibbles(const uint8_t* both, u8x64& even, u8x64& odd) {
  const u8x64 low = splat_byte(15), pair = load_bytes(both);
  even = pair & low;
  odd = shift_right<4>(pair) & low;
}

template <> struct Format<Kind::Q4_0> {
  static constexpr int PARTS = 1, OFFSET = 8, LARGEST = 15;
  static constexpr bool MINIMUM = false;
  static PONDER_INLINE const BlockQ4_0& at(const uint8_t* tile, int b) { return reinterpret_cast<const BlockQ4_0*>(tile)[b]; }
  static PONDER_INLINE void codes(const uint8_t* tile, int b, int v, u8x64& even, u8x64& odd) { nibbles(at(tile, b).codes[v], even, odd); }
  static PONDER_INLINE f32x16 scale(const uint8_t* tile, int b, int) { return load_f16(at(tile, b).scale); }
  static PONDER_INLINE f32x16 minimum(const uint8_t*, int) { return zero(); }
};

template <> struct Format<Kind::Q4_1> {
  static constexpr int PARTS = 1, OFFSET = 0, LARGEST = 15;
  static constexpr bool MINIMUM = true;
  static PONDER_INLINE const BlockQ4_1& at(const uint8_t* tile, int b) { return reinterpret_cast<const BlockQ4_1*>(tile)[b]; }
  static PONDER_INLINE void codes(const uint8_t* tile, int b, int v, u8x64& even, u8x64& odd) { nibbles(at(tile, b).codes[v], even, odd); }
  static PONDER_INLINE f32x16 scale(const uint8_t* tile, int b, int) { return load_f16(at(tile, b).scale); }
  static PONDER_INLINE f32x16 minimum(const uint8_t* tile, int b) { return load_f16(at(tile, b).minimum); }
};

template <> struct Format<Kind::Q8_0> {
  static constexpr int PARTS = 1, OFFSET = 128, LARGEST = 255;
  static constexpr bool MINIMUM = false;
  static PONDER_INLINE const BlockQ8_0& at(const uint8_t* tile, int b) { return reinterpret_cast<const BlockQ8_0*>(tile)[b]; }
  static PONDER_INLINE void codes(const uint8_t* tile, int b, int v, u8x64& even, u8x64& odd) {
    even = load_bytes(at(tile, b).codes[2 * v]);
    odd = load_bytes(at(tile, b).codes[2 * v + 1]);
  }
  static PONDER_INLINE f32x16 scale(const uint8_t* tile, int b, int) { return load_f16(at(tile, b).scale); }
  static PONDER_INLINE f32x16 minimum(const uint8_t*, int) { return zero(); }
};

template <> struct Format<Kind::Q4_K> {
  static constexpr int PARTS = 1, OFFSET = 0, LARGEST = 15;
  static constexpr bool MINIMUM = true;
  static PONDER_INLINE const BlockQ4_K& at(const uint8_t* tile, int b) { return reinterpret_cast<const BlockQ4_K*>(tile)[b / 8]; }
  static PONDER_INLINE void codes(const uint8_t* tile, int b, int v, u8x64& even, u8x64& odd) { nibbles(at(tile, b).codes[b % 8][v], even, odd); }
  static PONDER_INLINE f32x16 scale(const uint8_t* tile, int b, int) { return load_f16(at(tile, b).scale) * load_u8(at(tile, b).scales[b % 8]); }
  static PONDER_INLINE f32x16 minimum(const uint8_t* tile, int b) {
    return zero() - load_f16(at(tile, b).minimum) * load_u8(at(tile, b).minimums[b % 8]);
  }
};

template <> struct Format<Kind::Q6_K> {
  static constexpr int PARTS = 2, OFFSET = 32, LARGEST = 63;
  static constexpr bool MINIMUM = false;
  static PONDER_INLINE const BlockQ6_K& at(const uint8_t* tile, int b) { return reinterpret_cast<const BlockQ6_K*>(tile)[b / 8]; }
  static PONDER_INLINE void codes(const uint8_t* tile, int b, int v, u8x64& even, u8x64& odd) {
    const BlockQ6_K& block = at(tile, b);
    const u8x64 two = splat_byte(0x30);
    u8x64 high = load_bytes(block.high[b % 8][v / 2]);
    nibbles(block.low[b % 8][v], even, odd);
    if (v % 2 == 0) {
      even = even | (shift_left<4>(high) & two);
      odd = odd | (shift_left<2>(high) & two);
    } else {
      even = even | (high & two);
      odd = odd | (shift_right<2>(high) & two);
    }
  }
  static PONDER_INLINE f32x16 scale(const uint8_t* tile, int b, int part) {
    return load_f16(at(tile, b).scale) * load_i8(at(tile, b).scales[2 * (b % 8) + part]);
  }
  static PONDER_INLINE f32x16 minimum(const uint8_t*, int) { return zero(); }
};

// Memory that will be needed next, to be fetched `step` bytes with every block of 32 inputs.
struct Ahead {
  const uint8_t* from;
  size_t step;
  PONDER_INLINE void fetch(int block) const { prefetch(from + step * static_cast<size_t>(block), step); }
};

// y[R][NT * TILE] = the products of R rows and NT tiles. `length` is the number of inputs, x the rows' activations.
template <class Format, int R, int NT>
void multiply_codes(const uint8_t* weights, size_t tile_bytes, Ahead ahead, const void* activations, int length, float* y) {
  f32x16 out[R][NT];
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) out[r][t] = zero();
  auto x = static_cast<const ActivationBlock*>(activations);
  for (int b = 0; b < length / BLOCK; b++, x += R) {
    ahead.fetch(b);
    PONDER_UNROLL for (int part = 0; part < Format::PARTS; part++) {
      Dots<Format::LARGEST> sums[R][NT];
      PONDER_UNROLL for (int r = 0; r < R; r++) {
        int32_t start = 0;
        if (Format::OFFSET) start = -Format::OFFSET * (Format::PARTS == 2 ? x[r].sums[part] : x[r].sums[0] + x[r].sums[1]);
        PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t].begin(start);
      }
      constexpr int VECTORS = 4 / Format::PARTS;
      PONDER_UNROLL for (int i = 0; i < VECTORS; i++) {
        const int v = part * VECTORS + i;
        u8x64 even[NT], odd[NT];
        PONDER_UNROLL for (int t = 0; t < NT; t++) Format::codes(weights + tile_bytes * t, b, v, even[t], odd[t]);
        PONDER_UNROLL for (int r = 0; r < R; r++) {
          PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t].add(even[t], odd[t], x[r].codes + 8 * v);
        }
      }
      PONDER_UNROLL for (int t = 0; t < NT; t++) {
        const f32x16 scale = Format::scale(weights + tile_bytes * t, b, part);
        PONDER_UNROLL for (int r = 0; r < R; r++) out[r][t] = fma(to_float(sums[r][t].total()), scale * splat(x[r].scale), out[r][t]);
      }
    }
    if (Format::MINIMUM) {
      PONDER_UNROLL for (int t = 0; t < NT; t++) {
        const f32x16 minimum = Format::minimum(weights + tile_bytes * t, b);
        PONDER_UNROLL for (int r = 0; r < R; r++) out[r][t] = fma(minimum, splat(x[r].scaled_sum), out[r][t]);
      }
    }
  }
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(y + (r * NT + t) * TILE, out[r][t]);
}

PONDER_INLINE f32x16 load_number(const uint8_t* p, Kind kind) {
  if (kind == Kind::F32) return load(reinterpret_cast<const float*>(p));
  auto halves = reinterpret_cast<const uint16_t*>(p);
  return kind == Kind::F16 ? load_f16(halves) : load_bf16(halves);
}

template <Kind KIND, int R, int NT>
void multiply_numbers(const uint8_t* weights, size_t tile_bytes, Ahead ahead, const void* activations, int length, float* y) {
  constexpr size_t VECTOR = (KIND == Kind::F32 ? 4 : 2) * TILE;
  f32x16 out[R][NT];
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) out[r][t] = zero();
  auto x = static_cast<const float*>(activations);
  for (int i = 0; i < length; i++) {
    f32x16 w[NT];
    if (i % BLOCK == 0) ahead.fetch(i / BLOCK);
    PONDER_UNROLL for (int t = 0; t < NT; t++) w[t] = load_number(weights + tile_bytes * t + VECTOR * i, KIND);
    PONDER_UNROLL for (int r = 0; r < R; r++) {
      const f32x16 number = splat(x[static_cast<size_t>(r) * length + i]);
      PONDER_UNROLL for (int t = 0; t < NT; t++) out[r][t] = fma(w[t], number, out[r][t]);
    }
  }
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(y + (r * NT + t) * TILE, out[r][t]);
}

using Multiply = void (*)(const uint8_t* weights, size_t tile_bytes, Ahead ahead, const void* activations, int length, float* y);

template <Kind KIND, int R, int NT>
constexpr Multiply multiply() {
  if constexpr (KIND == Kind::F32 || KIND == Kind::F16 || KIND == Kind::BF16) return multiply_numbers<KIND, R, NT>;
  else return multiply_codes<Format<KIND>, R, NT>;
}

template <Kind KIND, int NT>
Multiply by_rows(int rows) {
  switch (rows) {
    case 1: return multiply<KIND, 1, NT>();
    case 2: return multiply<KIND, 2, NT>();
#if PONDER_AVX512
    case 3: return multiply<KIND, 3, NT>();
    case 4: return multiply<KIND, 4, NT>();
    case 5: return multiply<KIND, 5, NT>();
    case 6: return multiply<KIND, 6, NT>();
#endif
  }
  return nullptr;
}

template <Kind KIND>
Multiply by_tiles(int rows, int tiles) {
  if constexpr (MAX_TILES == 4) if (tiles == 4) return rows == 1 ? multiply<KIND, 1, 4>() : multiply<KIND, 2, 4>();
  return tiles == 2 ? by_rows<KIND, 2>(rows) : by_rows<KIND, 1>(rows);
}

// rows up to MAX_ROWS; tiles 1 or 2, or 4 for one or two rows.
inline Multiply find_multiply(Kind kind, int rows, int tiles) {
  switch (kind) {
    case Kind::F32: return by_tiles<Kind::F32>(rows, tiles);
    case Kind::F16: return by_tiles<Kind::F16>(rows, tiles);
    case Kind::BF16: return by_tiles<Kind::BF16>(rows, tiles);
    case Kind::Q4_0: return by_tiles<Kind::Q4_0>(rows, tiles);
    case Kind::Q4_1: return by_tiles<Kind::Q4_1>(rows, tiles);
    case Kind::Q8_0: return by_tiles<Kind::Q8_0>(rows, tiles);
    case Kind::Q4_K: return by_tiles<Kind::Q4_K>(rows, tiles);
    case Kind::Q6_K: return by_tiles<Kind::Q6_K>(rows, tiles);
  }
  return nullptr;
}

// The products of one chunk of rows and `tiles` tiles from `tile` on, y[size][tiles * TILE].
inline void multiply_tiles(const Matrix& weights, int tile, int tiles, Ahead ahead, Activations& x, int first_row, int size, float* y) {
  const void* from = is_quantised(weights.kind) ? static_cast<const void*>(x.chunk(first_row)) : x.row(first_row);
  find_multiply(weights.kind, size, tiles)(weights.tile(tile), weights.tile_bytes, ahead, from, weights.in, y);
}

// What a thread that computes `count` tiles from `tile` on, in `calls` calls, should fetch in the one of that number: the
// tiles of its next task; weights lie in memory in the order of their use, so beyond the last comes the next matrix.
inline Ahead tiles_ahead(const Matrix& weights, int tile, int count, int call, int calls) {
  const int blocks = std::max(weights.in / BLOCK, 1);
  const size_t share = weights.tile_bytes * static_cast<size_t>(count) / static_cast<size_t>(calls);
  return {weights.tile(tile + count) + share * static_cast<size_t>(call), share / static_cast<size_t>(blocks) + 1};
}

// y = x w^T for all rows: calls use(part, row, first output, outputs, products) for pieces of one row.
template <class Use>
void linear(Member& member, const Matrix* const* parts, int count, Activations& x, Use use) {
  const Chunks chunks(x.rows);
  int all = 0;
  for (int p = 0; p < count; p++) all += parts[p]->tiles();
  // Four tiles are the fastest for a row or two, but there should be some tasks for each thread.
  const int grain = x.rows <= 2 && all >= 64 ? MAX_TILES : 2;
  int tasks = 0, starts[4] = {};
  for (int p = 0; p < count; p++) tasks += (parts[p]->tiles() + grain - 1) / grain, starts[p + 1] = tasks;
  member.each(tasks, [&](int task) {
    int part = 0;
    while (task >= starts[part + 1]) part++;
    const Matrix& weights = *parts[part];
    const int end = std::min((task - starts[part] + 1) * grain, weights.tiles());
    const int start = (task - starts[part]) * grain, calls = chunks.count * (end - start > 2 && MAX_TILES > 2 && end - start < MAX_TILES ? 2 : 1);
    int call = 0;
    alignas(64) float y[MAX_ROWS * MAX_TILES * TILE];
    for (int tile = start, tiles; tile < end; tile += tiles) {
      tiles = end - tile == MAX_TILES ? MAX_TILES : std::min(end - tile, 2);
      for (int c = 0; c < chunks.count; c++) {
        const int first = chunks.start(c), size = chunks.size(c);
        multiply_tiles(weights, tile, tiles, tiles_ahead(weights, start, grain, call++, calls), x, first, size, y);
        const int outputs = std::min(tiles * TILE, weights.out - tile * TILE);
        for (int r = 0; r < size; r++) use(part, first + r, tile * TILE, outputs, y + r * tiles * TILE);
      }
    }
  });
}

}  // namespace ponder::PONDER_ISA
