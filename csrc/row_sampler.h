// Sampling from a row of logits in two sweeps, without sorting the vocabulary.
//
// A row is read in spans of 1024 tokens. The first sweep sums a span's weights relative to its own largest logit, so
// that it does not have to know the row's; sums of spans are doubles and added in order. Truncation then needs only
// the tokens over a bound that follows from these sums: the second sweep collects them, and what is kept is found among
// them. A row's arithmetic is the same whoever computes its spans.
#pragma once

#include <algorithm>
#include <vector>

#include "selection.h"
#include "simd.h"
#include "steps.h"
#include "team.h"

namespace ponder::PONDER_ISA {

class RowSampler {
 public:
  // The vocabulary may grow from one row to the next.
  void begin(const SamplingRow& row, int vocabulary) {
    row_ = &row;
    settings_ = row.settings;
    vocabulary_ = vocabulary;
    spans_ = (vocabulary + SPAN - 1) / SPAN;
    greedy_ = settings_->temperature == 0;
    dynamic_ = settings_->dynatemp_range != 0 && !greedy_;
    scale_ = scale_of(settings_->temperature);
    choose_steps(settings_->early, early_);
    choose_steps(settings_->late, late_);
    resize();
    candidates_.begin(row, vocabulary);
    let_through();
    changes_.begin(row, vocabulary);
    for (const ActiveStep& step : settings_->changes) {
      rule(step).change(changes_, step.values);
      changes_.limit();
    }
    changes_.end();
  }

  int spans() const { return spans_; }

  // First sweep.
  void read(int s) {
    Sums& sums = sums_[static_cast<size_t>(s)];
    const float* raw = raw_span(s);
    if (tokens_in(s) < SPAN) raw = pad(raw, s);
    f32x16 raw_tops, tops;
    largest_and_least(raw, raw_tops, sums.least);
    store(&raw_tops_[static_cast<size_t>(s) * LANES], raw_tops);
    sums.raw_top = sums.top = largest(raw_tops);
    const float* x = raw;
    tops = raw_tops;
    if (row_->allowed || !changes_.of_span(s).empty() || sums.raw_top == INFINITE) {
      x = change(raw, s);
      largest_and_least(x, tops, sums.least);
      sums.top = largest(tops);
    }
    store(&tops_[static_cast<size_t>(s) * LANES], tops);
    processed_[static_cast<size_t>(s)] = x;
    weigh<true>(raw, sums.raw_top, LOG2_E, sums.raw);
    sums.allowed.mass = restricted_ ? weigh_allowed(raw, s, sums) : sums.raw.mass;
    if (needs_plain()) {
      if (x == raw) sums.plain = sums.raw;
      else weigh<true>(x, sums.top, LOG2_E, sums.plain);
    }
    if (!greedy_ && !dynamic_) temper(s);
  }

  // Between the sweeps.
  void resolve() {
    raw_top_ = top_ = -INFINITE;
    for (int s = 0; s < spans_; s++) raw_top_ = std::max(raw_top_, sum_of(s).raw_top), top_ = std::max(top_, sum_of(s).top);
    const Summary raw = add_up(&Sums::raw_top, &Sums::raw, raw_top_, LOG2_E);
    log_raw_mass_ = std::log(raw.mass);
    entropy_ = raw.entropy;
    allowed_mass_ = restricted_ ? add_up(&Sums::raw_top, &Sums::allowed, raw_top_, LOG2_E).mass / raw.mass : 1;
    bound_ = INFINITE;  // nothing to collect
    possible_ = top_ > -INFINITE;
    if (!possible_) return;
    Summary plain{}, tempered{};
    if (needs_plain()) plain = add_up(&Sums::top, &Sums::plain, top_, LOG2_E);
    if (dynamic_) {
      const double temperature = temperature_by(plain.entropy, count_finite());
      greedy_ = temperature == 0;
      scale_ = scale_of(temperature);
      if (!greedy_) for (int s = 0; s < spans_; s++) temper(s);
    }
    if (!greedy_) {
      tempered = add_up(&Sums::top, &Sums::tempered, top_, scale_);
      mass_ = tempered.mass;
      possible_ = mass_ > 0 && mass_ < INFINITE;  // but for a NaN always
    }
    if (!possible_) return;
    if (!early_.empty()) begin_truncation(early_, plain, LOG2_E);
    else if (!late_.empty() && !greedy_) begin_truncation(late_, tempered, scale_);
  }

