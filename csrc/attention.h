// Paged attention of a ragged batch.
//
// A query's context is cut into segments of 256 positions, counted from position 0. Each segment gives a partial
// result (largest score, sum of weights, weighted values), and these are combined in order. So the arithmetic of a
// query is fixed by its position, and it is a matter of speed alone which queries are computed together: those
// of all sequences that share a segment's pages (the segment is read once), or a block of a prompt's.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <vector>

#include "batch.h"
#include "program.h"
#include "simd.h"
#include "team.h"

namespace ponder::PONDER_ISA {

constexpr int SEGMENT_PAGES = 16;
constexpr int SEGMENT = SEGMENT_PAGES * PAGE_SIZE;
constexpr int GATHERED = 48;  // query heads that are computed in one go
#if PONDER_AVX512
constexpr int MAX_QUERIES = 6, MAX_PARTS = 4;
#elif PONDER_AVX2
constexpr int MAX_QUERIES = 4, MAX_PARTS = 2;
#elif PONDER_NEON
constexpr int MAX_QUERIES = 4, MAX_PARTS = 4;
#else
constexpr int MAX_QUERIES = 2, MAX_PARTS = 2;
#endif
static_assert(MAX_PARTS % PIECES == 0);

// Units of keys and values as they are multiplied: `open` makes of a register of them what `multiply` adds to sums, times
// PER_UNIT numbers of a query or of weights, the same for all lanes.
struct F32Units {
  using Element = float;  // of the cache
  using Number = float;   // of queries and weights
  using Open = Floats;
  static constexpr int PER_UNIT = 1, EXP_DEGREE = 6;
  static PONDER_INLINE Open open(Floats units) { return units; }
  static PONDER_INLINE Floats multiply(Floats sum, Open units, const Number* x) { return fma(units, everywhere(x[0]), sum); }
};

struct BF16Units {
  using Element = uint16_t;
  static constexpr int PER_UNIT = 2, EXP_DEGREE = 4;  // what is weighed keeps 8 bits
#if PONDER_AVX512
  using Number = uint16_t;
  using Open = Floats;
  static PONDER_INLINE Open open(Floats units) { return units; }
  static PONDER_INLINE Floats multiply(Floats sum, Open units, const Number* x) { return dot2_bf16(sum, as_bytes(units), x); }
#else
  using Number = float;
  using Open = Pair;
  static PONDER_INLINE Open open(Floats units) { return open_pairs(units); }
  static PONDER_INLINE Floats multiply(Floats sum, Open units, const Number* x) {
    return fma(units.second, everywhere(x[1]), fma(units.first, everywhere(x[0]), sum));
  }
#endif
};

PONDER_INLINE void store_as(float* p, f32x16 x) { store(p, x); }
PONDER_INLINE void store_as(uint16_t* p, f32x16 x) { store_bf16(p, x); }

// sums[r][t] += over `steps`: unit s of row r at x[r], times the units of a register at y[t] + s * stride. With TAIL, the
// last t has only `lanes` of them.
template <class Units, int R, int NT, bool TAIL>
PONDER_INLINE void accumulate(Floats (&sums)[R][NT], const typename Units::Number* const* x, const uint8_t* const* y, size_t stride, int steps, int lanes,
                              const uint8_t* coming = nullptr, size_t coming_stride = 0) {
  for (int s = 0; s < steps; s++) {
    if (coming) __builtin_prefetch(coming + coming_stride * s, 0, 2);
    typename Units::Open units[NT];
    PONDER_UNROLL for (int t = 0; t < NT; t++) {
      auto from = reinterpret_cast<const float*>(y[t] + stride * s);
      units[t] = Units::open(TAIL && t == NT - 1 ? load_piece(from, lanes) : load_piece(from));
    }
    PONDER_UNROLL for (int r = 0; r < R; r++) {
      PONDER_UNROLL for (int t = 0; t < NT; t++) sums[r][t] = Units::multiply(sums[r][t], units[t], x[r] + Units::PER_UNIT * s);
    }
  }
}

// What is added to one head's scores before they are scaled: a slope times the (negative) way from query to key, or an
// entry of a table. The table holds the distances from `last` down to 0, so that the keys of a page read 16 entries in
// a row; 16 copies of the first entry stand before it and 15 of the last behind it.
struct HeadBias {
  float slope = 0;
  std::vector<float> table;
  int last = 0;

