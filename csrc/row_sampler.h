// Sampling from a row of logits in two sweeps, without sorting the vocabulary.
//
// A row is read in spans of 1024 tokens. The first sweep sums a span's weights relative to its own largest logit, so
// that it does not have to know the row's; sums of spans are doubles and added in order. Truncation then needs only
// the tokens over a bound that follows from these sums: the second sweep collects them, and the last token that is
// kept is found among them by selection. A row's arithmetic is the same whoever computes its spans.
//
// A token's weight is 2^e, e = (logit - largest logit) log2(e) / temperature, in float32: the largest is exactly 1,
// and where e is below -126 it is 0, and the token never kept. The same weights decide everything.
#pragma once

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

#include "sampling.h"
#include "simd.h"
#include "team.h"

namespace ponder::PONDER_ISA {

constexpr int SPAN = 1024;
constexpr int FEW = 64;  // weights that are compared each with each
constexpr float INFINITE = std::numeric_limits<float>::infinity();
constexpr float LARGEST = std::numeric_limits<float>::max();
constexpr float LOG2_E = 1.44269504088896341f;
constexpr double LN_2 = 0.69314718055994531;
constexpr float FAINTEST = -126.0f;

// At most 1 even if a logit is NaN, and the largest therefore wrong.
PONDER_INLINE f32x16 weight(f32x16 e) { return where_less(e, splat(FAINTEST), zero(), exp2<6>(min(e, zero()))); }

// Sixteen sums in double precision.
#if PONDER_AVX512
struct f64x16 { __m512d lo, hi; };
PONDER_INLINE f64x16 zero64() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) { return {_mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi)}; }
PONDER_INLINE f64x16 widen(f32x16 x) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(x.v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(x.v, 1))};
}
#elif PONDER_AVX2
struct f64x16 { __m256d v[4]; };
PONDER_INLINE f64x16 zero64() { return {{_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd()}}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) {
  PONDER_UNROLL for (int i = 0; i < 4; i++) a.v[i] = _mm256_add_pd(a.v[i], b.v[i]);
  return a;
}
PONDER_INLINE f64x16 widen(f32x16 x) {
  return {{_mm256_cvtps_pd(_mm256_castps256_ps128(x.lo)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.lo, 1)),
           _mm256_cvtps_pd(_mm256_castps256_ps128(x.hi)), _mm256_cvtps_pd(_mm256_extractf128_ps(x.hi, 1))}};
}
#else
struct f64x16 { double v[LANES]; };
PONDER_INLINE f64x16 zero64() { return {}; }
PONDER_INLINE f64x16 operator+(f64x16 a, f64x16 b) { for (int i = 0; i < LANES; i++) a.v[i] += b.v[i]; return a; }
PONDER_INLINE f64x16 widen(f32x16 x) {
  f64x16 y;
  for (int i = 0; i < LANES; i++) y.v[i] = static_cast<double>(x.v[i]);
  return y;
}
#endif
PONDER_INLINE void store(double* p, f64x16 x) { std::memcpy(p, &x, sizeof x); }
PONDER_INLINE double sum(f64x16 x) {
  alignas(64) double s[LANES];
  store(s, x);
  for (int half = LANES / 2; half > 0; half /= 2) for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

// Puts the elements whose bit is set one after another and returns how many they are. Sixteen may be written, and
// `to` may lie before where x was loaded from.
PONDER_INLINE int compress(float* to, f32x16 x, uint32_t bits) {
#if PONDER_AVX512
  store(to, {_mm512_maskz_compress_ps(static_cast<__mmask16>(bits), x.v)});
  return std::popcount(bits);
#else
  float lanes[LANES];
  store(lanes, x);
  int count = 0;
  for (; bits; bits &= bits - 1) to[count++] = lanes[std::countr_zero(bits)];
  return count;
#endif
}
PONDER_INLINE void compress_tokens(int32_t* to, const int32_t* from, uint32_t bits) {
#if PONDER_AVX512
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), _mm512_loadu_si512(from)));
#else
  for (; bits; bits &= bits - 1) *to++ = from[std::countr_zero(bits)];
