// What Python sees.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels.h"
#include "team.h"

namespace nb = nanobind;

namespace ponder {

namespace {

using Floats = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Floats2 = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<nb::numpy, float, nb::ndim<2>>;
using Integers = nb::ndarray<const int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Stored = nb::ndarray<const uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<const bool, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Pages = nb::ndarray<nb::c_contig, nb::device::cpu>;

constexpr int MOST = 1 << 20;  // so that no product of sizes overflows

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

Kind kind_named(const std::string& name) {
  for (size_t i = 0; i < std::size(KIND_NAMES); i++) if (name == KIND_NAMES[i]) return static_cast<Kind>(i);
  throw std::invalid_argument("no such kind of weights: " + name);
}

Matrix pack_matrix(Arena& arena, const std::string& kind_name, Stored stored, int out, int in, std::optional<Integers> rows, int threads) {
  const Kind kind = kind_named(kind_name);
  require(1 <= threads && threads <= 1024, "from 1 to 1024 threads");
  require(out > 0 && in > 0, "a matrix has rows and columns");
  const BlockShape shape = block_shape(kind);
  require(in % shape.inputs == 0, "the row length is not a multiple of the format's block");
  require(stored.size() == shape.stored * static_cast<size_t>(in / shape.inputs) * static_cast<size_t>(out), "the bytes do not match the shape");
  if (rows) {
    require(rows->size() == static_cast<size_t>(out), "rows does not name as many rows as there are");
    for (int i = 0; i < out; i++) require(rows->data()[i] >= 0 && rows->data()[i] < out, "rows names one that is not there");
  }
  nb::gil_scoped_release release;
  return pack(arena, kind, stored.data(), out, in, rows ? rows->data() : nullptr, threads);
}


// Memory for logits. It goes back here when the last tensor over it is gone, and is given out again: pages fresh from
// the system would cost as much as computing what is written there.
class LogitsMemory : public std::enable_shared_from_this<LogitsMemory> {
 public:
  Logits take(size_t rows, size_t columns) {
    auto lent = std::make_unique<Lent>(shared_from_this());
    const size_t bytes = std::max(rows * columns, size_t{1}) * sizeof(float);
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) lent->memory = std::move(free_.back()), free_.pop_back();
    }
    if (lent->memory.bytes < bytes) lent->memory = {allocate(bytes), bytes};
    float* data = reinterpret_cast<float*>(lent->memory.data.get());
    nb::capsule owner(lent.release(), [](void* p) noexcept {
      std::unique_ptr<Lent> back(static_cast<Lent*>(p));
      back->home->give_back(std::move(back->memory));
    });
    return Logits(data, {rows, columns}, owner);
  }

 private:
  struct Memory {
    Bytes data;
    size_t bytes = 0;
  };
  struct Lent {
    explicit Lent(std::shared_ptr<LogitsMemory> home) : home(std::move(home)) {}
    std::shared_ptr<LogitsMemory> home;
    Memory memory;
  };
  static constexpr size_t KEPT = 2;

  void give_back(Memory memory) noexcept {
    const std::lock_guard lock(mutex_);
    if (free_.size() < KEPT) free_.push_back(std::move(memory));
  }

  std::mutex mutex_;
  std::vector<Memory> free_;
};

// A program and what keeps the memory that it reads alive.
class PyProgram {
 public:
  PyProgram(std::optional<std::string> isa, int hidden, int heads, int kv_heads, int head_dim, int rotated, int layers, const std::string& cache)
      : shape_{hidden, heads, {cache == "F32" ? Cache::F32 : Cache::BF16, kv_heads, head_dim}}, rotated_(rotated), layers_(layers) {
    require(cache == "F32" || cache == "BF16", "cache is F32 or BF16");
    for (const int size : {hidden, heads, kv_heads, head_dim, layers}) require(size <= MOST, "sizes are at most a million");
    require(int64_t{heads} * head_dim <= MOST, "queries have at most a million dimensions");
    require(hidden > 0 && heads > 0 && kv_heads > 0 && head_dim > 0 && layers > 0, "sizes are positive");
    require(heads % kv_heads == 0, "heads is a multiple of kv_heads");
    require(head_dim % shape_.layout.per_unit() == 0, "head_dim is even where the cache is BF16");
    require(rotated % 2 == 0 && 0 <= rotated && rotated <= head_dim, "rotated is even and at most head_dim");
    program_ = kernels(isa ? isa->c_str() : nullptr).make_program(shape_, rotated);
  }

