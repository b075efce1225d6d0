// The tokens that are left of a row, by rising id, and what truncation can do with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "logit_changes.h"
#include "sampling.h"
#include "selection.h"

namespace ponder::PONDER_ISA {

// What a distribution comes to. Logits are here taken off the largest and divided by the temperature.
struct Summary {
  double mass;       // the sum of the weights
  double entropy;    // in nats; NaN where nobody has asked
  double deviation;  // the standard deviation of the logits, in nats, likewise
};
constexpr double UNKNOWN = std::numeric_limits<double>::quiet_NaN();

// Logits in spans, and what they become exponents with.
struct Exponents {
  const float* const* spans;
  float top, scale;
  float logit(int32_t token) const { return spans[token / SPAN][token % SPAN]; }
  float of(int32_t token) const { return (logit(token) - top) * scale; }
  double log_of(int32_t token) const { return static_cast<double>(of(token)) * LN_2; }  // of the weight
};

class Candidates {
 public:
  void resize(size_t tokens) {
    if (tokens_.size() >= tokens + LANES) return;
    for (auto* part : {&weights_, &spare_, &other_}) part->resize(tokens + LANES);
    tokens_.resize(tokens + LANES);
    group_sums_.resize(tokens / 256 + 1);
  }

  float* weights() { return weights_.data(); }
  int32_t* tokens() { return tokens_.data(); }
  const int32_t* tokens() const { return tokens_.data(); }
  int count() const { return count_; }

  void begin(const SamplingRow& row, int vocabulary) { row_ = &row, vocabulary_ = vocabulary; }

  // `count` tokens have been written, among them all that a first step can keep; `whole` is the row's.
  void take(int count, const Summary& whole, const Exponents& exponents) {
    count_ = count, now_ = whole, whole_mass_ = whole.mass, exponents_ = exponents;
  }

  // Weighs anew what is left.
  void reweigh(const Exponents& exponents) {
    exponents_ = exponents;
    weigh(exponents, weights_.data());
    keep({0, 0});  // at another temperature some have become impossible
    renew();
  }
  // After each step.
  void renew() { now_ = {total<Mass>(weights_.data(), count_), UNKNOWN, UNKNOWN}; }

  double mass() const { return now_.mass; }
  double mass_by(const Exponents& exponents) {
    weigh(exponents, spare_.data());
    return total<Mass>(spare_.data(), count_);
  }
  double entropy() {
    if (std::isnan(now_.entropy)) {
      double spread = 0;
      for (int i = 0; i < count_; i++) spread += static_cast<double>(weight_of(i)) * static_cast<double>(exponent_of(i));
      now_.entropy = std::max(std::log(now_.mass) - spread / now_.mass * LN_2, 0.0);
    }
    return now_.entropy;
  }
  double log_weight(int32_t token) const { return exponents_.log_of(token); }
  bool has(int32_t token) const { return std::binary_search(tokens_.begin(), tokens_.begin() + count_, token); }
  void keep_only(int32_t token) { tokens_[0] = token, count_ = 1; }
  float top_logit() const {
    float top = -INFINITE;
    for (int i = 0; i < count_; i++) top = std::max(top, exponents_.logit(token_of(i)));
    return top;
  }

  int32_t draw_token(double u) { return count_ ? token_of(draw(weights_.data(), count_, u, group_sums_.data())) : -1; }
  int draw_first(int count, double u) { return draw(weights_.data(), count, u, group_sums_.data()); }

  // ---- What the steps do it with.

  const SamplingRow& row() const { return *row_; }
  const Rules& rules() const { return row_->settings->rules; }
  int vocabulary() const { return vocabulary_; }
  double whole_mass() const { return whole_mass_; }  // before the first step
  double deviation() const { return now_.deviation; }
  float weight_of(int i) const { return weights_[static_cast<size_t>(i)]; }
  float exponent_of(int i) const { return exponents_.of(token_of(i)); }

  // The likeliest's weight.
  float most() const {
    f32x16 tops = zero();
    for (int i = 0; i < count_; i += LANES) tops = max(tops, i + LANES <= count_ ? load(&weights_[static_cast<size_t>(i)]) : load_first(&weights_[static_cast<size_t>(i)], count_ - i));
    return largest(tops);
  }

