// What penalties, biases and forbidding make of single tokens' logits.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "sampling.h"
#include "selection.h"

namespace ponder::PONDER_ISA {

constexpr int SPAN = 1024;  // tokens that are read together

class LogitChanges {
 public:
  struct Change {
    int32_t token;
    int32_t count;  // for the step that is being done
    float logit;    // what it has become
  };

  // The vocabulary may grow from one row to the next. Nothing takes more than linear time in the text.
  void gather(const SamplingRow& row, int vocabulary) {
    const size_t spans = static_cast<size_t>((vocabulary + SPAN - 1) / SPAN);
    offsets_.assign(spans + 1, 0);
    changes_.clear();
    const SamplingSettings& set = *row.settings;
    if (set.changes.empty() && row.forbidden.empty()) return;
    row_ = &row;
    if (places_.size() < static_cast<size_t>(vocabulary)) places_.resize(static_cast<size_t>(vocabulary));
    if (set.reads_text()) {
      text_.assign(row.prompt.begin(), row.prompt.end());
      text_.insert(text_.end(), row.output.begin(), row.output.end());
    }
    for (int32_t token : row.forbidden) note(token).logit = -INFINITE;
    for (Step step : set.changes) apply(step, set);
    sort_by_span(spans);
  }

  std::span<const Change> of_span(int s) const {
    const size_t from = static_cast<size_t>(offsets_[static_cast<size_t>(s)]), to = static_cast<size_t>(offsets_[static_cast<size_t>(s) + 1]);
    return {sorted_.data() + from, to - from};
  }

 private:
  using Tokens = std::span<const int32_t>;

  void apply(Step step, const SamplingSettings& set) {
    switch (step) {
      case Step::REPETITION_PENALTY: {
        // 0 and infinity would make NaN of some logits.
        constexpr double least = std::numeric_limits<float>::min(), most = LARGEST;
        const float penalty = static_cast<float>(std::clamp(set.repetition_penalty, least, most));
        for (int32_t token : last(set.rules.repetition_of_output ? row_->output : Tokens(text_), set.penalty_range)) note(token).count++;
        change_counted([&](const Change& change) { return change.logit > 0 ? change.logit / penalty : change.logit * penalty; });
        break;
      }
      case Step::OCCURRENCE_PENALTIES: {
        const float frequency = static_cast<float>(set.frequency_penalty), presence = static_cast<float>(set.presence_penalty);
        for (int32_t token : last(set.rules.occurrences_of_text ? Tokens(text_) : row_->output, set.penalty_range)) note(token).count++;
        change_counted([&](const Change& change) { return change.logit - (frequency * static_cast<float>(change.count) + presence); });
        break;
      }
      case Step::DRY:
        count_continued_repeats(last(text_, set.dry_range), set.dry_allowed_length);
        change_counted([&](const Change& change) {
          const double power = std::pow(set.dry_base, static_cast<double>(change.count - set.dry_allowed_length));
          return change.logit - static_cast<float>(std::min(set.dry_multiplier * power, static_cast<double>(LARGEST)));
        });
        break;
      case Step::NO_REPEAT_NGRAM:
        count_ngram_ends(set.no_repeat_ngram_size);
        change_counted([](const Change&) { return -INFINITE; });
        break;
      case Step::SEQUENCE_BIAS:
        for (const SequenceBias& sequence : set.sequences) {
          const size_t size = sequence.start.size();
          if (size <= text_.size() && std::equal(sequence.start.begin(), sequence.start.end(), text_.end() - static_cast<int64_t>(size))) add(sequence.last);
        }
        break;
      default:  // Step::LOGIT_BIAS
        for (const TokenBias& bias : set.biases) add(bias);
    }
    // What overflowed: infinity less infinity would be NaN.
    for (Change& change : changes_) change.logit = std::min(change.logit, LARGEST);
  }

  static Tokens last(Tokens tokens, int64_t count) {
    const size_t wanted = static_cast<size_t>(count);
    return count == 0 || wanted >= tokens.size() ? tokens : tokens.last(wanted);
  }

  Change& note(int32_t token) {
    int32_t& place = places_[static_cast<size_t>(token)];
    if (place == 0) {
      changes_.push_back({token, 0, row_->logits[token]});
      place = static_cast<int32_t>(changes_.size());
    }
    return changes_[static_cast<size_t>(place) - 1];
  }

  template <class To>
  void change_counted(To to) {
    for (Change& change : changes_) if (change.count) change.logit = to(change), change.count = 0;
  }

  void add(const TokenBias& bias) {
    float& logit = note(bias.token).logit;
    logit = bias.bias == -INFINITE ? bias.bias : logit + bias.bias;  // the logit may be infinite
  }

  // Counts for each token how many before the coming one repeat what stands before an earlier occurrence of it.
  void count_continued_repeats(Tokens text, int64_t allowed_length) {
    const auto breaks = [&](int32_t token) { return row_->breakers && row_->breakers[token]; };
    int32_t since = 0;  // the last token that ends a repetition
    for (auto token = text.rbegin(); token != text.rend() && !breaks(*token); ++token) since++;
    find_common_suffixes(text);
    for (size_t end = 0; end + 1 < text.size(); end++) {
      const int32_t token = text[end + 1], length = std::min(suffixes_[end], since);
      if (length < allowed_length || breaks(token)) continue;
      int32_t& longest = note(token).count;
      longest = std::max(longest, length);
    }
  }

  void count_ngram_ends(int64_t size) {
    const Tokens text = text_;
    if (size == 1 && !text.empty()) note(text.front()).count++;
    find_common_suffixes(text);
    for (size_t end = 0; end + 1 < text.size(); end++) if (suffixes_[end] >= size - 1) note(text[end + 1]).count++;
  }

  // suffixes_[i]: how many tokens text[..i] and the whole text have in common at their ends. The Z algorithm on the
  // reversed text.
  void find_common_suffixes(Tokens text) {
    const int size = static_cast<int>(text.size());
    suffixes_.assign(text.size(), 0);
    const auto reversed = [&](int i) { return text[static_cast<size_t>(size - 1 - i)]; };
    const auto length = [&](int i) -> int32_t& { return suffixes_[static_cast<size_t>(size - 1 - i)]; };
    int left = 0, right = 0;  // of the match that reaches farthest
    for (int i = 1; i < size; i++) {
      int same = i < right ? std::min(right - i, length(i - left)) : 0;
      while (i + same < size && reversed(same) == reversed(i + same)) same++;
      length(i) = same;
      if (i + same > right) left = i, right = i + same;
    }
  }

  void sort_by_span(size_t spans) {
    for (const Change& change : changes_) places_[static_cast<size_t>(change.token)] = 0, offsets_[static_cast<size_t>(change.token / SPAN) + 1]++;
    for (size_t s = 0; s < spans; s++) offsets_[s + 1] += offsets_[s];
    sorted_.resize(changes_.size());
    for (const Change& change : changes_) sorted_[static_cast<size_t>(offsets_[static_cast<size_t>(change.token / SPAN)]++)] = change;
    for (size_t s = spans; s > 0; s--) offsets_[s] = offsets_[s - 1];
    offsets_[0] = 0;
  }

  const SamplingRow* row_ = nullptr;
  std::vector<int32_t> text_, suffixes_, offsets_;
  std::vector<int32_t> places_;  // of each token in `changes_`, from 1 on; 0: not there
  std::vector<Change> changes_, sorted_;
};

}  // namespace ponder::PONDER_ISA
