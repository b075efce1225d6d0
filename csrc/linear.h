// Products of activations and weights.
//
// An output is the sum over blocks of 32 inputs, in order, of an exact integer product and two scales: nothing
// in it depends on how many rows or tiles are computed together, or by whom.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "formats.h"
#include "program.h"
#include "team.h"

namespace ponder::PONDER_ISA {

// Rows, and tiles of 16 outputs, whose sums are in registers together; rows that are given to a function together.
#if PONDER_AVX512
constexpr int SUM_ROWS = 6, MAX_TILES = 4, MAX_ROWS = 6;  // 6 x 2: 12 sums of integers and 12 of floats, what 32 registers hold
#elif PONDER_AVX2
constexpr int SUM_ROWS = 4, MAX_TILES = 2, MAX_ROWS = 16;  // a piece at a time: 8 sums
#elif PONDER_NEON
constexpr int SUM_ROWS = 8, MAX_TILES = 2, MAX_ROWS = 16;  // a piece at a time: 16 sums, of 32 registers
#else
constexpr int SUM_ROWS = 2, MAX_TILES = 2, MAX_ROWS = 2;
#endif

// 32 activations as 8-bit codes, x = scale * code; `sums` are those of the codes of each half.
struct ActivationBlock {
  int8_t codes[BLOCK];
  float scale, scaled_total;
  int32_t sums[2];

  // The sum of what the codes stand for: of all, or of a half.
  template <int PARTS>
  PONDER_INLINE float scaled_sum(int part) const { return PARTS == 1 ? scaled_total : scale * static_cast<float>(sums[part]); }
};

// How rows are cut into chunks that are computed together: as equal as can be, so that no number of rows is much worse than
// the next.
struct Chunks {
  int rows, count;
  explicit Chunks(int rows, int most = MAX_ROWS) : rows(rows), count((rows + most - 1) / most) {}
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
  to.scaled_total = to.scale * (first + second);
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

// Memory that will be needed next, to be fetched `step` bytes with every block of 32 inputs.
struct Ahead {
  const uint8_t* from;
  size_t step;
  PONDER_INLINE void fetch(int block) const { prefetch(from + step * static_cast<size_t>(block), step); }
};

// The same pointer, of which the compiler does not know what has been read there before: reading it again is cheaper than
// keeping what does not fit the registers. NEON's hold what one or two rows need.
template <int R, class T>
PONDER_INLINE const T* anew(const T* x) {
  if (PIECES == 2 || (PIECES == 4 && R > 2)) asm volatile("" : "+r"(x));
  return x;
}

// A piece of the b-th 32 inputs of NT tiles' blocks: as it is stored ..
template <class Format, int NT>
struct Packed {
  const Format* blocks[NT];
  int b, p;
  PONDER_INLINE Packed(const uint8_t* weights, size_t tile_bytes, int i, int p) : b(i % (Format::INPUTS / BLOCK)), p(p) {
    PONDER_UNROLL for (int t = 0; t < NT; t++) blocks[t] = reinterpret_cast<const Format*>(weights + tile_bytes * t) + i / (Format::INPUTS / BLOCK);
  }
  PONDER_INLINE Codes code(int t, int step) const { return piece(blocks[t]->code(b, step), p); }
  PONDER_INLINE Floats scale(int t, int part) const { return piece(blocks[t]->scale(b, part), p); }
  PONDER_INLINE Floats minimum(int t, int part) const { return piece(blocks[t]->minimum(b, part), p); }
};

// .. and unpacked, for more rows than are summed together.
template <class Format, int NT>
struct Unpacked {
  Codes codes[NT][8];
  Floats scales[NT][Format::PARTS], minima[NT][Format::PARTS];
  PONDER_INLINE explicit Unpacked(const Packed<Format, NT>& from) {
    PONDER_UNROLL for (int t = 0; t < NT; t++) {
      PONDER_UNROLL for (int step = 0; step < 8; step++) codes[t][step] = from.code(t, step);
      PONDER_UNROLL for (int part = 0; part < Format::PARTS; part++) {
        scales[t][part] = from.scale(t, part);
        if constexpr (Format::MINIMUM) minima[t][part] = from.minimum(t, part);
      }
    }
  }
  PONDER_INLINE Codes code(int t, int step) const { return codes[t][step]; }
  PONDER_INLINE Floats scale(int t, int part) const { return scales[t][part]; }
  PONDER_INLINE Floats minimum(int t, int part) const { return minima[t][part]; }
};

// out[R][NT] += the products of 32 inputs of R rows and of NT tiles.
template <class Format, int R, int NT, class Weights>
PONDER_INLINE void add_block(const Weights& weights, const ActivationBlock* x, Floats (*out)[NT]) {
  constexpr int PARTS = Format::PARTS, STEPS = 8 / PARTS;
  PONDER_UNROLL for (int part = 0; part < PARTS; part++) {
    using Sums = Dots<Format::LARGEST, Format::OFFSET>;
    Sums sums[R][NT];
    PONDER_UNROLL for (int r = 0; r < R; r++) {
      PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t].begin(PARTS == 2 ? x[r].sums[part] : x[r].sums[0] + x[r].sums[1]);
    }
    PONDER_UNROLL for (int step = part * STEPS; step < (part + 1) * STEPS; step += Sums::STEPS) {
      Codes codes[NT][Sums::STEPS];
      PONDER_UNROLL for (int t = 0; t < NT; t++) PONDER_UNROLL for (int s = 0; s < Sums::STEPS; s++) codes[t][s] = weights.code(t, step + s);
      PONDER_UNROLL for (int r = 0; r < R; r++) {
        PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t].add(codes[t], x[r].codes + 4 * step);
      }
    }
    PONDER_UNROLL for (int t = 0; t < NT; t++) {
      const Floats scale = weights.scale(t, part);
      PONDER_UNROLL for (int r = 0; r < R; r++) out[r][t] = fma(to_float(sums[r][t].total()), scale * everywhere(x[r].scale), out[r][t]);
    }
    if constexpr (Format::MINIMUM) {
      PONDER_UNROLL for (int t = 0; t < NT; t++) {
        const Floats minimum = weights.minimum(t, part);
        PONDER_UNROLL for (int r = 0; r < R; r++) out[r][t] = fma(minimum, everywhere(x[r].template scaled_sum<PARTS>(part)), out[r][t]);
      }
    }
  }
}

