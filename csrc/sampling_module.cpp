// Sampling as Python sees it.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
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
  // A whole number; what is too large becomes the largest.
  int64_t whole(nb::handle object) const {
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(of(object).ptr(), &overflow);
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    return overflow > 0 ? std::numeric_limits<int64_t>::max() : overflow < 0 ? std::numeric_limits<int64_t>::min() : value;
  }
  double number(nb::handle object) const {
    const double value = PyFloat_AsDouble(of(object).ptr());
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    return value;
  }

 private:
  PyObject* name_;
};

// A step, and as Python objects its name and its parameters'.
struct KnownStep {
  PyObject* name;
  std::vector<std::pair<Parameter, Field>> parameters;
};

struct Steps {
  const std::vector<KnownStep> all = [] {
    std::vector<KnownStep> all;
    for (const Step& step : kernels().steps) {
      KnownStep& known = all.emplace_back();
      known.name = PyUnicode_InternFromString(step.name);
      for (const Parameter& parameter : step.parameters) if (parameter.name) known.parameters.emplace_back(parameter, Field(parameter.name));
    }
    return all;
  }();
  // Those that are more than a rule and its numbers; `Call` knows them.
  const size_t dry = find(nb::str("dry")), sequence_bias = find(nb::str("sequence_bias")), logit_bias = find(nb::str("logit_bias"));
  const size_t temperature = find(nb::str("temperature")), top_p = find(nb::str("top_p")), min_p = find(nb::str("min_p")), mirostat = find(nb::str("mirostat"));

  size_t find(nb::handle name) const {
    // Names are constants nearly always: then they are the same objects.
    for (size_t at = 0; at < all.size(); at++) if (all[at].name == name.ptr()) return at;
    if (PyUnicode_Check(name.ptr())) {
      for (size_t at = 0; at < all.size(); at++) if (PyUnicode_Compare(all[at].name, name.ptr()) == 0) return at;
    }
    throw std::invalid_argument("there is no such step");
  }
};

struct Fields {
  Steps steps;
  Field logit_bias{"logit_bias"}, sequence_bias{"sequence_bias"}, semantics{"semantics"}, seed{"seed"}, top_logprobs{"top_logprobs"};
  Field stream{"stream"}, forced{"forced"}, prompt{"prompt"}, output{"output"}, forbidden{"forbidden"}, allowed{"allowed"};
  Field traces{"traces"}, sentence{"sentence"}, breakers{"breakers"}, tempered_logprob{"tempered_logprob"}, truncated_logprob{"truncated_logprob"};
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

// What a semantics does otherwise than ponder. Besides, top-p or what it leaves can be rounded to float32, and Mirostat look at
// the probabilities that tokens were drawn with.
struct Semantics {
  const char* name;
  Rules rules;
  bool rounds_top_p = false, rounds_rest = false, drawn = false;
};
constexpr Semantics SEMANTICS[] = {
    {"ponder", {}},
    {"hf", {.top_k_ties = true, .typical_ties = true, .likeliest_ties = true, .top_h_of_hundred = true}, false, true},
    {"vllm", {.top_k_ties = true}, true, true},
    {"sglang", {.repetition_of_output = true, .top_p_at_most = true, .top_p_joint = true}},
    {"flashinfer", {.repetition_of_output = true, .top_k_ties = true, .top_p_ties = true, .top_p_joint = true}},
    {"llamacpp", {.occurrences_of_text = true, .typical_at_most = true, .xtc_to_half = true}, false, false, true},
    {"exllama", {.top_p_within = true}},
};

// What a call borrows from Python, in the form the kernel takes. Lists are copied, so that nothing changes meanwhile.
class Call {
 public:
  Call(const Fields& fields, nb::handle requests) : fields_(fields), steps_(fields.steps), read_(steps_.all.size()) {
    const Sequence all(requests);
    for (size_t i = 0; i < all.size(); i++) {
      const Sequence request(all[i]);
      require(request.size() == 4, "a request is (logits, rows, params, order)");
      logits_.push_back(array<Rows>(request[0], "logits are [R, V] float32 on the CPU"));
      add(logits_.back(), Sequence(request[1]), request[2], Sequence(request[3]));
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
      int named = 0;  // fewer than are asked for where fewer tokens have a probability
      while (named < alternatives_of(rows_[i]) && best_[i][named].token >= 0) named++;
      nb::object best = nb::steal(PyTuple_New(named));
      for (int j = 0; j < named; j++) {
        PyTuple_SET_ITEM(best.ptr(), j, nb::make_tuple(best_[i][j].token, best_[i][j].logprob).release().ptr());
      }
      result.append(nb::make_tuple(token.token, token.logprob, token.tempered_logprob, token.truncated_logprob, token.entropy, token.rank, token.kept,
                                   token.kept_mass, token.allowed_mass, best));
    }
    return result;
  }