  // The biases of 16 keys, of which the first lies `way` positions after the query (mostly a negative number).
  PONDER_INLINE f32x16 at(int way) const {
    alignas(64) static constexpr float LANE[LANES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    if (table.empty()) return (load(LANE) + splat(static_cast<float>(way))) * splat(slope);
    return load(table.data() + std::max(way + last + LANES, 0));
  }
};

// The biases of all heads for scores that are still to be divided by sqrt(head_dim); none where there are none.
inline std::vector<HeadBias> head_biases(const Bias& bias, int heads, int head_dim) {
  std::vector<HeadBias> found;
  const double unscaled = std::sqrt(static_cast<double>(head_dim));
  for (int h = 0; h < heads && (bias.slopes || bias.table); h++) {
    HeadBias& own = found.emplace_back();
    if (bias.slopes) {
      own.slope = static_cast<float>(bias.slopes[h] * unscaled);
      continue;
    }
    own.last = bias.distances - 1;
    for (int i = -LANES; i < bias.distances + LANES - 1; i++) {
      const int distance = std::clamp(own.last - i, 0, own.last);
      own.table.push_back(static_cast<float>(bias.table[static_cast<int64_t>(h) * bias.distances + distance] * unscaled));
    }
  }
  return found;
}

// One query head and the positions of a segment that it sees.
template <class Units>
struct Query {
  const typename Units::Number* q;
  int first, end;
  float* out;  // [head_dim] weighted values, then the largest score, then the sum of weights
  int place = 0;  // the query's own position, counted from the segment's first
  const HeadBias* bias = nullptr;
};

struct Segment {
  std::array<const uint8_t*, SEGMENT_PAGES> keys, values;  // the head's part of each page
  int pages;
};

// The keys and values of the segment needed next, fetched page by page while others are computed.
class Coming {
 public:
  Coming(const Segment* segment, int calls, size_t page_bytes)
      : segment_(segment), pages_(segment ? 2 * segment->pages : 0), each_(calls ? (pages_ + calls - 1) / calls : 0), bytes_(page_bytes) {}

  // A page whose lines the caller should fetch one by one: a burst of them would hold up what is computed meanwhile.
  // Where there are too few callers, the others are fetched at once. Null: nothing is left.
  const uint8_t* take() {
    for (int i = 1; i < each_; i++) if (const uint8_t* page = next()) prefetch(page, bytes_);
    return next();
  }

