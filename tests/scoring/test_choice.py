"""Choices as a tree of tokens, and what their log-probabilities become."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.asks.choice_trie import ROOT, ChoiceTrie
from ponder.engine.runner import ancestry
from ponder.scoring.choice import normalise

sequences = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=8)
some_logprobs = st.lists(st.floats(-2000, 0), min_size=1, max_size=8)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(sequences)
def test_the_trie_is_the_set_of_beginnings(chosen):
    """One node per distinct beginning; paths spell the sequences; depth, parent, ancestry agree with them."""
    trie = ChoiceTrie.build(chosen)
    beginnings = {tuple(s[:length]) for s in chosen for length in range(1, len(s) + 1)}
    assert len(trie.token_ids) == len(beginnings)
    assert all(parent < node for node, parent in enumerate(trie.parents))
    depths, sees = trie.depths(), ancestry(trie)
    for sequence, path in zip(chosen, trie.paths, strict=True):
        assert [trie.token_ids[node] for node in path] == sequence
        assert [depths[node] for node in path] == list(range(len(path)))
        assert [trie.parents[node] for node in path] == [ROOT, *path[:-1]]
        for i, node in enumerate(path):
            assert sees[node].nonzero().squeeze(-1).tolist() == sorted(path[: i + 1])


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(sequences, st.integers(1, 6))
def test_parts_have_each_inner_node_once(chosen, size):
    """A node that others follow is some part's own, once; each part has the nodes above its own."""
    trie = ChoiceTrie.build(chosen)
    parts = trie.parts(size)
    own = [node for part in parts for node in part.own]
    assert sorted(own) == sorted({parent for parent in trie.parents if parent != ROOT})
    above = {
        tuple(trie.token_ids[node] for node in path[: i + 1]): node
        for path in trie.paths
        for i, node in enumerate(path)
    }
    for part in parts:
        assert len(part.own) <= max(size, 5)  # or what one text adds
        spelled = []
        for token, parent in zip(part.trie.token_ids, part.trie.parents, strict=True):
            spelled.append((*(spelled[parent] if parent != ROOT else ()), token))
        assert [above[text] for text in spelled[-len(part.own) :]] == list(part.own)


def test_by_hand():
    """Two words that share a beginning, one that is the beginning of another, one given twice."""
    trie = ChoiceTrie.build([[5, 6, 7], [5, 6, 8], [5], [9], [9]])
    assert trie.token_ids == (5, 6, 7, 8, 9)
    assert trie.parents == (ROOT, 0, 1, 1, ROOT)
    assert trie.paths == ((0, 1, 2), (0, 1, 3), (0,), (4,), (4,))


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(some_logprobs)
def test_shares(logprobs):
    """Shares sum to one and are in the ratios of the probabilities; the mass is the probabilities' sum."""
    choice = normalise([str(i) for i in range(len(logprobs))], [[i] for i in range(len(logprobs))], logprobs)
    shares = [scored.probability for scored in choice.choices]
    assert sum(shares) == pytest.approx(1)
    assert [scored.logprob for scored in choice.choices] == logprobs
    assert choice.mass == pytest.approx(math.fsum(map(math.exp, logprobs)))
    top = max(logprobs)
    for share, logprob in zip(shares, logprobs, strict=True):
        assert share == pytest.approx(math.exp(logprob - top) * max(shares))
    assert choice.best.logprob == pytest.approx(top, abs=1e-9)


def test_length_is_never_divided_by():
    """A long choice with a lower sum loses, though each of its tokens is likelier."""
    choice = normalise(["no", "a much longer answer"], [[1], [2, 3, 4, 5, 6]], [-2.0, -5 * 0.5])
    assert choice.best.text == "no"
    assert choice.best.probability == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_ties_go_to_the_first():
    """Equal choices: the first is the best."""
    assert normalise(["a", "b"], [[1], [2]], [-1.0, -1.0]).best.text == "a"


def test_calibration_divides_by_the_baseline():
    """What the model likes anyway is taken out: shares of p / p0, and the best is the calibrated one."""
    choice = normalise(
        ["yes", "no"], [[1], [2]], [math.log(0.6), math.log(0.2)], [math.log(0.8), math.log(0.1)]
    )
    assert [scored.calibrated for scored in choice.choices] == pytest.approx([0.75 / 2.75, 2 / 2.75])
    assert [scored.probability for scored in choice.choices] == pytest.approx([0.75, 0.25])
    assert choice.best.text == "no"
    assert normalise(["yes"], [[1]], [-1.0]).choices[0].calibrated is None


def test_a_choice_inside_another_counts_once():
    """Whatever goes on from "8" begins with "8": the mass is that of "8" and of what begins otherwise."""
    choice = normalise(
        ["8", "8, 9", "7"], [[8], [8, 5, 9], [7, 7]], [math.log(0.5), math.log(0.4), math.log(0.1)]
    )
    assert choice.mass == pytest.approx(0.6)