// What is to be multiplied: `tiles` from `weights` on, and `rows` rows of `length` inputs. Blocks of activations of so many
// rows lie side by side; numbers lie row by row.
struct Task {
  const uint8_t* weights;
  size_t tile_bytes;
  Ahead ahead;
  const void* activations;
  int rows, length;
};

// y[R][NT * TILE] = the products of rows [first, first + R) and NT tiles.
template <class Format, int R, int NT>
void multiply_codes(const Task& task, int first, float* y) {
  Floats out[PIECES][R][NT] = {};
  auto rows = static_cast<const ActivationBlock*>(task.activations) + first;
  for (int i = 0; i < task.length / BLOCK; i++, rows += task.rows) {
    task.ahead.fetch(i);
    PONDER_UNROLL for (int p = 0; p < PIECES; p++) {
      const Packed<Format, NT> weights(anew<R>(task.weights), task.tile_bytes, i, p);
      add_block<Format, R, NT>(weights, anew<R>(rows), out[p]);
    }
  }
  PONDER_UNROLL for (int p = 0; p < PIECES; p++) PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(y + (r * NT + t) * TILE + p * WIDTH, out[p][r][t]);
}

template <class Format, int R>
__attribute__((noinline)) void add_unpacked(const Unpacked<Format, 2>& weights, const ActivationBlock* x, Floats (*out)[2]) {
  add_block<Format, R, 2>(weights, x, out);
}

