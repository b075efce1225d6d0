#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
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

// What linear layers read of some rows: norms, attention, what is between gate and down (by width), the head's norm.
struct Inputs {
  Activations normed, attended, last;
  std::map<int, Activations> gated;

  void resize(int rows) {
    for (Activations* x : {&normed, &attended}) x->resize(rows);
    for (auto& [width, x] : gated) x.resize(rows);
  }
};

// Who computes rows [first, first + rows) of the batch, or of its logits: the whole team, or a member by itself.
struct Crew {
  Member& members;
  Inputs& inputs;
  int first, rows;
};

template <class Units>
class RecordedProgram final : public Program {
  using Element = typename Units::Element;

 public:
  RecordedProgram(Shape shape, int rotated) : shape_(shape), half_(rotated / 2) {}

  void embed(const Matrix& table) override {
    record("embed", [this, &table](Step& step) {
      const Crew& crew = step.crew;
      crew.members.each(crew.rows, [&](int i) {
        const int row = crew.first + i;
        read_row(table, static_cast<int>(step.batch.token_ids[row]), residual(row));
      });
    });
  }

  void project(int layer, Norm norm, Linear q, Linear k, Linear v, Norm q_norm, Norm k_norm, bool rotate) override {
    inputs_.normed.reads({q, k, v});
    const int q_size = shape_.q_size(), kv_size = shape_.kv_size(), width = q_size + 2 * kv_size;
    record("project", [=, this](Step& step) {
      const Crew& crew = step.crew;
      normalise(crew, norm, crew.inputs.normed, [&](int i) { return residual(crew.first + i); });
      const Matrix* parts[] = {q.weight, k.weight, v.weight};
      const float* biases[] = {q.bias, k.bias, v.bias};
      const int starts[] = {0, q_size, q_size + kv_size};
      auto projected = [&](int i) { return projected_.data() + static_cast<size_t>(crew.first + i) * static_cast<size_t>(width); };
      linear(crew.members, parts, 3, crew.inputs.normed, [&](int part, int i, int first, int count, const float* y) {
        put(projected(i) + starts[part] + first, y, biases[part], first, count);
      });
      crew.members.each(crew.rows, [&](int i) { keep(step.batch, layer, crew.first + i, projected(i), q_norm, k_norm, rotate); });
    });
  }

  void attend(int layer, int window, Bias bias) override {
    biases_.push_back(head_biases(bias, shape_.heads, shape_.layout.head_dim));
    const HeadBias* biases = biases_.back().empty() ? nullptr : biases_.back().data();
    const AttentionShape shape{shape_.layout, shape_.heads, window, biases};
    record("attend", [=, this](Step& step) {
      const Batch& batch = step.batch;
      const Crew& crew = step.crew;
      const int64_t start = layer * shape.layout.page_bytes();
      const Attention<Units> attention{shape, plan_, batch, batch.keys + start, batch.values + start, queries_.data(), partials_.data(), mixed_.data()};
      if (step.apart) step.team.meet();  // all keys and values are there
      attention.run(step.team);
      crew.members.each(crew.rows, [&](int i) {
        const int row = crew.first + i, planned = plan_.row_of[static_cast<size_t>(row)];
        if (planned >= 0) attention.finish_row(plan_.rows[static_cast<size_t>(planned)]);
        put_row(crew.inputs.attended, i, mixed_.data() + static_cast<int64_t>(row) * shape_.q_size());
      });
    });
  }

  void add_projection(Linear o) override {
    inputs_.attended.reads({o});
    record("add_projection", [=, this](Step& step) { add(step.crew, o, step.crew.inputs.attended); });
  }

  void add_feed_forward(Norm norm, Linear gate, Linear up, Linear down) override {
    inputs_.normed.reads({gate, up});
    inputs_.gated[down.weight->in].reads({down});
    record("add_feed_forward", [=, this](Step& step) {
      const Crew& crew = step.crew;
      Activations& gated = crew.inputs.gated.at(down.weight->in);
      normalise(crew, norm, crew.inputs.normed, [&](int i) { return residual(crew.first + i); });
      gate_up(crew, gate, up, gated);
      add(crew, down, gated);
    });
  }

  void exit(int depth) override {
    record("exit", [=, this](Step& step) {
      const Batch& batch = step.batch;
      const Crew& crew = step.crew;
      if (!batch.logit_depths) return;
      for (int i = crew.members.index; i < batch.num_logits; i += crew.members.team_size()) {
        const int row = static_cast<int>(batch.logit_rows[i]);
        if (depth_of(batch.logit_depths[i]) != depth || row < crew.first || row >= crew.first + crew.rows) continue;
        std::copy_n(residual(row), shape_.hidden, exited(i));
      }
    });
  }

