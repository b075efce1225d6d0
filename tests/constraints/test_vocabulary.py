"""A vocabulary is a value, and its trie has every text token once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constraints.checks import TINY
from ponder.text import Vocabulary
from ponder.text.vocabulary import Trie

strings = st.lists(st.binary(max_size=5) | st.text("ab", max_size=4).map(str.encode), max_size=30)


def path(trie, node):
    """The bytes that lead to a node."""
    return path(trie, int(trie.parent[node])) + bytes(trie.byte[node : node + 1]) if node else b""


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(strings)
def test_a_trie_has_each_string_at_its_node(given_strings):
    """Nodes are the beginnings of the strings; children and strings of a node stand together."""
    trie = Trie.build(given_strings)
    nodes = [path(trie, node) for node in range(len(trie.parent))]
    assert sorted(nodes) == sorted({s[:n] for s in (*given_strings, b"") for n in range(len(s) + 1)})
    assert trie.strings == sorted(given_strings)
    assert [given_strings[number] for number in trie.numbers] == trie.strings
    assert [nodes[node] for node in trie.node] == trie.strings
    for node, spelled in enumerate(nodes):
        first, count = int(trie.first_child[node]), int(trie.num_children[node])
        assert all(trie.parent[first : first + count] == node)
        assert count == sum(len(other) == len(spelled) + 1 and other.startswith(spelled) for other in nodes)
        first, count = int(trie.first_string[node]), int(trie.num_strings[node])
        assert trie.strings[first : first + count] == [spelled] * given_strings.count(spelled)
    depths = [len(spelled) for spelled in nodes]
    assert trie.levels == [depths.index(depth) for depth in range(1, max(depths) + 1)] + [len(nodes)]


def test_a_vocabulary_is_a_value():
    """Equal tokens and ends make equal vocabularies, and the place where tokens are cut counts."""
    same = Vocabulary(tuple(bytes(bytearray(token)) for token in TINY.tokens), (15,))
    assert same == TINY
    assert hash(same) == hash(TINY)
    assert Vocabulary(TINY.tokens, ()) != TINY
    assert Vocabulary((b"ab", b"c"), ()) != Vocabulary((b"a", b"bc"), ())
    assert Vocabulary((b"",), (0,)) != Vocabulary((b"", b""), ())
    assert TINY != "a vocabulary"


def test_text_tokens():
    """Ends and control tokens are no text, and in no trie."""
    assert [token for token in range(len(TINY)) if not TINY.is_text[token]] == [14, 15]
    assert sorted(TINY.trie.numbers.tolist()) == list(range(14))


def test_a_tokenizer_has_one(tokenizer):
    """Made once, of its bytes and ends."""
    vocabulary = tokenizer.vocabulary
    assert vocabulary is tokenizer.vocabulary
    assert vocabulary.tokens == tokenizer.bytes_table
    assert set(vocabulary.end_ids) == set(tokenizer.eos_ids)
    assert len(vocabulary) == tokenizer.vocab_size