#endif
}
PONDER_INLINE void compress_tokens(int32_t* to, int32_t first, uint32_t bits) {
#if PONDER_AVX512
  const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(static_cast<__mmask16>(bits), _mm512_add_epi32(steps, _mm512_set1_epi32(first))));
#else
  for (; bits; bits &= bits - 1) *to++ = first + std::countr_zero(bits);
#endif
}

PONDER_INLINE float next_above(float positive) { return std::bit_cast<float>(std::bit_cast<uint32_t>(positive) + 1); }
PONDER_INLINE float next_below(float positive) { return std::bit_cast<float>(std::bit_cast<uint32_t>(positive) - 1); }

// ---- Selection. Arrays of weights are followed by room for 16 more.

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

// ---- A row.

class RowSampler {
 public:
  // The vocabulary may grow from one row to the next.
  void begin(const SamplingRow& row, int vocabulary) {
    row_ = &row;
    settings_ = row.settings;
    vocabulary_ = vocabulary;
    spans_ = (vocabulary + SPAN - 1) / SPAN;
    const double temperature = std::clamp(settings_->temperature, 1e-30, 1e30);
    scale_ = static_cast<float>(static_cast<double>(LOG2_E) / temperature);
    top_k_ = settings_->top_k < vocabulary ? settings_->top_k : 0;
    truncates_ = top_k_ > 0 || settings_->top_p < 1 || settings_->min_p > 0;
    resize();
    gather_changes();
  }

  int spans() const { return spans_; }

  // First sweep.
  void read(int s) {
    Sums& sums = sums_[static_cast<size_t>(s)];
    const float* raw = raw_span(s);
    if (tokens_in(s) < SPAN) raw = pad(raw, s);
    f32x16 raw_tops, tops;
    float unused;
    largest_and_least(raw, raw_tops, sums.least);
    store(&raw_tops_[static_cast<size_t>(s) * LANES], raw_tops);
    sums.raw_top = sums.top = largest(raw_tops);
    const float* x = raw;
    tops = raw_tops;
    if (row_->allowed || offsets_[static_cast<size_t>(s)] < offsets_[static_cast<size_t>(s) + 1] || sums.raw_top == INFINITE) {
      x = change(raw, s);
      largest_and_least(x, tops, sums.least);
      sums.top = largest(tops);
    }
    store(&tops_[static_cast<size_t>(s) * LANES], tops);
    processed_[static_cast<size_t>(s)] = x;
    weigh<true>(raw, sums.raw_top, LOG2_E, sums.raw_mass, sums.raw_spread);
    if (greedy()) sums.mass = 0;
    else if (x == raw && scale_ == LOG2_E) sums.mass = sums.raw_mass;
    else weigh<false>(x, sums.top, scale_, sums.mass, unused);
  }

  // Between the sweeps.
  void resolve() {
    raw_top_ = top_ = -INFINITE;
    for (int s = 0; s < spans_; s++) raw_top_ = std::max(raw_top_, sum_of(s).raw_top), top_ = std::max(top_, sum_of(s).top);
    double raw_mass = 0, spread = 0;
    for (int s = 0; s < spans_; s++) {
      const Sums& sums = sum_of(s);
      if (sums.raw_top == -INFINITE) continue;
      const double e = static_cast<double>((sums.raw_top - raw_top_) * LOG2_E), share = std::exp2(e), mass = static_cast<double>(sums.raw_mass);
      raw_mass += share * mass;
      spread += share * (static_cast<double>(sums.raw_spread) + mass * std::max(e, -1e6));
    }
    log_raw_mass_ = std::log(raw_mass);
    entropy_ = std::max(log_raw_mass_ - spread / raw_mass * LN_2, 0.0);
    bound_ = INFINITE;  // nothing to collect
    possible_ = top_ > -INFINITE;
    if (!possible_ || greedy()) return;
    mass_ = 0;
    for (int s = 0; s < spans_; s++) {
      const Sums& sums = sum_of(s);
      // The share of a span whose every weight is zero is nothing too.
      const float e = (sums.top - top_) * scale_;
      const double mass = e >= FAINTEST ? std::exp2(static_cast<double>(e)) * static_cast<double>(sums.mass) : 0.0;
      masses_[static_cast<size_t>(s)] = mass;
      mass_ += mass;
    }
    possible_ = mass_ > 0 && mass_ < INFINITE;  // but for a NaN always
    if (possible_ && truncates_) bound_ = find_bound();
  }

