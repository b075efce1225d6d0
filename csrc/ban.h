// Finds banned phrases in the bytes of tokens: an Aho-Corasick automaton (CACM 18(6), 1975) over folded text.
//
// Text is folded before it is searched: each code point becomes some others, or none. Where whole words are asked for, folded
// text has EDGE between a word character and anything else, so that a whole word is a string like others. BROKEN stands for
// bytes that are no character. A phrase has neither BROKEN nor half a character.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ponder {

constexpr uint8_t EDGE = 0xFE, BROKEN = 0xFF;

// What code points become, and which are parts of words.
class Folding {
 public:
  // points are sorted; points[i] becomes folded[starts[i]] .. folded[starts[i + 1] - 1]; others stay as they are. words has a bit
  // for each code point; none: words do not matter.
  Folding(std::vector<int32_t> points, std::vector<int32_t> starts, std::vector<int32_t> folded, std::vector<uint8_t> words)
      : points_(std::move(points)), starts_(std::move(starts)), folded_(std::move(folded)), words_(std::move(words)) {
    if (starts_.size() != points_.size() + 1 || starts_.front() != 0 || starts_.back() != static_cast<int32_t>(folded_.size()) ||
        !std::is_sorted(starts_.begin(), starts_.end()) || !std::is_sorted(points_.begin(), points_.end())) {
      throw std::invalid_argument("points are sorted and each has a range of folded");
    }
    for (const int32_t point : folded_) if (point < 0 || point > 0x10FFFF) throw std::invalid_argument("there is no such code point");
    for (size_t i = 0; i < ascii_.size(); i++) ascii_[i] = find(static_cast<int32_t>(i));
  }

  bool marks_edges() const { return !words_.empty(); }
  bool is_word(int32_t point) const {
    const size_t byte = static_cast<size_t>(point) / 8;
    return byte < words_.size() && (words_[byte] >> (point % 8) & 1);
  }
  // The place of a point among those that change; -1: it does not.
  int32_t place(int32_t point) const { return point < 128 ? ascii_[static_cast<size_t>(point)] : find(point); }
  const int32_t* begin(int32_t place) const { return folded_.data() + starts_[static_cast<size_t>(place)]; }
  const int32_t* end(int32_t place) const { return folded_.data() + starts_[static_cast<size_t>(place) + 1]; }

 private:
  int32_t find(int32_t point) const {
    const auto found = std::lower_bound(points_.begin(), points_.end(), point);
    return found != points_.end() && *found == point ? static_cast<int32_t>(found - points_.begin()) : -1;
  }

  std::vector<int32_t> points_, starts_, folded_;
  std::vector<uint8_t> words_;
  std::array<int32_t, 128> ascii_;
};

enum class Before : uint8_t { other, word, nothing };  // what an edge is looked for after

// Folds bytes, one at a time, and hands the folded bytes to a sink; it returns false as soon as the sink does.
struct Reader {
  const Folding& folding;
  Before before = Before::other;
  uint32_t pending = 0;  // the bytes of an unfinished character, the first in front

  template <class Sink>
  bool read(uint8_t byte, Sink&& sink) {
    if (pending) {
      if (continues(byte)) {
        pending = pending << 8 | byte;
        return is_whole() ? finish(sink) : true;
      }
      pending = 0;
      if (!broken(sink)) return false;
    }
    if (byte < 0x80) return character(byte, sink);
    if (byte < 0xC2 || byte > 0xF4) return broken(sink);
    pending = byte;
    return true;
  }

  // The text ends here, or something follows that is no character.
  template <class Sink>
  bool leave_word(Sink&& sink) {
    const bool leaves = folding.marks_edges() && before == Before::word;
    before = Before::other;
    return leaves ? sink(EDGE) : true;
  }

  template <class Sink>
  bool broken(Sink&& sink) {
    return leave_word(sink) && sink(BROKEN);
  }

 private:
  bool continues(uint8_t byte) const {
    if (byte < 0x80 || byte > 0xBF) return false;
    switch (pending) {
      case 0xE0: return byte >= 0xA0;
      case 0xED: return byte <= 0x9F;  // no surrogates
      case 0xF0: return byte >= 0x90;
      case 0xF4: return byte <= 0x8F;
      default: return true;
    }
  }

  bool is_whole() const { return pending <= 0xFFFF ? pending < 0xE000 : pending <= 0xFFFFFF ? pending < 0xF00000 : true; }

