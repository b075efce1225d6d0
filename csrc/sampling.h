// Rows of logits -> a token each, and what is known about it. The rules are those of docs/sampling.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace ponder {

// The numbers that are allowed.
struct Range {
  double least, most;
};
constexpr double NO_END = std::numeric_limits<double>::infinity(), OVER = std::numeric_limits<double>::denorm_min();
constexpr Range ANY{-NO_END, NO_END}, SHARE{0, 1}, SHARE_OVER_ZERO{OVER, 1}, OVER_ZERO{OVER, NO_END}, ZERO_OR_MORE{0, NO_END}, ONE_OR_MORE{1, NO_END};

// A number of `SamplingParams` that a step reads.
struct Parameter {
  const char* name = nullptr;
  Range range{};
  std::optional<double> off = {};  // any other value turns the step on
  bool whole = false;
};
constexpr Parameter number(const char* name, Range range, std::optional<double> off = {}) { return {name, range, off, false}; }
constexpr Parameter whole(const char* name, Range range, std::optional<double> off = {}) { return {name, range, off, true}; }

constexpr size_t MOST_PARAMETERS = 4;

// What a step is called and reads. `steps.h` has them all, and what they do.
struct Step {
  const char* name = nullptr;
  Parameter parameters[MOST_PARAMETERS] = {};
};

// A step that is on.
struct ActiveStep {
  size_t step;  // its place in `steps.h`
  double values[MOST_PARAMETERS];
};

struct TokenBias {
  int32_t token;
  float bias;  // -inf forbids
};

// Counts where a text ends with `start`.
struct SequenceBias {
  std::span<const int32_t> start;
  TokenBias last;
};

// Where another system's rules differ from ponder's: see `ponder.sampling.variants`.
struct Rules {
  bool repetition_of_output = false;  // the prompt's tokens are not penalised
  bool occurrences_of_text = false;   // the prompt's tokens count
  bool top_k_ties = false;            // keeps all that are as likely as the k-th
  bool top_p_ties = false;            // keeps all that are as likely as the last
  bool top_p_at_most = false;         // keeps a token if the mass ahead of it is at most p
  bool top_p_within = false;          // keeps tokens that hold at most p with those ahead of them
  bool top_p_joint = false;           // looks at the distribution before the first truncation
  bool typical_ties = false;          // keeps all that are as near to the entropy as the last
  bool typical_at_most = false;       // keeps a token if the mass ahead of it is at most typical_p
  bool likeliest_ties = false;        // epsilon and eta keep all that are as likely as the likeliest
  bool top_h_of_hundred = false;      // looks at the hundred likeliest tokens
  bool xtc_to_half = false;           // excludes nothing where the threshold is over a half
};

struct SamplingSettings {
  Rules rules;
  // The steps that are on, in order: penalties and biases, and truncations before and after the temperature.
  std::vector<ActiveStep> changes, early, late;
  bool reads_text;  // whether any of them does
  // As in `SamplingParams`.
  double temperature, dynatemp_range, dynatemp_exponent;
  std::span<const TokenBias> biases;
  std::span<const SequenceBias> sequences;
  uint64_t seed;
  int alternatives;  // how many of the likeliest tokens to name
};

// A row and what it stands for. Pointers and spans are borrowed for the length of the call; every token is in the
// vocabulary.
struct SamplingRow {
  const float* logits;
  const SamplingSettings* settings;
  uint64_t stream;  // of random numbers
  uint32_t position;
  int32_t forced;  // the token, where it is given and not drawn; else -1
  std::span<const int32_t> prompt, output;  // empty where no step reads them
  std::span<const int32_t> forbidden;
  const bool* breakers;  // for each token of the vocabulary whether it ends a repetition; null: none does
  double top_p;
  double ceiling;  // Mirostat's, in bits
  // Bit i of word i / 32: token i may come. What is beyond the words may not. Null: all may.
  const uint32_t* allowed;
  int64_t allowed_words;
};

struct Alternative {
  int32_t token;
  double logprob;
};

struct SampledToken {
  int32_t token;  // -1 where nothing was possible
  int32_t rank, kept;
  double logprob, tempered_logprob, truncated_logprob, entropy, kept_mass;
  double allowed_mass;  // the share of the raw distribution that `allowed` and `forbidden` let through
};

// What the kernel is given: `alternatives` of row i are written at best[i].
struct SamplingBatch {
  std::span<const SamplingRow> rows;
  int vocabulary;
  SampledToken* tokens;
  Alternative* const* best;
};

// What a random number is for: choosing the token; deciding whether top choices are excluded (XTC).
constexpr uint32_t CHOICE = 0, EXCLUSION = 1;

// A number in [0, 1) with 53 random bits: Philox-4x32-10 (Salmon et al., SC 2011), the seed as key.
inline double uniform(uint64_t seed, uint64_t stream, uint32_t position, uint32_t purpose) {
  uint32_t c0 = position, c1 = static_cast<uint32_t>(stream), c2 = purpose, c3 = static_cast<uint32_t>(stream >> 32);
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < 10; round++) {
    const uint64_t left = uint64_t{0xD2511F53} * c0, right = uint64_t{0xCD9E8D57} * c2;
    c0 = static_cast<uint32_t>(right >> 32) ^ c1 ^ k0;
    c1 = static_cast<uint32_t>(right);
    c2 = static_cast<uint32_t>(left >> 32) ^ c3 ^ k1;
    c3 = static_cast<uint32_t>(left);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return ((c0 >> 5) * 67108864.0 + (c1 >> 6)) / 9007199254740992.0;
}

}  // namespace ponder
