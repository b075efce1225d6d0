"""Constraints that masks do not show: refused tokens, dead ends, and ends that come in time."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest

from asking import engine_ask
from ponder.asks import BackEvent, TokenEvent
from ponder.asks.settling import settled
from ponder.constraints import Automaton, JsonSchema, Length, Mentions, OneOf, Regex, bits
from ponder.constraints.oracle import Oracle
from ponder.decoders import (
    BeamSample,
    BeamSearch,
    ContrastiveSearch,
    Faithful,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import Engine, FinishedEvent
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.text import Vocabulary
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_engine, tiny_tokenizer

PROMPT = (1, 2, 3)


@pytest.fixture(scope="module")
def engine(one_thread: None) -> Engine:
    return tiny_engine(seed=4)


def outputs(engine: Engine, params: SamplingParams, constraint: Any, decoder: Any = None, **options: Any):
    """The outputs of a request, and its events."""
    events = list(run(engine, engine_ask(PROMPT, params, constraint, decoder, **options)))
    assert_at_rest(engine)
    return events[-1].outputs, events


@dataclass(frozen=True)
class Trap:
    """Any token may come, but after `deep` tokens one that is not in `way` is found to have led nowhere.

    The masks show nothing of it until then: a dead end of `deep` tokens, unless the first of them is right.
    """

    way: frozenset[int]
    deep: int = 3

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]:
        return _Trap(self, vocabulary)


class _Trap:
    """A state has the tokens since the last right one, and how many there are in all."""

    start = ((), 0)
    growth = 0
    exact = False

    def __init__(self, trap: Trap, vocabulary: Vocabulary) -> None:
        self.trap = trap
        self.text = bits.pack(vocabulary.is_text)
        self.none = bits.of((), len(vocabulary))

    def mask(self, state: Any) -> Any:
        return self.none if len(state[0]) >= self.trap.deep else self.text

    def step(self, state: Any, token: int) -> Any:
        since, count = state
        if not since and token in self.trap.way:
            return ((), count + 1)
        return ((*since, token), count + 1) if len(since) < self.trap.deep else None

    def may_end(self, state: Any) -> bool:
        return not state[0] and state[1] >= 6

    def must_end(self, state: Any) -> bool:
        return False

    def forced(self, state: Any) -> tuple[int, ...]:
        return ()

    def plan(self, state: Any, limit: int) -> tuple[int, ...] | None:
        return None


RIGHT = frozenset(token for token in range(61) if token % 5)


@pytest.mark.slow
def test_a_text_goes_back_from_dead_ends(engine: Engine) -> None:
    """Wrong tokens are found out three tokens later, given up and not drawn again."""
    params = SamplingParams(n=4, max_tokens=12, temperature=1.0, seed=3, ignore_eos=True)
    found, events = outputs(engine, params, Trap(RIGHT))
    assert any(isinstance(event, BackEvent) for event in events)
    ends = set(engine.tokenizer.eos_ids)  # ignored
    for output in found:
        assert output.finish_reason == "length"
        assert set(output.token_ids[:-3]) <= RIGHT | ends  # what came last was not found out yet
        report = output.constrained
        assert report is not None
        assert report.rewinds > 0
        assert report.given_up >= report.rewinds
        assert report.late == report.refused == 0


@pytest.mark.slow
def test_a_text_that_goes_back_is_the_same_in_company(engine: Engine) -> None:
    """Sample i of many is sample i alone, and a text told as it settles is the answer's."""
    params = SamplingParams(n=5, max_tokens=12, temperature=1.0, seed=3)
    many, events = outputs(engine, params, Trap(RIGHT))
    for n in (1, 3):
        forget(engine)
        few, _ = outputs(engine, SamplingParams(n=n, max_tokens=12, temperature=1.0, seed=3), Trap(RIGHT))
        assert [one.token_ids for one in few] == [one.token_ids for one in many[:n]]
    told: dict[int, list[int]] = {}
    for event in settled(event for event in events if not isinstance(event, FinishedEvent)):
        assert not isinstance(event, BackEvent)
        if isinstance(event, TokenEvent) and event.trace is not None:
            told.setdefault(event.index, []).append(event.trace.token_id)
    assert {one.index: list(one.token_ids) for one in many} == told


@pytest.mark.slow
def test_a_way_that_does_not_exist_ends_the_text(engine: Engine) -> None:
    """Where every token leads nowhere the text ends by its constraint, after a bounded number of attempts."""
    (output,), _ = outputs(engine, SamplingParams(max_tokens=40, temperature=1.0, seed=1), Trap(frozenset()))
    assert output.finish_reason == "constraint"


def _all_differ(text: str) -> bool:
    return len(set(text)) == len(text)