  template <class Sink>
  bool finish(Sink&& sink) {
    const uint32_t p = pending;
    pending = 0;
    if (p <= 0xFFFF) return character(static_cast<int32_t>((p >> 8 & 0x1F) << 6 | (p & 0x3F)), sink);
    if (p <= 0xFFFFFF) return character(static_cast<int32_t>((p >> 16 & 0x0F) << 12 | (p >> 8 & 0x3F) << 6 | (p & 0x3F)), sink);
    return character(static_cast<int32_t>((p >> 24 & 0x07) << 18 | (p >> 16 & 0x3F) << 12 | (p >> 8 & 0x3F) << 6 | (p & 0x3F)), sink);
  }

  template <class Sink>
  bool character(int32_t point, Sink&& sink) {
    const int32_t place = folding.place(point);
    if (place < 0) return folded(point, sink);
    for (const int32_t* at = folding.begin(place); at != folding.end(place); at++) if (!folded(*at, sink)) return false;
    return true;
  }

  template <class Sink>
  bool folded(int32_t point, Sink&& sink) {
    if (folding.marks_edges()) {
      const Before now = folding.is_word(point) ? Before::word : Before::other;
      const bool edge = before != now && before != Before::nothing;
      before = now;
      if (edge && !sink(EDGE)) return false;
    }
    const uint32_t p = static_cast<uint32_t>(point);
    const auto more = [&](int shift) { return sink(static_cast<uint8_t>(0x80 | (p >> shift & 0x3F))); };
    if (p < 0x80) return sink(static_cast<uint8_t>(p));
    if (p < 0x800) return sink(static_cast<uint8_t>(0xC0 | p >> 6)) && more(0);
    if (p < 0x10000) return sink(static_cast<uint8_t>(0xE0 | p >> 12)) && more(6) && more(0);
    return sink(static_cast<uint8_t>(0xF0 | p >> 18)) && more(12) && more(6) && more(0);
  }
};

// Byte strings merged at their shared beginnings. Nodes are numbered level by level, 0 is the root; the children of a node follow
// one another in the order of their bytes.
class Trie {
 public:
  // The strings are sorted.
  explicit Trie(const std::vector<std::string_view>& strings) : byte_{0}, first_{0}, last_{static_cast<uint32_t>(strings.size())}, ends_{false} {
    std::vector<uint32_t> node(strings.size(), 0), longer(strings.size()), children{0};
    for (size_t i = 0; i < longer.size(); i++) longer[i] = static_cast<uint32_t>(i);
    for (size_t depth = 0; !longer.empty(); depth++) {
      size_t kept = 0;
      for (const uint32_t i : longer) {
        if (strings[i].size() == depth) {
          ends_[node[i]] = true;
          continue;
        }
        longer[kept++] = i;
      }
      longer.resize(kept);
      uint32_t above = std::numeric_limits<uint32_t>::max();
      for (const uint32_t i : longer) {
        const uint8_t byte = static_cast<uint8_t>(strings[i][depth]);
        if (node[i] != above || byte != byte_.back()) {
          above = node[i];
          children[above]++;
          children.push_back(0);
          byte_.push_back(byte);
          first_.push_back(i);
          last_.push_back(i);
          ends_.push_back(false);
        }
        node[i] = static_cast<uint32_t>(byte_.size()) - 1;
        last_.back() = i + 1;
      }
    }
    child_.resize(byte_.size() + 1);
    child_[0] = 1;
    for (size_t i = 0; i < children.size(); i++) child_[i + 1] = child_[i] + children[i];
    for (auto* all : {&child_, &first_, &last_}) all->shrink_to_fit();
    byte_.shrink_to_fit(), ends_.shrink_to_fit();
  }

  uint32_t size() const { return static_cast<uint32_t>(byte_.size()); }
  uint8_t byte(uint32_t node) const { return byte_[node]; }
  uint32_t first_child(uint32_t node) const { return child_[node]; }
  uint32_t last_child(uint32_t node) const { return child_[node + 1]; }
  // The strings that begin with a node's bytes, as a range of the sorted ones.
  uint32_t first(uint32_t node) const { return first_[node]; }
  uint32_t last(uint32_t node) const { return last_[node]; }
  bool ends(uint32_t node) const { return ends_[node]; }  // whether a string ends here
  // 0: there is no such child.
  uint32_t child(uint32_t node, uint8_t byte) const {
    const uint32_t first = child_[node], count = child_[node + 1] - first;
    if (count < 5) {
      for (uint32_t i = 0; i < count; i++) if (byte_[first + i] == byte) return first + i;
      return 0;
    }
    const void* found = std::memchr(byte_.data() + first, byte, count);
    return found ? static_cast<uint32_t>(static_cast<const uint8_t*>(found) - byte_.data()) : 0;
  }
  size_t bytes() const { return byte_.size() * (3 * sizeof(uint32_t) + 2); }