 private:
  const uint8_t* next() {
    if (taken_ == pages_) return nullptr;
    const size_t page = static_cast<size_t>(taken_ / 2);
    return taken_++ % 2 ? segment_->values[page] : segment_->keys[page];
  }
  const Segment* segment_;
  int pages_, each_, taken_ = 0;
  size_t bytes_;
};

// The scores of the keys of NT registers, from `part` on: a page has PIECES of them.
template <class Units, int R, int NT>
PONDER_INLINE void score_keys(const typename Units::Number* const* q, const Segment& segment, int part, int units, float (*scores)[SEGMENT], Coming& coming) {
  const uint8_t *page = coming.take(), *y[NT];  // a page has a line of 64 bytes for each unit
  PONDER_UNROLL for (int t = 0; t < NT; t++) y[t] = segment.keys[(part + t) / PIECES] + 4 * WIDTH * ((part + t) % PIECES);
  Floats sums[R][NT] = {};
  accumulate<Units, R, NT, false>(sums, q, y, 4 * PAGE_SIZE, units, WIDTH, page ? page : y[0], page ? 64 : 0);
  PONDER_UNROLL for (int r = 0; r < R; r++) PONDER_UNROLL for (int t = 0; t < NT; t++) store(scores[r] + (part + t) * WIDTH, sums[r][t]);
}

// out[r][t * WIDTH ..] = the weighted sum of the values of `tokens` tokens, dimensions from `d` on.
template <class Units, int R, int NT, bool TAIL>
PONDER_INLINE void weigh_values(const Segment& segment, const typename Units::Number (*weights)[SEGMENT], int tokens, int head_dim, int d,
                                const Query<Units>* queries) {
  Floats sums[R][NT] = {};
  const size_t stride = 4 * static_cast<size_t>(head_dim);
  const int lanes = TAIL ? head_dim - d - (NT - 1) * WIDTH : WIDTH;
  for (int page = 0; page * PAGE_SIZE < tokens; page++) {
    const int here = std::min(tokens - page * PAGE_SIZE, PAGE_SIZE);
    const typename Units::Number* x[R];
    const uint8_t* y[NT];
    PONDER_UNROLL for (int r = 0; r < R; r++) x[r] = weights[r] + page * PAGE_SIZE;
    PONDER_UNROLL for (int t = 0; t < NT; t++) y[t] = segment.values[page] + 4 * (d + t * WIDTH);
    accumulate<Units, R, NT, TAIL>(sums, x, y, stride, here / Units::PER_UNIT, lanes);
    if (here % Units::PER_UNIT) {
      // The last unit's second token was never written: what lies there may be NaN, and zero times that too.
      const int s = here / Units::PER_UNIT;
      PONDER_UNROLL for (int t = 0; t < NT; t++) {
        uint32_t units[WIDTH] = {};
        std::memcpy(units, y[t] + stride * s, 4 * static_cast<size_t>(t == NT - 1 ? lanes : WIDTH));
        for (uint32_t& unit : units) unit &= 0xffffu;
        float masked[WIDTH];
        std::memcpy(masked, units, sizeof masked);
        PONDER_UNROLL for (int r = 0; r < R; r++) sums[r][t] = Units::multiply(sums[r][t], Units::open(load_piece(masked)), x[r] + here - 1);
      }
    }
  }
  PONDER_UNROLL for (int r = 0; r < R; r++) {
    PONDER_UNROLL for (int t = 0; t < NT; t++) {
      float* out = queries[r].out + d + t * WIDTH;
      if (TAIL && t == NT - 1) store_first(out, sums[r][t], lanes);
      else store(out, sums[r][t]);
    }
  }
}

template <class Units, int R>
void attend_chunk(const Segment& segment, const Query<Units>* queries, int head_dim, float scale, Coming& coming) {
  alignas(64) float scores[R][SEGMENT];
  alignas(64) typename Units::Number weights[R][SEGMENT];
  const typename Units::Number* q[R];
  const int tokens = queries[0].end;  // of all
  for (int r = 0; r < R; r++) q[r] = queries[r].q;
  const int pages = (tokens + PAGE_SIZE - 1) / PAGE_SIZE, units = head_dim / Units::PER_UNIT;
  int part = 0;
  for (; part + MAX_PARTS <= pages * PIECES; part += MAX_PARTS) score_keys<Units, R, MAX_PARTS>(q, segment, part, units, scores, coming);
  for (; part < pages * PIECES; part++) score_keys<Units, R, 1>(q, segment, part, units, scores, coming);
  // Masked scores are finite, so that what is computed of them is zero and not NaN.
  const f32x16 nothing = splat(-1e30f);
  float peaks[R];
  for (int r = 0; r < R; r++) {
    if (const HeadBias* bias = queries[r].bias) {
      for (int p = 0; p < pages; p++) {
        float* s = scores[r] + p * PAGE_SIZE;
        store(s, load(s) + bias->at(p * PAGE_SIZE - queries[r].place));
      }
    }
    const int first = queries[r].first;
    if (first > 0 || tokens < pages * PAGE_SIZE) {
      for (int p = 0; p < pages; p++) {
        const int from = std::clamp(first - p * PAGE_SIZE, 0, PAGE_SIZE), to = std::clamp(tokens - p * PAGE_SIZE, 0, PAGE_SIZE);
        float* s = scores[r] + p * PAGE_SIZE;
        if (from > 0 || to < PAGE_SIZE) store(s, select((1u << to) - (1u << std::min(from, to)), load(s), nothing));
      }
    }
    f32x16 top = nothing;
    for (int p = 0; p < pages; p++) top = max(top, load(scores[r] + p * PAGE_SIZE));
    peaks[r] = largest(top) * scale;
  }
  f32x16 totals[R];
  for (int r = 0; r < R; r++) {
    totals[r] = zero();
    for (int p = 0; p < pages; p++) {
      const f32x16 w = exp2<Units::EXP_DEGREE>(fma(load(scores[r] + p * PAGE_SIZE), splat(scale), splat(-peaks[r])));
      store_as(weights[r] + p * PAGE_SIZE, w);
      totals[r] = totals[r] + w;
    }
  }
  for (int r = 0; r < R; r++) {
    queries[r].out[head_dim] = peaks[r];
    queries[r].out[head_dim + 1] = sum(totals[r]);
  }
  int d = 0;
  for (; d + MAX_PARTS * WIDTH <= head_dim; d += MAX_PARTS * WIDTH) weigh_values<Units, R, MAX_PARTS, false>(segment, weights, tokens, head_dim, d, queries);
  for (; d + WIDTH <= head_dim; d += WIDTH) weigh_values<Units, R, 1, false>(segment, weights, tokens, head_dim, d, queries);
  if (d < head_dim) weigh_values<Units, R, 1, true>(segment, weights, tokens, head_dim, d, queries);
}

// Queries from `start` on that see a segment up to the same token. Only such are computed together: a later token is
// not in a query's sums, not even with weight zero, for it might be NaN.
template <class Units>
int same_end(const Query<Units>* queries, int start, int count) {
  int stop = start + 1;
  while (stop < count && queries[stop].end == queries[start].end) stop++;
  return stop;
}

// The partial results of queries over one segment; `scale` is that of scores, in powers of two. The segment needed
// next, if any, is fetched meanwhile.
template <class Units>
void attend(const Segment& segment, const Query<Units>* queries, int count, int head_dim, float scale, const Segment* next = nullptr) {
  auto chunks_of = [](int size) { return (size + MAX_QUERIES - 1) / MAX_QUERIES; };
  int calls = 0;
  for (int start = 0, stop; start < count; start = stop) {
    stop = same_end(queries, start, count);
    calls += chunks_of(stop - start) * ((segment.pages * PIECES + MAX_PARTS - 1) / MAX_PARTS);
  }
  Coming coming(next, calls, size_t{4} / Units::PER_UNIT * PAGE_SIZE * static_cast<size_t>(head_dim));
  for (int start = 0, stop; start < count; start = stop) {
    stop = same_end(queries, start, count);
    const int chunks = chunks_of(stop - start);
    for (int c = 0; c < chunks; c++) {
      const int first = c * (stop - start) / chunks, size = (c + 1) * (stop - start) / chunks - first;
      const auto* from = queries + start + first;
      switch (size) {
        case 1: attend_chunk<Units, 1>(segment, from, head_dim, scale, coming); break;
        case 2: attend_chunk<Units, 2>(segment, from, head_dim, scale, coming); break;
#if PONDER_AVX512 || PONDER_AVX2 || PONDER_NEON
        case 3: attend_chunk<Units, 3>(segment, from, head_dim, scale, coming); break;
        case 4: attend_chunk<Units, 4>(segment, from, head_dim, scale, coming); break;
#endif
#if PONDER_AVX512
        case 5: attend_chunk<Units, 5>(segment, from, head_dim, scale, coming); break;
        case 6: attend_chunk<Units, 6>(segment, from, head_dim, scale, coming); break;
#endif
      }
    }
  }
}

// The weighted mean, [head_dim], of the partial results of `count` segments, `stride` floats apart.
inline void combine(const float* partials, int count, size_t stride, int head_dim, float* out) {
  float peak = partials[head_dim];
  for (int j = 1; j < count; j++) peak = std::max(peak, partials[stride * static_cast<size_t>(j) + static_cast<size_t>(head_dim)]);
  static thread_local std::vector<float> weights;
  const int padded = (count + LANES - 1) / LANES * LANES;
  if (static_cast<int>(weights.size()) < padded) weights.resize(static_cast<size_t>(padded));
  float* w = weights.data();
  for (int j = 0; j < padded; j++) w[j] = j < count ? partials[stride * static_cast<size_t>(j) + static_cast<size_t>(head_dim)] - peak : 0.0f;
  for (int j = 0; j < padded; j += LANES) store(w + j, exp2<6>(load(w + j)));
  float total = 0;
  for (int j = 0; j < count; j++) total = std::fma(w[j], partials[stride * static_cast<size_t>(j) + static_cast<size_t>(head_dim) + 1], total);
  const f32x16 share = splat(1.0f / total);
  for (int d = 0; d < head_dim; d += LANES) {
    f32x16 mixed = zero();
    for (int j = 0; j < count; j++) mixed = fma(splat(w[j]), load_first(partials + stride * static_cast<size_t>(j) + d, head_dim - d), mixed);
    store_first(out + d, mixed * share, head_dim - d);
  }
}

// How a batch's queries are computed together: made once, used by all layers.
class AttentionPlan {
 public:
  static constexpr int PROMPT_QUERIES = 8;  // new tokens of a sequence from which they are taken as blocks
  static constexpr int BLOCK_QUERIES = 16;
  static constexpr int GROUP_ROWS = 32;

