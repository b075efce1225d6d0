// The tokens that are left of a row, by rising id, and what truncation leaves of them.
#pragma once

#include <cmath>
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

  // `count` tokens have been written, among them all that a first step can keep; `whole` is the row's.
  void begin(int count, const Summary& whole, const Exponents& exponents, int vocabulary) {
    count_ = count, now_ = whole, whole_mass_ = whole.mass, exponents_ = exponents, vocabulary_ = vocabulary;
  }

  // Weighs anew what is left.
  void reweigh(const Exponents& exponents) {
    exponents_ = exponents;
    weigh(exponents, weights_.data());
    keep({0, 0});  // at another temperature some have become impossible
    renew();
  }

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

  void truncate(Step step, const SamplingRow& row) {
    if (count_ == 0) return;  // only where a logit is NaN
    const SamplingSettings& set = *row.settings;
    switch (step) {
      case Step::TOP_N_SIGMA: keep_by_deviation(set.top_n_sigma); break;
      case Step::TOP_K: keep_first(set.top_k, set.rules.top_k_ties); break;
      case Step::TOP_P: keep_nucleus(row.top_p, set.rules); break;
      case Step::MIN_P: keep_from(static_cast<float>(set.min_p) * most()); break;
      case Step::TYPICAL: keep_typical(set.typical_p, set.rules); break;
      case Step::TOP_H:
        if (set.rules.top_h_of_hundred) keep_first(HUNDRED), renew();
        keep_share_of_entropy(set.top_h);
        break;
      case Step::EPSILON: keep_likely(in_float(set.epsilon_cutoff), set.rules.likeliest_ties); break;
      case Step::ETA: keep_likely(eta(set.eta_cutoff), set.rules.likeliest_ties); break;
      case Step::TOP_A: keep_likely(top_a(set.top_a, static_cast<float>(most() / now_.mass))); break;
      case Step::TAIL_FREE: keep_to_bend(set.tfs); break;
      case Step::XTC: exclude_top_choices(in_float(set.xtc_threshold)); break;
      default:  // Step::MIROSTAT
        if (set.mirostat == 1) keep_first(zipf_k(row.ceiling));
        else keep_likely(std::exp2(-row.ceiling));
    }
    renew();
  }

  // The least weight with which a token may be kept if this is the first step; 0 if there is none. At `weights()` are the
  // largest of `tops` sets of tokens that have none in common: so they are tokens.
  double least_kept(Step step, const SamplingRow& row, const Summary& whole, int vocabulary, int tops) {
    const SamplingSettings& set = *row.settings;
    const double size = vocabulary, mass = whole.mass;
    switch (step) {
      case Step::TOP_N_SIGMA: return std::exp(-set.top_n_sigma * whole.deviation);
      case Step::TOP_K: return least_of_first(set.top_k, tops);
      case Step::TOP_P: {
        // All tokens of at most some weight hold at most V times that, and those kept have less than p ahead.
        // The sums are good to 1e-6.
        const double goal = row.top_p * mass * (1 + 1e-6), behind = (1 - row.top_p - 1e-6) * mass / size;
        if (total<Mass>(weights_.data(), tops) < goal) return behind;
        return std::max(behind, static_cast<double>(cut<Mass>(weights_.data(), tops, goal, spare_.data(), other_.data()).least));
      }
      case Step::MIN_P: return set.min_p;
      case Step::TYPICAL:  // what is as far from the entropy as a certain token would be; beyond it as for top-p
        return std::min((1 - set.typical_p - 1e-6) * mass / size, std::exp(2 * (std::log(mass) - whole.entropy)));
      case Step::TOP_H: {
        if (set.rules.top_h_of_hundred) return least_of_first(HUNDRED, tops);
        // All tokens of at most probability p hold at most -V p log p of the entropy; kept ones have as much behind them as
        // is not to be held. -p log p = y has no solution under y / (2 log(1 / y)).
        const double y = (1 - set.top_h - 1e-6) * whole.entropy / size;
        return 0 < y && y < 0.3 ? y / (-2 * std::log(y)) * mass : 0;
      }
      case Step::EPSILON: return in_float(set.epsilon_cutoff) * mass;
      case Step::ETA: return std::min(set.eta_cutoff, std::sqrt(set.eta_cutoff) * std::exp(-whole.entropy)) * mass;
      case Step::TOP_A: return set.top_a / mass;
      case Step::MIROSTAT: return set.mirostat == 2 ? std::exp2(-row.ceiling) * mass : 0;
      default: return 0;
    }
  }

 private:
  float weight_of(int i) const { return weights_[static_cast<size_t>(i)]; }
  int32_t token_of(int i) const { return tokens_[static_cast<size_t>(i)]; }
  float exponent_of(int i) const { return exponents_.of(token_of(i)); }
  static double in_float(double x) { return static_cast<double>(static_cast<float>(x)); }

  double least_of_first(int64_t k, int tops) {
    return k <= tops ? static_cast<double>(cut<Number>(weights_.data(), tops, static_cast<double>(k), spare_.data(), other_.data()).least) : 0;
  }

  void renew() { now_ = {total<Mass>(weights_.data(), count_), UNKNOWN, UNKNOWN}; }

  void weigh(const Exponents& exponents, float* to) const {
    for (int i = 0; i < count_; i++) to[i] = exponents.of(token_of(i));
    for (int i = 0; i < count_; i += LANES) store(to + i, weight(load(to + i)));
  }

  float most() const {
    f32x16 tops = zero();
    for (int i = 0; i < count_; i += LANES) tops = max(tops, i + LANES <= count_ ? load(&weights_[static_cast<size_t>(i)]) : load_first(&weights_[static_cast<size_t>(i)], count_ - i));
    return largest(tops);
  }

  // ---- What to keep. Equal weights stay by rising id.

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
  void keep_first(int64_t k, bool ties = false) {
    if (k < count_) keep(cut<Number>(weights_.data(), count_, static_cast<double>(k), spare_.data(), other_.data()), ties);
  }

  void keep_nucleus(double p, const Rules& rules) {
    double goal = p * (rules.top_p_joint ? whole_mass_ : now_.mass);
    if (rules.top_p_at_most) goal = std::nextafter(goal, static_cast<double>(INFINITE));
    keep(cut<Mass>(weights_.data(), count_, goal, spare_.data(), other_.data()), rules.top_p_ties);
    if (rules.top_p_within && count_ > 1 && total<Mass>(weights_.data(), count_) > goal) drop_last();
  }

  // The least likely, and of equal ones the last.
  void drop_last() {
    int last = 0;
    for (int i = 1; i < count_; i++) if (weight_of(i) <= weight_of(last)) last = i;
    drop([&](int i) { return i == last; });
  }

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

  double eta(double cutoff) { return std::min(cutoff, std::sqrt(cutoff) * std::exp(-entropy())); }
  static double top_a(double a, float top) { return static_cast<double>(static_cast<float>(a) * (top * top)); }

  void keep_by_deviation(double n) {
    float top = -INFINITE;
    double sum = 0, squares = 0;
    for (int i = 0; i < count_; i++) top = std::max(top, exponent_of(i)), sum += static_cast<double>(exponent_of(i));
    double deviation = now_.deviation / LN_2;
    if (std::isnan(deviation)) {
      for (int i = 0; i < count_; i++) {
        const double difference = static_cast<double>(exponent_of(i)) - sum / count_;
        squares += difference * difference;
      }
      deviation = std::sqrt(squares / count_);
    }
    const double least = static_cast<double>(top) - n * deviation;
    drop([&](int i) { return static_cast<double>(exponent_of(i)) < least; });
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

  // The least likely of those that reach the threshold stays; of equal ones the last.
  void exclude_top_choices(double threshold) {
    const float from = weight_for(threshold);
    int spared = -1;
    for (int i = 0; i < count_; i++) if (weight_of(i) >= from && (spared < 0 || weight_of(i) <= weight_of(spared))) spared = i;
    drop([&](int i) { return weight_of(i) >= from && i != spared; });
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

  void keep_share_of_entropy(double h) {
    const double goal = h * entropy(), mass = now_.mass;
    const float* w = sorted();
    double held = 0;
    int kept = 0;
    for (; kept < count_; kept++) {
      const double p = static_cast<double>(w[kept]) / mass;
      held -= p * std::log(p);
      if (held > goal) break;
    }
    keep_sorted(w, std::max(kept, 1));
  }

  void keep_to_bend(double z) {
    if (vocabulary_ < 3) return;
    const float* w = sorted();
    const auto p = [&](int i) { return i < count_ ? static_cast<double>(w[i]) : 0.0; };
    const auto bend = [&](int i) { return std::abs((p(i + 2) - p(i + 1)) - (p(i + 1) - p(i))); };
    const int bends = std::min(vocabulary_ - 2, count_);  // what comes after them is straight
    double all = 0, held = 0;
    for (int i = 0; i < bends; i++) all += bend(i);
    if (all == 0) return;
    int kept = 1;
    for (; kept <= bends; kept++) {
      held += bend(kept - 1);
      if (held / all > z) break;
    }
    keep_sorted(w, std::min(kept, count_));
  }

  // The order of |surprise - entropy| is a merger of two: of the tokens that are likelier than the entropy's, from the least
  // likely up, and of the others, from the likeliest down.
  void keep_typical(double mass, const Rules& rules) {
    const double goal = rules.typical_at_most ? std::nextafter(mass * now_.mass, static_cast<double>(INFINITE)) : mass * now_.mass, middle = now_.mass * std::exp(-entropy());
    const float* w = sorted();
    int right = static_cast<int>(std::partition_point(w, w + count_, [&](float x) { return static_cast<double>(x) > middle; }) - w), left = right;
    double ahead = 0;
    // What is at [left, right) has been taken; of the last level, of equal weights, so many.
    float level = 0;
    int taken = 0;
    while (ahead < goal && (left > 0 || right < count_)) {
      // Distances of logarithms are compared as products.
      const bool likelier = right == count_ || (left > 0 && static_cast<double>(w[left - 1]) * static_cast<double>(w[right]) <= middle * middle);
      level = likelier ? w[left - 1] : w[right];
      for (taken = 0; (ahead < goal || rules.typical_ties) && (likelier ? left > 0 && w[left - 1] == level : right < count_ && w[right] == level); taken++) {
        likelier ? left-- : right++;
        ahead += static_cast<double>(level);
      }
    }
    const f32x16 below = splat(next_below(w[right - 1])), above = splat(next_above(w[left])), last = splat(level);
    keep(level, taken, [&](f32x16 x) { return less_mask(below, x) & less_mask(x, above) & ~equal_mask(last, x); });
  }

  // The k whose surprise is about `ceiling` bits, where the i-th likeliest token has a probability like i^-s. Where numbers
  // overflow it is everything.
  int64_t zipf_k(double ceiling) {
    const float* w = weights_.data();
    int tops = count_;
    if (count_ > HUNDRED) {
      const Cut first = cut<Number>(w, count_, HUNDRED, spare_.data(), other_.data());
      tops = compress_over(first.least);
      while (tops < HUNDRED) spare_[static_cast<size_t>(tops++)] = first.least;
    } else {
      std::copy(w, w + count_, spare_.data());
    }
    if (tops < 2) return 1;
    sort_falling(spare_.data(), tops, other_.data());
    double products = 0, squares = 0;
    for (int i = 1; i < tops; i++) {
      const double t = std::log((i + 1.0) / i), b = std::log(static_cast<double>(spare_[static_cast<size_t>(i - 1)]) / static_cast<double>(spare_[static_cast<size_t>(i)]));
      products += t * b, squares += t * t;
    }
    const double size = vocabulary_, s = products / squares, excess = s - 1;
    const double spread = excess != 0 ? excess / (1 - std::pow(size, -excess)) : 1 / std::log(size);
    const double k = std::pow(spread * std::exp2(ceiling), 1 / s);
    if (s == 0 || !std::isfinite(std::pow(size, -excess)) || !(k < size)) return vocabulary_;
    return std::max<int64_t>(1, static_cast<int64_t>(k));
  }

  // Copies the weights over `least` to `spare_` and returns how many they are.
  int compress_over(float least) {
    int kept = 0;
    for (int i = 0; i < count_; i++) if (weight_of(i) > least) spare_[static_cast<size_t>(kept++)] = weight_of(i);
    return kept;
  }

  static constexpr int HUNDRED = 100;

  int count_ = 0, vocabulary_ = 0;
  double whole_mass_ = 0;
  Summary now_{};
  Exponents exponents_{};
  std::vector<float> weights_, spare_, other_;
  std::vector<double> group_sums_;
  std::vector<int32_t> tokens_;
};

}  // namespace ponder::PONDER_ISA