  void embed(const Matrix& table) {
    require(vocabulary_ == 0, "there is one table");
    require(table.in == shape_.hidden, "the table has another width");
    vocabulary_ = table.out;
    program_->embed(table);
  }

  void project(int layer, Floats norm, float eps, const Matrix& q, std::optional<Floats> q_bias, const Matrix& k, std::optional<Floats> k_bias,
               const Matrix& v, std::optional<Floats> v_bias, std::optional<Floats> q_norm, std::optional<Floats> k_norm, bool rotate) {
    check_layer(layer);
    for (const Matrix* part : {&q, &k, &v}) require(part->in == shape_.hidden, "a projection has another width");
    require(q.out == shape_.q_size() && k.out == shape_.kv_size() && v.out == shape_.kv_size(), "a projection has another height");
    const int head_dim = shape_.layout.head_dim;
    program_->project(layer, this->norm(norm, shape_.hidden, eps), linear(q, q_bias), linear(k, k_bias), linear(v, v_bias),
                      this->norm(q_norm, head_dim, eps), this->norm(k_norm, head_dim, eps), rotate);
  }

  void attend(int layer, std::optional<int> window, std::optional<Floats> slopes, std::optional<Floats2> table) {
    check_layer(layer);
    require(!window || *window > 0, "a window is positive");
    require(!slopes || !table, "a bias is slopes or a table");
    const size_t heads = static_cast<size_t>(shape_.heads);
    require(!slopes || slopes->size() == heads, "slopes are one for each head");
    require(!table || (table->shape(0) == heads && 1 <= table->shape(1) && table->shape(1) <= MOST), "a table is [heads, distances]");
    Bias bias;
    if (slopes) bias.slopes = slopes->data();
    if (table) bias.table = table->data(), bias.distances = static_cast<int>(table->shape(1));
    program_->attend(layer, window.value_or(0), bias);
  }

  void add_projection(const Matrix& o, std::optional<Floats> bias) {
    require(o.in == shape_.q_size() && o.out == shape_.hidden, "the projection has another shape");
    require(!is_quantised(o.kind) || o.in % BLOCK == 0, "quantised layers have a multiple of 32 inputs");
    program_->add_projection(linear(o, bias));
  }

  void add_feed_forward(Floats norm, float eps, const Matrix& gate, std::optional<Floats> gate_bias, const Matrix& up, std::optional<Floats> up_bias,
                        const Matrix& down, std::optional<Floats> down_bias) {
    require(gate.in == shape_.hidden && up.in == shape_.hidden && down.out == shape_.hidden, "a projection has another shape");
    require(gate.out == up.out && down.in == gate.out, "gate, up and down do not fit");
    program_->add_feed_forward(this->norm(norm, shape_.hidden, eps), linear(gate, gate_bias), linear(up, up_bias), linear(down, down_bias));
  }

  void exit(int depth) {
    require(depth == exits_ && depth <= layers_, "exits are added in order, one more than there are layers");
    exits_++;
    program_->exit(depth);
  }

  void logits(Floats norm, float eps, const Matrix& head) {
    require(outputs_ == 0, "there is one head");
    require(head.in == shape_.hidden, "the head has another width");
    outputs_ = head.out;
    program_->logits(this->norm(norm, shape_.hidden, eps), {&head, nullptr});
  }