// The same for two tiles and all rows, more than SUM_ROWS: what is unpacked serves them all. For types that are not quick.
template <class Format>
void multiply_many(const Task& task, float* y) {
  Floats out[PIECES][MAX_ROWS][2] = {};
  const Chunks chunks(task.rows, SUM_ROWS);
  auto rows = static_cast<const ActivationBlock*>(task.activations);
  for (int i = 0; i < task.length / BLOCK; i++, rows += task.rows) {
    task.ahead.fetch(i);
    PONDER_UNROLL for (int p = 0; p < PIECES; p++) {
      const Unpacked<Format, 2> weights(Packed<Format, 2>(anew<MAX_ROWS>(task.weights), task.tile_bytes, i, p));
      for (int c = 0; c < chunks.count; c++) {
        const int first = chunks.start(c);
        switch (chunks.size(c)) {
          case 2: add_unpacked<Format, 2>(weights, rows + first, out[p] + first); break;
          case 3: add_unpacked<Format, 3>(weights, rows + first, out[p] + first); break;
          case 4: add_unpacked<Format, 4>(weights, rows + first, out[p] + first); break;
#if PONDER_NEON
          case 5: add_unpacked<Format, 5>(weights, rows + first, out[p] + first); break;
          case 6: add_unpacked<Format, 6>(weights, rows + first, out[p] + first); break;
          case 7: add_unpacked<Format, 7>(weights, rows + first, out[p] + first); break;
          case 8: add_unpacked<Format, 8>(weights, rows + first, out[p] + first); break;
#endif
        }
      }
    }
  }
  for (int p = 0; p < PIECES; p++) for (int r = 0; r < task.rows; r++) for (int t = 0; t < 2; t++) store(y + (r * 2 + t) * TILE + p * WIDTH, out[p][r][t]);
}

template <Kind KIND>
PONDER_INLINE f32x16 load_numbers(const uint8_t* tile, int input) {
  if constexpr (KIND == Kind::F32) return load(reinterpret_cast<const float*>(tile) + TILE * input);
  auto halves = reinterpret_cast<const uint16_t*>(tile) + TILE * input;
  return KIND == Kind::F16 ? load_f16(halves) : load_bf16(halves);
}

template <Kind KIND, int R, int NT>
void multiply_numbers(const Task& task, int first, float* y) {
  Floats out[PIECES][R][NT] = {};
  const int length = task.length;
  auto rows = static_cast<const float*>(task.activations) + static_cast<size_t>(first) * static_cast<size_t>(length);
  for (int start = 0; start < length; start += BLOCK) {
    task.ahead.fetch(start / BLOCK);
    PONDER_UNROLL for (int p = 0; p < PIECES; p++) {
      Floats sums[R][NT];
      PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t] = out[p][r][t];
      for (int i = start; i < std::min(start + BLOCK, length); i++) {
        Floats w[NT];
        PONDER_UNROLL for (int t = 0; t < NT; t++) w[t] = piece(load_numbers<KIND>(task.weights + task.tile_bytes * t, i), p);
        PONDER_UNROLL for (int r = 0; r < R; r++) {
          const Floats number = everywhere(rows[static_cast<size_t>(r) * length + i]);
          PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t] = fma(w[t], number, sums[r][t]);
        }
      }
      PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) out[p][r][t] = sums[r][t];
    }
  }
  PONDER_UNROLL for (int p = 0; p < PIECES; p++) PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(y + (r * NT + t) * TILE + p * WIDTH, out[p][r][t]);
}