  // What is kept. Equal weights stay by rising id.
  //
  // Those that `certain` sets the bit of, and the first `ties` that weigh `level`.
  template <class Certain>
  void keep(float level, int64_t ties, Certain certain) {
    const f32x16 at_level = splat(level);
    int kept = 0;
    for (int i = 0; i < count_; i += LANES) {
      const f32x16 x = load(&weights_[static_cast<size_t>(i)]);
      const uint32_t real = i + LANES <= count_ ? 0xffffu : (1u << (count_ - i)) - 1;
      uint32_t bits = certain(x) & real, equal = ties > 0 ? equal_mask(at_level, x) & real : 0;
      for (; equal && ties > 0; equal &= equal - 1, ties--) bits |= equal & (0u - equal);
      if (!bits) continue;
      compress_tokens(&tokens_[static_cast<size_t>(kept)], &tokens_[static_cast<size_t>(i)], bits);
      kept += compress(&weights_[static_cast<size_t>(kept)], x, bits);
    }
    count_ = kept;
  }
  void keep(Cut cut) {
    keep(cut.least, cut.ties, [least = splat(cut.least)](f32x16 x) { return less_mask(least, x); });
  }
  void keep_from(float least) { if (least > 0) keep({next_below(least), 0}); }
  void keep(Cut cut, bool all_ties) {
    if (all_ties) cut.ties = count_;
    keep(cut);
  }
  void keep_first(double k, bool ties = false) {
    if (k < count_) keep(cut<Number>(weights_.data(), count_, k, spare_.data(), other_.data()), ties);
  }
  // Those that have less than `goal` ahead of them.
  void keep_mass(double goal, bool ties) { keep(cut<Mass>(weights_.data(), count_, goal, spare_.data(), other_.data()), ties); }

  // The least weight whose probability, in float32, is at least `least`.
  float weight_for(double least) const {
    const auto reaches = [&](float w) { return static_cast<double>(static_cast<float>(static_cast<double>(w) / now_.mass)) >= least; };
    float w = static_cast<float>(std::min(least * now_.mass, 2.0 * vocabulary_));
    constexpr double exact = 1e-37;  // what is smaller is not rounded like other numbers
    if (least < exact) return w;
    while (reaches(next_below(w))) w = next_below(w);
    while (!reaches(w) && w < 2.0f * static_cast<float>(vocabulary_)) w = next_above(w);
    return w;
  }

  // Probabilities of at least `least`, and the likeliest.
  void keep_likely(double least, bool ties = false) {
    const float from = weight_for(least), top = most();
    if (from > top) keep({top, 1}, ties);
    else keep_from(from);
  }

  template <class Drops>
  void drop(Drops drops) {
    int kept = 0;
    for (int i = 0; i < count_; i++) {
      if (drops(i)) continue;
      weights_[static_cast<size_t>(kept)] = weight_of(i), tokens_[static_cast<size_t>(kept)] = token_of(i);
      kept++;
    }
    count_ = kept;
  }

  // The weights from the largest down, at `spare_`.
  const float* sorted() {
    std::copy(weights_.begin(), weights_.begin() + count_, spare_.begin());
    sort_falling(spare_.data(), count_, other_.data());
    return spare_.data();
  }
  // The first `kept` of them.
  void keep_sorted(const float* sorted, int kept) {
    if (kept >= count_) return;
    const float least = sorted[kept - 1];
    int ties = 0;
    while (ties < kept && sorted[kept - 1 - ties] == least) ties++;
    keep({least, ties});
  }

  // The `most` largest of them.
  std::span<const float> sorted_first(int most) {
    const float* w = weights_.data();
    int count = count_;
    if (count > most) {
      const Cut first = cut<Number>(w, count, most, spare_.data(), other_.data());
      count = 0;
      for (int i = 0; i < count_; i++) if (w[i] > first.least) spare_[static_cast<size_t>(count++)] = w[i];
      while (count < most) spare_[static_cast<size_t>(count++)] = first.least;
    } else {
      std::copy(w, w + count, spare_.data());
    }
    sort_falling(spare_.data(), count, other_.data());
    return {spare_.data(), static_cast<size_t>(count)};
  }

  // ---- Before there are candidates: at `weights()` is the largest of each of `tops()` sets of tokens that have none in
  // common.

  int tops() const { return (vocabulary_ + SPAN - 1) / SPAN * LANES; }
  double mass_of_tops() const { return total<Mass>(weights_.data(), tops()); }
  // What `keep_first` keeps weighs at least.
  double least_of_first(double k) {
    return k <= tops() ? static_cast<double>(cut<Number>(weights_.data(), tops(), k, spare_.data(), other_.data()).least) : 0;
  }
  // And what `keep_mass` does, where the tops hold the mass.
  double least_of_mass(double goal) { return static_cast<double>(cut<Mass>(weights_.data(), tops(), goal, spare_.data(), other_.data()).least); }

 private:
  int32_t token_of(int i) const { return tokens_[static_cast<size_t>(i)]; }

  void weigh(const Exponents& exponents, float* to) const {
    for (int i = 0; i < count_; i++) to[i] = exponents.of(token_of(i));
    for (int i = 0; i < count_; i += LANES) store(to + i, weight(load(to + i)));
  }

  const SamplingRow* row_ = nullptr;
  int count_ = 0, vocabulary_ = 0;
  double whole_mass_ = 0;
  Summary now_{};
  Exponents exponents_{};
  std::vector<float> weights_, spare_, other_;
  std::vector<double> group_sums_;
  std::vector<int32_t> tokens_;
};

}  // namespace ponder::PONDER_ISA
