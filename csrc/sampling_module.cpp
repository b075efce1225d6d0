// Sampling as Python sees it.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels.h"

namespace nb = nanobind;

namespace ponder {

namespace {

using Rows = nb::ndarray<const float, nb::ndim<2>, nb::device::cpu>;
using Words = nb::ndarray<const int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

// Never a converted copy.
template <class Array>
Array array(nb::handle object, const char* what) {
  try {
    return nb::cast<Array>(object, false);
  } catch (const nb::cast_error&) {
    throw nb::type_error(what);
  }
}

// An attribute; its name is made once.
class Field {
 public:
  explicit Field(const char* name) : name_(PyUnicode_InternFromString(name)) {}
  nb::object of(nb::handle object) const {
    PyObject* value = PyObject_GetAttr(object.ptr(), name_);
    if (!value) throw nb::python_error();
    return nb::steal(value);
  }
  double number(nb::handle object) const {
    const double value = PyFloat_AsDouble(of(object).ptr());
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    return value;
  }

 private:
  PyObject* name_;
};

struct Fields {
  Field temperature{"temperature"}, top_k{"top_k"}, top_p{"top_p"}, min_p{"min_p"}, seed{"seed"}, top_logprobs{"top_logprobs"};
  Field repetition_penalty{"repetition_penalty"}, frequency_penalty{"frequency_penalty"}, presence_penalty{"presence_penalty"};
  Field logit_bias{"logit_bias"};
  Field sample_index{"sample_index"}, prompt{"prompt"}, output{"output"}, forbidden{"forbidden"}, allowed{"allowed"};
};

class Sequence {
 public:
  explicit Sequence(nb::handle object) : fast_(nb::steal(PySequence_Fast(object.ptr(), "a list or a tuple is expected"))) {
    if (!fast_.is_valid()) throw nb::python_error();
  }
  size_t size() const { return static_cast<size_t>(PySequence_Fast_GET_SIZE(fast_.ptr())); }
  nb::handle operator[](size_t i) const { return PySequence_Fast_GET_ITEM(fast_.ptr(), static_cast<Py_ssize_t>(i)); }

 private:
  nb::object fast_;
};

// What a call borrows from Python, in the form the kernel takes. Lists are copied, so that nothing changes meanwhile.
class Call {
 public:
  Call(const Fields& fields, nb::handle requests) : fields_(fields) {
    const Sequence all(requests);
    for (size_t i = 0; i < all.size(); i++) {
      const Sequence request(all[i]);
      require(request.size() == 3, "a request is (logits, rows, params)");
      logits_.push_back(array<Rows>(request[0], "logits are [R, V] float32 on the CPU"));
      add(logits_.back(), Sequence(request[1]), request[2]);
    }
    tokens_.resize(rows_.size());
    size_t wanted = 0;
    for (const SamplingRow& row : rows_) wanted += static_cast<size_t>(alternatives_of(row));
    alternatives_.resize(wanted);
    Alternative* next = alternatives_.data();
    for (const SamplingRow& row : rows_) {
      best_.push_back(next);
      next += alternatives_of(row);
    }
  }

  void run(const Kernels& kernels, int threads) {
    if (rows_.empty()) return;
    const SamplingBatch batch{rows_, vocabulary_, tokens_.data(), best_.data()};
    nb::gil_scoped_release release;
    kernels.sample(batch, threads);
  }

  nb::list traces() const {
    nb::list result;
    for (size_t i = 0; i < rows_.size(); i++) {
      const SampledToken& token = tokens_[i];
      if (token.token < 0) {
        result.append(nb::none());
        continue;
      }
      nb::object best = nb::steal(PyTuple_New(alternatives_of(rows_[i])));
      for (int j = 0; j < alternatives_of(rows_[i]); j++) {
        PyTuple_SET_ITEM(best.ptr(), j, nb::make_tuple(best_[i][j].token, best_[i][j].logprob).release().ptr());
      }
      result.append(nb::make_tuple(token.token, token.logprob, token.tempered_logprob, token.truncated_logprob, token.entropy, token.rank, token.kept,
                                   token.kept_mass, best));
    }
    return result;
  }

 private:
  struct Mask {
    nb::object owner;
    Words words;
  };

  void add(const Rows& logits, const Sequence& rows, nb::handle params) {
    require(logits.shape(0) == rows.size(), "there are not as many rows as rows of logits");
    if (rows.size() == 0) return;
    require(logits.shape(1) >= 1 && logits.shape(1) < (size_t{1} << 30), "the vocabulary is too large, or empty");
    require(logits.stride(1) == 1 || logits.shape(1) == 1, "a row of logits lies in one piece");
    require(vocabulary_ == 0 || vocabulary_ == static_cast<int>(logits.shape(1)), "requests have one vocabulary");
    vocabulary_ = static_cast<int>(logits.shape(1));
    settings_.push_back(read_settings(params));
    const SamplingSettings& settings = settings_.back();
    const std::span<const TokenBias> biases = read_biases(fields_.logit_bias.of(params));
    for (size_t i = 0; i < rows.size(); i++) {
      const nb::handle row = rows[i];
      const nb::object output = fields_.output.of(row);
      SamplingRow& made = rows_.emplace_back();
      made.logits = logits.data() + static_cast<int64_t>(i) * logits.stride(0);
      made.settings = &settings;
      made.sample_index = static_cast<uint32_t>(PyLong_AsUnsignedLongMask(fields_.sample_index.of(row).ptr()));
      const Py_ssize_t position = PyObject_Size(output.ptr());
      if (PyErr_Occurred()) throw nb::python_error();
      made.position = static_cast<uint32_t>(position);
      if (settings.needs_output()) made.output = read_tokens(output);
      if (settings.repetition_penalty != 1) made.prompt = read_prompt(fields_.prompt.of(row));
      made.forbidden = read_tokens(fields_.forbidden.of(row));
      made.biases = biases;
      const nb::object allowed = fields_.allowed.of(row);
      if (!allowed.is_none()) {
        const Words& words = read_mask(allowed);
        made.allowed = reinterpret_cast<const uint32_t*>(words.data());
        made.allowed_words = static_cast<int64_t>(words.size());
      }
    }
  }