// The same for so few rows that the sums of all pieces fit the registers: with fewer sums, each would wait for its last product.
template <Kind KIND, int R, int NT>
void multiply_numbers_at_once(const Task& task, int first, float* y) {
  f32x16 sums[R][NT];
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t] = zero();
  const float* x = static_cast<const float*>(task.activations) + static_cast<size_t>(first) * static_cast<size_t>(task.length);
  for (int i = 0; i < task.length; i++) {
    if (i % BLOCK == 0) task.ahead.fetch(i / BLOCK);
    f32x16 w[NT];
    PONDER_UNROLL for (int t = 0; t < NT; t++) w[t] = load_numbers<KIND>(task.weights + task.tile_bytes * t, i);
    PONDER_UNROLL for (int r = 0; r < R; r++) {
      const f32x16 number = splat(x[static_cast<size_t>(r) * task.length + i]);
      PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t] = fma(w[t], number, sums[r][t]);
    }
  }
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(y + (r * NT + t) * TILE, sums[r][t]);
}

// A type's functions: of up to SUM_ROWS rows for two tiles, and where there are such, of a row or two for four tiles, and of
// many rows for two. The one tile that a matrix may have left takes row after row.
struct Multiplies {
  using Multiply = void (*)(const Task& task, int first, float* y);
  Multiply one, two[SUM_ROWS], four[2];
  void (*many)(const Task& task, float* y);

  void run(const Task& task, int tiles, float* y) const {
    if (many && tiles == 2 && task.rows > SUM_ROWS) return many(task, y);
    if (tiles == 1) {
      for (int r = 0; r < task.rows; r++) one(task, r, y + r * TILE);
      return;
    }
    const Chunks chunks(task.rows, SUM_ROWS);
    for (int c = 0; c < chunks.count; c++) {
      const int first = chunks.start(c);
      (tiles == 4 ? four : two)[chunks.size(c) - 1](task, first, y + first * tiles * TILE);
    }
  }
};

template <class Type>
constexpr Multiplies multiplies() {
  Multiplies all{};
  [&]<int... R>(std::integer_sequence<int, R...>) {
    ((all.two[R] = Type::template multiply<R + 1, 2>), ...);
  }(std::make_integer_sequence<int, SUM_ROWS>());
  all.one = Type::template multiply<1, 1>;
  if constexpr (MAX_TILES == 4) all.four[0] = Type::template multiply<1, 4>, all.four[1] = Type::template multiply<2, 4>;
  if constexpr (MAX_ROWS > SUM_ROWS && Type::MANY) all.many = Type::many;
  return all;
}

template <Kind KIND>
struct OfNumbers {
  static constexpr bool MANY = false;
  template <int R, int NT> static void multiply(const Task& task, int first, float* y) {
    if constexpr (PIECES == 4 && R <= 2) multiply_numbers_at_once<KIND, R, NT>(task, first, y);
    else multiply_numbers<KIND, R, NT>(task, first, y);
  }
};
template <class Format>
struct OfCodes {
  static constexpr bool MANY = !Format::QUICK;
  static void many(const Task& task, float* y) { multiply_many<Format>(task, y); }
  template <int R, int NT> static void multiply(const Task& task, int first, float* y) { multiply_codes<Format, R, NT>(task, first, y); }
};

#define PONDER_CODES(NAME) multiplies<OfCodes<NAME>>(),
inline constexpr Multiplies MULTIPLIES[] = {  // as Kind
    multiplies<OfNumbers<Kind::F32>>(), multiplies<OfNumbers<Kind::F16>>(), multiplies<OfNumbers<Kind::BF16>>(), PONDER_QUANTISED(PONDER_CODES)};
#undef PONDER_CODES

// The products of one chunk of rows and `tiles` tiles from `tile` on, y[size][tiles * TILE]: 1 or 2, or 4 for one or two rows.
inline void multiply_tiles(const Matrix& weights, int tile, int tiles, Ahead ahead, Activations& x, int first_row, int size, float* y) {
  const void* from = is_quantised(weights.kind) ? static_cast<const void*>(x.chunk(first_row)) : x.row(first_row);
  MULTIPLIES[static_cast<size_t>(weights.kind)].run({weights.tile(tile), weights.tile_bytes, ahead, from, size, weights.in}, tiles, y);
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