  // The logits of `logit_rows`, [rows, vocabulary]; their states, if wanted, [rows, hidden].
  Logits run(Integers token_ids, Integers slots, Floats2 cos, Floats2 sin, Integers query_lengths, Integers context_lengths, Integers pages,
           const std::vector<std::optional<Flags>>& trees, Integers logit_rows, std::optional<Integers> logit_depths, std::optional<Rows> states, Pages keys, Pages values,
           int threads) {
    Batch batch{};
    batch.tokens = static_cast<int>(token_ids.size());
    batch.sequences = static_cast<int>(query_lengths.size());
    const nb::dlpack::dtype element = shape_.layout.cache == Cache::F32 ? nb::dtype<float>() : nb::dtype<uint16_t>();  // bits of bfloat16
    require(keys.dtype() == element && values.dtype() == element, "the cache holds other numbers than this program's");
    const size_t page_bytes = static_cast<size_t>(shape_.layout.page_bytes()), all_bytes = page_bytes * static_cast<size_t>(layers_);
    batch.num_pages = static_cast<int64_t>(keys.nbytes() / all_bytes), batch.page_stride = static_cast<int64_t>(all_bytes);
    require(keys.nbytes() == values.nbytes() && keys.nbytes() % all_bytes == 0, "the cache does not consist of whole pages");
    require(1 <= threads && threads <= 1024, "from 1 to 1024 threads");
    check(batch, token_ids, slots, cos, sin, query_lengths, context_lengths, pages, trees, logit_rows);
    if (logit_depths) {
      require(logit_depths->size() == logit_rows.size(), "depths are one for each row of logits");
      for (size_t i = 0; i < logit_depths->size(); i++) {
        const int64_t depth = logit_depths->data()[i];
        require((depth >= 0 ? depth : ~depth) < exits_, "the model has no exit at such a depth");
      }
      batch.logit_depths = logit_depths->data();
    }
    if (states) {
      require(states->shape(0) == logit_rows.size() && states->shape(1) == static_cast<size_t>(shape_.hidden), "states are [rows of logits, hidden]");
      batch.states = states->data();
    }
    std::vector<const uint8_t*> tree_data(trees.size());
    for (size_t i = 0; i < trees.size(); i++) tree_data[i] = trees[i] ? reinterpret_cast<const uint8_t*>(trees[i]->data()) : nullptr;
    batch.token_ids = token_ids.data(), batch.slots = slots.data(), batch.cos = cos.data(), batch.sin = sin.data();
    batch.query_lengths = query_lengths.data(), batch.context_lengths = context_lengths.data(), batch.pages = pages.data();
    batch.trees = tree_data.data(), batch.logit_rows = logit_rows.data(), batch.num_logits = static_cast<int>(logit_rows.size());
    Logits logits = logits_memory_->take(logit_rows.size(), static_cast<size_t>(outputs_));
    batch.logits = logits.data(), batch.keys = static_cast<uint8_t*>(keys.data()), batch.values = static_cast<uint8_t*>(values.data());
    {
      nb::gil_scoped_release release;
      program_->run(batch, threads);
    }
    return logits;
  }

  std::map<std::string, double> take_times() { return program_->take_times(); }

 private:
  void check_layer(int layer) const { require(0 <= layer && layer < layers_, "there is no such layer"); }