 private:
  struct Breakers {
    nb::object owner;
    std::unique_ptr<bool[]> flags;
  };
  struct Mask {
    nb::object owner;
    Words words;
  };

  // A step's parameters, and whether the step is on.
  struct ReadStep {
    double values[MOST_PARAMETERS];
    bool on;
  };

  void add(const Rows& logits, const Sequence& rows, nb::handle params, const Sequence& order) {
    require(logits.shape(0) == rows.size(), "there are not as many rows as rows of logits");
    if (rows.size() == 0) return;
    require(logits.shape(1) >= 1 && logits.shape(1) < (size_t{1} << 30), "the vocabulary is too large, or empty");
    require(logits.stride(1) == 1 || logits.shape(1) == 1, "a row of logits lies in one piece");
    require(vocabulary_ == 0 || vocabulary_ == static_cast<int>(logits.shape(1)), "requests have one vocabulary");
    vocabulary_ = static_cast<int>(logits.shape(1));
    const Semantics& semantics = known_semantics(params);
    read_steps(params);
    const SamplingSettings& settings = settings_.emplace_back(read_settings(params, semantics.rules, order));
    const double* nucleus = read_[steps_.top_p].values;
    const double given_top_p = nucleus[0], top_p_decay = nucleus[1], top_p_floor = nucleus[2];
    double top_p = given_top_p;
    if (semantics.rounds_top_p) top_p = static_cast<double>(static_cast<float>(top_p));
    if (semantics.rounds_rest) top_p = 1 - static_cast<double>(static_cast<float>(1 - top_p));
    for (size_t i = 0; i < rows.size(); i++) {
      const nb::handle row = rows[i];
      const nb::object output = fields_.output.of(row);
      SamplingRow& made = rows_.emplace_back();
      made.logits = logits.data() + static_cast<int64_t>(i) * logits.stride(0);
      made.settings = &settings;
      made.stream = PyLong_AsUnsignedLongLongMask(fields_.stream.of(row).ptr());
      if (PyErr_Occurred()) throw nb::python_error();
      const nb::object forced = fields_.forced.of(row);
      made.forced = forced.is_none() ? -1 : read_token(forced);
      const Py_ssize_t position = PyObject_Size(output.ptr());
      if (PyErr_Occurred()) throw nb::python_error();
      made.position = static_cast<uint32_t>(position);
      if (settings.reads_text) {
        made.output = read_tokens(output);
        made.prompt = read_prompt(fields_.prompt.of(row));
      }
      if (read_[steps_.dry].on) made.breakers = read_breakers(fields_.breakers.of(row));
      made.forbidden = read_tokens(fields_.forbidden.of(row));
      made.top_p = top_p;
      if (top_p_decay != 1) {
        constexpr double least = std::numeric_limits<double>::min();  // else nothing would be kept in the end
        made.top_p = std::max({top_p_floor, given_top_p * std::pow(top_p_decay, fields_.sentence.number(row)), least});
      }
      if (read_[steps_.mirostat].on) made.ceiling = ceiling(fields_.traces.of(row), semantics.drawn ? fields_.truncated_logprob : fields_.tempered_logprob);
      const nb::object allowed = fields_.allowed.of(row);
      if (!allowed.is_none()) {
        const Words& words = read_mask(allowed);
        made.allowed = reinterpret_cast<const uint32_t*>(words.data());
        made.allowed_words = static_cast<int64_t>(words.size());
      }
    }
  }