  // Second sweep: what may be kept of a span, written from place `at` on; returns how many.
  int collect(int s, int at) {
    if (!(bound_ < (sum_of(s).top - top_) * scale_)) return 0;
    const float* x = processed_[static_cast<size_t>(s)];
    float* weights = &weights_[static_cast<size_t>(at)];
    int32_t* tokens = &tokens_[static_cast<size_t>(at)];
    const f32x16 top = splat(top_), scale = splat(scale_), bound = splat(bound_);
    int count = 0;
    for (int i = 0; i < SPAN; i += LANES) {
      const f32x16 e = (load(x + i) - top) * scale;
      const uint32_t over = less_mask(bound, e);
      if (!over) continue;
      compress_tokens(tokens + count, s * SPAN + i, over);
      count += compress(weights + count, e, over);
    }
    for (int i = 0; i < count; i += LANES) store(weights + i, weight(load(weights + i)));
    return count;
  }

  // Brings what was collected in places of their own together.
  int join(const int* counts) {
    int total = counts[0];
    for (int s = 1; s < spans_; s++) {
      std::memmove(&weights_[static_cast<size_t>(total)], &weights_[static_cast<size_t>(s) * SPAN], sizeof(float) * static_cast<size_t>(counts[s]));
      std::memmove(&tokens_[static_cast<size_t>(total)], &tokens_[static_cast<size_t>(s) * SPAN], sizeof(int32_t) * static_cast<size_t>(counts[s]));
      total += counts[s];
    }
    return total;
  }

  // The token, from `count` collected ones.
  SampledToken choose(int count, Alternative* best) {
    name_alternatives(best);
    SampledToken result{};
    result.token = -1;
    if (!possible_) return result;
    result.kept = 1;
    result.kept_mass = 1;
    if (greedy()) {
      result.token = first_largest();
    } else {
      const double u = uniform(settings_->seed, row_->sample_index, row_->position);
      double kept_mass = mass_;
      if (truncates_) {
        result.kept = count = truncate(count);
        kept_mass = total<Mass>(weights_.data(), count);
        result.kept_mass = std::min(kept_mass / mass_, 1.0);
        if (count) result.token = tokens_[static_cast<size_t>(draw(weights_.data(), count, u, group_sums_.data()))];
      } else {
        result.kept = count_possible();
        result.token = draw_from_spans(u);
      }
      if (result.token < 0) return result;  // only where a logit is NaN
      const double e = static_cast<double>((processed(result.token) - top_) * scale_) * LN_2;
      result.tempered_logprob = e - std::log(mass_);
      result.truncated_logprob = e - std::log(kept_mass);
    }
    const float raw = row_->logits[result.token];
    result.logprob = logprob(raw);
    result.entropy = entropy_;
    result.rank = rank(result.token, raw);
    return result;
  }

 private:
  // Of a span. Masses are sums of 2^e with e relative to the span's top; `raw_spread` is that of 2^e e.
  struct Sums {
    float raw_top, raw_mass, raw_spread, top, least, mass;
  };
  struct Change {
    int32_t token, count;
    float logit;
  };

  bool greedy() const { return settings_->temperature == 0; }
  const Sums& sum_of(int s) const { return sums_[static_cast<size_t>(s)]; }
  int tokens_in(int s) const { return std::min(SPAN, vocabulary_ - s * SPAN); }
  const float* raw_span(int s) const { return row_->logits + static_cast<size_t>(s) * SPAN; }
  const float* padded_raw_span(int s) const { return tokens_in(s) < SPAN ? tail_.data() : raw_span(s); }
  float processed(int token) const { return processed_[static_cast<size_t>(token / SPAN)][token % SPAN]; }
  double logprob(float raw) const { return static_cast<double>((raw - raw_top_) * LOG2_E) * LN_2 - log_raw_mass_; }