  // Second sweep: what may be kept of a span, written from place `at` on; returns how many. Inlined, its loop
  // may run out of registers, which costs a tenth.
  __attribute__((noinline)) int collect(int s, int at) {
    if (!(bound_ < (sum_of(s).top - top_) * exponents_.scale)) return 0;
    const float* x = processed_[static_cast<size_t>(s)];
    float* weights = candidates_.weights() + at;
    int32_t* tokens = candidates_.tokens() + at;
    const f32x16 top = splat(top_), scale = splat(exponents_.scale), bound = splat(bound_);
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
    float* weights = candidates_.weights();
    int32_t* tokens = candidates_.tokens();
    for (int s = 1; s < spans_; s++) {
      std::memmove(weights + total, weights + static_cast<size_t>(s) * SPAN, sizeof(float) * static_cast<size_t>(counts[s]));
      std::memmove(tokens + total, tokens + static_cast<size_t>(s) * SPAN, sizeof(int32_t) * static_cast<size_t>(counts[s]));
      total += counts[s];
    }
    return total;
  }

  // The token, from `count` collected ones.
  SampledToken choose(int count, Alternative* best) {
    name_alternatives(best);
    SampledToken result = draw(count);
    if (row_->forced >= 0) force(row_->forced, result);
    if (result.token < 0) return result;
    const float raw = row_->logits[result.token];
    result.logprob = logprob(raw);
    result.entropy = entropy_;
    result.rank = rank(result.token, raw);
    result.allowed_mass = std::min(allowed_mass_, 1.0);
    if (row_->forced >= 0) {  // a row without a number has a trace too
      if (std::isnan(result.logprob)) result.logprob = -std::numeric_limits<double>::infinity();
      if (std::isnan(result.entropy)) result.entropy = 0;
      if (std::isnan(result.allowed_mass)) result.allowed_mass = 0;
    } else {  // all that is allowed may be too faint to be summed
      result.allowed_mass = std::max(result.allowed_mass, std::min(std::exp(result.logprob), 1.0));
    }
    return result;
  }

 private:
  // What truncation leaves, and a token of it.
  SampledToken draw(int count) {
    SampledToken result{};
    result.token = -1;
    if (!possible_) return result;
    result.kept = 1;
    result.kept_mass = 1;
    if (!early_.empty()) {
      candidates_.take(count, whole_, exponents_);
      choose_truncated_early(result);
    } else if (greedy_) {
      result.token = first_largest();
    } else {
      const double u = choice();
      kept_mass_ = mass_;
      if (!late_.empty()) {
        candidates_.take(count, whole_, exponents_);
        truncate(late_);
        result.kept = candidates_.count();
        kept_mass_ = candidates_.mass();
        result.kept_mass = std::min(kept_mass_ / mass_, 1.0);
        result.token = candidates_.draw_token(u);
      } else {
        result.kept = count_possible();
        result.token = draw_from_spans(u);
      }
      if (result.token < 0) return result;  // only where a logit is NaN
      const double e = tempered().log_of(result.token);
      result.tempered_logprob = e - std::log(mass_);
      result.truncated_logprob = e - std::log(kept_mass_);
    }
    return result;
  }