 private:
  std::vector<uint32_t> child_;
  std::vector<uint8_t> byte_;
  std::vector<uint32_t> first_, last_;
  std::vector<uint8_t> ends_;
};

// Most strings differ in their first eight bytes, which compare faster than strings.
inline std::vector<uint32_t> sorted_order(const std::vector<std::string>& strings) {
  std::vector<std::pair<uint64_t, uint32_t>> keys(strings.size());
  for (size_t i = 0; i < keys.size(); i++) {
    uint64_t first = 0;
    for (size_t k = 0; k < 8; k++) first = first << 8 | (k < strings[i].size() ? static_cast<uint8_t>(strings[i][k]) : 0);
    keys[i] = {first, static_cast<uint32_t>(i)};
  }
  std::sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) { return a.first != b.first ? a.first < b.first : strings[a.second] < strings[b.second]; });
  std::vector<uint32_t> order(keys.size());
  for (size_t i = 0; i < order.size(); i++) order[i] = keys[i].second;
  return order;
}

inline std::vector<std::string_view> views(const std::vector<std::string>& strings, const std::vector<uint32_t>& order) {
  std::vector<std::string_view> all(order.size());
  for (size_t i = 0; i < order.size(); i++) all[i] = strings[order[i]];
  return all;
}

// The tokens of a vocabulary, folded. Tokens that begin with a word character and others are two branches of the trie: its root
// has a child 0 and a child 1. Whether an edge comes in front of a token depends on what was before it.
class FoldedTokens {
 public:
  // Tokens without bytes spell nothing; those that end a text are in no mask.
  FoldedTokens(const Folding& folding, const uint8_t* bytes, const std::vector<int64_t>& lengths, const std::vector<int64_t>& ends)
      : folding_(folding), offsets_(lengths.size() + 1, 0) {
    for (size_t i = 0; i < lengths.size(); i++) {
      if (lengths[i] < 0) throw std::invalid_argument("a length is negative");
      offsets_[i + 1] = offsets_[i] + static_cast<size_t>(lengths[i]);
    }
    bytes_.assign(bytes, bytes + offsets_.back());
    std::vector<std::string> folded;
    const auto bit = [](size_t token) { return 1u << token % 32; };
    all_.assign(words(), 0), silent_.assign(words(), 0);
    for (uint32_t token = 0; token < size(); token++) all_[token / 32] |= bit(token);
    for (const int64_t token : ends) {
      if (token < 0 || token >= static_cast<int64_t>(size())) throw std::invalid_argument("there is no such token");
      all_[static_cast<size_t>(token) / 32] &= ~bit(static_cast<size_t>(token));
    }
    for (uint32_t token = 0; token < size(); token++) {
      const auto [at, last] = spelled(token);
      if (at == last) {
        silent_[token / 32] |= all_[token / 32] & bit(token);
        continue;
      }
      if (*at >= 0x80 && *at <= 0xBF) cut_.push_back(token);
      std::string string(1, '\0');
      Reader reader{folding, Before::nothing};
      const auto append = [&](uint8_t byte) {
        if (string.size() == 1) string[0] = folding.marks_edges() && reader.before == Before::word;
        string.push_back(static_cast<char>(byte));
        return true;
      };
      for (const uint8_t* byte = at; byte != last; byte++) reader.read(*byte, append);
      if (string.size() == 1) continue;  // half a character, or nothing that is left
      order_.push_back(token);
      folded.push_back(std::move(string));
    }
    const std::vector<uint32_t> order = sorted_order(folded);
    trie_ = std::make_unique<Trie>(views(folded, order));
    std::vector<uint32_t> tokens(order.size());
    for (size_t i = 0; i < order.size(); i++) tokens[i] = order_[order[i]];
    order_ = std::move(tokens);
  }