  struct Row { int sequence, row, position; int64_t partial; };            // a query by itself; its first partial result
  struct Group { int segment, first, count; };                             // of `members`: rows that share its pages
  struct Block { int sequence, row, position, count; };                    // queries of a prompt
  struct Node { int sequence, row, index, cached; };                       // a token of a tree

  std::vector<Row> rows;
  std::vector<int> members;  // indices of `rows`
  std::vector<Group> groups;
  std::vector<Block> blocks;
  std::vector<Node> nodes;
  std::vector<int> row_of;   // [T]: index in `rows`, or -1
  std::vector<const int64_t*> pages;  // [S]
  int64_t partials = 0;      // partial results of all rows, per head
  std::vector<int> starts;   // [members of the team + 1]: each one's groups, in `groups`; empty where they are for all

  // With `apart`, rows that belong to different members of a team of that size are not grouped.
  void make(const Batch& batch, int apart) {
    rows.clear(), members.clear(), groups.clear(), blocks.clear(), nodes.clear(), pages.clear(), starts.clear();
    row_of.assign(static_cast<size_t>(batch.tokens), -1);
    partials = 0;
    const int64_t* next_pages = batch.pages;
    int row = 0;
    for (int s = 0; s < batch.sequences; s++) {
      const int fresh = static_cast<int>(batch.query_lengths[s]), context = static_cast<int>(batch.context_lengths[s]);
      const int cached = context - fresh;
      pages.push_back(next_pages);
      next_pages += (context + PAGE_SIZE - 1) / PAGE_SIZE;
      if (batch.trees[s]) {
        for (int i = 0; i < fresh; i++) nodes.push_back({s, row + i, i, cached});
      } else if (fresh >= PROMPT_QUERIES) {
        for (int i = 0; i < fresh; i += BLOCK_QUERIES) blocks.push_back({s, row + i, cached + i, std::min(BLOCK_QUERIES, fresh - i)});
      } else {
        for (int i = 0; i < fresh; i++) {
          row_of[static_cast<size_t>(row + i)] = static_cast<int>(rows.size());
          rows.push_back({s, row + i, cached + i, partials});
          partials += (cached + i) / SEGMENT + 1;
        }
      }
      row += fresh;
    }
    int first = 0;
    for (int member = 0; member < apart; member++) {
      int end = first;
      while (end < static_cast<int>(rows.size()) && rows[static_cast<size_t>(end)].row < part_start(batch.tokens, member + 1, apart)) end++;
      starts.push_back(static_cast<int>(groups.size()));
      group(first, end);
      first = end;
    }
    if (apart) starts.push_back(static_cast<int>(groups.size()));
    else group(0, static_cast<int>(rows.size()));
  }