  SamplingSettings read_settings(nb::handle params) const {
    SamplingSettings settings{};
    settings.temperature = fields_.temperature.number(params);
    settings.top_p = fields_.top_p.number(params);
    settings.min_p = fields_.min_p.number(params);
    settings.repetition_penalty = fields_.repetition_penalty.number(params);
    settings.frequency_penalty = fields_.frequency_penalty.number(params);
    settings.presence_penalty = fields_.presence_penalty.number(params);
    int overflow = 0;
    const long long top_k = PyLong_AsLongLongAndOverflow(fields_.top_k.of(params).ptr(), &overflow);
    settings.top_k = overflow ? std::numeric_limits<int64_t>::max() : top_k;
    settings.seed = PyLong_AsUnsignedLongLongMask(fields_.seed.of(params).ptr());
    settings.alternatives = static_cast<int>(PyLong_AsLong(fields_.top_logprobs.of(params).ptr()));
    if (PyErr_Occurred()) throw nb::python_error();
    require(settings.temperature >= 0 && settings.top_k >= 0 && settings.top_p > 0 && settings.min_p >= 0 && settings.min_p <= 1 &&
                settings.repetition_penalty > 0 && settings.alternatives >= 0,
            "a sampling parameter has a value that is not allowed");
    return settings;
  }

  int32_t read_token(nb::handle token) const {
    const long value = PyLong_AsLong(token.ptr());
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    require(0 <= value && value < vocabulary_, "a token is not in the vocabulary");
    return static_cast<int32_t>(value);
  }

  std::span<const int32_t> read_tokens(nb::handle object) {
    const Sequence tokens(object);
    if (tokens.size() == 0) return {};
    std::vector<int32_t>& kept = lists_.emplace_back(tokens.size());
    for (size_t i = 0; i < tokens.size(); i++) kept[i] = read_token(tokens[i]);
    return kept;
  }

  // The samples of a request have one prompt: it is read once.
  std::span<const int32_t> read_prompt(nb::object prompt) {
    if (!prompt.is(prompt_)) {
      prompt_tokens_ = read_tokens(prompt);
      prompt_ = std::move(prompt);
    }
    return prompt_tokens_;
  }

  std::span<const TokenBias> read_biases(nb::object bias) {
    constexpr double forbidding = -100, largest = std::numeric_limits<float>::max();
    if (!PyDict_CheckExact(bias.ptr())) bias = nb::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyDict_Type), bias.ptr()));
    if (!bias.is_valid()) throw nb::python_error();
    if (PyDict_Size(bias.ptr()) == 0) return {};
    std::vector<TokenBias>& kept = biases_.emplace_back();
    Py_ssize_t at = 0;
    for (PyObject *token, *value; PyDict_Next(bias.ptr(), &at, &token, &value);) {
      const double added = PyFloat_AsDouble(value);
      if (added == -1 && PyErr_Occurred()) throw nb::python_error();
      kept.push_back({read_token(token), added <= forbidding ? -std::numeric_limits<float>::infinity() : static_cast<float>(std::min(added, largest))});
    }
    return kept;
  }

  // Rows in one state of a constraint have one mask.
  const Words& read_mask(const nb::object& mask) {
    const auto found = masks_.find(mask.ptr());
    if (found != masks_.end()) return found->second.words;
    return masks_.emplace(mask.ptr(), Mask{mask, array<Words>(mask, "a mask is [W] int32 on the CPU, in one piece")}).first->second.words;
  }

  int alternatives_of(const SamplingRow& row) const { return std::min(row.settings->alternatives, vocabulary_); }

  const Fields& fields_;
  int vocabulary_ = 0;
  std::vector<Rows> logits_;
  std::deque<SamplingSettings> settings_;
  std::deque<std::vector<int32_t>> lists_;
  std::deque<std::vector<TokenBias>> biases_;
  std::unordered_map<PyObject*, Mask> masks_;
  nb::object prompt_;
  std::span<const int32_t> prompt_tokens_;
  std::vector<SamplingRow> rows_;
  std::vector<SampledToken> tokens_;
  std::vector<Alternative> alternatives_;
  std::vector<Alternative*> best_;
};

}  // namespace

void bind_sampling(nb::module_& m) {
  static const Fields* fields = new Fields;
  m.def(
      "sample",
      [](nb::handle requests, int threads, std::optional<std::string> isa) {
        require(threads >= 1, "at least one thread");
        Call call(*fields, requests);
        call.run(kernels(isa ? isa->c_str() : nullptr), threads);
        return call.traces();
      },
      nb::arg("requests"), nb::arg("threads"), nb::arg("isa") = nb::none());
  m.def("uniform", &uniform, nb::arg("seed"), nb::arg("sample_index"), nb::arg("position"));
}

}  // namespace ponder