@pytest.mark.parametrize(
    "decoder",
    [
        None,
        Speculative(),
        BeamSearch(4),
        BeamSearch(3, semantics="vllm"),
        BeamSample(4),
        StochasticBeamSearch(4),
        ContrastiveSearch(),
    ],
)
def test_an_oracle_holds_under_every_decoder(engine: Engine, decoder: Any) -> None:
    """No character comes twice in a text, though no mask says so."""
    n = 1 if isinstance(decoder, ContrastiveSearch) else 3
    params = SamplingParams(n=n, max_tokens=30, temperature=1.0, seed=8, ignore_eos=True)
    free, _ = outputs(engine, params, None, decoder)
    kept, _ = outputs(engine, params, Oracle(_all_differ), decoder)
    assert not all(_all_differ(output.text) for output in free), "nothing to refuse"
    for output in kept:
        assert _all_differ(output.text)
        assert len(output.token_ids) == 30


def test_a_text_goes_back_from_where_little_is_allowed(engine: Engine) -> None:
    """After n to z only "!" may come, which is unlikely; with a floor such a letter is given up."""
    pairs = Regex("([a-m]|[n-z]!)*")
    params = SamplingParams(n=4, max_tokens=10, temperature=1.0, seed=2)
    free, _ = outputs(engine, params, pairs)
    assert any("!" in output.text for output in free)
    floor = replace(params, min_allowed_mass=0.1)
    kept, _ = outputs(engine, floor, pairs)
    for output in kept:
        assert "!" not in output.text
        assert min(trace.allowed_mass for trace in output.traces) >= 0.1
        assert output.constrained is not None
    assert sum(output.constrained.rewinds for output in kept if output.constrained) > 0
    guessed, _ = outputs(engine, floor, pairs, Speculative())
    assert [one.token_ids for one in guessed] == [one.token_ids for one in kept]
    alone, _ = outputs(engine, replace(floor, n=1), pairs)
    assert alone[0].token_ids == kept[0].token_ids


def test_a_text_goes_on_where_it_cannot_go_back(engine: Engine) -> None:
    """At the beginning, where little is allowed whatever comes, and after a bounded number of attempts."""
    params = SamplingParams(max_tokens=6, temperature=1.0, seed=2, min_allowed_mass=0.9)
    (output,), _ = outputs(engine, params, OneOf(("abcdef", "abcdeg")))
    assert output.text in ("abcdef", "abcdeg")


@pytest.mark.parametrize(
    ("decoder", "constraint", "allowed"),
    [
        (None, None, "only together with a constraint"),
        (BeamSearch(2), Regex("a*"), "0 with"),
        (BeamSample(2), Regex("a*"), "0 with"),
        (Faithful("weights"), Regex("a*"), "0 with"),
    ],
)
def test_a_floor_means_something_only_where_texts_are_drawn(
    engine: Engine, decoder: Any, constraint: Any, allowed: str
) -> None:
    """Elsewhere it is refused by name."""
    with pytest.raises(ParameterError, match=f"min_allowed_mass = 0.5 is not allowed: .*{allowed}"):
        outputs(
            engine, SamplingParams(max_tokens=9, temperature=1.0, min_allowed_mass=0.5), constraint, decoder
        )


@pytest.mark.slow
def test_refused_tokens_leave_the_others_as_likely_as_they_were(engine: Engine) -> None:
    """Tokens drawn under an oracle come as often as under a mask of the same tokens."""
    wanted = "bcdf"
    rows = 1000
    params = SamplingParams(n=rows, max_tokens=1, temperature=1.0, seed=11)
    refusing, _ = outputs(engine, params, Oracle(lambda text: text in ("", *wanted), bool))
    masked, _ = outputs(engine, params, OneOf(tuple(wanted)))
    counts, expected = (Counter(one.text for one in found) for found in (refusing, masked))
    exact = {one.text: one.traces[0].tempered_logprob for one in masked}
    assert set(counts) == set(expected) == set(wanted)
    for text, logprob in exact.items():
        probability = 2.718281828459045**logprob
        error = (rows * probability * (1 - probability)) ** 0.5
        assert abs(counts[text] - rows * probability) < 4 * error, text


@pytest.mark.slow
def test_patterns_that_no_automaton_reads(engine: Engine) -> None:
    """A back-reference: the same two letters twice, with what the package `regex` says of beginnings."""
    pytest.importorskip("regex")
    constraint = Oracle.pcre(r"([a-z])([a-z])-\1\2(?=!)!")
    params = SamplingParams(n=6, max_tokens=9, temperature=1.0, seed=2)
    found, _ = outputs(engine, params, constraint)
    for output in found:
        assert output.finish_reason == "stop"
        assert len(output.text) == 6
        assert output.text[:2] == output.text[3:5]
    with pytest.raises(ParameterError, match="a regular expression"):
        Oracle.pcre("(")