 private:
  // Of rows [first, end), those whose segment lies in the same pages, together.
  void group(int first, int end) {
    int segments = 0;
    for (int i = first; i < end; i++) segments = std::max(segments, rows[static_cast<size_t>(i)].position / SEGMENT + 1);
    std::unordered_map<uint64_t, std::vector<std::vector<int>>> found;
    for (int j = 0; j < segments; j++) {
      found.clear();
      for (int i = first; i < end; i++) {
        if (rows[static_cast<size_t>(i)].position / SEGMENT < j) continue;
        uint64_t key = 0;
        const int count = pages_in(i, j);
        for (int p = 0; p < count; p++) key = key * 0x9E3779B97F4A7C15u + static_cast<uint64_t>(page(i, j, p)) + 1;
        auto& sets = found[key];
        auto same = std::find_if(sets.begin(), sets.end(), [&](const auto& set) { return same_pages(set[0], i, j); });
        if (same == sets.end()) sets.push_back({i});
        else same->push_back(i);
      }
      for (const auto& [key, sets] : found) {
        for (const auto& set : sets) {
          const int count = static_cast<int>(set.size());
          for (int start = 0; start < count; start += GROUP_ROWS) {
            groups.push_back({j, static_cast<int>(members.size()), std::min(GROUP_ROWS, count - start)});
            members.insert(members.end(), set.begin() + start, set.begin() + start + groups.back().count);
          }
        }
      }
    }
  }
  int64_t page(int row, int segment, int p) const { return pages[static_cast<size_t>(rows[static_cast<size_t>(row)].sequence)][segment * SEGMENT_PAGES + p]; }
  int pages_in(int row, int segment) const {
    return std::min(rows[static_cast<size_t>(row)].position / PAGE_SIZE + 1 - segment * SEGMENT_PAGES, SEGMENT_PAGES);
  }
  bool same_pages(int a, int b, int segment) const {
    const int count = pages_in(a, segment);
    if (count != pages_in(b, segment)) return false;
    for (int p = 0; p < count; p++) if (page(a, segment, p) != page(b, segment, p)) return false;
    return true;
  }
};

// One layer's attention.
struct AttentionShape {
  PageLayout layout;
  int heads;
  int window;  // positions a query sees, itself included; 0: all
  const HeadBias* biases = nullptr;  // [heads]; null: nothing is added to scores
  int shared() const { return heads / layout.kv_heads; }
  int result_size() const { return layout.head_dim + 2; }
  float scale() const { return static_cast<float>(1.4426950408889634 / std::sqrt(static_cast<double>(layout.head_dim))); }
  int first_seen(int position) const { return window && position >= window ? position - window + 1 : 0; }
  const HeadBias* bias(int head) const { return biases ? biases + head : nullptr; }
};

template <class Units>
struct Attention {
  const AttentionShape& shape;
  const AttentionPlan& plan;
  const Batch& batch;
  const uint8_t *keys, *values;                 // this layer's part of the first page
  const typename Units::Number* queries;        // [T, heads, head_dim]
  float* partials;                              // [plan.partials, heads, result_size]
  float* mixed;                                 // [T, heads * head_dim]

