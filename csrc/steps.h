// The steps of sampling: what they are called, which parameters they read, and what they do to a row.
//
// A new step is a new entry of RULES, and what Python gives it is read and checked as the entry says. Its name is the step's
// `kernel` in `ponder.sampling.steps`; its parameters are called as there, and a rule is given their values in order.
#pragma once

#include <array>
#include <cmath>
#include <iterator>

#include "candidates.h"
#include "logit_changes.h"
#include "sampling.h"

namespace ponder::PONDER_ISA {

using Values = const double*;  // of a step's parameters

struct Rule {
  Step step;
  // Of a penalty or bias: changes logits.
  void (*change)(LogitChanges& logits, Values) = nullptr;
  // Of a truncation: keeps some of the candidates.
  void (*keep)(Candidates& left, Values) = nullptr;
  // The least weight with which a token may be kept if this is the first truncation. Without it all are collected.
  double (*least)(Candidates& none, const Summary& whole, Values) = nullptr;
  // Whether a truncation that is on leaves a row as it is.
  bool (*rests)(const SamplingRow& row, int vocabulary, Values) = nullptr;
  bool keeps_first = false;        // keeps the likeliest tokens, at least one
  bool needs_first_alone = false;  // `least` is right after such a step, too
  bool reads_deviation = false;    // of the whole row
};

// ---- Rules that are longer than a few lines.

// Counts for each token how many before the coming one repeat what stands before an earlier occurrence of it.
inline void count_continued_repeats(LogitChanges& logits, LogitChanges::Tokens text, double allowed_length) {
  const bool* breakers = logits.breakers();
  const auto breaks = [&](int32_t token) { return breakers && breakers[token]; };
  int32_t since = 0;  // the last token that ends a repetition
  for (auto token = text.rbegin(); token != text.rend() && !breaks(*token); ++token) since++;
  const LogitChanges::Tokens suffixes = logits.common_suffixes(text);
  for (size_t end = 0; end + 1 < text.size(); end++) {
    const int32_t token = text[end + 1], length = std::min(suffixes[end], since);
    if (length < allowed_length || breaks(token)) continue;
    int32_t& longest = logits.note(token).count;
    longest = std::max(longest, length);
  }
}

inline void count_ngram_ends(LogitChanges& logits, double size) {
  const LogitChanges::Tokens text = logits.text();
  if (size == 1 && !text.empty()) logits.note(text.front()).count++;
  const LogitChanges::Tokens suffixes = logits.common_suffixes(text);
  for (size_t end = 0; end + 1 < text.size(); end++) if (suffixes[end] >= size - 1) logits.note(text[end + 1]).count++;
}

inline void keep_by_deviation(Candidates& left, Values top_n_sigma) {
  float top = -INFINITE;
  double sum = 0, squares = 0;
  for (int i = 0; i < left.count(); i++) top = std::max(top, left.exponent_of(i)), sum += static_cast<double>(left.exponent_of(i));
  double deviation = left.deviation() / LN_2;
  if (std::isnan(deviation)) {
    for (int i = 0; i < left.count(); i++) {
      const double difference = static_cast<double>(left.exponent_of(i)) - sum / left.count();
      squares += difference * difference;
    }
    deviation = std::sqrt(squares / left.count());
  }
  const double least = static_cast<double>(top) - *top_n_sigma * deviation;
  left.drop([&](int i) { return static_cast<double>(left.exponent_of(i)) < least; });
}

inline void keep_nucleus(Candidates& left, Values) {
  const Rules& rules = left.rules();
  double goal = left.row().top_p * (rules.top_p_joint ? left.whole_mass() : left.mass());
  if (rules.top_p_at_most) goal = std::nextafter(goal, static_cast<double>(INFINITE));
  left.keep_mass(goal, rules.top_p_ties);
  if (!rules.top_p_within) return;
  left.renew();
  if (left.count() < 2 || left.mass() <= goal) return;
  int last = 0;  // the least likely, and of equal ones the last
  for (int i = 1; i < left.count(); i++) if (left.weight_of(i) <= left.weight_of(last)) last = i;
  left.drop([&](int i) { return i == last; });
}

// All tokens of at most some weight hold at most V times that, and those kept have less than p ahead. The sums are good to
// 1e-6.
inline double least_of_nucleus(Candidates& none, const Summary& whole, Values) {
  const double p = none.row().top_p;
  const double goal = p * whole.mass * (1 + 1e-6), behind = (1 - p - 1e-6) * whole.mass / none.vocabulary();
  return none.mass_of_tops() < goal ? behind : std::max(behind, none.least_of_mass(goal));
}

// The order of |surprise - entropy| is a merger of two: of the tokens that are likelier than the entropy's, from the least
// likely up, and of the others, from the likeliest down.
inline void keep_typical(Candidates& left, Values typical_p) {
  double goal = *typical_p * left.mass();
  if (left.rules().typical_at_most) goal = std::nextafter(goal, static_cast<double>(INFINITE));
  const double middle = left.mass() * std::exp(-left.entropy());
  const bool ties = left.rules().typical_ties;
  const float* w = left.sorted();
  const int count = left.count();
  // What is at [likely, unlikely) has been taken; of the last level, of equal weights, so many.
  int unlikely = static_cast<int>(std::partition_point(w, w + count, [&](float x) { return static_cast<double>(x) > middle; }) - w), likely = unlikely;
  double ahead = 0;
  float level = 0;
  int taken = 0;
  while (ahead < goal && (likely > 0 || unlikely < count)) {
    // Distances of logarithms are compared as products.
    const bool likelier = unlikely == count || (likely > 0 && static_cast<double>(w[likely - 1]) * static_cast<double>(w[unlikely]) <= middle * middle);
    level = likelier ? w[likely - 1] : w[unlikely];
    for (taken = 0; (ahead < goal || ties) && (likelier ? likely > 0 && w[likely - 1] == level : unlikely < count && w[unlikely] == level); taken++) {
      likelier ? likely-- : unlikely++;
      ahead += static_cast<double>(level);
    }
  }
  const f32x16 below = splat(next_below(w[unlikely - 1])), above = splat(next_above(w[likely])), last = splat(level);
  left.keep(level, taken, [&](f32x16 x) { return less_mask(below, x) & less_mask(x, above) & ~equal_mask(last, x); });
}

constexpr int HUNDRED = 100;

inline void keep_share_of_entropy(Candidates& left, Values top_h) {
  if (left.rules().top_h_of_hundred) left.keep_first(HUNDRED), left.renew();
  const double goal = *top_h * left.entropy(), mass = left.mass();
  const float* w = left.sorted();
  double held = 0;
  int kept = 0;
  for (; kept < left.count(); kept++) {
    const double p = static_cast<double>(w[kept]) / mass;
    held -= p * std::log(p);
    if (held > goal) break;
  }
  left.keep_sorted(w, std::max(kept, 1));
}

// All tokens of at most probability p hold at most -V p log p of the entropy; kept ones have as much behind them as is not to
// be held. -p log p = y has no solution under y / (2 log(1 / y)).
inline double least_of_top_h(Candidates& none, const Summary& whole, Values top_h) {
  if (none.rules().top_h_of_hundred) return none.least_of_first(HUNDRED);
  const double y = (1 - *top_h - 1e-6) * whole.entropy / none.vocabulary();
  return 0 < y && y < 0.3 ? y / (-2 * std::log(y)) * whole.mass : 0;
}

inline void keep_to_bend(Candidates& left, Values tfs) {
  if (left.vocabulary() < 3) return;
  const float* w = left.sorted();
  const auto p = [&](int i) { return i < left.count() ? static_cast<double>(w[i]) : 0.0; };
  const auto bend = [&](int i) { return std::abs((p(i + 2) - p(i + 1)) - (p(i + 1) - p(i))); };
  const int bends = std::min(left.vocabulary() - 2, left.count());  // what comes after them is straight
  double all = 0, held = 0;
  for (int i = 0; i < bends; i++) all += bend(i);
  if (all == 0) return;
  int kept = 1;
  for (; kept <= bends; kept++) {
    held += bend(kept - 1);
    if (held / all > *tfs) break;
  }
  left.keep_sorted(w, std::min(kept, left.count()));
}

// The least likely of those that reach the threshold stays; of equal ones the last.
inline void exclude_top_choices(Candidates& left, double threshold) {
  const float from = left.weight_for(threshold);
  int spared = -1;
  for (int i = 0; i < left.count(); i++) if (left.weight_of(i) >= from && (spared < 0 || left.weight_of(i) <= left.weight_of(spared))) spared = i;
  left.drop([&](int i) { return left.weight_of(i) >= from && i != spared; });
}

// The k whose surprise is about `ceiling` bits, where the i-th likeliest token has a probability like i^-s. Where numbers
// overflow it is everything.
inline double zipf_k(Candidates& left, double ceiling) {
  const std::span<const float> w = left.sorted_first(HUNDRED);
  if (w.size() < 2) return 1;
  double products = 0, squares = 0;
  for (size_t i = 1; i < w.size(); i++) {
    const double t = std::log((static_cast<double>(i) + 1.0) / static_cast<double>(i)), b = std::log(static_cast<double>(w[i - 1]) / static_cast<double>(w[i]));
    products += t * b, squares += t * t;
  }
  const double size = left.vocabulary(), s = products / squares, excess = s - 1;
  const double spread = excess != 0 ? excess / (1 - std::pow(size, -excess)) : 1 / std::log(size);
  const double k = std::pow(spread * std::exp2(ceiling), 1 / s);
  if (s == 0 || !std::isfinite(std::pow(size, -excess)) || !(k < size)) return size;
  return std::max(1.0, std::floor(k));
}

inline double in_float(double x) { return static_cast<double>(static_cast<float>(x)); }

// ---- All steps. What is before the temperature changes logits, what is behind it truncates. A rule that needs the first
// parameter alone calls its values by that one's name.

constexpr Rule RULES[] = {
    {
        .step = {"repetition_penalty", {number("repetition_penalty", OVER_ZERO, 1), whole("penalty_range", ZERO_OR_MORE)}},
        .change = [](LogitChanges& logits, Values values) {
          const double repetition_penalty = values[0], penalty_range = values[1];
          // 0 and infinity would make NaN of some logits.
          constexpr double least = std::numeric_limits<float>::min(), most = LARGEST;
          const float penalty = static_cast<float>(std::clamp(repetition_penalty, least, most));
          for (int32_t token : logits.last(logits.rules().repetition_of_output ? logits.output() : logits.text(), penalty_range)) logits.note(token).count++;
          logits.change_counted([&](const auto& change) { return change.logit > 0 ? change.logit / penalty : change.logit * penalty; });
        },
    },
    {
        .step = {"occurrence_penalties", {number("frequency_penalty", ANY, 0), number("presence_penalty", ANY, 0), whole("penalty_range", ZERO_OR_MORE)}},
        .change = [](LogitChanges& logits, Values values) {
          const double frequency_penalty = values[0], presence_penalty = values[1], penalty_range = values[2];
          const float frequency = static_cast<float>(frequency_penalty), presence = static_cast<float>(presence_penalty);
          for (int32_t token : logits.last(logits.rules().occurrences_of_text ? logits.text() : logits.output(), penalty_range)) logits.note(token).count++;
          logits.change_counted([&](const auto& change) { return change.logit - (frequency * static_cast<float>(change.count) + presence); });
        },
    },
    {
        .step = {"dry", {number("dry_multiplier", ZERO_OR_MORE, 0), number("dry_base", ONE_OR_MORE), whole("dry_allowed_length", ONE_OR_MORE),
                         whole("dry_range", ZERO_OR_MORE)}},
        .change = [](LogitChanges& logits, Values values) {
          const double dry_multiplier = values[0], dry_base = values[1], dry_allowed_length = values[2], dry_range = values[3];
          count_continued_repeats(logits, logits.last(logits.text(), dry_range), dry_allowed_length);
          logits.change_counted([&](const auto& change) {
            const double power = std::pow(dry_base, change.count - dry_allowed_length);
            return change.logit - static_cast<float>(std::min(dry_multiplier * power, static_cast<double>(LARGEST)));
          });
        },
    },
    {
        .step = {"no_repeat_ngram", {whole("no_repeat_ngram_size", ZERO_OR_MORE, 0)}},
        .change = [](LogitChanges& logits, Values no_repeat_ngram_size) {
          count_ngram_ends(logits, *no_repeat_ngram_size);
          logits.change_counted([](const auto&) { return -INFINITE; });
        },
    },
    // These two are on where there are biases, which sampling_module.cpp reads.
    {
        .step = {"sequence_bias"},
        .change = [](LogitChanges& logits, Values) {
          const auto text = logits.text();
          for (const auto& [start, last] : logits.settings().sequences) {
            if (start.size() <= text.size() && std::equal(start.begin(), start.end(), text.end() - static_cast<int64_t>(start.size()))) logits.add(last);
          }
        },
    },
    {
        .step = {"logit_bias"},
        .change = [](LogitChanges& logits, Values) { for (const TokenBias& bias : logits.settings().biases) logits.add(bias); },
    },
    // Always on; row_sampler.h does it.
    {
        .step = {"temperature", {number("temperature", ZERO_OR_MORE), number("dynatemp_range", ZERO_OR_MORE), number("dynatemp_exponent", OVER_ZERO)}},
    },
    {
        .step = {"top_n_sigma", {number("top_n_sigma", ZERO_OR_MORE, 0)}},
        .keep = keep_by_deviation,
        .least = [](Candidates&, const Summary& whole, Values top_n_sigma) { return std::exp(-*top_n_sigma * whole.deviation); },
        .reads_deviation = true,
    },
    {
        .step = {"top_k", {whole("top_k", ZERO_OR_MORE, 0)}},
        .keep = [](Candidates& left, Values top_k) { left.keep_first(*top_k, left.rules().top_k_ties); },
        .least = [](Candidates& none, const Summary&, Values top_k) { return none.least_of_first(*top_k); },
        .rests = [](const SamplingRow&, int vocabulary, Values top_k) { return *top_k >= vocabulary; },
        .keeps_first = true,
    },
    // The row has a top_p of its own: sampling_module.cpp works it out from the decay.
    {
        .step = {"top_p", {number("top_p", OVER_ZERO, 1), number("top_p_decay", OVER_ZERO), number("top_p_floor", ZERO_OR_MORE)}},
        .keep = keep_nucleus,
        .least = least_of_nucleus,
        .rests = [](const SamplingRow& row, int, Values) { return row.top_p >= 1; },
        .keeps_first = true,
    },
    {
        .step = {"min_p", {number("min_p", SHARE, 0)}},
        .keep = [](Candidates& left, Values min_p) { left.keep_from(static_cast<float>(*min_p) * left.most()); },
        .least = [](Candidates&, const Summary&, Values min_p) { return *min_p; },
        .needs_first_alone = true,
    },
    {
        .step = {"typical", {number("typical_p", SHARE_OVER_ZERO, 1)}},
        .keep = keep_typical,
        // What is as far from the entropy as a certain token would be; beyond it as for top-p.
        .least = [](Candidates& none, const Summary& whole, Values typical_p) {
          return std::min((1 - *typical_p - 1e-6) * whole.mass / none.vocabulary(), std::exp(2 * (std::log(whole.mass) - whole.entropy)));
        },
    },
    {
        .step = {"top_h", {number("top_h", SHARE_OVER_ZERO, 1)}},
        .keep = keep_share_of_entropy,
        .least = least_of_top_h,
    },
    {
        .step = {"epsilon", {number("epsilon_cutoff", SHARE, 0)}},
        .keep = [](Candidates& left, Values epsilon_cutoff) { left.keep_likely(in_float(*epsilon_cutoff), left.rules().likeliest_ties); },
        .least = [](Candidates&, const Summary& whole, Values epsilon_cutoff) { return in_float(*epsilon_cutoff) * whole.mass; },
    },
    {
        .step = {"eta", {number("eta_cutoff", SHARE, 0)}},
        .keep = [](Candidates& left, Values eta_cutoff) {
          left.keep_likely(std::min(*eta_cutoff, std::sqrt(*eta_cutoff) * std::exp(-left.entropy())), left.rules().likeliest_ties);
        },
        .least = [](Candidates&, const Summary& whole, Values eta_cutoff) {
          return std::min(*eta_cutoff, std::sqrt(*eta_cutoff) * std::exp(-whole.entropy)) * whole.mass;
        },
    },
    {
        .step = {"top_a", {number("top_a", SHARE, 0)}},
        .keep = [](Candidates& left, Values top_a) {
          const float likeliest = static_cast<float>(left.most() / left.mass());
          left.keep_likely(static_cast<double>(static_cast<float>(*top_a) * (likeliest * likeliest)));
        },
        .least = [](Candidates&, const Summary& whole, Values top_a) { return *top_a / whole.mass; },
    },
    {
        .step = {"tail_free", {number("tfs", SHARE, 1)}},
        .keep = keep_to_bend,
    },
    {
        .step = {"xtc", {number("xtc_probability", SHARE, 0), number("xtc_threshold", SHARE)}},
        .keep = [](Candidates& left, Values values) {
          const double xtc_threshold = values[1];
          exclude_top_choices(left, in_float(xtc_threshold));
        },
        .rests = [](const SamplingRow& row, int, Values values) {
          const double xtc_probability = values[0], xtc_threshold = values[1];
          if (row.settings->rules.xtc_to_half && xtc_threshold > 0.5) return true;
          return uniform(row.settings->seed, row.stream, row.position, EXCLUSION) >= xtc_probability;
        },
    },
    // sampling_module.cpp works out the row's ceiling from the tokens so far.
    {
        .step = {"mirostat", {whole("mirostat", {0, 2}, 0), number("mirostat_tau", ANY), number("mirostat_eta", ANY)}},
        .keep = [](Candidates& left, Values mirostat) {
          if (*mirostat == 1) left.keep_first(zipf_k(left, left.row().ceiling));
          else left.keep_likely(std::exp2(-left.row().ceiling));
        },
        .least = [](Candidates& none, const Summary& whole, Values mirostat) { return *mirostat == 2 ? std::exp2(-none.row().ceiling) * whole.mass : 0; },
    },
};

// What there is to read.
constexpr std::array STEPS = [] {
  std::array<Step, std::size(RULES)> steps{};
  for (size_t i = 0; i < steps.size(); i++) steps[i] = RULES[i].step;
  return steps;
}();

}  // namespace ponder::PONDER_ISA