  void logits(Norm norm, Linear head) override {
    inputs_.last.reads({head});
    record("logits", [=, this](Step& step) {
      const Batch& batch = step.batch;
      const Crew& crew = step.logits_crew;
      if (batch.num_logits == 0) return;
      if (step.apart) step.team.meet();  // any member may need any row
      if (batch.logit_depths && !step.apart) step.team.meet();  // a member may have taken any row's exit
      auto final_state = [&](int i) { return batch.logit_depths ? exited(i) : residual(static_cast<int>(batch.logit_rows[i])); };
      crew.members.each(crew.rows, [&](int i) {
        const int row = crew.first + i;
        const bool normed = !batch.logit_depths || batch.logit_depths[row] >= 0;
        const float* state = normed ? scratch_norm(final_state(row), norm) : final_state(row);
        put_row(crew.inputs.last, i, state);
        if (batch.states) std::copy_n(state, shape_.hidden, batch.states + static_cast<int64_t>(row) * shape_.hidden);
      });
      const Matrix* parts[] = {head.weight};
      linear(crew.members, parts, 1, crew.inputs.last, [&](int, int i, int first, int count, const float* y) {
        put(batch.logits + static_cast<int64_t>(crew.first + i) * head.weight->out + first, y, head.bias, first, count);
      });
    });
  }

  void run(const Batch& batch, int threads) override {
    if (batch.tokens == 0) return;
    const std::lock_guard running(run_mutex_);  // the buffers are the program's
    threads = team_size_.choose(threads);
    const auto began = Clock::now();
    std::atomic<long> put_off{0};
    auto apart = [&](int rows) { return threads > 1 && rows >= APART * threads; };
    // Attention is everybody's while the rows of one do not fill a pass over a segment that all of them share.
    const bool enough = batch.tokens / threads * shape_.heads / shape_.layout.kv_heads >= GATHERED;
    plan_.make(batch, apart(batch.tokens) && enough ? threads : 0);
    const size_t tokens = static_cast<size_t>(batch.tokens);
    grow(residual_, tokens * static_cast<size_t>(shape_.hidden));
    grow(projected_, tokens * static_cast<size_t>(shape_.q_size() + 2 * shape_.kv_size()));
    grow(queries_, tokens * static_cast<size_t>(shape_.q_size()));
    grow(mixed_, tokens * static_cast<size_t>(shape_.q_size()));
    if (batch.logit_depths) grow(exited_, static_cast<size_t>(batch.num_logits) * static_cast<size_t>(shape_.hidden));
    grow(partials_, static_cast<size_t>(plan_.partials * shape_.heads * (shape_.layout.head_dim + 2)));
    own_inputs_.resize(static_cast<size_t>(threads), inputs_);
    inputs_.resize(apart(batch.tokens) ? 0 : batch.tokens);
    inputs_.last.resize(apart(batch.num_logits) ? 0 : batch.num_logits);
    std::map<std::string, double> times;
    Team::run(threads, [&](Member& member) {
      const long before = TeamSize::times_put_off();
      Team one(1);
      Member alone(one, 0);
      Inputs& own = own_inputs_[static_cast<size_t>(member.index)];
      auto crew_for = [&](int rows) {
        const int first = member.part(rows, member.index), end = member.part(rows, member.index + 1);
        return apart(rows) ? Crew{alone, own, first, end - first} : Crew{member, inputs_, 0, rows};
      };
      Step step{batch, member, apart(batch.tokens), crew_for(batch.tokens), crew_for(batch.num_logits)};
      if (apart(batch.tokens)) own.resize(step.crew.rows);
      if (apart(batch.num_logits)) own.last.resize(step.logits_crew.rows);
      auto last = Clock::now();
      for (const Command& command : commands_) {
        command.run(step);
        if (member.index != 0) continue;
        const auto now = Clock::now();
        times[command.name] += std::chrono::duration<double>(now - last).count();
        last = now;
      }
      const long times_put_off = TeamSize::times_put_off() - before;
      for (long most = put_off; times_put_off > most && !put_off.compare_exchange_weak(most, times_put_off);) continue;
    });
    team_size_.note(put_off, std::chrono::duration<double>(Clock::now() - began).count());
    const std::lock_guard lock(times_mutex_);
    for (const auto& [name, seconds] : times) times_[name] += seconds;
  }

  std::map<std::string, double> take_times() override {
    const std::lock_guard lock(times_mutex_);
    return std::exchange(times_, {});
  }

 private:
  using Clock = std::chrono::steady_clock;