  // What is left to do afterwards for the rows of the plan: `finish_row`.
  void run(Member& member) const {
    const int kv_heads = shape.layout.kv_heads;
    const int blocks = static_cast<int>(plan.blocks.size()) * kv_heads, nodes = static_cast<int>(plan.nodes.size()) * kv_heads;
    const int groups = static_cast<int>(plan.groups.size()) * kv_heads;
    member.deal(blocks + nodes + (plan.starts.empty() ? groups : 0), [&](int task) {
      if (task < blocks) block(plan.blocks[static_cast<size_t>(task / kv_heads)], task % kv_heads);
      else if ((task -= blocks) < nodes) node(plan.nodes[static_cast<size_t>(task / kv_heads)], task % kv_heads);
      else group(task - nodes, member.team_size());
    });
    if (plan.starts.empty()) return;
    const int planned = static_cast<int>(plan.starts.size()) - 1, here = member.team_size();  // perhaps fewer than asked for
    auto start = [&](int whose) { return plan.starts[static_cast<size_t>(part_start(planned, whose, here))] * kv_heads; };
    member.each(groups, start, [&](int task) { group(task, 1); });
  }

  void finish_row(const AttentionPlan::Row& row) const {
    const int first = shape.first_seen(row.position) / SEGMENT, count = row.position / SEGMENT - first + 1;
    const size_t stride = static_cast<size_t>(shape.heads * shape.result_size());
    for (int h = 0; h < shape.heads; h++) combine(partial(row, first, h), count, stride, shape.layout.head_dim, out(row.row, h));
  }