  void check(const Batch& batch, const Integers& token_ids, const Integers& slots, const Floats2& cos, const Floats2& sin, const Integers& query_lengths,
             const Integers& context_lengths, const Integers& pages, const std::vector<std::optional<Flags>>& trees, const Integers& logit_rows) const {
    const size_t tokens = token_ids.size(), sequences = query_lengths.size();
    auto within = [](const Integers& values, int64_t end) {
      for (size_t i = 0; i < values.size(); i++) if (values.data()[i] < 0 || values.data()[i] >= end) return false;
      return true;
    };
    require(within(token_ids, vocabulary_), "a token is not in the vocabulary");
    require(slots.size() == tokens && within(slots, batch.num_pages * PAGE_SIZE), "slots are one for each token, in the cache");
    for (const auto* part : {&cos, &sin}) {
      require(rotated_ == 0 || (part->shape(0) == tokens && part->shape(1) * 2 == static_cast<size_t>(rotated_)), "cos and sin are [tokens, rotated / 2]");
    }
    require(context_lengths.size() == sequences && trees.size() == sequences, "lengths and trees are one for each sequence");
    int64_t fresh = 0, needed = 0;
    for (size_t i = 0; i < sequences; i++) {
      const int64_t length = query_lengths.data()[i], context = context_lengths.data()[i];
      require(0 < length && length <= context && context <= batch.num_pages * PAGE_SIZE, "a sequence's lengths are wrong");
      require(!trees[i] || (trees[i]->shape(0) == static_cast<size_t>(length) && trees[i]->shape(1) == static_cast<size_t>(length)), "a tree is [new, new]");
      fresh += length;
      needed += (context + PAGE_SIZE - 1) / PAGE_SIZE;
    }
    require(fresh == static_cast<int64_t>(tokens), "the sequences' lengths do not add up to the tokens");
    require(pages.size() == static_cast<size_t>(needed) && within(pages, batch.num_pages), "pages are as many as the contexts need, in the cache");
    require(within(logit_rows, static_cast<int64_t>(tokens)), "a row of logits is not in the batch");
  }

  Norm norm(std::optional<Floats> weight, int width, float eps) {
    if (!weight) return {};
    require(weight->size() == static_cast<size_t>(width), "a norm has another width");
    kept_.push_back(*weight);
    return {weight->data(), eps};
  }

  Linear linear(const Matrix& weight, std::optional<Floats> bias) {
    if (!bias) return {&weight, nullptr};
    require(bias->size() == static_cast<size_t>(weight.out), "a bias has another length");
    kept_.push_back(*bias);
    return {&weight, bias->data()};
  }

  const Shape shape_;
  const int rotated_, layers_;
  int vocabulary_ = 0, outputs_ = 0, exits_ = 0;
  std::unique_ptr<Program> program_;
  std::shared_ptr<LogitsMemory> logits_memory_ = std::make_shared<LogitsMemory>();
  std::vector<Floats> kept_;
};

}  // namespace

void bind_sampling(nb::module_& m);  // sampling_module.cpp

}  // namespace ponder