  void resize() {
    const size_t spans = static_cast<size_t>(spans_), tokens = spans * SPAN;
    if (sums_.size() >= spans) return;
    sums_.resize(spans), processed_.resize(spans), masses_.resize(spans), offsets_.resize(spans + 1), group_sums_.resize(tokens / 256);
    tops_.resize(spans * LANES), raw_tops_.resize(spans * LANES), tail_.resize(SPAN);
    for (auto* part : {&changed_, &weights_, &spare_, &other_}) part->resize(tokens + LANES);
    tokens_.resize(tokens + LANES);
  }

  // The last span, filled up with tokens that cannot come.
  const float* pad(const float* raw, int s) {
    std::fill(std::copy(raw, raw + tokens_in(s), tail_.data()), tail_.data() + SPAN, -INFINITE);
    return tail_.data();
  }

  static void largest_and_least(const float* x, f32x16& tops, float& least) {
    f32x16 high[4], low[4];
    PONDER_UNROLL for (int j = 0; j < 4; j++) high[j] = low[j] = load(x + j * LANES);
    for (int i = 4 * LANES; i < SPAN; i += 4 * LANES) {
      PONDER_UNROLL for (int j = 0; j < 4; j++) {
        const f32x16 v = load(x + i + j * LANES);
        high[j] = max(high[j], v), low[j] = min(low[j], v);
      }
    }
    tops = max(max(high[0], high[1]), max(high[2], high[3]));
    least = -largest(zero() - min(min(low[0], low[1]), min(low[2], low[3])));
  }

  template <bool SPREAD>
  static void weigh(const float* x, float top, float scale, float& mass, float& spread) {
    mass = spread = 0;
    if (top == -INFINITE) return;
    f32x16 masses[4], spreads[4];
    PONDER_UNROLL for (int j = 0; j < 4; j++) masses[j] = spreads[j] = zero();
    const f32x16 tops = splat(top), scales = splat(scale), faintest = splat(FAINTEST);
    for (int i = 0; i < SPAN; i += 4 * LANES) {
      PONDER_UNROLL for (int j = 0; j < 4; j++) {
        const f32x16 e = (load(x + i + j * LANES) - tops) * scales, w = exp2<6>(e);
        masses[j] = masses[j] + w;
        if (SPREAD) spreads[j] = fma(w, max(e, faintest), spreads[j]);
      }
    }
    mass = sum((masses[0] + masses[1]) + (masses[2] + masses[3]));
    if (SPREAD) spread = sum((spreads[0] + spreads[1]) + (spreads[2] + spreads[3]));
  }

  // Notes what penalties, bias and forbidding make of single tokens, by span.
  void gather_changes() {
    std::fill(offsets_.begin(), offsets_.end(), 0);
    changes_.clear();
    const SamplingSettings& set = *settings_;
    const bool penalised = set.needs_output();
    if (!penalised && row_->forbidden.empty() && row_->biases.empty()) return;
    if (places_.size() < static_cast<size_t>(vocabulary_)) places_.resize(static_cast<size_t>(vocabulary_));
    if (penalised) {
      if (set.repetition_penalty != 1) {
        // 0 and infinity would make NaN of some logits.
        constexpr double least = std::numeric_limits<float>::min(), most = LARGEST;
        const float penalty = static_cast<float>(std::clamp(set.repetition_penalty, least, most));
        for (auto tokens : {row_->prompt, row_->output}) for (int32_t token : tokens) note(token);
        for (Change& change : changes_) change.logit = change.logit > 0 ? change.logit / penalty : change.logit * penalty;
      }
      if (set.counts()) {
        for (int32_t token : row_->output) note(token).count++;
        const float frequency = static_cast<float>(set.frequency_penalty), presence = static_cast<float>(set.presence_penalty);
        for (Change& change : changes_) if (change.count) change.logit -= frequency * static_cast<float>(change.count) + presence;
      }
    }
    for (int32_t token : row_->forbidden) note(token).logit = -INFINITE;
    for (const TokenBias& bias : row_->biases) {
      float& logit = note(bias.token).logit;
      logit = bias.bias == -INFINITE ? bias.bias : logit + bias.bias;  // it may have overflowed
    }
    for (const Change& change : changes_) places_[static_cast<size_t>(change.token)] = 0, offsets_[static_cast<size_t>(change.token / SPAN) + 1]++;
    for (size_t s = 0; s < static_cast<size_t>(spans_); s++) offsets_[s + 1] += offsets_[s];
    sorted_.resize(changes_.size());
    for (const Change& change : changes_) sorted_[static_cast<size_t>(offsets_[static_cast<size_t>(change.token / SPAN)]++)] = change;
    for (size_t s = static_cast<size_t>(spans_); s > 0; s--) offsets_[s] = offsets_[s - 1];
    offsets_[0] = 0;
  }

