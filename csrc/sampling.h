// Rows of logits -> a token each, and what is known about it. The rules are those of docs/sampling.md.
#pragma once

#include <cstdint>
#include <span>

namespace ponder {

struct SamplingSettings {
  double temperature, top_p, min_p;
  int64_t top_k;
  double repetition_penalty, frequency_penalty, presence_penalty;
  uint64_t seed;
  int alternatives;  // how many of the likeliest tokens to name

  bool counts() const { return frequency_penalty != 0 || presence_penalty != 0; }
  bool needs_output() const { return repetition_penalty != 1 || counts(); }
};

struct TokenBias {
  int32_t token;
  float bias;  // -inf forbids
};

// A row and what it stands for. Pointers and spans are borrowed for the length of the call; every token is in the
// vocabulary.
struct SamplingRow {
  const float* logits;
  const SamplingSettings* settings;
  uint32_t sample_index, position;
  std::span<const int32_t> prompt, output;  // empty where no penalty needs them
  std::span<const int32_t> forbidden;
  std::span<const TokenBias> biases;
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
};

// What the kernel is given: `alternatives` of row i are written at best[i].
struct SamplingBatch {
  std::span<const SamplingRow> rows;
  int vocabulary;
  SampledToken* tokens;
  Alternative* const* best;
};

// A number in [0, 1) with 53 random bits: Philox-4x32-10 (Salmon et al., SC 2011), the seed as key.
inline double uniform(uint64_t seed, uint32_t sample_index, uint32_t position) {
  uint32_t c0 = position, c1 = sample_index, c2 = 0, c3 = 0;
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
