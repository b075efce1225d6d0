// What one forward pass is given.
#pragma once

#include <cstdint>

namespace ponder {

constexpr int PAGE_SIZE = 16;  // tokens; as many as a vector has lanes

enum class Cache { F32, BF16 };  // what keys and values are kept as

// T tokens of S sequences, one sequence after another. Pointers are borrowed for the length of the call.
struct Batch {
  int tokens, sequences;
  const int64_t* token_ids;        // [T]
  const int64_t* slots;            // [T]: page * PAGE_SIZE + offset
  const float *cos, *sin;          // [T, rotated / 2]
  const int64_t* query_lengths;    // [S]
  const int64_t* context_lengths;  // [S]
  const int64_t* pages;            // the sequences' pages, one sequence after another
  const uint8_t* const* trees;     // [S]: null, or [new, new] which new tokens each new token sees
  const int64_t* logit_rows;       // [R]
  const int64_t* logit_depths;     // [R]: after d layers, or ~d and without the last norm; null: after all, and normed
  int num_logits;
  float* logits;                   // [R, V]
  float* states;                   // [R, hidden]: what the head reads; null: not wanted
  uint8_t *keys, *values;          // [pages, layers, bytes of a layer's part of a page]
  int64_t num_pages, page_stride;  // bytes from one page to the next
};

// One page of one layer holds, for each key/value head, PAGE_SIZE * head_dim elements. A unit is four bytes: one
// float, or two bfloat16 that are multiplied together. Keys are [units of a head][16 tokens], values
// [units of 16 tokens][head_dim]: both are read with whole vectors, whatever is multiplied with them.
struct PageLayout {
  Cache cache;
  int kv_heads, head_dim;

  int per_unit() const { return cache == Cache::F32 ? 1 : 2; }
  int64_t head_bytes() const { return int64_t{4} / per_unit() * PAGE_SIZE * head_dim; }
  int64_t page_bytes() const { return head_bytes() * kv_heads; }
  // Places of an element in its head's part of a page, counted in elements.
  int key_place(int token, int d) const { return (d / per_unit() * PAGE_SIZE + token) * per_unit() + d % per_unit(); }
  int value_place(int token, int d) const { return (token / per_unit() * head_dim + d) * per_unit() + token % per_unit(); }
};

}  // namespace ponder