  Change& note(int32_t token) {
    int32_t& place = places_[static_cast<size_t>(token)];
    if (place == 0) {
      changes_.push_back({token, 0, row_->logits[token]});
      place = static_cast<int32_t>(changes_.size());
    }
    return changes_[static_cast<size_t>(place) - 1];
  }

  // A span's logits after its changes and the mask.
  const float* change(const float* raw, int s) {
    float* x = &changed_[static_cast<size_t>(s) * SPAN];
    std::copy(raw, raw + SPAN, x);
    const int from = offsets_[static_cast<size_t>(s)], to = offsets_[static_cast<size_t>(s) + 1];
    for (int i = from; i < to; i++) {
      const Change& change = sorted_[static_cast<size_t>(i)];
      x[change.token - s * SPAN] = change.logit;
    }
    const f32x16 nothing = splat(-INFINITE), highest = splat(LARGEST);
    for (int i = 0; i < SPAN; i += LANES) {
      f32x16 y = min(load(x + i), highest);
      if (row_->allowed) {
        const int64_t word = (static_cast<int64_t>(s) * SPAN + i) / 32;
        const uint32_t bits = word < row_->allowed_words ? row_->allowed[word] >> (i % 32) & 0xffffu : 0;
        if (bits == 0) y = nothing;
        else if (bits != 0xffffu) y = select(bits, y, nothing);
      }
      store(x + i, y);
    }
    return x;
  }

  // What e must exceed for the token to be kept, perhaps; never less than lets weights of zero in.
  float find_bound() {
    const int tops = spans_ * LANES;
    // Largest weights of many sets of tokens that have none in common, so they are tokens.
    float* w = weights_.data();
    for (int i = 0; i < tops; i += LANES) store(w + i, weight((load(&tops_[static_cast<size_t>(i)]) - splat(top_)) * splat(scale_)));
    const float min_p = static_cast<float>(settings_->min_p);
    const double top_p = settings_->top_p;
    float bound = 0;
    if (top_k_) {
      if (top_k_ <= tops) bound = cut<Number>(w, tops, static_cast<double>(top_k_), spare_.data(), other_.data()).least;
      if (top_p == 1) bound = std::max(bound, min_p);
    } else {
      bound = min_p;
      // All tokens of at most some weight hold at most V times that, and those kept have less than p ahead.
      // The sums are good to 1e-6.
      if (top_p < 1) {
        bound = std::max(bound, static_cast<float>((1 - top_p - 1e-6) * mass_ / vocabulary_));
        const double goal = top_p * mass_ * (1 + 1e-6);
        if (total<Mass>(w, tops) >= goal) bound = std::max(bound, cut<Mass>(w, tops, goal, spare_.data(), other_.data()).least);
      }
    }
    // The log is rounded, and so were the weights.
    const float e = bound > 0 ? static_cast<float>(std::log2(static_cast<double>(bound)) - 1e-4) : FAINTEST;
    return std::nextafter(std::max(e, FAINTEST), -INFINITE);
  }

  int truncate(int count) {
    double mass = mass_;
    if (top_k_ && top_k_ < count) {
      count = keep(count, cut<Number>(weights_.data(), count, static_cast<double>(top_k_), spare_.data(), other_.data()));
    }
    if (settings_->top_p < 1) {
      if (top_k_) mass = total<Mass>(weights_.data(), count);
      count = keep(count, cut<Mass>(weights_.data(), count, settings_->top_p * mass, spare_.data(), other_.data()));
    }
    const float min_p = static_cast<float>(settings_->min_p);
    if (min_p > 0) count = keep(count, {next_below(min_p), 0});
    return count;
  }

