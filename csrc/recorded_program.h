#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "attention.h"
#include "linear.h"
#include "program.h"

namespace ponder::PONDER_ISA {

// x / sqrt(mean(x^2) + eps) * weight
inline void rms_norm(const float* x, Norm norm, int width, float* out) {
  f32x16 squares = zero();
  for (int i = 0; i < width; i += LANES) {
    const f32x16 some = load_first(x + i, width - i);
    squares = fma(some, some, squares);
  }
  const f32x16 scale = splat(1.0f / std::sqrt(sum(squares) / static_cast<float>(width) + norm.eps));
  for (int i = 0; i < width; i += LANES) {
    const int n = width - i;
    store_first(out + i, load_first(x + i, n) * scale * load_first(norm.weight + i, n), n);
  }
}

// Turns pairs (i, i + half).
inline void rotate(float* x, const float* cos, const float* sin, int half) {
  for (int i = 0; i < half; i += LANES) {
    const int n = half - i;
    const f32x16 a = load_first(x + i, n), b = load_first(x + half + i, n);
    const f32x16 c = load_first(cos + i, n), s = load_first(sin + i, n);
    store_first(x + i, fma(a, c, zero() - b * s), n);
    store_first(x + half + i, fma(b, c, a * s), n);
  }
}

inline f32x16 silu(f32x16 x) { return x / (splat(1.0f) + exp(max(min(zero() - x, splat(88.0f)), splat(-87.0f)))); }

template <class Units>
class RecordedProgram final : public Program {
  using Element = typename Units::Element;

 public:
  RecordedProgram(Shape shape, int rotated) : shape_(shape), half_(rotated / 2) {}

  void embed(const Matrix& table) override {
    record("embed", [this, &table](Member& member, const Batch& batch) {
      member.each(batch.tokens, [&](int row) { read_row(table, static_cast<int>(batch.token_ids[row]), residual(row)); });
    });
  }

  void project(int layer, Norm norm, Linear q, Linear k, Linear v, Norm q_norm, Norm k_norm, bool rotate) override {
    normed_.reads({q, k, v});
    const int q_size = shape_.q_size(), kv_size = shape_.kv_size(), width = q_size + 2 * kv_size;
    record("project", [=, this](Member& member, const Batch& batch) {
      normalise(member, batch.tokens, norm, normed_, [this](int row) { return residual(row); });
      const Matrix* parts[] = {q.weight, k.weight, v.weight};
      const float* biases[] = {q.bias, k.bias, v.bias};
      const int starts[] = {0, q_size, q_size + kv_size};
      linear(member, parts, 3, normed_, [&](int part, int row, int first, int count, const float* y) {
        put(projected_.data() + static_cast<size_t>(row) * static_cast<size_t>(width) + starts[part] + first, y, biases[part], first, count);
      });
      member.each(batch.tokens, [&](int row) {
        float* x = projected_.data() + static_cast<size_t>(row) * static_cast<size_t>(width);
        keep(batch, layer, row, x, q_norm, k_norm, rotate);
      });
    });
  }

  void attend(int layer, int window) override {
    const AttentionShape shape{shape_.layout, shape_.heads, window};
    record("attend", [=, this](Member& member, const Batch& batch) {
      const int64_t start = layer * batch.num_pages * shape.layout.page_bytes();
      const Attention<Units> attention{shape, plan_, batch, batch.keys + start, batch.values + start, queries_.data(), partials_.data(), mixed_.data()};
      attention.run(member);
      member.each(batch.tokens, [&](int row) {
        const int planned = plan_.row_of[static_cast<size_t>(row)];
        if (planned >= 0) attention.finish_row(plan_.rows[static_cast<size_t>(planned)]);
        put_row(attended_, row, mixed_.data() + static_cast<int64_t>(row) * shape_.q_size());
      });
    });
  }

  void add_projection(Linear o) override {
    attended_.reads({o});
    record("add_projection", [=, this](Member& member, const Batch&) { add(member, o, attended_); });
  }

  void add_feed_forward(Norm norm, Linear gate, Linear up, Linear down) override {
    normed_.reads({gate, up});
    Activations& gated = gated_[down.weight->in];
    gated.reads({down});
    record("add_feed_forward", [=, this, &gated](Member& member, const Batch& batch) {
      normalise(member, batch.tokens, norm, normed_, [this](int row) { return residual(row); });
      gate_up(member, gate, up, gated);
      add(member, down, gated);
    });
  }