  const Folding& folding() const { return folding_; }
  uint32_t size() const { return static_cast<uint32_t>(offsets_.size() - 1); }
  size_t words() const { return (offsets_.size() - 1 + 31) / 32; }
  std::pair<const uint8_t*, const uint8_t*> spelled(uint32_t token) const { return {bytes_.data() + offsets_[token], bytes_.data() + offsets_[token + 1]}; }
  const Trie& trie() const { return *trie_; }
  const std::vector<uint32_t>& order() const { return order_; }       // the tokens by the places of their strings in the trie
  const std::vector<uint32_t>& cut() const { return cut_; }           // those that begin inside a character
  const std::vector<uint32_t>& all() const { return all_; }           // as bits: those that do not end a text
  const std::vector<uint32_t>& silent() const { return silent_; }     // of these, those without bytes
  size_t bytes() const { return bytes_.size() + offsets_.size() * sizeof(size_t) + (order_.size() + cut_.size() + all_.size() + silent_.size()) * 4 + trie_->bytes(); }

 private:
  const Folding& folding_;
  std::vector<size_t> offsets_;
  std::vector<uint8_t> bytes_;
  std::unique_ptr<Trie> trie_;
  std::vector<uint32_t> order_, cut_, all_, silent_;
};

// Where a text is. As a number: 24 bits of the automaton's state, whether a word character was last, an unfinished character.
struct SearchState {
  uint32_t at = 0;  // the longest beginning of a phrase that the folded text ends with
  bool word = false;
  uint32_t pending = 0;

  static SearchState of(int64_t number) {
    return {static_cast<uint32_t>(number & 0xFFFFFF), (number >> 24 & 1) != 0, static_cast<uint32_t>(number >> 25 & 0xFFFFFF)};
  }
  int64_t number() const { return static_cast<int64_t>(pending) << 25 | static_cast<int64_t>(word) << 24 | at; }
};

class PhraseSearch {
 public:
  static constexpr uint32_t MOST_STATES = 1u << 24;

  PhraseSearch(const FoldedTokens& tokens, const std::vector<std::string_view>& phrases) : tokens_(tokens), trie_(folded(tokens.folding(), phrases)) {
    const uint32_t size = trie_.size();
    fail_.assign(size, 0);
    ends_.resize(size);
    for (uint32_t node = 0; node < size; node++) {
      ends_[node] = trie_.ends(node) || ends_[fail_[node]];
      for (uint32_t child = trie_.first_child(node); child < trie_.last_child(node); child++) {
        if (node == 0) from_start_[trie_.byte(child)] = child;
        else fail_[child] = next(fail_[node], trie_.byte(child));
      }
    }
    for (const bool word : {false, true}) if (!word || tokens.folding().marks_edges()) always_[word] = allowed_always(word);
  }

  bool is_state(int64_t number) const { return number >= 0 && number >> 49 == 0 && SearchState::of(number).at < trie_.size(); }

  // The tokens that complete no phrase after a text that ends in none of its beginnings, with a word character last or not.
  const std::vector<uint32_t>& always(bool word) const { return always_[word]; }

  // Fills the words that make() returns with the tokens that complete no phrase. Where these are what `always` says, it is not called.
  template <class Make>
  void mask(const SearchState& state, Make&& make) const {
    if (state.pending) return mask_inside(state, make());
    thread_local std::vector<uint32_t> denied;
    denied.clear();
    const uint32_t same = branch(state.word), other = tokens_.folding().marks_edges() ? branch(!state.word) : 0;
    for (uint32_t at = state.at; at; at = fail_[at]) {
      if (same) find_completing(at, same, denied);
      const uint32_t edge = other ? trie_.child(at, EDGE) : 0;
      if (edge && ends_[edge]) denied.push_back(other);
      else if (edge) find_completing(edge, other, denied);
    }
    if (denied.empty()) return;
    uint32_t* allowed = make();
    std::copy(always_[state.word].begin(), always_[state.word].end(), allowed);
    for (const uint32_t node : denied) forbid(node, allowed);
  }

  // False: a phrase is complete.
  bool read(SearchState& state, const uint8_t* first, const uint8_t* last) const {
    Reader reader{tokens_.folding(), state.word ? Before::word : Before::other, state.pending};
    const auto sink = [&](uint8_t byte) {
      state.at = next(state.at, byte);
      return !ends_[state.at];
    };
    for (; first != last; first++) if (!reader.read(*first, sink)) return false;
    state.word = reader.before == Before::word;
    state.pending = reader.pending;
    return true;
  }

  // Whether no phrase is complete if the text ends here.
  bool may_end(const SearchState& state) const { return !(state.word && ends_[next(state.at, EDGE)]); }

  size_t bytes() const { return trie_.bytes() + fail_.size() * 5 + (always_[0].size() + always_[1].size()) * 4; }
  const FoldedTokens& tokens() const { return tokens_; }