  int keep(int count, Cut cut) {
    const f32x16 least = splat(cut.least);
    int kept = 0;
    for (int i = 0; i < count; i += LANES) {
      const f32x16 x = load(&weights_[static_cast<size_t>(i)]);
      const uint32_t real = i + LANES <= count ? 0xffffu : (1u << (count - i)) - 1;
      uint32_t bits = less_mask(least, x) & real, equal = cut.ties > 0 ? equal_mask(least, x) & real : 0;
      for (; equal && cut.ties > 0; equal &= equal - 1, cut.ties--) bits |= equal & (0u - equal);
      if (!bits) continue;
      compress_tokens(&tokens_[static_cast<size_t>(kept)], &tokens_[static_cast<size_t>(i)], bits);
      kept += compress(&weights_[static_cast<size_t>(kept)], x, bits);
    }
    return kept;
  }

  int draw_from_spans(double u) {
    const double goal = std::min(u * mass_, std::nextafter(mass_, 0.0));
    double before = 0;
    int chosen = -1;
    for (int s = 0; s < spans_; s++) {
      const double mass = masses_[static_cast<size_t>(s)];
      if (!(mass > 0)) continue;
      chosen = s;
      if (before + mass > goal) break;
      before += mass;
    }
    if (chosen < 0) return -1;
    const float* x = processed_[static_cast<size_t>(chosen)];
    for (int i = 0; i < SPAN; i += LANES) store(&weights_[static_cast<size_t>(i)], weight((load(x + i) - splat(top_)) * splat(scale_)));
    const double within = std::clamp((goal - before) / masses_[static_cast<size_t>(chosen)], 0.0, 1.0);
    return std::min(chosen * SPAN + draw(weights_.data(), SPAN, within, group_sums_.data()), vocabulary_ - 1);
  }

  int count_possible() const {
    int count = 0;
    const f32x16 top = splat(top_), scale = splat(scale_), bound = splat(std::nextafter(FAINTEST, -INFINITE));
    for (int s = 0; s < spans_; s++) {
      if ((sum_of(s).least - top_) * scale_ >= FAINTEST) {
        count += tokens_in(s);
      } else if ((sum_of(s).top - top_) * scale_ >= FAINTEST) {
        const float* x = processed_[static_cast<size_t>(s)];
        for (int i = 0; i < SPAN; i += LANES) count += std::popcount(less_mask(bound, (load(x + i) - top) * scale));
      }
    }
    return count;
  }

  int first_largest() const {
    for (int s = 0; s < spans_; s++) {
      if (sum_of(s).top != top_) continue;
      const float* x = processed_[static_cast<size_t>(s)];
      for (int i = 0; i < tokens_in(s); i++) if (x[i] == top_) return s * SPAN + i;
    }
    return -1;
  }

  int rank(int token, float logit) const {
    const f32x16 own = splat(logit);
    int ahead = 0;
    for (int s = 0; s < spans_; s++) {
      if (sum_of(s).raw_top < logit) continue;
      const float* x = padded_raw_span(s);
      const int first = token - s * SPAN;  // equal logits before it are ahead
      for (int i = 0; i < SPAN; i += LANES) {
        const f32x16 y = load(x + i);
        uint32_t bits = less_mask(own, y);
        if (i < first) bits |= equal_mask(own, y) & (first - i >= LANES ? 0xffffu : (1u << (first - i)) - 1);
        ahead += std::popcount(bits);
      }
    }
    return ahead + 1;
  }

