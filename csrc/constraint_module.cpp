// The search for banned phrases as Python sees it: a module of its own, which needs neither torch nor the kernels.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <vector>

#include "ban.h"

namespace nb = nanobind;

namespace ponder {

namespace {

template <class T>
using Numbers = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void require(bool condition, const char* message) {
  if (!condition) throw std::invalid_argument(message);
}

template <class T>
std::vector<T> copied(const Numbers<T>& numbers) {
  return {numbers.data(), numbers.data() + numbers.size()};
}

nb::bytes as_bytes(const std::vector<uint32_t>& words) { return nb::bytes(words.data(), words.size() * sizeof(uint32_t)); }

// How long each string is, in a row of strings without anything between.
std::vector<int64_t> checked_lengths(const Numbers<int64_t>& given, size_t total) {
  std::vector<int64_t> lengths = copied(given);
  size_t sum = 0;
  for (const int64_t length : lengths) {
    require(length >= 0 && static_cast<size_t>(length) <= total - sum, "lengths are those of the bytes");
    sum += static_cast<size_t>(length);
  }
  require(sum == total && lengths.size() < (size_t{1} << 30), "lengths are those of the bytes");
  return lengths;
}

void make_tokens(FoldedTokens* self, const Folding& folding, nb::bytes spelled, Numbers<int64_t> lengths, Numbers<int64_t> ends) {
  const std::vector<int64_t> checked = checked_lengths(lengths, spelled.size()), last = copied(ends);
  const nb::gil_scoped_release release;
  new (self) FoldedTokens(folding, static_cast<const uint8_t*>(spelled.data()), checked, last);
}

void make_search(PhraseSearch* self, const FoldedTokens& tokens, nb::bytes phrases, Numbers<int64_t> lengths) {
  const std::vector<int64_t> checked = checked_lengths(lengths, phrases.size());
  const nb::gil_scoped_release release;
  std::vector<std::string_view> all;
  const char* at = static_cast<const char*>(phrases.data());
  for (const int64_t length : checked) {
    all.emplace_back(at, static_cast<size_t>(length));
    at += length;
  }
  new (self) PhraseSearch(tokens, all);
}

SearchState state_of(const PhraseSearch& search, int64_t number) {
  require(search.is_state(number), "this is no state");
  return SearchState::of(number);
}

int64_t follow(const PhraseSearch& search, int64_t number, const uint8_t* first, const uint8_t* last) {
  SearchState state = state_of(search, number);
  return search.read(state, first, last) ? state.number() : -1;
}

}  // namespace

}  // namespace ponder

NB_MODULE(_search, m) {
  using namespace ponder;
  nb::set_leak_warnings(false);  // an automaton that is kept until Python ends is no leak
  nb::class_<Folding>(m, "Folding")
      .def("__init__", [](Folding* self, Numbers<int32_t> points, Numbers<int32_t> starts, Numbers<int32_t> folded, Numbers<uint8_t> words) {
        new (self) Folding(copied(points), copied(starts), copied(folded), copied(words));
      }, nb::arg("points").noconvert(), nb::arg("starts").noconvert(), nb::arg("folded").noconvert(), nb::arg("words").noconvert());
  nb::class_<FoldedTokens>(m, "FoldedTokens")
      .def("__init__", &make_tokens, nb::arg("folding"), nb::arg("spelled"), nb::arg("lengths").noconvert(), nb::arg("ends").noconvert(), nb::keep_alive<1, 2>())
      .def_prop_ro("nbytes", &FoldedTokens::bytes);
  nb::class_<PhraseSearch>(m, "PhraseSearch")
      .def("__init__", &make_search, nb::arg("tokens"), nb::arg("phrases"), nb::arg("lengths").noconvert(), nb::keep_alive<1, 2>())
      .def("always", [](const PhraseSearch& self, bool word) { return as_bytes(self.always(word)); }, nb::arg("word"))
      .def("mask", [](const PhraseSearch& self, int64_t state) -> nb::object {
        nb::object made = nb::none();
        self.mask(state_of(self, state), [&] {
          made = nb::steal(PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(self.tokens().words() * sizeof(uint32_t))));
          if (!made.is_valid()) throw nb::python_error();
          return reinterpret_cast<uint32_t*>(PyBytes_AS_STRING(made.ptr()));
        });
        return made;
      }, nb::arg("state"))
      .def("step", [](const PhraseSearch& self, int64_t state, int64_t token) {
        require(0 <= token && token < self.tokens().size(), "there is no such token");
        const auto [first, last] = self.tokens().spelled(static_cast<uint32_t>(token));
        return follow(self, state, first, last);
      }, nb::arg("state"), nb::arg("token"))
      .def("follow", [](const PhraseSearch& self, int64_t state, nb::bytes text) {
        const uint8_t* first = static_cast<const uint8_t*>(text.data());
        return follow(self, state, first, first + text.size());
      }, nb::arg("state"), nb::arg("text"))
      .def("may_end", [](const PhraseSearch& self, int64_t state) { return self.may_end(state_of(self, state)); }, nb::arg("state"))
      .def_prop_ro("nbytes", &PhraseSearch::bytes);
}