  // Puts a given token in the place of the one that was drawn; it may have been cut off, or never been possible.
  void force(int32_t token, SampledToken& result) {
    const int32_t drawn = result.token;
    result.token = token;
    if (token == drawn) return;
    result.tempered_logprob = result.truncated_logprob = -std::numeric_limits<double>::infinity();
    if (drawn < 0) {
      result.kept = 0, result.kept_mass = 0;
      return;
    }
    if (greedy_) {
      if (token == first_largest()) result.tempered_logprob = 0;
      return;
    }
    const bool there = tempered().of(token) >= FAINTEST;
    const double tempered_logprob = tempered().log_of(token) - std::log(mass_);
    if (there) result.tempered_logprob = tempered_logprob;
    if (!early_.empty()) {
      if (!candidates_.has(token)) return;
      result.truncated_logprob = candidates_.log_weight(token) - std::log(candidates_.mass());
      result.tempered_logprob = std::max(tempered_logprob, FAINTEST_LOG);
    } else if (late_.empty() ? there : candidates_.has(token)) {
      result.truncated_logprob = tempered().log_of(token) - std::log(kept_mass_);
    }
  }

  // Of a span: sums of 2^e with e relative to its largest logit, and of 2^e e.
  struct Part {
    float mass, spread;
  };
  // Parts are raw, of the raw ones those that may come, at temperature 1 after all changes, and at the temperature.
  struct Sums {
    float raw_top, top, least;
    Part raw, allowed, plain, tempered;
  };

  static inline const double FAINTEST_LOG = std::log(static_cast<double>(std::numeric_limits<float>::min()));

  static const Rule& rule(const ActiveStep& step) { return RULES[step.step]; }
  double choice() const { return uniform(settings_->seed, row_->stream, row_->position, CHOICE); }
  bool needs_plain() const { return dynamic_ || !early_.empty(); }
  Exponents tempered() const { return {processed_.data(), top_, scale_}; }
  static float scale_of(double temperature) { return static_cast<float>(static_cast<double>(LOG2_E) / std::clamp(temperature, 1e-30, 1e30)); }
  const Sums& sum_of(int s) const { return sums_[static_cast<size_t>(s)]; }
  int tokens_in(int s) const { return std::min(SPAN, vocabulary_ - s * SPAN); }
  const float* raw_span(int s) const { return row_->logits + static_cast<size_t>(s) * SPAN; }
  const float* padded_raw_span(int s) const { return tokens_in(s) < SPAN ? tail_.data() : raw_span(s); }
  double logprob(float raw) const { return static_cast<double>(raw) - static_cast<double>(raw_top_) - log_raw_mass_; }

  void resize() {
    const size_t spans = static_cast<size_t>(spans_), tokens = spans * SPAN;
    if (sums_.size() >= spans) return;
    sums_.resize(spans), processed_.resize(spans);
    tops_.resize(spans * LANES), raw_tops_.resize(spans * LANES), tail_.resize(SPAN);
    changed_.resize(tokens);
    candidates_.resize(tokens);
  }

  // Which tokens may come, as bits in words that reach to the end of the last span.
  void let_through() {
    restricted_ = row_->allowed || !row_->forbidden.empty();
    if (!restricted_) return;
    const size_t words = static_cast<size_t>(spans_) * SPAN / 32;
    if (row_->allowed) {
      const size_t given = std::min(words, static_cast<size_t>(row_->allowed_words));
      allowed_.assign(row_->allowed, row_->allowed + given);
      allowed_.resize(words, 0);
    } else {
      allowed_.assign(words, ~0u);
    }
    for (int32_t token : row_->forbidden) allowed_[static_cast<size_t>(token) / 32] &= ~(1u << token % 32);
  }