  // Also those that the request's order leaves out.
  void read_steps(nb::handle params) {
    for (size_t i = 0; i < steps_.all.size(); i++) {
      ReadStep& read = read_[i];
      read.on = false;
      double* to = read.values;
      for (const auto& [parameter, field] : steps_.all[i].parameters) {
        const double value = parameter.whole ? static_cast<double>(field.whole(params)) : field.number(params);
        if (!(parameter.range.least <= value && value <= parameter.range.most)) not_allowed(parameter.name);
        read.on |= parameter.off && value != *parameter.off;
        *to++ = value;
      }
    }
  }

  [[noreturn]] static void not_allowed(const char* parameter) { throw std::invalid_argument(std::string(parameter) + " has a value that is not allowed"); }

  SamplingSettings read_settings(nb::handle params, const Rules& rules, const Sequence& order) {
    SamplingSettings set{};
    set.rules = rules;
    if (read_[steps_.min_p].on && rules.top_p_ties) set.rules.top_p_joint = false;  // FlashInfer
    const double* temperature = read_[steps_.temperature].values;
    set.temperature = temperature[0], set.dynatemp_range = temperature[1], set.dynatemp_exponent = temperature[2];
    set.seed = PyLong_AsUnsignedLongLongMask(fields_.seed.of(params).ptr());
    if (PyErr_Occurred()) throw nb::python_error();
    const int64_t alternatives = fields_.top_logprobs.whole(params);
    if (alternatives < 0) not_allowed("top_logprobs");
    set.alternatives = static_cast<int>(std::min<int64_t>(alternatives, vocabulary_));
    set.biases = read_biases(fields_.logit_bias.of(params));
    set.sequences = read_sequences(fields_.sequence_bias.of(params));
    read_[steps_.logit_bias].on = !set.biases.empty();
    read_[steps_.sequence_bias].on = !set.sequences.empty();
    bool tempered = false;
    for (size_t i = 0; i < order.size(); i++) {
      const size_t step = steps_.find(order[i]);
      if (step == steps_.temperature) {
        require(!tempered, "a step is there twice");
        tempered = true;
        continue;
      }
      if (!read_[step].on) continue;
      std::vector<ActiveStep>& steps = step < steps_.temperature ? set.changes : tempered ? set.late : set.early;
      require(&steps != &set.changes || (!tempered && set.early.empty()), "penalties and biases come before all else");
      ActiveStep& active = steps.emplace_back();
      active.step = step;
      std::copy_n(read_[step].values, MOST_PARAMETERS, active.values);
    }
    require(tempered, "the temperature is one of the steps");
    set.reads_text = std::any_of(set.changes.begin(), set.changes.end(), [&](const ActiveStep& active) { return active.step != steps_.logit_bias; });
    return set;
  }

  const Semantics& known_semantics(nb::handle params) const {
    const nb::object name = fields_.semantics.of(params);
    if (PyUnicode_Check(name.ptr())) {
      for (const Semantics& known : SEMANTICS) if (PyUnicode_CompareWithASCIIString(name.ptr(), known.name) == 0) return known;
    }
    throw std::invalid_argument("there is no such semantics");
  }