 private:
  static Trie folded(const Folding& folding, const std::vector<std::string_view>& phrases) {
    std::vector<std::string> all(phrases.size());
    size_t total = 1;
    for (size_t i = 0; i < phrases.size(); i++) {
      Reader reader{folding};
      const auto append = [&](uint8_t byte) {
        all[i].push_back(static_cast<char>(byte));
        return true;
      };
      for (const char byte : phrases[i]) reader.read(static_cast<uint8_t>(byte), append);
      reader.leave_word(append);
      if (all[i].empty()) throw std::invalid_argument("nothing is left of a phrase");
      total += all[i].size();
    }
    if (total > MOST_STATES) throw std::length_error("the phrases are too long");
    return Trie(views(all, sorted_order(all)));
  }

  uint32_t next(uint32_t at, uint8_t byte) const {
    while (at) {
      const uint32_t child = trie_.child(at, byte);
      if (child) return child;
      at = fail_[at];
    }
    return from_start_[byte];
  }

  uint32_t branch(bool word) const { return tokens_.trie().child(0, word); }

  void forbid(uint32_t node, uint32_t* allowed) const {
    const Trie& spelled = tokens_.trie();
    const uint32_t* token = tokens_.order().data() + spelled.first(node);
    for (const uint32_t* last = tokens_.order().data() + spelled.last(node); token != last; token++) allowed[*token / 32] &= ~(1u << *token % 32);
  }

  // Finds where tokens have read the rest of a phrase: walks down both tries together.
  void find_completing(uint32_t at, uint32_t node, std::vector<uint32_t>& denied) const {
    const Trie& spelled = tokens_.trie();
    const auto walk = [&](uint32_t child, uint32_t longer) {
      if (ends_[child]) denied.push_back(longer);
      else if (trie_.first_child(child) != trie_.last_child(child)) find_completing(child, longer, denied);
    };
    if (trie_.last_child(at) - trie_.first_child(at) <= spelled.last_child(node) - spelled.first_child(node)) {
      for (uint32_t child = trie_.first_child(at); child < trie_.last_child(at); child++) {
        if (const uint32_t longer = spelled.child(node, trie_.byte(child))) walk(child, longer);
      }
    } else {
      for (uint32_t longer = spelled.first_child(node); longer < spelled.last_child(node); longer++) {
        if (const uint32_t child = trie_.child(at, spelled.byte(longer))) walk(child, longer);
      }
    }
  }

  // Inside a character: tokens that begin with something else break it, the others are read.
  void mask_inside(const SearchState& state, uint32_t* allowed) const {
    SearchState broken{state.at, false, 0};
    Reader reader{tokens_.folding(), state.word ? Before::word : Before::other};
    const bool breaks = reader.broken([&](uint8_t byte) {
      broken.at = next(broken.at, byte);
      return !ends_[broken.at];
    });
    const std::vector<uint32_t>& others = breaks ? always_[0] : tokens_.silent();
    std::copy(others.begin(), others.end(), allowed);
    for (const uint32_t token : tokens_.cut()) {
      SearchState after = state;
      const auto [first, last] = tokens_.spelled(token);
      const uint32_t bit = 1u << token % 32;
      if (read(after, first, last)) allowed[token / 32] |= bit;
      else allowed[token / 32] &= ~bit;
    }
  }

  std::vector<uint32_t> allowed_always(bool word) const {
    const Trie& spelled = tokens_.trie();
    std::vector<uint32_t> allowed = tokens_.all();
    std::vector<uint32_t> after(spelled.size());  // the state after each node's bytes
    constexpr uint32_t complete = MOST_STATES;
    for (const bool begins : {false, true}) {
      const uint32_t node = branch(begins);
      if (!node) continue;
      const uint32_t at = begins != word && tokens_.folding().marks_edges() ? next(0, EDGE) : 0;
      after[node] = ends_[at] ? complete : at;
    }
    for (uint32_t node = 1; node < spelled.size(); node++) {
      if (after[node] == complete) {
        forbid(node, allowed.data());
        continue;
      }
      for (uint32_t child = spelled.first_child(node); child < spelled.last_child(node); child++) {
        const uint32_t at = next(after[node], spelled.byte(child));
        after[child] = ends_[at] ? complete : at;
      }
    }
    return allowed;
  }

  const FoldedTokens& tokens_;
  Trie trie_;
  std::vector<uint32_t> fail_;      // the longest proper end of a state's bytes that is a state
  std::vector<uint8_t> ends_;       // whether a phrase ends here
  std::array<uint32_t, 256> from_start_{};
  std::array<std::vector<uint32_t>, 2> always_;
};

}  // namespace ponder