  // The weight of a span's tokens that may come. What may not is taken off the whole where it is less to add up, unless
  // too little would be left for that.
  float weigh_allowed(const float* raw, int s, const Sums& sums) const {
    if (sums.raw_top == -INFINITE) return 0;
    const uint32_t* words = &allowed_[static_cast<size_t>(s) * SPAN / 32];
    int denying = 0, allowing = 0;
    for (int i = 0; i < SPAN; i += LANES) {
      const uint32_t bits = words[i / 32] >> i % 32 & 0xffffu;
      denying += bits != 0xffffu, allowing += bits != 0;
    }
    if (denying == 0) return sums.raw.mass;
    const auto weigh_those = [&](uint32_t flipped) {
      f32x16 masses = zero();
      const f32x16 top = splat(sums.raw_top), scale = splat(LOG2_E);
      for (int i = 0; i < SPAN; i += LANES) {
        const uint32_t bits = (words[i / 32] >> i % 32 & 0xffffu) ^ flipped;
        if (bits) masses = masses + select(bits, exp2<6>((load(raw + i) - top) * scale), zero());
      }
      return sum(masses);
    };
    if (denying < allowing) {
      const float denied = weigh_those(0xffffu);
      if (denied < sums.raw.mass / 2) return sums.raw.mass - denied;
    }
    return weigh_those(0);
  }

