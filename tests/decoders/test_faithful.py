"""Faithful sampling: against the target enumerated, and what it says of itself."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from asking import engine_ask
from ponder.asks import Output, Path, Read
from ponder.asks.grow import Tokens
from ponder.asks.read import Logits
from ponder.asks.weights import effective_sample_size
from ponder.constraints import Ban, Length, OneOf
from ponder.decoders import BeamSample, BeamSearch, ContrastiveSearch, Faithful, Sample, Speculative
from ponder.decoders.named import decoder_of
from ponder.decoders.particles import systematic
from ponder.decoders.removed_mass import Seen, learned
from ponder.engine import Engine, FinishedEvent, ReadEvent
from ponder.errors import ParameterError
from ponder.lm import LM
from ponder.sampling import SamplingParams, TraceSettings
from ponder.text import TokenIds
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_engine, tiny_local_model, tiny_tokenizer

PROMPT = (1, 2, 0, 1)
LONGEST = 4
BIAS = {5: -3.5, 4: -100.0, 3: -100.0}  # one end token, which is less likely; no control token
T = 2.2
LISTED = ("ab", "abc", "cab", "bba", "aaaa")

CASES: dict[str, tuple[Any, Any]] = {
    "ban": (Ban(("ab", "ca")), lambda text: "ab" not in text and "ca" not in text),
    "ban of a letter": (Ban(("c",)), lambda text: "c" not in text),
    "one of": (OneOf(LISTED), lambda text: text in LISTED),
    "length": (Length(3, 4), lambda text: 3 <= len(text) <= 4),
    "joint": (Ban(("bb",)) & Length(2, 3), lambda text: "bb" not in text and 2 <= len(text) <= 3),
}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return tiny_engine(tiny_tokenizer("abc"), num_pages=2048)


def params_of(**changes: Any) -> SamplingParams:
    fields = {"max_tokens": LONGEST, "temperature": T, "logit_bias": BIAS, "n": 8, "seed": 1}
    return SamplingParams(**fields | changes)


def outputs_of(engine: Engine, constraint: Any, decoder: Any, **changes: Any) -> tuple[Output, ...]:
    *_, last = run(engine, engine_ask(PROMPT, params_of(**changes), constraint, decoder))
    assert isinstance(last, FinishedEvent)
    return last.outputs


@pytest.fixture(scope="module")
def rows(engine: Engine) -> dict[tuple[int, ...], Any]:
    """The model's row of logits after each text of up to LONGEST - 1 letters."""
    found = {}
    for text in itertools.product((0, 1, 2), repeat=LONGEST - 1):
        number = engine.submit(Read(Path(TokenIds((*PROMPT, *text))), of=Logits(), at="every"))
        read = None
        while read is None:
            read = next((event for event in engine.step() if isinstance(event, ReadEvent)), None)
        assert read.request_id == number
        logits = np.asarray(read.reading.rows, dtype=np.float64)
        for length in range(LONGEST):
            found[text[:length]] = logits[len(PROMPT) - 1 + length]
    return found


def free(row: Any, top_p: float) -> Any:
    """What sampling draws from without a constraint, in plain numpy."""
    row = row.copy()
    for token, bias in BIAS.items():
        row[token] = -np.inf if bias <= -100 else row[token] + bias
    probs = np.exp((row - row.max()) / T)
    probs /= probs.sum()
    order = np.argsort(-probs, kind="stable")
    ahead = np.cumsum(probs[order]) - probs[order]
    probs[order[ahead >= top_p]] = 0
    return probs / probs.sum()


def spelled(tokens: tuple[int, ...]) -> str:
    return "".join("abc"[token] for token in tokens if token < 3)


def target(rows: dict[tuple[int, ...], Any], allows: Any, top_p: float) -> tuple[dict[Any, float], float]:
    """p* by enumeration, and the probability that a text is allowed."""
    found: dict[tuple[int, ...], float] = {}

    def go_on(text: tuple[int, ...], mass: float) -> None:
        for token, probability in enumerate(free(rows[text], top_p)):
            longer = (*text, token)
            if not probability:
                continue
            if token == 5 or len(longer) == LONGEST:
                if allows(spelled(longer)):
                    found[longer] = mass * float(probability)
            else:
                go_on(longer, mass * float(probability))

    go_on((), 1.0)
    total = math.fsum(found.values())
    return {text: mass / total for text, mass in found.items()}, total


