"""Power sampling: its law by enumeration, exactly and by drawing; what a cut text is made of."""

import asyncio
import math
import random
from collections import Counter
from functools import cache

import numpy as np
import pytest

from ponder.asks import End, Path, Tokens
from ponder.asks.path import branched, stream_of
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import Measure
from ponder.scaling import Budget, Extend, Extended, Note, PowerSampling, Progress, Text, solve
from ponder.scaling.power import log_acceptance, measured
from ponder.testing import END, Babble, Place, ScriptedModel, Word
from scaling.test_journal import PROBLEM
from scaling.test_searches import effects, told

WORDS = ("a", "b", "")
LENGTH = 4


@cache
def policy(text, temperature=1.0):
    """Log-probabilities of the next token after a text."""
    numbers = random.Random(f"{0}{text}")
    logits = [3 * numbers.random() / temperature for _ in WORDS]
    total = math.log(sum(map(math.exp, logits)))
    return {word: logit - total for word, logit in zip(WORDS, logits, strict=True)}


class Policy:
    """Writes what `policy` says."""

    def word(self, place):
        raw, tempered = policy(place.text), policy(place.text, place.temperature)
        numbers = random.Random(f"{place.seed}/{stream_of(place.lineage)}/{place.position}")
        (word,) = numbers.choices(WORDS, [math.exp(logprob) for logprob in tempered.values()])
        return Word(word, raw[word], drawn_logprob=tempered[word])

    def logprob(self, place, token):
        return policy(place.text)[token]


def texts_of(length, begun=()):
    """All texts, as tuples of tokens, that have ended or have so many tokens."""
    if begun[-1:] == ("",) or len(begun) == length:
        return [begun]
    return [text for word in WORDS for text in texts_of(length, (*begun, word))]


def measures(text, temperature):
    befores = ["".join(text[:i]) for i in range(len(text))]
    pairs = list(zip(befores, text, strict=True))
    return [Measure(policy(before)[word], policy(before, temperature)[word]) for before, word in pairs]