  void name_alternatives(Alternative* best) {
    const size_t wanted = static_cast<size_t>(std::min(settings_->alternatives, vocabulary_)), tops = static_cast<size_t>(spans_) * LANES;
    if (wanted == 0) return;
    float least = -INFINITE;
    if (wanted <= tops) {
      found_.assign(raw_tops_.begin(), raw_tops_.begin() + static_cast<int64_t>(tops));
      const auto last = found_.begin() + static_cast<int64_t>(wanted) - 1;
      std::nth_element(found_.begin(), last, found_.end(), [](float a, float b) { return a > b; });
      least = *last;
    }
    candidates_.clear();
    for (int s = 0; s < spans_; s++) {
      if (sum_of(s).raw_top < least) continue;
      const float* x = raw_span(s);
      for (int i = 0; i < tokens_in(s); i++) if (x[i] >= least) candidates_.push_back({s * SPAN + i, static_cast<double>(x[i])});
    }
    const size_t count = std::min(wanted, candidates_.size());
    const auto likelier = [](const Alternative& a, const Alternative& b) {
      return a.logprob > b.logprob || (a.logprob == b.logprob && a.token < b.token);
    };
    std::partial_sort(candidates_.begin(), candidates_.begin() + static_cast<int64_t>(count), candidates_.end(), likelier);
    for (size_t i = 0; i < wanted; i++) {
      best[i] = i < count ? Alternative{candidates_[i].token, logprob(static_cast<float>(candidates_[i].logprob))} : Alternative{-1, 0};
    }
  }

  const SamplingRow* row_ = nullptr;
  const SamplingSettings* settings_ = nullptr;
  int vocabulary_ = 0, spans_ = 0;
  int64_t top_k_ = 0;
  bool truncates_ = false, possible_ = false;
  float scale_ = 0, raw_top_ = 0, top_ = 0, bound_ = 0;
  double log_raw_mass_ = 0, entropy_ = 0, mass_ = 0;
  std::vector<Sums> sums_;
  std::vector<const float*> processed_;
  std::vector<double> masses_, group_sums_;
  std::vector<float> tops_, raw_tops_, tail_, changed_, found_;
  std::vector<float> weights_, spare_, other_;
  std::vector<int32_t> tokens_, places_, offsets_;
  std::vector<Change> changes_, sorted_;
  std::vector<Alternative> candidates_;
};

inline void sample(const SamplingBatch& batch, int threads) {
  // Kept for the next call: fresh pages would cost more than the sampling.
  thread_local std::vector<RowSampler> samplers;
  if (samplers.size() < static_cast<size_t>(threads)) samplers.resize(static_cast<size_t>(threads));
  std::vector<RowSampler>& mine = samplers;  // of the calling thread, whoever of the team uses them
  const int rows = static_cast<int>(batch.rows.size()), spans = (batch.vocabulary + SPAN - 1) / SPAN;
  std::vector<int> counts(static_cast<size_t>(threads) * static_cast<size_t>(spans));
  Team::run(threads, [&](Member& member) {
    // As many whole rows as every thread gets its share of; the others all threads compute together.
    const int together = rows % member.team_size(), apart = rows - together;
    member.each(apart, [&](int i) {
      RowSampler& sampler = mine[static_cast<size_t>(member.index)];
      sampler.begin(batch.rows[static_cast<size_t>(i)], batch.vocabulary);
      for (int s = 0; s < spans; s++) sampler.read(s);
      sampler.resolve();
      int count = 0;
      for (int s = 0; s < spans; s++) count += sampler.collect(s, count);
      batch.tokens[i] = sampler.choose(count, batch.best[i]);
    });
    if (!together) return;
    constexpr int PIECE = 4;  // spans
    const int pieces = (spans + PIECE - 1) / PIECE;
    auto each_span = [&](auto task) {
      member.each(together * pieces, [&](int i) {
        const int row = i / pieces, first = i % pieces * PIECE;
        for (int s = first; s < std::min(first + PIECE, spans); s++) task(row, s);
      });
    };
    auto sampler = [&](int row) -> RowSampler& { return mine[static_cast<size_t>(row)]; };
    member.each(together, [&](int row) { sampler(row).begin(batch.rows[static_cast<size_t>(apart + row)], batch.vocabulary); });
    each_span([&](int row, int s) { sampler(row).read(s); });
    member.each(together, [&](int row) { sampler(row).resolve(); });
    each_span([&](int row, int s) { counts[static_cast<size_t>(row * spans + s)] = sampler(row).collect(s, s * SPAN); });
    member.each(together, [&](int row) {
      const int count = sampler(row).join(&counts[static_cast<size_t>(row * spans)]);
      batch.tokens[apart + row] = sampler(row).choose(count, batch.best[apart + row]);
    });
  });
}

}  // namespace ponder::PONDER_ISA