def errors_off(weights: dict[Any, Any], expected: dict[Any, float], *, independent: bool) -> list[float]:
    """By how many standard errors each cell is off; texts that are rare are one cell.

    `weights` are a text's in each of several independent runs. Texts of a run with weights are not
    independent: the standard error is then that of a ratio of sums over the runs.
    """
    total = sum(weights.values())
    count = total.sum()
    rare = [text for text, share in expected.items() if share * count < 12]
    cells = [[text] for text in expected if text not in rare] + ([rare] if rare else [])
    off = []
    for cell in cells:
        share = math.fsum(expected[text] for text in cell)
        own = sum((weights[text] for text in cell), np.zeros_like(total))
        if independent:
            error = math.sqrt(share * (1 - share) / count)
        else:
            error = math.sqrt(((own - share * total) ** 2).sum() * len(total) / (len(total) - 1)) / count
        off.append(abs(own.sum() / count - share) / error if error else 0.0)
    return off


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["smc", "exact"])
@pytest.mark.parametrize("name", CASES)
def test_texts_have_the_target_distribution(engine, rows, kind, name):
    """Each cell is within four standard errors, and the mean square is what chance makes it.

    With truncation and without: each constraint has it under one of the two kinds.
    """
    top_p = 0.8 if (kind == "exact") == (name in ("ban of a letter", "length")) else 1.0
    constraint, allows = CASES[name]
    expected, allowed = target(rows, allows, top_p)
    runs, n = (8, 64) if kind == "smc" else (1, 200)
    weights: dict[Any, Any] = defaultdict(lambda: np.zeros(runs))
    branched_later = 0
    for i in range(runs):
        for output in outputs_of(engine, constraint, Faithful(kind), n=n, seed=300 + i, top_p=top_p):
            weights[output.token_ids][i] += math.exp(output.log_weight)
            branched_later += any(depth for depth, _ in output.lineage)
    assert branched_later or kind == "exact" or name != "one of", "texts were resampled"
    off = errors_off(weights, expected, independent=kind == "exact")
    assert max(off) < 4
    assert sum(one**2 for one in off) < len(off) + 4 * math.sqrt(2 * len(off)) + 4
    if kind == "smc":  # the mean weight estimates the probability that a text is allowed
        means = sum(weights.values()) / n
        assert abs(means.mean() - allowed) <= 4 * means.std() / math.sqrt(runs - 1) + 1e-9
    assert_at_rest(engine)


@pytest.mark.slow
def test_masks_alone_have_another(engine, rows):
    """Drawn token by token from what is allowed, some texts come far too often; weights put that right."""
    constraint, allows = CASES["one of"]
    expected, _ = target(rows, allows, 1.0)
    counts: dict[Any, Any] = defaultdict(lambda: np.zeros(4))
    weights: dict[Any, Any] = defaultdict(lambda: np.zeros(4))
    for i in range(4):
        for output in outputs_of(engine, constraint, Faithful(), n=128, seed=i):
            counts[output.token_ids][i] += output.log_weight > -math.inf
            weights[output.token_ids][i] += math.exp(output.log_weight)
    assert max(errors_off(counts, expected, independent=True)) > 10
    assert max(errors_off(weights, expected, independent=False)) < 5


def test_without_truncation_weights_go_with_the_texts_of_plain_sampling(engine):
    """What is drawn is the same; a weight is the product of the shares that were allowed."""
    constraint = Ban(("ab", "ca"))
    plain = outputs_of(engine, constraint, Sample(), temperature=1.0, logit_bias={})
    faithful = outputs_of(engine, constraint, Faithful(), temperature=1.0, logit_bias={})
    assert [one.token_ids for one in faithful] == [one.token_ids for one in plain]
    for one in faithful:
        assert one.log_weight == pytest.approx(one.mass_kept.log_sum, abs=1e-5)
        assert one.mass_kept.least == min(trace.allowed_mass for trace in one.traces)
    assert any(one.log_weight < -0.1 for one in faithful)


