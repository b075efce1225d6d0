// What penalties, biases and forbidding make of single tokens' logits.
#pragma once

#include <algorithm>
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
  void begin(const SamplingRow& row, int vocabulary) {
    row_ = &row;
    offsets_.assign(static_cast<size_t>((vocabulary + SPAN - 1) / SPAN) + 1, 0);
    changes_.clear();
    if (row.settings->changes.empty() && row.forbidden.empty()) return;
    if (places_.size() < static_cast<size_t>(vocabulary)) places_.resize(static_cast<size_t>(vocabulary));
    if (row.settings->reads_text) {
      text_.assign(row.prompt.begin(), row.prompt.end());
      text_.insert(text_.end(), row.output.begin(), row.output.end());
    }
    for (int32_t token : row.forbidden) note(token).logit = -INFINITE;
  }

  // After each step. Where a logit overflowed, infinity less infinity would be NaN.
  void limit() {
    for (Change& change : changes_) change.logit = std::min(change.logit, LARGEST);
  }

  // After the last one: sorts the changes by span.
  void end() {
    if (changes_.empty()) return;
    for (const Change& change : changes_) places_[static_cast<size_t>(change.token)] = 0, offsets_[static_cast<size_t>(change.token / SPAN) + 1]++;
    for (size_t s = 1; s < offsets_.size(); s++) offsets_[s] += offsets_[s - 1];
    sorted_.resize(changes_.size());
    for (const Change& change : changes_) sorted_[static_cast<size_t>(offsets_[static_cast<size_t>(change.token / SPAN)]++)] = change;
    for (size_t s = offsets_.size() - 1; s > 0; s--) offsets_[s] = offsets_[s - 1];
    offsets_[0] = 0;
  }

  std::span<const Change> of_span(int s) const {
    const size_t from = static_cast<size_t>(offsets_[static_cast<size_t>(s)]), to = static_cast<size_t>(offsets_[static_cast<size_t>(s) + 1]);
    return {sorted_.data() + from, to - from};
  }

  // ---- What the steps do it with.

  using Tokens = std::span<const int32_t>;

  const SamplingSettings& settings() const { return *row_->settings; }
  const Rules& rules() const { return row_->settings->rules; }
  const bool* breakers() const { return row_->breakers; }
  Tokens text() const { return text_; }  // prompt and output
  Tokens output() const { return row_->output; }

  // The last tokens; 0: all.
  static Tokens last(Tokens tokens, double count) { return count == 0 || count >= static_cast<double>(tokens.size()) ? tokens : tokens.last(static_cast<size_t>(count)); }

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

  // For each i, how many tokens text[..i] and the whole text have in common at their ends. The Z algorithm on the
  // reversed text.
  Tokens common_suffixes(Tokens text) {
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
    return suffixes_;
  }

 private:
  const SamplingRow* row_ = nullptr;
  std::vector<int32_t> text_, suffixes_, offsets_;
  std::vector<int32_t> places_;  // of each token in `changes_`, from 1 on; 0: not there
  std::vector<Change> changes_, sorted_;
};

}  // namespace ponder::PONDER_ISA