  void logits(Norm norm, Linear head) override {
    last_.reads({head});
    record("logits", [=, this](Member& member, const Batch& batch) {
      if (batch.num_logits == 0) return;
      normalise(member, batch.num_logits, norm, last_, [&](int row) { return residual(static_cast<int>(batch.logit_rows[row])); });
      const Matrix* parts[] = {head.weight};
      linear(member, parts, 1, last_, [&](int, int row, int first, int count, const float* y) {
        put(batch.logits + static_cast<int64_t>(row) * head.weight->out + first, y, head.bias, first, count);
      });
    });
  }

  void run(const Batch& batch, int threads) override {
    if (batch.tokens == 0) return;
    const std::lock_guard running(run_mutex_);  // the buffers are the program's
    plan_.make(batch);
    const size_t tokens = static_cast<size_t>(batch.tokens);
    grow(residual_, tokens * static_cast<size_t>(shape_.hidden));
    grow(projected_, tokens * static_cast<size_t>(shape_.q_size() + 2 * shape_.kv_size()));
    grow(queries_, tokens * static_cast<size_t>(shape_.q_size()));
    grow(mixed_, tokens * static_cast<size_t>(shape_.q_size()));
    grow(partials_, static_cast<size_t>(plan_.partials * shape_.heads * (shape_.layout.head_dim + 2)));
    for (Activations* x : {&normed_, &attended_}) x->resize(batch.tokens);
    for (auto& [width, x] : gated_) x.resize(batch.tokens);
    last_.resize(batch.num_logits);
    std::map<std::string, double> times;
    Team::run(threads, [&](Member& member) {
      auto last = Clock::now();
      for (const Command& command : commands_) {
        command.run(member, batch);
        if (member.index != 0) continue;
        const auto now = Clock::now();
        times[command.name] += std::chrono::duration<double>(now - last).count();
        last = now;
      }
    });
    const std::lock_guard lock(times_mutex_);
    for (const auto& [name, seconds] : times) times_[name] += seconds;
  }