@pytest.mark.parametrize("kind", ["weights", "smc", "exact"])
def test_without_a_constraint_nothing_is_lost(engine, kind):
    """The texts are those of plain sampling, and weigh 1."""
    plain = outputs_of(engine, None, Sample(), top_p=0.8)
    faithful = outputs_of(engine, None, Faithful(kind), top_p=0.8)
    assert [one.token_ids for one in faithful] == [one.token_ids for one in plain]
    assert [one.log_weight for one in faithful] == [0.0] * 8
    assert [one.passes for one in faithful] == [1 if kind == "exact" else None] * 8


@pytest.mark.slow
def test_an_allowed_text_is_accepted_at_once(engine):
    """The first pass of "exact" is plain sampling without the constraint."""
    at_once = 0
    for seed in range(20):
        (plain,) = outputs_of(engine, None, Sample(), n=1, seed=seed)
        (exact,) = outputs_of(engine, Ban(("ab",)), Faithful("exact"), n=1, seed=seed)
        assert (exact.passes == 1) == ("ab" not in plain.text)
        if exact.passes == 1:
            assert exact.token_ids == plain.token_ids
            at_once += 1
    assert 0 < at_once < 20


@pytest.mark.parametrize("kind", ["weights", "smc", "exact"])
def test_a_text_that_cannot_be_weighs_nothing(engine, kind):
    """A bias forbids a letter of every text that the constraint allows: no text is a sample."""
    outputs = outputs_of(engine, OneOf(("cab",)), Faithful(kind), logit_bias={1: -100.0})
    assert [one.log_weight for one in outputs] == [-math.inf] * 8
    assert [one.finish_reason for one in outputs] == ["constraint"] * 8
    if kind == "exact":
        assert [one.token_ids for one in outputs] == [()] * 8
    assert_at_rest(engine)


@pytest.mark.slow
def test_passes_are_bounded(engine):
    """A text that is given up says so."""
    outputs = outputs_of(engine, OneOf(LISTED), Faithful("exact", passes=2), n=32)
    given_up = [one for one in outputs if one.finish_reason == "constraint"]
    assert given_up
    assert all(one.passes == 2 and one.log_weight == -math.inf and not one.token_ids for one in given_up)
    assert all(one.passes <= 2 for one in outputs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["weights", "smc", "exact"])
def test_company_and_a_full_cache_change_nothing(kind):
    """Beside other requests that take its pages, to the bit."""
    small = tiny_engine(tiny_tokenizer("abc"), num_pages=24, kernels="native")
    request = engine_ask(PROMPT, params_of(max_tokens=12, n=6), Ban(("ab", "ca")), Faithful(kind))
    *_, alone = run(small, request)
    forget(small)
    for i in range(3):
        other = SamplingParams(max_tokens=60, seed=i, ignore_eos=True)
        small.submit(engine_ask((i, 1), other, priority=-1))
    *_, beside = run(small, request)
    assert isinstance(alone, FinishedEvent)
    assert isinstance(beside, FinishedEvent)
    assert beside.outputs == alone.outputs
    while small.busy:
        small.step()
    assert_at_rest(small)


def test_weights_go_on_with_a_path(engine):
    """A path gives the same rest; the weights of a text's parts multiply to that of the whole."""
    constraint, changes = Ban(("ab", "ca")), {"n": 3, "top_p": 0.9, "max_tokens": 8}
    wholes = outputs_of(engine, constraint, Faithful(), **changes)
    *_, paused = run(
        engine, engine_ask(PROMPT, params_of(**changes), constraint, Faithful(), until=Tokens(2))
    )
    for whole, part in zip(wholes, paused.outputs, strict=True):
        path = {"tokens": part.token_ids, "lineage": part.lineage}
        request = engine_ask(PROMPT, params_of(**changes | {"n": 1}), constraint, Faithful(), **path)
        *_, last = run(engine, request)
        (rest,) = last.outputs
        assert (*part.token_ids, *rest.token_ids) == whole.token_ids
        assert part.log_weight + rest.log_weight == pytest.approx(whole.log_weight)


@pytest.mark.parametrize(
    "decoder", [Sample(), BeamSearch(3), BeamSample(3), ContrastiveSearch(2), Speculative(), Faithful("smc")]
)
def test_every_method_says_what_its_constraint_let_through(engine, rows, decoder):
    """Of the model's own distribution, token by token."""
    changes = {"n": 1, "logit_bias": {}, "temperature": 1.0}
    for output in outputs_of(engine, Ban(("ab", "ca")), decoder, **changes):
        for place, trace in enumerate(output.traces):
            before = output.token_ids[:place]
            if before not in rows:  # a control token is in it
                break
            raw = np.exp(rows[before] - rows[before].max())
            banned = {("a",): 1, ("c",): 0}.get(tuple(spelled(before[-1:])))
            kept = 1 - (raw[banned] / raw.sum() if banned is not None else 0)
            assert trace.allowed_mass == pytest.approx(kept, rel=1e-5)