  // `mirostat.ceiling`.
  double ceiling(const nb::object& traces, const Field& logprob) const {
    const double mirostat_tau = read_[steps_.mirostat].values[1], mirostat_eta = read_[steps_.mirostat].values[2], bits = 1 / std::log(2.0);
    double mu = 2 * mirostat_tau;
    const Sequence all(traces);
    for (size_t i = 0; i < all.size(); i++) mu -= mirostat_eta * (-logprob.number(all[i]) * bits - mirostat_tau);
    return mu;
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
    bias = as_dict(std::move(bias));
    if (PyDict_Size(bias.ptr()) == 0) return {};
    std::vector<TokenBias>& kept = biases_.emplace_back();
    Py_ssize_t at = 0;
    for (PyObject *token, *value; PyDict_Next(bias.ptr(), &at, &token, &value);) kept.push_back(read_bias(token, value));
    return kept;
  }

  TokenBias read_bias(nb::handle token, nb::handle value) const {
    constexpr double forbidding = -100, largest = std::numeric_limits<float>::max();
    const double added = PyFloat_AsDouble(value.ptr());
    if (added == -1 && PyErr_Occurred()) throw nb::python_error();
    return {read_token(token), added <= forbidding ? -std::numeric_limits<float>::infinity() : static_cast<float>(std::min(added, largest))};
  }

  std::span<const SequenceBias> read_sequences(nb::object bias) {
    bias = as_dict(std::move(bias));
    if (PyDict_Size(bias.ptr()) == 0) return {};
    std::vector<SequenceBias>& kept = sequences_.emplace_back();
    Py_ssize_t at = 0;
    for (PyObject *tokens, *value; PyDict_Next(bias.ptr(), &at, &tokens, &value);) {
      const std::span<const int32_t> all = read_tokens(tokens);
      require(!all.empty(), "a sequence has tokens");
      TokenBias last = read_bias(Sequence(tokens)[all.size() - 1], value);
      kept.push_back({all.first(all.size() - 1), last});
    }
    return kept;
  }

  static nb::object as_dict(nb::object object) {
    if (PyDict_CheckExact(object.ptr())) return object;
    object = nb::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&PyDict_Type), object.ptr()));
    if (!object.is_valid()) throw nb::python_error();
    return object;
  }

  // A flag for each token. The rows of a request have one set, as a rule. What is beyond the vocabulary cannot come.
  const bool* read_breakers(const nb::object& set) {
    const auto [found, made] = breakers_.try_emplace(set.ptr());
    if (made) {
      found->second.owner = set;
      found->second.flags = std::make_unique<bool[]>(static_cast<size_t>(vocabulary_));
      const nb::object tokens = nb::steal(PySequence_List(set.ptr()));
      if (!tokens.is_valid()) throw nb::python_error();
      const Sequence all(tokens);
      for (size_t i = 0; i < all.size(); i++) {
        const long token = PyLong_AsLong(all[i].ptr());
        if (token == -1 && PyErr_Occurred()) throw nb::python_error();
        if (0 <= token && token < vocabulary_) found->second.flags[static_cast<size_t>(token)] = true;
      }
    }
    return found->second.flags.get();
  }

  // Rows in one state of a constraint have one mask.
  const Words& read_mask(const nb::object& mask) {
    const auto found = masks_.find(mask.ptr());
    if (found != masks_.end()) return found->second.words;
    return masks_.emplace(mask.ptr(), Mask{mask, array<Words>(mask, "a mask is [W] int32 on the CPU, in one piece")}).first->second.words;
  }

  int alternatives_of(const SamplingRow& row) const { return std::min(row.settings->alternatives, vocabulary_); }

  const Fields& fields_;
  const Steps& steps_;
  std::vector<ReadStep> read_;  // of the request that is being read
  int vocabulary_ = 0;
  std::vector<Rows> logits_;
  std::deque<SamplingSettings> settings_;
  std::deque<std::vector<int32_t>> lists_;
  std::deque<std::vector<TokenBias>> biases_;
  std::deque<std::vector<SequenceBias>> sequences_;
  std::unordered_map<PyObject*, Breakers> breakers_;
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
  m.def("uniform", &uniform, nb::arg("seed"), nb::arg("stream"), nb::arg("position"), nb::arg("purpose"));
}

}  // namespace ponder
