// Weights, and which of many are the largest, without sorting all of them.
//
// A token's weight is 2^e, e = (logit - largest logit) log2(e) / temperature, in float32: the largest is exactly 1,
// and where e is below -126 it is 0, and the token never kept. The same weights decide everything.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>

#include "simd.h"

namespace ponder::PONDER_ISA {

constexpr int FEW = 64;  // weights that are compared each with each
constexpr float INFINITE = std::numeric_limits<float>::infinity();
constexpr float LARGEST = std::numeric_limits<float>::max();
constexpr float LOG2_E = 1.44269504088896341f;
constexpr double LN_2 = 0.69314718055994531;
constexpr float FAINTEST = -126.0f;

// At most 1 even if a logit is NaN, and the largest therefore wrong.
PONDER_INLINE f32x16 weight(f32x16 e) { return where_less(e, splat(FAINTEST), zero(), exp2<6>(min(e, zero()))); }

PONDER_INLINE float next_above(float positive) { return std::bit_cast<float>(std::bit_cast<uint32_t>(positive) + 1); }
PONDER_INLINE float next_below(float positive) { return std::bit_cast<float>(std::bit_cast<uint32_t>(positive) - 1); }

// Arrays of weights are followed by room for 16 more.

// What is kept: weights over `least`, and the first `ties` of those equal to it.
struct Cut {
  float least;
  int64_t ties;
};

// By how much weights count: by their mass, or one each.
struct Mass { static PONDER_INLINE f32x16 of(f32x16 w) { return w; } };
struct Number { static PONDER_INLINE f32x16 of(f32x16) { return splat(1.0f); } };

template <class Measure>
double total(const float* w, int count) {
  f64x16 sums = zero64();
  for (int i = 0; i < count; i += LANES) {
    f32x16 x = Measure::of(load(w + i));
    if (i + LANES > count) x = select((1u << (count - i)) - 1, x, zero());
    sums = sums + widen(x);
  }
  return sum(sums);
}

// sums[i] = the measure of those of FEW weights that are over w[i], or with BEHIND of the others, it included.
template <class Measure, bool BEHIND>
void compare_few(const float* w, double* sums) {
  for (int i = 0; i < FEW; i += LANES) {
    const f32x16 mine = load(w + i);
    f64x16 all = zero64();
    for (int j = 0; j < FEW; j++) {
      const f32x16 other = splat(w[j]), counts = Measure::of(other);
      all = all + widen(BEHIND ? where_less(mine, other, zero(), counts) : where_less(mine, other, counts, zero()));
    }
    store(sums + i, all);
  }
}

// Collects the weights in [from, to] at `within` and returns how many they are; `over` is the measure of those over `to`.
template <class Measure>
int sweep(const float* w, int count, float from, float to, float* within, double& over) {
  const f32x16 below = splat(from == 0 ? -0.5f : next_below(from)), above = splat(to);
  f64x16 sums = zero64();
  int kept = 0;
  for (int i = 0; i < count; i += LANES) {
    const f32x16 x = i + LANES <= count ? load(w + i) : select((1u << (count - i)) - 1, load(w + i), splat(-1.0f));
    const uint32_t is_over = less_mask(above, x);
    sums = sums + widen(where_less(above, x, Measure::of(x), zero()));
    kept += compress(within + kept, x, less_mask(below, x) & ~is_over);
  }
  over = sum(sums);
  return kept;
}

// Guesses from a sample between which values the last weight lies that has more than `rest` behind it, itself included.
// What lies behind is many small weights, of which a sample tells more than of a few large ones ahead.
template <class Measure>
std::pair<float, float> guess(const float* w, int count, double rest) {
  alignas(64) float sample[FEW];
  alignas(64) double behind[FEW];
  for (int64_t i = 0; i < FEW; i++) sample[i] = w[(2 * i + 1) * count / (2 * FEW)];
  compare_few<Measure, true>(sample, behind);
  const double share = static_cast<double>(count) / FEW;
  float last = INFINITE;
  for (int i = 0; i < FEW; i++) if (share * behind[i] > rest) last = std::min(last, sample[i]);
  if (last == INFINITE) last = *std::max_element(sample, sample + FEW);
  constexpr int MARGIN = 6;  // places in the sample
  float above[MARGIN], below[MARGIN];
  std::fill(above, above + MARGIN, INFINITE);
  std::fill(below, below + MARGIN, 0.0f);
  int equal = 0;
  for (float x : sample) {
    equal += x == last;
    if (x > last) for (float& y : above) { if (x < y) std::swap(x, y); }
    else if (x < last) for (float& y : below) { if (x > y) std::swap(x, y); }
  }
  if (equal > MARGIN) return {last, last};
  return {below[MARGIN - 1], above[MARGIN - 1]};
}

// Of weights in falling order, all in [0, 1], those are kept that have less than `goal` > 0 strictly ahead of them.
template <class Measure>
Cut cut(const float* w, int count, double goal, float* spare, float* other) {
  float low = 0, high = 1;                 // where the weights lie that are left
  double ahead = 0;                        // the measure of those over them, less than `goal`
  double left = total<Measure>(w, count);  // and their own
  for (bool guessing = true; count > FEW && low < high; guessing = !guessing) {
    float from, to = high;
    if (guessing) {
      std::tie(from, to) = guess<Measure>(w, count, ahead + left - goal);
      from = std::max(from, low), to = std::min(to, high);
    } else {  // a guess may be wrong, but halving what bit patterns are left always ends
      const uint32_t bottom = std::bit_cast<uint32_t>(low), top = std::bit_cast<uint32_t>(high);
      from = std::bit_cast<float>(bottom + (top - bottom + 1) / 2);
    }
    double over, ignored;
    int found = sweep<Measure>(w, count, from, to, spare, over);
    const double within = total<Measure>(spare, found);
    if (ahead + over >= goal) {
      low = next_above(to), left = over;
      found = sweep<Measure>(w, count, low, high, spare, ignored);
    } else if (ahead + over + within >= goal) {
      low = from, high = to, ahead += over, left = within;
    } else if (from > low) {
      high = next_below(from), ahead = ahead + over + within, left -= over + within;
      found = sweep<Measure>(w, count, low, high, spare, ignored);
    } else {
      return {low > 0 ? next_below(low) : 0, 0};  // the goal is not reached, if but for rounding: all of them
    }
    w = spare, count = found;
    std::swap(spare, other);
  }
  if (count == 0) return {high, 0};
  float least = low;
  double before_least = ahead;
  if (count <= FEW) {
    alignas(64) float few[FEW] = {};
    alignas(64) double before[FEW];
    std::copy(w, w + count, few);
    compare_few<Measure, false>(few, before);
    least = INFINITE;
    for (int i = 0; i < count; i++) if (ahead + before[i] < goal && few[i] < least) least = few[i], before_least = ahead + before[i];
  }
  if (least == 0 || least == INFINITE) return {0, 0};
  alignas(64) float one[LANES];
  store(one, Measure::of(splat(least)));
  const double each = static_cast<double>(one[0]);
  const double room = (goal - before_least) / each;
  if (!(room < count)) return {least, count};  // more than there are
  int64_t ties = static_cast<int64_t>(room);
  while (before_least + static_cast<double>(ties) * each < goal) ties++;
  while (ties > 1 && before_least + static_cast<double>(ties - 1) * each >= goal) ties--;
  return {least, ties};
}

// The first index at which the sum of weights so far exceeds u of the whole; `sums` has room for one in 256 weights.
inline int draw(const float* w, int count, double u, double* sums) {
  constexpr int GROUP = 256;
  double all = 0;
  for (int i = 0; i < count; i += GROUP) all += sums[i / GROUP] = total<Mass>(w + i, std::min(GROUP, count - i));
  const double goal = std::min(u * all, std::nextafter(all, 0.0));
  double before = 0;
  int last = 0;
  for (int start = 0; start < count; start += GROUP) {
    if (start + GROUP < count && before + sums[start / GROUP] <= goal) {
      before += sums[start / GROUP];
      continue;
    }
    double running = before;
    for (int i = start; i < std::min(count, start + GROUP); i++) {
      running += static_cast<double>(w[i]);
      if (w[i] > 0) last = i;
      if (running > goal) return i;
    }
    return last;  // added in another order, the sum came out a rounding lower
  }
  return last;
}

// Sorts weights, all in [0, 1], from the largest down.
inline void sort_falling(float* w, int count, float* spare) {
  constexpr int WORTH_COUNTING = 1000, BITS = 10, PASSES = 3;
  if (count < WORTH_COUNTING) {
    std::sort(w, w + count, std::greater<float>());
    return;
  }
  // By their bits, of which a number up to 1 has 30, from the last ones on.
  std::array<std::array<int, size_t{1} << BITS>, PASSES> starts{};
  const auto digit = [](float x, int pass) { return (std::bit_cast<uint32_t>(x) >> (BITS * pass)) & ((1u << BITS) - 1); };
  for (int i = 0; i < count; i++) for (int pass = 0; pass < PASSES; pass++) starts[static_cast<size_t>(pass)][digit(w[i], pass)]++;
  for (auto& start : starts) {
    int larger = 0;
    for (auto at = start.rbegin(); at != start.rend(); ++at) larger += std::exchange(*at, larger);
  }
  float *from = w, *to = spare;
  for (int pass = 0; pass < PASSES; pass++, std::swap(from, to)) {
    for (int i = 0; i < count; i++) to[starts[static_cast<size_t>(pass)][digit(from[i], pass)]++] = from[i];
  }
  std::copy(from, from + count, w);
}

}  // namespace ponder::PONDER_ISA