def sharpened(texts, alpha):
    """p^alpha over the texts."""
    weights = [math.exp(alpha * sum(one.logprob for one in measures(text, 1.0))) for text in texts]
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize(("alpha", "temperature"), [(4.0, 0.25), (2.0, 0.5), (4.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("length", [1, 2, LENGTH])
def test_a_move_leaves_p_to_the_alpha_as_it_is(alpha, temperature, length):
    """The whole transition matrix: it keeps p^alpha, and from anywhere it leads there and nowhere else."""
    texts = texts_of(length)
    matrix = np.zeros((len(texts), len(texts)))
    for i, old in enumerate(texts):
        for cut in range(len(old)):
            for j, new in enumerate(texts):
                if new[:cut] != old[:cut] or len(new) <= cut:
                    continue
                rests = measures(old, temperature)[cut:], measures(new, temperature)[cut:]
                drawn = math.exp(sum(one.drawn_logprob for one in rests[1])) / len(old)
                accepted = min(1.0, math.exp(log_acceptance(*rests, cut, alpha)))
                matrix[i, j] += drawn * accepted
                matrix[i, i] += drawn * (1 - accepted)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(len(texts)))
    expected = sharpened(texts, alpha)
    assert expected @ matrix == pytest.approx(expected, abs=1e-12)
    assert np.linalg.matrix_power(matrix, 4000)[0] == pytest.approx(expected, abs=1e-6)


def drawn(path, params, until):
    """Grow a text as the model does, without one: its tokens as words, and the text."""
    tokens = tuple("" if token == END else chr(token) for token in path.tokens)
    begun = len(tokens)
    most = min(LENGTH, begun + until.count) if isinstance(until, Tokens) else LENGTH
    measured, reason = [], None
    while reason is None:
        place = Place("", tokens, path.lineage, params["seed"], params["temperature"])
        word = Policy().word(place).text
        measured.append(
            Measure(policy("".join(tokens))[word], policy("".join(tokens), place.temperature)[word])
        )
        tokens = (*tokens, word)
        if word == "" or len(tokens) == LENGTH:
            reason = "stop" if word == "" else "length"
        elif len(tokens) == most:
            reason = "until"
    return tokens, measured, reason


def chains(strategy, n):
    """Run a strategy without driver and model; return the texts of the chains after each note."""
    search, result, texts, states = strategy.search(PROBLEM, Budget(n)), None, [], []
    while True:
        try:
            effect = search.send(result)
        except StopIteration:
            return states
        result = None
        if isinstance(effect, Extend):
            grown = []
            for ask in effect.grows:
                for i in range(ask.params["n"]):
                    lineage = branched(ask.path.lineage, len(ask.path.tokens), i)
                    path = Path("", ask.path.tokens, lineage=lineage)
                    tokens, rest, reason = drawn(path, ask.params, ask.until)
                    begun = measures(
                        tokens[: len(path.tokens)], strategy.sampling.get("temperature", 1 / strategy.alpha)
                    )
                    path = Path("", tuple(ord(word) if word else END for word in tokens), lineage=lineage)
                    shown = tuple(len("".join(tokens[: k + 1])) for k in range(len(tokens)))
                    text = Text(
                        len(texts),
                        -1,
                        path,
                        "".join(tokens),
                        (),
                        reason,
                        None,
                        (*begun, *rest),
                        None,
                        len(rest),
                        shown,
                    )
                    texts.append(text)
                    grown.append(text)
            result = Extended((tuple(grown),), "done")
        elif isinstance(effect, Note):
            states.append([texts[node] for node in effect.data["texts"]])


@pytest.mark.slow
def test_chains_draw_from_p_to_the_alpha():
    """By their own cuts and draws: the states of many chains after their first moves at the full length."""
    alpha, n, moves, settled = 2.0, 600, 20, 8
    strategy = PowerSampling(alpha, 2, moves, "majority", {"max_tokens": LENGTH})
    states = chains(strategy, n)
    counts = Counter(tuple(text.path.tokens) for texts in states[settled - moves :] for text in texts)
    texts = texts_of(LENGTH)
    seen = np.array([counts[tuple(ord(word) if word else END for word in text)] for text in texts])
    assert seen.sum() == n * (moves - settled)
    expected = sharpened(texts, alpha)
    assert abs(seen / seen.sum() - expected).sum() / 2 <= 0.03
    long = sharpened(texts, alpha) * [len(text) for text in texts]  # without |x| / |x'|
    assert abs(seen / seen.sum() - long / long.sum()).sum() / 2 > 0.1


@pytest.mark.slow
def test_on_a_model_it_is_the_same_chains():
    """The driver and a model make the texts that the policy's own draws make."""
    strategy = PowerSampling(2.0, 2, 6, "majority", {"max_tokens": LENGTH})
    answer = asyncio.run(solve(strategy, PROBLEM, ScriptedModel(Policy()), None, Budget(6)))
    last = chains(strategy, 6)[-1]
    assert [one.text for one in answer.candidates] == [text.text for text in last]
    assert [one.path.tokens for one in answer.candidates] == [text.path.tokens for text in last]
    assert [one.path.lineage for one in answer.candidates] == [text.path.lineage for text in last]
    assert answer.stopped == "done"


@pytest.mark.slow
def test_a_cut_text_is_whole():
    """Its text, steps, log-probabilities and place in the tree are those of all its tokens."""
    characters = ScriptedModel().characters
    prompt = characters.decode(characters.prompt(PROBLEM.prompt))
    sampling = {"max_tokens": 16, "min_tokens": 12, "stop": ["2\n", "+="]}
    strategy = PowerSampling(1.0, 4, 1, "majority", sampling)
    model = ScriptedModel()
    events = told(strategy, Budget(8), model=model)
    whole = {-1: ""}
    for effect in effects(events, "extend"):
        for node in effect.nodes:
            whole[node.node] = whole[node.parent] + node.text
    noted = effects(events, "note")[-1].note["texts"]
    assert any(  # one that was cut behind a block
        len(candidate.steps) > 1 and any(position > 4 for position, _ in candidate.path.lineage)
        for candidate in events[-1].candidates
    )
    for node, candidate in zip(noted, events[-1].candidates, strict=True):
        assert whole[node] == candidate.text == "".join(candidate.steps)
        assert characters.decode(candidate.path.tokens).startswith(candidate.text)
        words = [characters.text(token) for token in candidate.path.tokens]
        places = [Place(prompt, tuple(words[:i])) for i in range(len(words))]
        raw = [Babble().logprob(place, word) for place, word in zip(places, words, strict=True)]
        assert [one.logprob for one in candidate.measures] == pytest.approx(raw)
    cuts = [ask for ask in model.requests if ask.path.tokens]
    assert any(ask.until == End() for ask in cuts)
    lengths = [len(prompt) + len(ask.path.tokens) for ask in model.requests[1:]]
    assert events[-1].ledger.hit_tokens == sum(lengths) - len(lengths)  # but for one token each


@pytest.mark.slow
def test_a_text_that_the_budget_cuts_off_is_not_accepted():
    strategy = PowerSampling(0.2, 16, 3, "majority", {"max_tokens": 16})
    moved = 0
    for tokens in range(10, 90, 11):
        events = told(strategy, Budget(2, tokens))
        nodes = [node for effect in effects(events, "extend") for node in effect.nodes]
        _first, *moves = [effect.note for effect in effects(events, "note")]
        moved += any(move["accepted"] for move in moves)
        for move in moves:
            assert all(nodes[node].finish_reason != "cancelled" for node in move["texts"])
    assert moved


def test_the_best_so_far_is_the_likeliest_text_that_was_met():
    events = told(PowerSampling(4.0, 5, 3, "majority", {"max_tokens": 16}), Budget(4))
    ranks = [
        (event.best.finish_reason in ("stop", "length"), event.best.logprob)
        for event in events
        if isinstance(event, Progress) and event.best
    ][:-1]
    assert ranks == sorted(ranks)
    assert ranks[-1][0]


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ParameterError, match="temperature"):
        PowerSampling(sampling={"temperature": 0})
    for name in ("alpha", "block", "moves"):
        with pytest.raises(ParameterError, match=name):
            PowerSampling(**{name: 0})
    path = Path("?", (1, 2))
    for told_of in (None, (), (Measure(-1.0, -1.0),), (Measure(-1.0), Measure(-1.0))):
        with pytest.raises(UnsupportedError, match="log-probabilities"):
            measured(Text(0, -1, path, "ab", (), "stop", measures=told_of, offsets=(1, 2)))
