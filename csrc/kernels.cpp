// Compiled once for each instruction set; see simd.h.
#include "kernels.h"

#include <chrono>

#include "recorded_program.h"
#include "row_sampler.h"

namespace ponder::PONDER_ISA {

namespace {

std::unique_ptr<Program> make_program(Shape shape, int rotated) {
  if (shape.layout.cache == Cache::F32) return std::make_unique<RecordedProgram<F32Units>>(shape, rotated);
  return std::make_unique<RecordedProgram<BF16Units>>(shape, rotated);
}

void are_numbers(const float* rows, int count, int64_t size, bool* found, int threads) {
  Team::run(threads, [&](Member& member) {
    member.each(count, [&](int row) {
      const float* x = rows + row * size;
      const f32x16 infinity = splat(std::numeric_limits<float>::infinity());
      uint32_t below = 0xffff;
      int64_t i = 0;
      for (; i + LANES <= size; i += LANES) below &= less_mask(load(x + i), infinity);
      if (i < size) below &= less_mask(load_first(x + i, static_cast<int>(size - i)), infinity);
      found[row] = below == 0xffff;
    });
  });
}

// The shortest of a few runs of body(member) on a team, in seconds; `members` is how many there were.
template <class Body>
double shortest(int threads, int& members, Body body) {
  double best = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < 5; repeat++) {
    const auto start = std::chrono::steady_clock::now();
    Team::run(threads, [&](Member& member) {
      if (member.index == 0) members = member.team_size();
      body(member);
    });
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

double int8_peak(int threads) {
  constexpr int SUMS = PIECES == 1 ? 12 : PIECES == 2 ? 6 : 16, ROUNDS = 500000;  // they and what is added to them fit the registers
  int members = 1;
  const double seconds = shortest(threads, members, [](Member&) {
    Dots<15, 0> sums[SUMS];
    PONDER_UNROLL for (int i = 0; i < SUMS; i++) sums[i].begin(i);
    Codes codes[] = {piece(splat_byte(3), 0), piece(splat_byte(4), 0)};
    const int8_t x[8] = {5, 5, 5, 5, 6, 6, 6, 6};
    for (int round = 0; round < ROUNDS; round++) {
      PONDER_UNROLL for (int i = 0; i < SUMS; i++) {
#if PONDER_AVX2 && !PONDER_VNNI
        sums[i].held = 1;  // room for more: no sums of sums
#endif
        sums[i].add(codes, x);
#if (PONDER_AVX512 && !defined(PONDER_EMULATE_AVX512)) || PONDER_AVX2  // else the loop is folded into a product
        asm volatile("" : "+v"(codes[0].v), "+v"(codes[1].v));
#elif PONDER_NEON
        asm volatile("" : "+w"(codes[0].v), "+w"(codes[1].v));
#endif
      }
    }
    float total = 0;
    alignas(64) float each[WIDTH];
    PONDER_UNROLL for (int i = 0; i < SUMS; i++) store(each, to_float(sums[i].total())), total += each[0];
    volatile float kept = total;
    (void)kept;
  });
  return 8.0 * WIDTH * SUMS * ROUNDS * members / seconds / 1e9;
}

double read_bandwidth(int threads) {
  constexpr size_t SIZE = size_t{256} << 20, FLOATS = SIZE / sizeof(float), STRIDE = 8 * LANES;
  static const Bytes memory = [] {
    Bytes p = allocate(SIZE);
    std::memset(p.get(), 1, SIZE);  // pages of zeros might be one and the same
    return p;
  }();
  const float* all = reinterpret_cast<const float*>(memory.get());
  int members = 1;
  const double seconds = shortest(threads, members, [&](Member& member) {
    const size_t each = FLOATS / static_cast<size_t>(member.team_size());
    const float* mine = all + each * static_cast<size_t>(member.index);
    f32x16 sums[8];
    PONDER_UNROLL for (int i = 0; i < 8; i++) sums[i] = zero();
    for (size_t i = 0; i + STRIDE <= each; i += STRIDE) {
      PONDER_UNROLL for (size_t j = 0; j < 8; j++) sums[j] = sums[j] + load(mine + i + LANES * j);
    }
    f32x16 total = zero();
    PONDER_UNROLL for (int i = 0; i < 8; i++) total = total + sums[i];
    volatile float kept = sum(total);
    (void)kept;
  });
  return static_cast<double>(SIZE) / seconds / 1e9;
}

}  // namespace

#define PONDER_TEXT_(x) #x
#define PONDER_TEXT(x) PONDER_TEXT_(x)

extern const Kernels table;
const Kernels table{PONDER_TEXT(PONDER_ISA), make_program, sample, STEPS, are_numbers, int8_peak, read_bandwidth};

}  // namespace ponder::PONDER_ISA