REFUSED: dict[str, tuple[Any, str]] = {
    "kind": (lambda: Faithful("best"), "kind"),
    "passes": (lambda: Faithful("exact", passes=0), "passes"),
    "greedy": (lambda: Faithful().check(SamplingParams(temperature=0)), "temperature"),
    "mirostat": (lambda: Faithful().check(SamplingParams(mirostat=2)), "mirostat"),
    "xtc": (lambda: Faithful().check(SamplingParams(xtc_probability=0.5)), "xtc_probability"),
    "beams": (lambda: decoder_of({"num_beams": 2, "faithful": "smc"}), "faithful"),
    "speculation": (lambda: decoder_of({"prompt_lookup": 2, "faithful": "smc"}), "faithful"),
    "named kind": (lambda: decoder_of({"faithful": "best"}), "faithful"),
    "passes alone": (lambda: decoder_of({"faithful_passes": 3}), "faithful_passes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_does_not_go_with_is_refused_by_name(name):
    call, field = REFUSED[name]
    with pytest.raises(ParameterError) as error:
        call()
    assert error.value.field == field


def test_a_trace_of_distributions_is_refused(engine):
    request = engine_ask(PROMPT, params_of(), Ban(("ab",)), Faithful(), trace=TraceSettings())
    with pytest.raises(ParameterError, match="trace"):
        list(run(engine, request))


def test_a_model_takes_it_by_name():
    """And says how many texts of equal weight the texts are worth."""
    lm = LM(tiny_local_model(tiny_tokenizer("abc")))
    answer = lm("ab", chat=False, ban=["ab", "ca"], faithful="smc", n=6, max_tokens=6, seed=2)
    weights = [output.log_weight for output in answer.outputs]
    assert answer.effective_sample_size == pytest.approx(effective_sample_size(weights))
    assert 0 < answer.effective_sample_size <= 6
    assert lm("ab", chat=False, max_tokens=2).effective_sample_size is None
    with pytest.raises(ParameterError, match="faithful"):
        lm("ab", chat=False, faithful="smc", num_beams=2)
    lm.close()


def test_systematic_resampling():
    """Each is chosen as often as its share of n, rounded; on average exactly so."""
    weights = np.array([0.5, 0.0, 3.0, 1.25, 0.25])
    shares = weights / weights.sum() * 5
    numbers = (np.arange(1000) + 0.5) / 1000
    times = np.array([systematic(weights, number) for number in numbers])
    assert (times.sum(1) == 5).all()
    assert ((times >= np.floor(shares)) & (times <= np.ceil(shares))).all()
    assert times.mean(0) == pytest.approx(shares, abs=2e-3)


def test_effective_sample_size():
    assert effective_sample_size([-7.0] * 5) == pytest.approx(5)
    assert effective_sample_size([0.0, -math.inf]) == 1
    assert effective_sample_size([-math.inf]) == effective_sample_size([]) == 0
    assert effective_sample_size([math.log(3), 0.0]) == pytest.approx(16 / 10)


def test_what_passes_learn_adds_up():
    """What is left of the root is 1 less what every pass lost, each place once."""
    root = learned(None, [Seen(-1, 1.0, 0.9)])
    root = learned(root, [Seen(-1, 1.0, 0.9), Seen(4, 0.5, 0.8), Seen(2, 0.25, 0.0)])
    assert root.left == pytest.approx(0.4 + 0.5 * (0.8 - 0.25))
    again = learned(root, [Seen(-1, 1.0, 0.9), Seen(4, 0.5, 0.8), Seen(2, 0.25, 0.0)])
    assert again.left == root.left
    root = learned(root, [Seen(-1, 1.0, 0.9), Seen(3, 0.4, 0.0)])
    assert root.left == pytest.approx(0.5 * 0.55)
    assert root.at((4, 2)).left == 0
    assert root.at((4, 1)) is None