 private:
  float* partial(const AttentionPlan::Row& row, int segment, int head) const {
    return partials + ((row.partial + segment) * shape.heads + head) * shape.result_size();
  }
  float* out(int row, int head) const { return mixed + (static_cast<int64_t>(row) * shape.heads + head) * shape.layout.head_dim; }
  const typename Units::Number* query(int row, int head) const {
    return queries + (static_cast<int64_t>(row) * shape.heads + head) * shape.layout.head_dim;
  }
  Segment segment(const int64_t* pages, int j, int count, int kv_head) const {
    Segment found;
    found.pages = count;
    for (int p = 0; p < count; p++) {
      const int64_t place = pages[j * SEGMENT_PAGES + p] * batch.page_stride + kv_head * shape.layout.head_bytes();
      found.keys[static_cast<size_t>(p)] = keys + place;
      found.values[static_cast<size_t>(p)] = values + place;
    }
    return found;
  }
  static int clamp(int position, int segment) { return std::clamp(position - segment * SEGMENT, 0, SEGMENT); }

  Segment segment_of(const AttentionPlan::Group& group, int kv_head) const {
    const auto& row = plan.rows[static_cast<size_t>(plan.members[static_cast<size_t>(group.first)])];
    const int count = std::min(row.position / PAGE_SIZE + 1 - group.segment * SEGMENT_PAGES, SEGMENT_PAGES);
    return segment(plan.pages[static_cast<size_t>(row.sequence)], group.segment, count, kv_head);
  }

  // Task `task` of groups and heads; the thread's next is probably `step` further.
  void group(int task, int step) const {
    const int kv_heads = shape.layout.kv_heads, kv_head = task % kv_heads, coming = task + step;
    const AttentionPlan::Group& group = plan.groups[static_cast<size_t>(task / kv_heads)];
    const bool more = coming / kv_heads < static_cast<int>(plan.groups.size());
    const Segment where = segment_of(group, kv_head);
    const Segment next = more ? segment_of(plan.groups[static_cast<size_t>(coming / kv_heads)], coming % kv_heads) : Segment{};
    const int* members = plan.members.data() + group.first;
    Query<Units> all[GATHERED];
    const int shared = shape.shared();
    int filled = 0;
    for (int i = 0; i < group.count; i++) {
      const auto& row = plan.rows[static_cast<size_t>(members[i])];
      const int from = clamp(shape.first_seen(row.position), group.segment), end = clamp(row.position + 1, group.segment);
      if (from >= end) continue;  // behind the window
      for (int h = kv_head * shared; h < (kv_head + 1) * shared; h++) {
        if (filled == GATHERED) attend<Units>(where, all, filled, shape.layout.head_dim, shape.scale()), filled = 0;
        all[filled++] = {query(row.row, h), from, end, partial(row, group.segment, h), row.position - group.segment * SEGMENT, shape.bias(h)};
      }
    }
    attend<Units>(where, all, filled, shape.layout.head_dim, shape.scale(), more ? &next : nullptr);
  }

  void block(const AttentionPlan::Block& block, int kv_head) const {
    const int shared = shape.shared(), size = shape.result_size(), head_dim = shape.layout.head_dim;
    const int first = shape.first_seen(block.position) / SEGMENT, last = block.position + block.count - 1;
    const int segments = last / SEGMENT - first + 1;
    static thread_local std::vector<float> results;  // [queries, segments, size]
    const size_t needed = static_cast<size_t>(block.count * shared) * static_cast<size_t>(segments * size);
    if (results.size() < needed) results.resize(needed);
    auto result = [&](int query, int j) { return results.data() + (static_cast<size_t>(query) * segments + (j - first)) * size; };
    std::vector<Query<Units>> seeing;
    for (int j = first; j < first + segments; j++) {
      seeing.clear();
      for (int i = 0; i < block.count * shared; i++) {
        const int position = block.position + i / shared;
        const int from = clamp(shape.first_seen(position), j), end = clamp(position + 1, j);
        const int head = kv_head * shared + i % shared;
        if (from < end) seeing.push_back({query(block.row + i / shared, head), from, end, result(i, j), position - j * SEGMENT, shape.bias(head)});
      }
      const int pages = std::min(last / PAGE_SIZE + 1 - j * SEGMENT_PAGES, SEGMENT_PAGES);
      const Segment where = segment(plan.pages[static_cast<size_t>(block.sequence)], j, pages, kv_head);
      attend<Units>(where, seeing.data(), static_cast<int>(seeing.size()), head_dim, shape.scale());
    }
    for (int i = 0; i < block.count * shared; i++) {
      const int position = block.position + i / shared, seen = shape.first_seen(position) / SEGMENT;
      combine(result(i, seen), position / SEGMENT - seen + 1, static_cast<size_t>(size), head_dim, out(block.row + i / shared, kv_head * shared + i % shared));
    }
  }