@pytest.mark.parametrize("decoder", [None, Speculative(), BeamSearch(3), BeamSample(3)])
def test_texts_end_in_time(engine: Engine, decoder: Any) -> None:
    """Whatever room there is, from the least that is enough on, a text ends where it may."""
    rng = random.Random(5)
    choices = OneOf(("yes", "a long answer, which takes many tokens")).then(OneOf((".", " indeed."))) | OneOf(
        ("no, never, not at all",)
    )
    for limit in (4, 5, 11, 21, 30, 41):
        params = SamplingParams(n=3, max_tokens=limit, temperature=1.0, seed=rng.randrange(99))
        found, _ = outputs(engine, params, choices, decoder)
        for output in found:
            assert output.text in {
                *("yes.", "yes indeed.", "no, never, not at all"),
                *(f"a long answer, which takes many tokens{end}" for end in (".", " indeed.")),
            }
            assert output.finish_reason == "stop"
    with pytest.raises(ParameterError, match=r"max_tokens = 3 .*: at least 4, for the constraint"):
        outputs(engine, SamplingParams(max_tokens=3), choices, decoder)


def test_a_path_must_leave_room_to_end(engine: Engine) -> None:
    """The tokens of a path count: what is left must do for the rest."""
    first, _ = outputs(engine, SamplingParams(max_tokens=30, seed=3, temperature=1.0), Length(12, 12))
    begun = first[0].token_ids[:5]
    for limit in (12, 13):
        params = SamplingParams(max_tokens=limit, seed=3, temperature=1.0)
        (output,), _ = outputs(engine, params, Length(12, 12), tokens=begun)
        assert output.token_ids == first[0].token_ids[5:][: limit - 5]
    with pytest.raises(ParameterError, match="at least 12, for the constraint to be kept"):
        outputs(engine, SamplingParams(max_tokens=11), Length(12, 12), tokens=begun)


def test_a_stop_string_waits_until_the_text_may_end(engine: Engine) -> None:
    """A stop string ends a text only where the constraint lets the text end, with it and without it."""
    params = SamplingParams(n=8, max_tokens=60, temperature=1.0, seed=6, stop=("a", "e", "io"))
    found, _ = outputs(engine, params, Length(20, 40))
    assert any(output.finish_reason == "stop" for output in found)
    for output in found:
        assert 20 <= len(output.text) <= 40


@pytest.mark.slow
@pytest.mark.parametrize(
    "constraint",
    [
        Mentions(["ab", "bc", "cde"]) & Length(3, 20),
        JsonSchema({"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3}),
    ],
)
def test_a_path_goes_on_as_itself(engine: Engine, constraint: Any) -> None:
    """Where a text went back from nothing, its first tokens give the same rest."""
    for seed in range(4):
        params = SamplingParams(max_tokens=30, seed=seed, temperature=1.0)
        forget(engine)
        (whole,), _ = outputs(engine, params, constraint)
        for cut in (2, 3, 4, 6) if whole.constrained is not None and not whole.constrained.rewinds else ():
            forget(engine)
            (rest,), _ = outputs(engine, params, constraint, tokens=whole.token_ids[:cut])
            assert rest.token_ids == whole.token_ids[cut:]


@pytest.mark.slow
def test_an_oracle_that_lets_a_text_end_anywhere(engine: Engine) -> None:
    """Many refusals do not make the end more likely than it is."""
    ends = dict.fromkeys(engine.tokenizer.eos_ids, -4.0)
    params = SamplingParams(n=400, max_tokens=2, temperature=1.0, seed=5, logit_bias=ends)
    wanted = ("", "z", "q", "j", "k")
    refusing, _ = outputs(engine, params, Oracle(lambda text: text in wanted))
    masked, _ = outputs(engine, params, OneOf(wanted))
    counts, expected = (Counter(one.text for one in found) for found in (refusing, masked))
    for text in wanted:
        assert abs(counts[text] - expected[text]) < 5 * (counts[text] + expected[text] + 1) ** 0.5, text


@pytest.mark.parametrize("include", [False, True])
@pytest.mark.parametrize(
    ("texts", "stop"), [(("", "aab"), "ab"), (("", "xa"), "a"), (("", "xa"), "x"), (("a", "aab"), "ab")]
)
def test_what_a_stop_string_leaves_is_allowed(texts: tuple[str, ...], stop: str, include: bool) -> None:
    """A stop string may begin and end inside a token; the text that is shown is one of those."""
    engine = tiny_engine(tiny_tokenizer(words=("xa",)), seed=4)
    (bias,) = engine.tokenizer.encode("xa")
    params = SamplingParams(
        n=6,
        max_tokens=6,
        temperature=1.0,
        seed=3,
        stop=(stop,),
        logit_bias={bias: 4.0},
        include_stop_str_in_output=include,
    )
    found, _ = outputs(engine, params, OneOf(texts))
    assert {output.text for output in found} <= set(texts)


def test_a_minimum_of_tokens_is_planned_for(engine: Engine) -> None:
    """`min_tokens` leads to the longer text, or is refused."""
    params = SamplingParams(n=4, max_tokens=9, min_tokens=5, temperature=1.0, seed=1)
    found, _ = outputs(engine, params, OneOf(("ab", "aaaaaa")))
    assert {output.text for output in found} == {"aaaaaa"}
    with pytest.raises(ParameterError, match="OneOf & TokenCount"):
        outputs(engine, params, OneOf(("ab",)))