  // Those that do something to this row.
  void choose_steps(const std::vector<ActiveStep>& from, std::vector<ActiveStep>& to) const {
    to.clear();
    for (const ActiveStep& step : from) {
      const auto rests = rule(step).rests;
      if (!rests || !rests(*row_, vocabulary_, step.values)) to.push_back(step);
    }
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
  static void weigh(const float* x, float top, float scale, Part& part) {
    part = {0, 0};
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
    part.mass = sum((masses[0] + masses[1]) + (masses[2] + masses[3]));
    if (SPREAD) part.spread = sum((spreads[0] + spreads[1]) + (spreads[2] + spreads[3]));
  }

  void temper(int s) {
    Sums& sums = sums_[static_cast<size_t>(s)];
    const float* x = processed_[static_cast<size_t>(s)];
    if (x == padded_raw_span(s) && scale_ == LOG2_E) sums.tempered = sums.raw;
    else if (late_.empty()) weigh<false>(x, sums.top, scale_, sums.tempered);
    else weigh<true>(x, sums.top, scale_, sums.tempered);
  }

  // The share of a span whose every weight is zero is nothing too.
  static double share(float span_top, float row_top, float scale) {
    const float e = (span_top - row_top) * scale;
    return e >= FAINTEST ? std::exp2(static_cast<double>(e)) : 0.0;
  }
  Summary add_up(float Sums::*top, Part Sums::*part, float row_top, float scale) const {
    double mass = 0, spread = 0;
    for (int s = 0; s < spans_; s++) {
      const Sums& sums = sum_of(s);
      const double of_row = share(sums.*top, row_top, scale);
      if (of_row == 0) continue;
      const double own = static_cast<double>((sums.*part).mass), e = static_cast<double>((sums.*top - row_top) * scale);
      mass += of_row * own;
      spread += of_row * (static_cast<double>((sums.*part).spread) + own * e);
    }
    return {mass, std::max(std::log(mass) - spread / mass * LN_2, 0.0), UNKNOWN};
  }

  int count_finite() const {
    int count = 0;
    const f32x16 nothing = splat(-INFINITE);
    for (int s = 0; s < spans_; s++) for (int i = 0; i < SPAN; i += LANES) count += std::popcount(less_mask(nothing, load(processed_[static_cast<size_t>(s)] + i)));
    return count;
  }

  // Dynamic temperature, in float32.
  double temperature_by(double entropy, int tokens) const {
    const double low = std::min(std::max(0.0, settings_->temperature - settings_->dynatemp_range), 1e30);
    const double high = std::min(settings_->temperature + settings_->dynatemp_range, 1e30);
    const float share = std::clamp(static_cast<float>(entropy) / std::log(static_cast<float>(std::max(tokens, 2))), 0.0f, 1.0f);
    return static_cast<double>(static_cast<float>(low) + static_cast<float>(high - low) * std::pow(share, static_cast<float>(settings_->dynatemp_exponent)));
  }

  // The standard deviation of the row's logits in nats: of those that are finite after the temperature.
  double deviation(float scale) const {
    const f32x16 nothing = splat(-INFINITE), top = splat(top_), factor = splat(scale / LOG2_E);
    const auto each = [&](auto task) {
      for (int s = 0; s < spans_; s++) for (int i = 0; i < SPAN; i += LANES) task((load(processed_[static_cast<size_t>(s)] + i) - top) * factor);
    };
    int count = 0;
    f64x16 sums = zero64(), squares = zero64();
    f32x16 least = zero();
    each([&](f32x16 logit) {
      const f32x16 there = where_less(nothing, logit, logit, zero());
      count += std::popcount(less_mask(nothing, logit));
      sums = sums + widen(there);
      least = min(least, there);
    });
    const float range = largest(zero() - least);
    if (!(range > 0)) return 0;
    const f32x16 mean = splat(static_cast<float>(sum(sums) / count)), divisor = splat(range);
    each([&](f32x16 logit) {
      const f32x16 difference = where_less(nothing, logit, (logit - mean) / divisor, zero());  // its square does not overflow
      squares = squares + widen(difference * difference);
    });
    return std::sqrt(sum(squares) / count) * static_cast<double>(range);
  }

  // A span's logits after its changes and the mask.
  const float* change(const float* raw, int s) {
    float* x = &changed_[static_cast<size_t>(s) * SPAN];
    std::copy(raw, raw + SPAN, x);
    for (const LogitChanges::Change& change : changes_.of_span(s)) x[change.token - s * SPAN] = change.logit;
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

  // Decides what to collect for truncation by `steps`, the first of which sees the row as `whole`.
  void begin_truncation(const std::vector<ActiveStep>& steps, Summary whole, float scale) {
    if (rule(steps[0]).reads_deviation) whole.deviation = deviation(scale);
    whole_ = whole;
    exponents_ = {processed_.data(), top_, scale};
    bound_ = find_bound(steps);
  }

  // What e must exceed for the token to be kept, perhaps; never less than lets weights of zero in.
  float find_bound(const std::vector<ActiveStep>& steps) {
    const int tops = spans_ * LANES;
    float* w = candidates_.weights();
    for (int i = 0; i < tops; i += LANES) store(w + i, weight((load(&tops_[static_cast<size_t>(i)]) - splat(top_)) * splat(exponents_.scale)));
    const auto least = [&](const ActiveStep& step) { return rule(step).least ? rule(step).least(candidates_, whole_, step.values) : 0; };
    double bound = least(steps[0]);
    if (rule(steps[0]).keeps_first && steps.size() > 1 && rule(steps[1]).needs_first_alone) bound = std::max(bound, least(steps[1]));
    bound = std::min(bound, 1.0);  // the likeliest always may
    // The log is rounded, and so were the weights.
    const float e = bound > 0 ? static_cast<float>(std::log2(bound) - 1e-4) : FAINTEST;
    return std::nextafter(std::max(e, FAINTEST), -INFINITE);
  }

  void truncate(const std::vector<ActiveStep>& steps) {
    for (const ActiveStep& step : steps) {
      if (candidates_.count() == 0) return;  // only where a logit is NaN
      rule(step).keep(candidates_, step.values);
      candidates_.renew();
    }
  }

  // Some steps come before the temperature.
  void choose_truncated_early(SampledToken& result) {
    truncate(early_);
    if (candidates_.count() == 0) return;  // only where a logit is NaN
    const float top = candidates_.top_logit();
    double temperature = settings_->temperature;
    if (dynamic_) temperature = temperature_by(candidates_.entropy(), candidates_.count());
    if (temperature == 0) {
      const int32_t* tokens = candidates_.tokens();
      result.token = *std::find_if(tokens, tokens + candidates_.count() - 1, [&](int32_t token) { return exponents_.logit(token) == top; });
      candidates_.keep_only(result.token);
    } else {
      candidates_.reweigh({processed_.data(), top, scale_of(temperature)});
      truncate(late_);
      result.kept = candidates_.count();
      result.token = candidates_.draw_token(choice());
      if (result.token < 0) return;
      result.truncated_logprob = candidates_.log_weight(result.token) - std::log(candidates_.mass());
    }
    // Under the tempered distribution of all tokens what is left may be impossible.
    if (greedy_) {
      const int32_t likeliest = first_largest();
      result.tempered_logprob = result.token == likeliest ? 0 : FAINTEST_LOG;
      result.kept_mass = candidates_.has(likeliest) ? 1 : 0;
    } else {
      result.tempered_logprob = std::max(tempered().log_of(result.token) - std::log(mass_), FAINTEST_LOG);
      result.kept_mass = std::min(candidates_.mass_by(tempered()) / mass_, 1.0);
    }
  }

  int draw_from_spans(double u) {
    const double goal = std::min(u * mass_, std::nextafter(mass_, 0.0));
    double before = 0, within = 1;
    int chosen = -1;
    for (int s = 0; s < spans_; s++) {
      const double mass = share(sum_of(s).top, top_, scale_) * static_cast<double>(sum_of(s).tempered.mass);
      if (!(mass > 0)) continue;
      chosen = s;
      within = std::clamp((goal - before) / mass, 0.0, 1.0);
      if (before + mass > goal) break;
      before += mass;
    }
    if (chosen < 0) return -1;
    const float* x = processed_[static_cast<size_t>(chosen)];
    float* w = candidates_.weights();
    for (int i = 0; i < SPAN; i += LANES) store(w + i, weight((load(x + i) - splat(top_)) * splat(scale_)));
    return std::min(chosen * SPAN + candidates_.draw_first(SPAN, within), vocabulary_ - 1);
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
    alternatives_.clear();
    for (int s = 0; s < spans_; s++) {
      if (sum_of(s).raw_top < least) continue;
      const float* x = raw_span(s);
      for (int i = 0; i < tokens_in(s); i++) if (x[i] >= least && x[i] > -INFINITE) alternatives_.push_back({s * SPAN + i, static_cast<double>(x[i])});
    }
    const size_t count = std::min(wanted, alternatives_.size());
    const auto likelier = [](const Alternative& a, const Alternative& b) {
      return a.logprob > b.logprob || (a.logprob == b.logprob && a.token < b.token);
    };
    std::partial_sort(alternatives_.begin(), alternatives_.begin() + static_cast<int64_t>(count), alternatives_.end(), likelier);
    for (size_t i = 0; i < wanted; i++) {
      best[i] = i < count ? Alternative{alternatives_[i].token, logprob(static_cast<float>(alternatives_[i].logprob))} : Alternative{-1, 0};
    }
  }

  const SamplingRow* row_ = nullptr;
  const SamplingSettings* settings_ = nullptr;
  int vocabulary_ = 0, spans_ = 0;
  bool greedy_ = false, dynamic_ = false, possible_ = false, restricted_ = false;
  float scale_ = 0, raw_top_ = 0, top_ = 0;
  float bound_ = 0;
  double log_raw_mass_ = 0, entropy_ = 0, mass_ = 0, kept_mass_ = 0, allowed_mass_ = 1;
  std::vector<ActiveStep> early_, late_;
  // What the first truncation sees.
  Summary whole_{};
  Exponents exponents_{};
  LogitChanges changes_;
  Candidates candidates_;
  std::vector<Sums> sums_;
  std::vector<const float*> processed_;
  std::vector<float> tops_, raw_tops_, tail_, changed_, found_;
  std::vector<uint32_t> allowed_;
  std::vector<Alternative> alternatives_;
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