  // A token of a tree sees its ancestors as if they were a text: those in partly filled pages, and the new ones, are
  // copied to where they would lie.
  void node(const AttentionPlan::Node& node, int kv_head) const {
    const int64_t* pages = plan.pages[static_cast<size_t>(node.sequence)];
    const int fresh = static_cast<int>(batch.query_lengths[node.sequence]);
    const uint8_t* sees = batch.trees[node.sequence] + static_cast<int64_t>(node.index) * fresh;
    std::vector<int> path;  // positions in the sequence's pages of the tokens after the whole cached pages
    const int whole = node.cached / PAGE_SIZE;
    for (int i = whole * PAGE_SIZE; i < node.cached; i++) path.push_back(i);
    for (int i = 0; i < fresh; i++) if (sees[i]) path.push_back(node.cached + i);
    const int length = whole * PAGE_SIZE + static_cast<int>(path.size());
    const PageLayout& layout = shape.layout;
    const size_t head_bytes = static_cast<size_t>(layout.head_bytes());
    const int copies = (static_cast<int>(path.size()) + PAGE_SIZE - 1) / PAGE_SIZE;
    std::vector<uint8_t> copied(2 * head_bytes * static_cast<size_t>(copies));
    for (int i = 0; i < static_cast<int>(path.size()); i++) {
      const int from = path[static_cast<size_t>(i)] % PAGE_SIZE, to = i % PAGE_SIZE;
      const int64_t place = pages[path[static_cast<size_t>(i)] / PAGE_SIZE] * batch.page_stride + kv_head * layout.head_bytes();
      uint8_t* page = copied.data() + 2 * head_bytes * static_cast<size_t>(i / PAGE_SIZE);
      for (int d = 0; d < layout.head_dim; d++) {
        element(page)[layout.key_place(to, d)] = element(keys + place)[layout.key_place(from, d)];
        element(page + head_bytes)[layout.value_place(to, d)] = element(values + place)[layout.value_place(from, d)];
      }
    }
    const int shared = shape.shared(), size = shape.result_size();
    const int position = length - 1, seen = shape.first_seen(position), first = seen / SEGMENT, segments = position / SEGMENT - first + 1;
    std::vector<float> results(static_cast<size_t>(shared) * static_cast<size_t>(segments * size));
    auto result = [&](int head, int j) { return results.data() + (static_cast<size_t>(head) * segments + (j - first)) * size; };
    for (int j = first; j < first + segments; j++) {
      const int count = std::min((length + PAGE_SIZE - 1) / PAGE_SIZE - j * SEGMENT_PAGES, SEGMENT_PAGES);
      Segment where = segment(pages, j, std::clamp(whole - j * SEGMENT_PAGES, 0, count), kv_head);
      for (int p = where.pages; p < count; p++) {
        const uint8_t* page = copied.data() + 2 * head_bytes * static_cast<size_t>(j * SEGMENT_PAGES + p - whole);
        where.keys[static_cast<size_t>(p)] = page;
        where.values[static_cast<size_t>(p)] = page + head_bytes;
      }
      where.pages = count;
      for (int h = 0; h < shared; h++) {
        const int head = kv_head * shared + h;
        const Query<Units> one = {query(node.row, head), clamp(seen, j), clamp(length, j), result(h, j), position - j * SEGMENT, shape.bias(head)};
        attend<Units>(where, &one, 1, layout.head_dim, shape.scale());
      }
    }
    for (int h = 0; h < shared; h++) combine(result(h, first), segments, static_cast<size_t>(size), layout.head_dim, out(node.row, kv_head * shared + h));
  }
  static typename Units::Element* element(uint8_t* p) { return reinterpret_cast<typename Units::Element*>(p); }
  static const typename Units::Element* element(const uint8_t* p) { return reinterpret_cast<const typename Units::Element*>(p); }
};

}  // namespace ponder::PONDER_ISA