NB_MODULE(_native, m) {
  using namespace ponder;
  nb::set_leak_warnings(false);  // a model that lives until Python ends is no leak
  nb::list kinds;
  for (const char* name : KIND_NAMES) kinds.append(name);
  m.attr("KINDS") = nb::tuple(kinds);
  nb::class_<Matrix>(m, "Matrix")
      .def_prop_ro("kind", [](const Matrix& self) { return KIND_NAMES[static_cast<int>(self.kind)]; })
      .def_prop_ro("shape", [](const Matrix& self) { return nb::make_tuple(self.out, self.in); })
      .def_prop_ro("nbytes", &Matrix::bytes)
      .def("read_row", [](const Matrix& self, int row, nb::ndarray<float, nb::ndim<1>, nb::c_contig, nb::device::cpu> out) {
        require(0 <= row && row < self.out && out.size() == static_cast<size_t>(self.in), "there is no such row");
        read_row(self, row, out.data());
      }, nb::arg("row"), nb::arg("out").noconvert());
  nb::class_<Arena>(m, "Arena").def(nb::init<>());
  m.def("pack", &pack_matrix, nb::arg("arena"), nb::arg("kind"), nb::arg("stored").noconvert(), nb::arg("out"), nb::arg("inputs"), nb::arg("rows").noconvert().none(), nb::arg("threads"));
  nb::class_<PyProgram>(m, "Program")
      .def(nb::init<std::optional<std::string>, int, int, int, int, int, int, std::string>(), nb::arg("isa").none(), nb::arg("hidden"), nb::arg("heads"),
           nb::arg("kv_heads"), nb::arg("head_dim"), nb::arg("rotated"), nb::arg("layers"), nb::arg("cache"))
      .def("embed", &PyProgram::embed, nb::arg("table"), nb::keep_alive<1, 2>())
      .def("project", &PyProgram::project, nb::arg("layer"), nb::arg("norm").noconvert(), nb::arg("eps"), nb::arg("q"), nb::arg("q_bias").noconvert().none(), nb::arg("k"),
           nb::arg("k_bias").noconvert().none(), nb::arg("v"), nb::arg("v_bias").noconvert().none(), nb::arg("q_norm").noconvert().none(), nb::arg("k_norm").noconvert().none(), nb::arg("rotate"),
           nb::keep_alive<1, 5>(), nb::keep_alive<1, 7>(), nb::keep_alive<1, 9>())
      .def("attend", &PyProgram::attend, nb::arg("layer"), nb::arg("window").none(), nb::arg("slopes").noconvert().none() = nb::none(), nb::arg("table").noconvert().none() = nb::none())
      .def("add_projection", &PyProgram::add_projection, nb::arg("o"), nb::arg("bias").noconvert().none(), nb::keep_alive<1, 2>())
      .def("add_feed_forward", &PyProgram::add_feed_forward, nb::arg("norm").noconvert(), nb::arg("eps"), nb::arg("gate"), nb::arg("gate_bias").noconvert().none(), nb::arg("up"),
           nb::arg("up_bias").noconvert().none(), nb::arg("down"), nb::arg("down_bias").noconvert().none(), nb::keep_alive<1, 4>(), nb::keep_alive<1, 6>(), nb::keep_alive<1, 8>())
      .def("exit", &PyProgram::exit, nb::arg("depth"))
      .def("logits", &PyProgram::logits, nb::arg("norm").noconvert(), nb::arg("eps"), nb::arg("head"), nb::keep_alive<1, 4>())
      .def("run", &PyProgram::run, nb::arg("token_ids").noconvert(), nb::arg("slots").noconvert(), nb::arg("cos").noconvert(), nb::arg("sin").noconvert(), nb::arg("query_lengths").noconvert(),
           nb::arg("context_lengths").noconvert(), nb::arg("pages").noconvert(), nb::arg("trees").noconvert(), nb::arg("logit_rows").noconvert(), nb::arg("logit_depths").noconvert().none(),
           nb::arg("states").noconvert().none(), nb::arg("keys").noconvert(), nb::arg("values").noconvert(),
           nb::arg("threads"))
      .def("take_times", &PyProgram::take_times);
  bind_sampling(m);
  m.def(
      "are_numbers",
      [](nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu> rows, int threads) {
        require(1 <= threads && threads <= 1024, "from 1 to 1024 threads");
        const std::unique_ptr<bool[]> found(new bool[rows.shape(0)]);
        {
          nb::gil_scoped_release release;
          kernels().are_numbers(rows.data(), static_cast<int>(rows.shape(0)), static_cast<int64_t>(rows.shape(1)), found.get(), threads);
        }
        nb::list answers;
        for (size_t i = 0; i < rows.shape(0); i++) answers.append(found[i]);
        return answers;
      },
      nb::arg("rows").noconvert(), nb::arg("threads"));
  m.attr("PAGE_SIZE") = PAGE_SIZE;
  nb::class_<TeamSize>(m, "TeamSize")
      .def(nb::init<>())
      .def("choose", &TeamSize::choose, nb::arg("allowed"))
      .def("note", &TeamSize::note, nb::arg("put_off"), nb::arg("seconds"));
  m.def("instruction_sets", [] {
    std::vector<std::string> names;
    for (const Kernels* table : available_kernels()) names.push_back(table->name);
    return names;
  });
  m.def("int8_peak", [](int threads, const std::string& isa) { nb::gil_scoped_release release; return kernels(isa.c_str()).int8_peak(threads); },
        nb::arg("threads"), nb::arg("isa"));
  m.def("read_bandwidth", [](int threads) { nb::gil_scoped_release release; return kernels().read_bandwidth(threads); }, nb::arg("threads"));
}