  // As many rows each, and the members go apart: a member then reads all weights, but meets the others only for
  // attention, and what it computes stays in its core's cache. With fewer rows, all work on each of them.
  static constexpr int APART = PIECES == 1 ? 8 : 16;

  struct Step {
    const Batch& batch;
    Member& team;
    bool apart;
    Crew crew, logits_crew;
  };
  struct Command {
    const char* name;
    std::function<void(Step&)> run;
  };

  void record(const char* name, std::function<void(Step&)> run) { commands_.push_back({name, std::move(run)}); }

  template <class T>
  static void grow(std::vector<T>& buffer, size_t size) {
    if (buffer.size() < size) buffer.resize(size);
  }

  float* residual(int row) { return residual_.data() + static_cast<size_t>(row) * static_cast<size_t>(shape_.hidden); }

  static int64_t depth_of(int64_t depth) { return depth >= 0 ? depth : ~depth; }

  // The residual stream of a row of logits, where `logit_depths` says when to take it.
  float* exited(int row) { return exited_.data() + static_cast<size_t>(row) * static_cast<size_t>(shape_.hidden); }

  static void put(float* to, const float* y, const float* bias, int first, int count) {
    for (int i = 0; i < count; i += LANES) {
      f32x16 x = load(y + i);
      if (bias) x = x + load_first(bias + first + i, count - i);
      store_first(to + i, x, count - i);
    }
  }

  // The rows' norms, for linear layers to read.
  template <class Row>
  void normalise(const Crew& crew, Norm norm, Activations& to, Row row_at) {
    crew.members.each(crew.rows, [&](int i) { put_row(to, i, scratch_norm(row_at(i), norm)); });
  }

  // A row's norm, in memory of this thread that the next call uses again.
  const float* scratch_norm(const float* x, Norm norm) {
    static thread_local std::vector<float> normed;
    grow(normed, static_cast<size_t>(shape_.hidden));
    rms_norm(x, norm, shape_.hidden, normed.data());
    return normed.data();
  }

  void add(const Crew& crew, Linear layer, Activations& x) {
    const Matrix* parts[] = {layer.weight};
    linear(crew.members, parts, 1, x, [&](int, int i, int first, int count, const float* y) {
      float* to = residual(crew.first + i) + first;
      for (int o = 0; o < count; o += LANES) {
        f32x16 added = load(y + o);
        if (layer.bias) added = added + load_first(layer.bias + first + o, count - o);
        store_first(to + o, load_first(to + o, count - o) + added, count - o);
      }
    });
  }

  // A task computes 32 outputs of gate and up: one block of what `down` reads.
  void gate_up(const Crew& crew, Linear gate, Linear up, Activations& gated) {
    constexpr int TILES = BLOCK / TILE;
    Activations& normed = crew.inputs.normed;
    const Chunks chunks(normed.rows);
    const int inner = gate.weight->out;
    crew.members.each((inner + BLOCK - 1) / BLOCK, [&](int task) {
      const int tile = task * TILES, tiles = std::min(TILES, gate.weight->tiles() - tile), width = tiles * TILE;
      const int count = std::min(width, inner - tile * TILE);
      alignas(64) float gates[MAX_ROWS * BLOCK], ups[MAX_ROWS * BLOCK];
      for (int c = 0; c < chunks.count; c++) {
        const int first = chunks.start(c), size = chunks.size(c);
        for (auto [weight, y] : {std::pair(gate.weight, gates), std::pair(up.weight, ups)}) {
          multiply_tiles(*weight, tile, tiles, tiles_ahead(*weight, tile, TILES, c, chunks.count), normed, first, size, y);
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
    const int64_t place = page * batch.page_stride + layer * layout.page_bytes();
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

  template <class Number>
  static void narrow(const float* from, int count, Number* to) {
    int i = 0;
    for (; i + LANES <= count; i += LANES) store_as(to + i, load(from + i));
    if (i < count) {
      Number last[LANES];
      store_as(last, load_first(from + i, count - i));
      std::copy(last, last + (count - i), to + i);
    }
  }

  const Shape shape_;
  const int half_;
  std::vector<Command> commands_;
  std::deque<std::vector<HeadBias>> biases_;  // of each layer's heads
  std::mutex run_mutex_, times_mutex_;
  TeamSize team_size_;
  std::map<std::string, double> times_;

  AttentionPlan plan_;
  Inputs inputs_;                   // of the whole batch
  std::vector<Inputs> own_inputs_;  // of each member's rows
  std::vector<float> residual_, projected_, mixed_, partials_, exited_;
  std::vector<typename Units::Number> queries_;
};

}  // namespace ponder::PONDER_ISA
