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

struct Fields {
  Field temperature{"temperature"}, dynatemp_range{"dynatemp_range"}, dynatemp_exponent{"dynatemp_exponent"};
  Field top_n_sigma{"top_n_sigma"}, top_k{"top_k"}, top_p{"top_p"}, top_p_decay{"top_p_decay"}, top_p_floor{"top_p_floor"}, min_p{"min_p"};
  Field typical_p{"typical_p"}, top_h{"top_h"}, epsilon_cutoff{"epsilon_cutoff"}, eta_cutoff{"eta_cutoff"}, top_a{"top_a"}, tfs{"tfs"};
  Field xtc_probability{"xtc_probability"}, xtc_threshold{"xtc_threshold"};
  Field mirostat{"mirostat"}, mirostat_tau{"mirostat_tau"}, mirostat_eta{"mirostat_eta"};
  Field repetition_penalty{"repetition_penalty"}, frequency_penalty{"frequency_penalty"}, presence_penalty{"presence_penalty"}, penalty_range{"penalty_range"};
  Field dry_multiplier{"dry_multiplier"}, dry_base{"dry_base"}, dry_allowed_length{"dry_allowed_length"}, dry_range{"dry_range"};
  Field no_repeat_ngram_size{"no_repeat_ngram_size"}, logit_bias{"logit_bias"}, sequence_bias{"sequence_bias"};
  Field semantics{"semantics"}, seed{"seed"}, top_logprobs{"top_logprobs"};
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

// What a semantics does otherwise than ponder. Besides, top-p or what it leaves can be rounded to float32, XTC end at a half,
// and Mirostat look at the probabilities that tokens were drawn with.
struct Semantics {
  const char* name;
  Rules rules;
  bool rounds_top_p = false, rounds_rest = false, xtc_to_half = false, drawn = false;
};
constexpr Semantics SEMANTICS[] = {
    {"ponder", {}},
    {"hf", {.top_k_ties = true, .typical_ties = true, .likeliest_ties = true, .top_h_of_hundred = true}, false, true},
    {"vllm", {.top_k_ties = true}, true, true},
    {"sglang", {.repetition_of_output = true, .top_p_at_most = true, .top_p_joint = true}},
    {"flashinfer", {.repetition_of_output = true, .top_k_ties = true, .top_p_ties = true, .top_p_joint = true}},
    {"llamacpp", {.occurrences_of_text = true, .typical_at_most = true}, false, false, true, true},
    {"exllama", {.top_p_within = true}},
};

// What a call borrows from Python, in the form the kernel takes. Lists are copied, so that nothing changes meanwhile.
class Call {
 public:
  Call(const Fields& fields, nb::handle requests) : fields_(fields) {
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
                                   token.kept_mass, best));
    }
    return result;
  }

 private:
  static constexpr const char* NOT_ALLOWED = "a sampling parameter has a value that is not allowed";

  struct Breakers {
    nb::object owner;
    std::unique_ptr<bool[]> flags;
  };
  struct Mask {
    nb::object owner;
    Words words;
  };

  // Mirostat's parameters and those of a decaying top-p, which become one number for each row.
  struct Changing {
    double tau, eta, decay, floor, top_p;
  };

  void add(const Rows& logits, const Sequence& rows, nb::handle params, const Sequence& order) {
    require(logits.shape(0) == rows.size(), "there are not as many rows as rows of logits");
    if (rows.size() == 0) return;
    require(logits.shape(1) >= 1 && logits.shape(1) < (size_t{1} << 30), "the vocabulary is too large, or empty");
    require(logits.stride(1) == 1 || logits.shape(1) == 1, "a row of logits lies in one piece");
    require(vocabulary_ == 0 || vocabulary_ == static_cast<int>(logits.shape(1)), "requests have one vocabulary");
    vocabulary_ = static_cast<int>(logits.shape(1));
    const Semantics& semantics = known_semantics(params);
    const Changing changing{fields_.mirostat_tau.number(params), fields_.mirostat_eta.number(params), fields_.top_p_decay.number(params),
                            fields_.top_p_floor.number(params), fields_.top_p.number(params)};
    require(changing.top_p > 0 && changing.floor >= 0 && changing.decay > 0, NOT_ALLOWED);
    SamplingSettings& settings = settings_.emplace_back(read_settings(params, semantics.rules, order));
    double top_p = changing.top_p;
    if (semantics.rounds_top_p) top_p = static_cast<double>(static_cast<float>(top_p));
    if (semantics.rounds_rest) top_p = 1 - static_cast<double>(static_cast<float>(1 - top_p));
    if (semantics.xtc_to_half && settings.xtc_threshold > 0.5) settings.xtc_probability = 0;
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
      if (settings.reads_text()) {
        made.output = read_tokens(output);
        made.prompt = read_prompt(fields_.prompt.of(row));
      }
      if (settings.dry_multiplier != 0) made.breakers = read_breakers(fields_.breakers.of(row));
      made.forbidden = read_tokens(fields_.forbidden.of(row));
      made.top_p = top_p;
      if (changing.decay != 1) {
        constexpr double least = std::numeric_limits<double>::min();  // else nothing would be kept in the end
        made.top_p = std::max({changing.floor, changing.top_p * std::pow(changing.decay, fields_.sentence.number(row)), least});
      }
      if (settings.mirostat) made.ceiling = ceiling(fields_.traces.of(row), semantics.drawn ? fields_.truncated_logprob : fields_.tempered_logprob, changing);
      const nb::object allowed = fields_.allowed.of(row);
      if (!allowed.is_none()) {
        const Words& words = read_mask(allowed);
        made.allowed = reinterpret_cast<const uint32_t*>(words.data());
        made.allowed_words = static_cast<int64_t>(words.size());
      }
    }
  }

  SamplingSettings read_settings(nb::handle params, const Rules& rules, const Sequence& order) {
    SamplingSettings set{};
    set.rules = rules;
    set.temperature = fields_.temperature.number(params);
    set.dynatemp_range = fields_.dynatemp_range.number(params);
    set.dynatemp_exponent = fields_.dynatemp_exponent.number(params);
    set.top_n_sigma = fields_.top_n_sigma.number(params);
    set.top_k = fields_.top_k.whole(params);
    set.min_p = fields_.min_p.number(params);
    set.typical_p = fields_.typical_p.number(params);
    set.top_h = fields_.top_h.number(params);
    set.epsilon_cutoff = fields_.epsilon_cutoff.number(params);
    set.eta_cutoff = fields_.eta_cutoff.number(params);
    set.top_a = fields_.top_a.number(params);
    set.tfs = fields_.tfs.number(params);
    set.xtc_probability = fields_.xtc_probability.number(params);
    set.xtc_threshold = fields_.xtc_threshold.number(params);
    const int64_t mirostat = fields_.mirostat.whole(params), alternatives = fields_.top_logprobs.whole(params);
    set.repetition_penalty = fields_.repetition_penalty.number(params);
    set.frequency_penalty = fields_.frequency_penalty.number(params);
    set.presence_penalty = fields_.presence_penalty.number(params);
    set.penalty_range = fields_.penalty_range.whole(params);
    set.dry_multiplier = fields_.dry_multiplier.number(params);
    set.dry_base = fields_.dry_base.number(params);
    set.dry_allowed_length = fields_.dry_allowed_length.whole(params);
    set.dry_range = fields_.dry_range.whole(params);
    set.no_repeat_ngram_size = fields_.no_repeat_ngram_size.whole(params);
    set.seed = PyLong_AsUnsignedLongLongMask(fields_.seed.of(params).ptr());
    if (PyErr_Occurred()) throw nb::python_error();
    const auto share = [](double x) { return x >= 0 && x <= 1; };
    require(set.temperature >= 0 && set.dynatemp_range >= 0 && set.dynatemp_exponent > 0 && set.top_n_sigma >= 0 && set.top_k >= 0 && share(set.min_p) &&
                share(set.typical_p) && set.typical_p > 0 && share(set.top_h) && set.top_h > 0 && share(set.epsilon_cutoff) && share(set.eta_cutoff) &&
                share(set.top_a) && share(set.tfs) && share(set.xtc_probability) && share(set.xtc_threshold) && 0 <= mirostat && mirostat <= 2 &&
                alternatives >= 0 && set.repetition_penalty > 0 && set.penalty_range >= 0 && set.dry_multiplier >= 0 && set.dry_base >= 1 &&
                set.dry_allowed_length >= 1 && set.dry_range >= 0 && set.no_repeat_ngram_size >= 0,
            NOT_ALLOWED);
    if (set.min_p != 0 && set.rules.top_p_ties) set.rules.top_p_joint = false;  // FlashInfer
    set.mirostat = static_cast<int>(mirostat);
    set.alternatives = static_cast<int>(std::min<int64_t>(alternatives, vocabulary_));
    set.biases = read_biases(fields_.logit_bias.of(params));
    set.sequences = read_sequences(fields_.sequence_bias.of(params));
    const bool nucleus = fields_.top_p.number(params) != 1;
    bool tempered = false;
    for (size_t i = 0; i < order.size(); i++) {
      const Step step = read_step(order[i]);
      if (step == Step::TEMPERATURE) {
        require(!tempered, "a step is there twice");
        tempered = true;
      } else if (step < Step::TEMPERATURE) {
        if (!is_on(step, set, nucleus)) continue;
        require(!tempered && set.early.empty(), "penalties and biases come before all else");
        set.changes.push_back(step);
      } else if (is_on(step, set, nucleus)) {
        (tempered ? set.late : set.early).push_back(step);
      }
    }
    require(tempered, "the temperature is one of the steps");
    return set;
  }

  static bool is_on(Step step, const SamplingSettings& set, bool nucleus) {
    switch (step) {
      case Step::REPETITION_PENALTY: return set.repetition_penalty != 1;
      case Step::OCCURRENCE_PENALTIES: return set.frequency_penalty != 0 || set.presence_penalty != 0;
      case Step::DRY: return set.dry_multiplier != 0;
      case Step::NO_REPEAT_NGRAM: return set.no_repeat_ngram_size != 0;
      case Step::SEQUENCE_BIAS: return !set.sequences.empty();
      case Step::LOGIT_BIAS: return !set.biases.empty();
      case Step::TEMPERATURE: return true;
      case Step::TOP_N_SIGMA: return set.top_n_sigma != 0;
      case Step::TOP_K: return set.top_k != 0;
      case Step::TOP_P: return nucleus;
      case Step::MIN_P: return set.min_p != 0;
      case Step::TYPICAL: return set.typical_p != 1;
      case Step::TOP_H: return set.top_h != 1;
      case Step::EPSILON: return set.epsilon_cutoff != 0;
      case Step::ETA: return set.eta_cutoff != 0;
      case Step::TOP_A: return set.top_a != 0;
      case Step::TAIL_FREE: return set.tfs != 1;
      case Step::XTC: return set.xtc_probability != 0;
      case Step::MIROSTAT: return set.mirostat != 0;
    }
    return false;
  }

  const Semantics& known_semantics(nb::handle params) const {
    const nb::object name = fields_.semantics.of(params);
    if (PyUnicode_Check(name.ptr())) {
      for (const Semantics& known : SEMANTICS) if (PyUnicode_CompareWithASCIIString(name.ptr(), known.name) == 0) return known;
    }
    throw std::invalid_argument("there is no such semantics");
  }

  static Step read_step(nb::handle name) {
    // Names are constants nearly always: then they are the same objects.
    static const std::vector<PyObject*>* names = [] {
      auto* made = new std::vector<PyObject*>;
      for (const char* known : STEP_NAMES) made->push_back(PyUnicode_InternFromString(known));
      return made;
    }();
    size_t at = 0;
    while (at < names->size() && (*names)[at] != name.ptr()) at++;
    if (at == names->size() && PyUnicode_Check(name.ptr())) {
      for (at = 0; at < names->size() && PyUnicode_Compare((*names)[at], name.ptr()) != 0;) at++;
    }
    require(at < names->size(), "there is no such step");
    return static_cast<Step>(at);
  }

  // `mirostat.ceiling`.
  static double ceiling(const nb::object& traces, const Field& logprob, const Changing& changing) {
    const double bits = 1 / std::log(2.0);
    double mu = 2 * changing.tau;
    const Sequence all(traces);
    for (size_t i = 0; i < all.size(); i++) mu -= changing.eta * (-logprob.number(all[i]) * bits - changing.tau);
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