  std::map<std::string, double> take_times() override {
    const std::lock_guard lock(times_mutex_);
    return std::exchange(times_, {});
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Command {
    const char* name;
    std::function<void(Member&, const Batch&)> run;
  };

  void record(const char* name, std::function<void(Member&, const Batch&)> run) { commands_.push_back({name, std::move(run)}); }

  template <class T>
  static void grow(std::vector<T>& buffer, size_t size) {
    if (buffer.size() < size) buffer.resize(size);
  }

  float* residual(int row) { return residual_.data() + static_cast<size_t>(row) * static_cast<size_t>(shape_.hidden); }

  static void put(float* to, const float* y, const float* bias, int first, int count) {
    for (int i = 0; i < count; i += LANES) {
      f32x16 x = load(y + i);
      if (bias) x = x + load_first(bias + first + i, count - i);
      store_first(to + i, x, count - i);
    }
  }

  // The rows' norms, for linear layers to read.
  template <class Row>
  void normalise(Member& member, int rows, Norm norm, Activations& to, Row row_at) {
    member.each(rows, [&](int row) {
      static thread_local std::vector<float> normed;
      grow(normed, static_cast<size_t>(shape_.hidden));
      rms_norm(row_at(row), norm, shape_.hidden, normed.data());
      put_row(to, row, normed.data());
    });
  }

  void add(Member& member, Linear layer, Activations& x) {
    const Matrix* parts[] = {layer.weight};
    linear(member, parts, 1, x, [&](int, int row, int first, int count, const float* y) {
      float* to = residual(row) + first;
      for (int i = 0; i < count; i += LANES) {
        f32x16 added = load(y + i);
        if (layer.bias) added = added + load_first(layer.bias + first + i, count - i);
        store_first(to + i, load_first(to + i, count - i) + added, count - i);
      }
    });
  }

  // A task computes 32 outputs of gate and up: one block of what `down` reads.
  void gate_up(Member& member, Linear gate, Linear up, Activations& gated) {
    constexpr int TILES = BLOCK / TILE;
    const Chunks chunks(normed_.rows);
    const int inner = gate.weight->out;
    member.each((inner + BLOCK - 1) / BLOCK, [&](int task) {
      const int tile = task * TILES, tiles = std::min(TILES, gate.weight->tiles() - tile), width = tiles * TILE;
      const int count = std::min(width, inner - tile * TILE);
      alignas(64) float gates[MAX_ROWS * BLOCK], ups[MAX_ROWS * BLOCK];
      for (int c = 0; c < chunks.count; c++) {
        const int first = chunks.start(c), size = chunks.size(c);
        for (auto [weight, y] : {std::pair(gate.weight, gates), std::pair(up.weight, ups)}) {
          multiply_tiles(*weight, tile, tiles, tiles_ahead(*weight, tile, TILES, c, chunks.count), normed_, first, size, y);
        }
        for (int r = 0; r < size; r++) {
          f32x16 products[TILES] = {zero(), zero()};
          for (int i = 0; i < tiles; i++) {
            f32x16 g = load(gates + r * width + i * LANES), u = load(ups + r * width + i * LANES);
            if (gate.bias) g = g + load_first(gate.bias + tile * TILE + i * LANES, count - i * LANES);
            if (up.bias) u = u + load_first(up.bias + tile * TILE + i * LANES, count - i * LANES);
            products[i] = silu(g) * u;
          }
          if (gated.quantised) quantise_block(gated.chunk(first)[task * size + r], products[0], products[1]);
          if (gated.plain) {
            for (int i = 0; i < tiles; i++) store_first(gated.row(first + r) + tile * TILE + i * LANES, products[i], count - i * LANES);
          }
        }
      }
    });
  }

  // Norms and turns a row's heads; keeps its query, and puts its key and value into their slot.
  void keep(const Batch& batch, int layer, int row, float* x, Norm q_norm, Norm k_norm, bool rotates) {
    const PageLayout& layout = shape_.layout;
    const int head_dim = layout.head_dim, q_size = shape_.q_size(), kv_size = shape_.kv_size();
    const float *cos = batch.cos + static_cast<int64_t>(row) * half_, *sin = batch.sin + static_cast<int64_t>(row) * half_;
    auto turn = [&](float* head, Norm norm) {
      if (norm.weight) rms_norm(head, norm, head_dim, head);
      if (rotates) rotate(head, cos, sin, half_);
    };
    for (int h = 0; h < shape_.heads; h++) turn(x + h * head_dim, q_norm);
    for (int g = 0; g < layout.kv_heads; g++) turn(x + q_size + g * head_dim, k_norm);
    narrow(x, q_size, queries_.data() + static_cast<int64_t>(row) * q_size);
    const int64_t slot = batch.slots[row], page = slot / PAGE_SIZE;
    const int token = static_cast<int>(slot % PAGE_SIZE);
    const int64_t place = (layer * batch.num_pages + page) * layout.page_bytes();
    static thread_local std::vector<Element> narrowed;
    grow(narrowed, static_cast<size_t>(2 * kv_size));
    narrow(x + q_size, 2 * kv_size, narrowed.data());
    for (int g = 0; g < layout.kv_heads; g++) {
      const Element *key = narrowed.data() + g * head_dim, *value = key + kv_size;
      uint8_t* keys = batch.keys + place + g * layout.head_bytes() + 4 * token;
      for (int unit = 0; unit < head_dim / Units::PER_UNIT; unit++) std::memcpy(keys + 4 * PAGE_SIZE * unit, key + Units::PER_UNIT * unit, 4);
      auto values = reinterpret_cast<Element*>(batch.values + place + g * layout.head_bytes()) + layout.value_place(token, 0);
      for (int d = 0; d < head_dim; d++) values[Units::PER_UNIT * d] = value[d];
    }
  }

  static void narrow(const float* from, int count, Element* to) {
    int i = 0;
    for (; i + LANES <= count; i += LANES) Units::store_row(to + i, load(from + i));
    if (i < count) {
      Element last[LANES];
      Units::store_row(last, load_first(from + i, count - i));
      std::copy(last, last + (count - i), to + i);
    }
  }

  const Shape shape_;
  const int half_;
  std::vector<Command> commands_;
  std::mutex run_mutex_, times_mutex_;
  std::map<std::string, double> times_;

  AttentionPlan plan_;
  Activations normed_, attended_, last_;  // what linear layers read: norms, attention, the head's norm
  std::map<int, Activations> gated_;      // by width
  std::vector<float> residual_, projected_, mixed_, partials_;
  std::vector<Element> queries_;
};

}  // namespace ponder::PONDER_ISA
