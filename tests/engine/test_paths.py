"""A text is a path: a request whose path holds the first k tokens of a text gives the same rest."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import pytest

from asking import engine_ask
from ponder.asks import Boundary, Grow, TokenEvent, Tokens
from ponder.constraints import Ban, OneOf, bits
from ponder.constraints.constraint import Automaton
from ponder.decoders import (
    BeamSample,
    BeamSearch,
    ContrastiveSearch,
    DiverseBeamSearch,
    DraftModel,
    PromptLookup,
    Speculative,
    StochasticBeamSearch,
)
from ponder.engine import Engine, EngineLimits, FinishedEvent, Seat
from ponder.errors import ParameterError
from ponder.mixtures import Contrast, DoLa, Guidance
from ponder.sampling import SamplingParams
from ponder.text import TokenIds, Vocabulary
from stepping import assert_at_rest, run
from tiny_models import random_entropy_head, tiny_config, tiny_tokenizer, tiny_transformer

CASES = 300
PARTS = 6
PROMPT = tuple(random.Random(3).choices(range(4, 60), k=40))


@pytest.fixture(scope="module")
def engine() -> Engine:
    model = tiny_transformer(tiny_config(), 4, kernels="native")
    draft = tiny_transformer(tiny_config(num_layers=1), 5, kernels="native")
    head = random_entropy_head(model.config.hidden_size, window=5, spread=0.3)
    limits = EngineLimits(token_budget=24)
    return Engine(model, tiny_tokenizer(), 96, limits, draft=Seat(draft, 96), entropy_head=head)


SEARCHES = (
    BeamSearch(3),
    BeamSearch(2, length_penalty=0.0, early_stopping=True),
    BeamSearch(3, semantics="vllm"),
    BeamSearch(3, semantics="fairseq"),
    BeamSample(3),
    StochasticBeamSearch(3),
    ContrastiveSearch(3),
)


def some_request(rng: random.Random) -> tuple[str, Grow]:
    """A request, and what is special about it."""
    params: dict[str, Any] = {
        "max_tokens": rng.randrange(1, 24),
        "seed": rng.randrange(2**40),
        "temperature": rng.choice((0.0, 0.7, 1.0, 1.5)),
        "top_p": rng.choice((1.0, 0.9)),
        "top_logprobs": rng.choice((0, 2)),
        "ignore_eos": rng.random() < 0.3,
    }
    options: dict[str, Any] = {}
    kind = rng.choice(
        (
            *("plain", "n", "penalties", "least", "stop", "ban", "mirostat", "xtc", "dry", "bias"),
            *("speculation", "draft", "guidance", "contrast", "dola", "residuals", "sentence", "search"),
        )
    )
    match kind:
        case "n":
            params["n"] = 4
        case "penalties":
            params |= {"repetition_penalty": 1.3, "frequency_penalty": 0.5, "presence_penalty": 0.4}
        case "least":
            params["min_tokens"] = rng.randrange(params["max_tokens"] + 1)
        case "stop":
            letters = "abcdefghijklmnop"
            params["stop"] = tuple("".join(rng.choices(letters, k=rng.randrange(1, 3))) for _ in range(6))
            params["include_stop_str_in_output"] = rng.random() < 0.5
            params["max_tokens"] = 40
        case "ban":
            options["constraint"] = Ban(tuple(rng.sample("abcdefghijklmnopqrstuvwxyz", 8)))
        case "mirostat":
            params |= {"mirostat": rng.choice((1, 2)), "temperature": 1.0, "top_p": 1.0}
        case "xtc":
            params |= {"xtc_probability": 0.6, "xtc_threshold": 0.05, "temperature": 1.0}
        case "dry":
            params |= {"dry_multiplier": 1.0, "dry_allowed_length": 1, "no_repeat_ngram_size": 3}
        case "bias":
            params["sequence_bias"] = {(5, 6): 3.0, (7,): 1.0}
        case "speculation":
            options["decoder"] = Speculative(PromptLookup(4, min_ngram=1))
            params["n"] = rng.choice((1, 2))
        case "draft":
            options["decoder"] = Speculative(DraftModel(3))
        case "guidance":
            options["mixture"] = Guidance(1.5, TokenIds(PROMPT[:7]))
        case "contrast":
            options["mixture"] = Contrast(rng.choice(("draft", 1)), 0.02)
        case "dola":
            options["mixture"] = DoLa((0, 1))
        case "residuals":
            params |= {"real_temperature": 1.0, "temperature": 1.0}
        case "sentence":
            params |= {"top_p": 0.9, "top_p_decay": 0.8, "top_p_floor": 0.2, "temperature": 1.0}
        case "search":
            options["decoder"] = rng.choice(SEARCHES)
            params["top_p"] = 1.0
            params["temperature"] = 0.0
            if isinstance(options["decoder"], BeamSample | StochasticBeamSearch):
                params["temperature"] = 0.8
    prompt = PROMPT[: rng.randrange(1, len(PROMPT))]
    return kind, engine_ask(prompt, SamplingParams(**params), **options)


@dataclass(frozen=True)
class Begins:
    """The text begins with some tokens, of any kind."""

    tokens: tuple[int, ...]

    def compile(self, vocabulary: Vocabulary) -> Automaton[int]:
        return _Beginning(self.tokens, vocabulary)


class _Beginning:
    start = 0

    def __init__(self, tokens: tuple[int, ...], vocabulary: Vocabulary) -> None:
        self.tokens = tokens
        self.masks = [bits.of([token], len(vocabulary)) for token in tokens]

    def mask(self, state: int) -> Any:
        return self.masks[state] if state < len(self.tokens) else None

    def step(self, state: int, token: int) -> int | None:
        return state + 1 if state >= len(self.tokens) or token == self.tokens[state] else None

    def may_end(self, state: int) -> bool:
        return state >= len(self.tokens)

    def must_end(self, state: int) -> bool:
        return False

    def forced(self, state: int) -> tuple[int, ...]:
        return ()

    def plan(self, state: int, limit: int) -> tuple[int, ...] | None:
        return self.tokens[state:] if len(self.tokens) - state <= limit else None

    growth = 0
    exact = True


def told(engine: Engine, request: Grow, rng: random.Random | None = None) -> tuple[Any, dict[int, list[Any]]]:
    """How a request ended, and what was said of each of its texts; with `rng`, preempted now and then."""
    parts: dict[int, list[Any]] = {}
    number = engine.submit(request)
    while True:
        if rng is not None and engine.scheduler.running and rng.random() < 0.2:
            engine.scheduler.preempt(engine.scheduler.running[-1])
            engine.tree.evict(rng.randrange(60))
        for event in engine.step():
            assert event.request_id == number
            if isinstance(event, TokenEvent):
                part = event.trace, event.text, event.finish_reason, event.stopped_by
                parts.setdefault(event.index, []).append(part)
            if isinstance(event, FinishedEvent):
                return event, parts
            assert not hasattr(event, "error"), event


def rest_of(request: Grow, output: Any, count: int) -> Grow:
    """The request to go on with a text after its first `count` tokens."""
    path = replace(request.path, tokens=output.token_ids[:count], lineage=output.lineage)
    return replace(request, path=path, params=replace(request.params, n=1))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_the_rest_of_a_text_is_the_same(engine: Engine, part: int) -> None:
    """Whatever decides its tokens, for every length of its beginning, also with preemptions in between."""
    rng = random.Random(part)
    kinds: Counter[str] = Counter()
    for _ in range(CASES // PARTS):
        kind, request = some_request(rng)
        kinds[kind] += 1
        if kind == "search" and not isinstance(request.method, ContrastiveSearch):
            search_goes_on(engine, request, rng)
            continue
        end, parts = told(engine, request)
        output = rng.choice(end.outputs)
        said = parts[output.index]
        count = rng.randrange(len(output.token_ids) + 1)
        preempted = rng if rng.random() < 0.5 else None
        rest_end, rest = told(engine, rest_of(request, output, count), preempted)
        (found,) = rest_end.outputs
        assert found.token_ids == output.token_ids[count:], kind
        assert found.traces == output.traces[count:], kind
        assert (found.finish_reason, found.stopped_by) == (output.finish_reason, output.stopped_by), kind
        assert found.lineage == output.lineage
        if count < len(output.token_ids):
            assert rest[0] == said[count:], kind
            assert found.text == "".join(text for _, text, *_ in said[count:])
            assert rest_end.usage.prompt_tokens == len(request.path.prompt.ids) + count
    assert_at_rest(engine)
    assert len(kinds) > 10


def search_goes_on(engine: Engine, request: Grow, rng: random.Random) -> None:
    """A search that begins with a path finds what it finds when only texts that begin so are allowed."""
    end, _ = told(engine, request)
    output = rng.choice(end.outputs)
    ended = output.finish_reason == "stop"
    count = rng.randrange(len(output.token_ids) + (not ended))
    begins = Begins(output.token_ids[:count])
    whole, _ = told(engine, replace(request, constraint=begins))
    rest, _ = told(engine, rest_of(request, replace(output, lineage=()), count), rng)
    assert len(whole.outputs) == len(rest.outputs)
    for wanted, found in zip(whole.outputs, rest.outputs, strict=True):
        assert found.token_ids == wanted.token_ids[count:]
        assert found.traces == wanted.traces[count:]
        assert (found.score, found.finish_reason) == (wanted.score, wanted.finish_reason)
        assert found.inclusion == wanted.inclusion


def test_branches_of_different_nodes_share_no_noise(engine: Engine) -> None:
    """Branch 0 goes on with its parent's random numbers; all others have their own, wherever they began."""
    params = SamplingParams(max_tokens=30, seed=1, temperature=5.0, n=3, ignore_eos=True)
    request = engine_ask(PROMPT, params)
    end, _ = told(engine, request)
    first = end.outputs[0]
    streams = {output.lineage for output in end.outputs}
    for count in (5, 10):
        path = replace(request.path, tokens=first.token_ids[:count], lineage=first.lineage)
        branches, _ = told(engine, replace(request, path=path))
        assert branches.outputs[0].token_ids == first.token_ids[count:]
        new = {output.lineage for output in branches.outputs[1:]}
        assert not new & streams
        streams |= new
        tails = [output.token_ids[20 - count :] for output in branches.outputs[1:]]
        assert first.token_ids[20:] not in tails
    assert len(streams) == 7


@pytest.mark.parametrize("until", [Tokens(4), Boundary(("a", "e", "i", "o", "u"))])
def test_growing_by_parts_is_growing(engine: Engine, until: Any) -> None:
    """A request that pauses and is gone on with, again and again, tells the same as one that does not."""
    params = SamplingParams(max_tokens=40, seed=3, temperature=1.5, stop=("zz", "qx"), ignore_eos=True)
    _, said = told(engine, engine_ask(PROMPT, params))
    request, parts = replace(engine_ask(PROMPT, params), until=until), []
    for _ in range(60):
        end, told_now = told(engine, request)
        (output,) = end.outputs
        parts += told_now[0]
        path = replace(request.path, tokens=(*request.path.tokens, *output.token_ids), lineage=output.lineage)
        request = replace(request, path=path)
        if output.finish_reason != "until":
            break
        assert len(output.token_ids) <= 4 or isinstance(until, Boundary)
        if isinstance(until, Boundary):
            assert output.stopped_by in until.strings
            assert output.stopped_by in output.text[-1:]
    assert len(parts) > 1
    assert [part[:2] for part in parts] == [part[:2] for part in said[0]]
    assert parts[-1] == said[0][-1]


def test_a_path_that_has_ended_is_answered_at_once(engine: Engine) -> None:
    """By length, by a stop string at its end, by an end token; nothing runs."""
    steps = engine.stats().steps
    eos = engine.tokenizer.eos_ids[0]
    for params, tokens, reason in (
        (SamplingParams(max_tokens=3), (5, 6, 7), "length"),
        (SamplingParams(max_tokens=9), (5, eos), "stop"),
        (SamplingParams(max_tokens=9, stop_token_ids=(7,)), (5, 6, 7), "stop"),
    ):
        end, _ = told(engine, engine_ask(PROMPT, params, tokens=tokens))
        assert [(output.token_ids, output.finish_reason) for output in end.outputs] == [((), reason)]
    assert engine.stats().steps == steps
    with pytest.raises(ParameterError, match="max_tokens = 2 is not allowed: at least 3"):
        engine.submit(engine_ask(PROMPT, SamplingParams(max_tokens=2), tokens=(5, 6, 7)))


def test_a_path_may_hold_what_would_have_ended_it(engine: Engine) -> None:
    """An end token or a stop string before its last token: it went on, whoever made it."""
    eos = engine.tokenizer.eos_ids[0]
    params = SamplingParams(max_tokens=9, seed=1, stop=("b",), ignore_eos=False)
    end, _ = told(engine, engine_ask(PROMPT, params, tokens=(5, eos, 6)))
    assert end.outputs[0].token_ids
    assert_at_rest(engine)


def test_a_path_that_a_constraint_does_not_allow(engine: Engine) -> None:
    """Its first token that is not allowed is named."""
    text = OneOf(("abc", "abd"))
    ids = [engine.tokenizer.encode(letter, add_bos=False)[0] for letter in "abx"]
    with pytest.raises(ParameterError, match="its token 2 is not"):
        engine.submit(engine_ask(PROMPT, SamplingParams(max_tokens=9), text, tokens=ids))
    *_, end = run(engine, engine_ask(PROMPT, SamplingParams(seed=2, max_tokens=9), text, tokens=ids[:2]))
    assert end.outputs[0].text in ("c", "d")


@pytest.mark.slow
def test_the_cache_is_used_for_a_path(engine: Engine) -> None:
    """All of prompt and path but the last token."""
    params = SamplingParams(max_tokens=20, seed=6, ignore_eos=True)
    end, _ = told(engine, engine_ask(PROMPT, params))
    (output,) = end.outputs
    for count in range(20):
        rest, _ = told(engine, rest_of(engine_ask(PROMPT, params), output, count))
        assert rest.usage.cached_tokens >= len(PROMPT) + count - 1


def test_diverse_beams_go_on(engine: Engine) -> None:
    """Its groups share the path."""
    params = SamplingParams(max_tokens=12, n=4, temperature=0.0, ignore_eos=True)
    request = engine_ask(PROMPT, params, decoder=DiverseBeamSearch(4, 2))
    end, _ = told(engine, request)
    path = replace(request.path, tokens=end.outputs[0].token_ids[:5])
    rest, _ = told(engine, replace(request, path=path))
    assert len(rest.outputs) == 4
    assert all(len(output.token_ids) == 7 for output in rest.outputs)


def test_samples_are_n_after_a_replay_too(engine: Engine) -> None:
    """Speculation guesses nothing before the path has branched."""
    params = SamplingParams(max_tokens=20, n=4, mirostat=2, seed=1, ignore_eos=True)
    for decoder in (None, Speculative(PromptLookup(4, min_ngram=1)), Speculative(DraftModel(3))):
        end, _ = told(engine, engine_ask(PROMPT, params, decoder=decoder, tokens=(5, 6, 5, 6, 5)))
        assert [len(output.token_ids) for output in end.outputs] == [15] * 4
        assert len({output.token_ids for output in end.outputs}) == 4


@pytest.mark.parametrize("decoder", SEARCHES, ids=lambda decoder: decoder.name)
@pytest.mark.parametrize("forbids", [{"no_repeat_ngram_size": 2}, {"logit_bias": {5: -100.0}}])
def test_a_path_may_hold_what_a_penalty_forbids(engine: Engine, decoder: Any, forbids: Any) -> None:
    """A search goes on from it all the same."""
    drawn = isinstance(decoder, BeamSample | StochasticBeamSearch)
    params = SamplingParams(max_tokens=12, ignore_eos=True, temperature=float(drawn), **forbids)
    end, _ = told(engine, engine_ask(PROMPT, params, decoder=decoder, tokens=(5, 6, 7, 5, 6)))
    assert end.outputs
    assert all(len(output.token_ids) == 7 for output in end.outputs)


def test_a_path_that_has_ended_has_n_samples_and_its_prompt_is_traced(engine: Engine) -> None:
    """All samples of it are the path; what was asked of its prompt is told."""
    params = SamplingParams(max_tokens=3, n=3)
    request = engine_ask(PROMPT, params, tokens=(5, 6, 7), prompt_logprobs=1)
    number, traces, outputs = engine.submit(request), [], ()
    while engine.busy:
        for event in engine.step():
            assert event.request_id == number
            traces += getattr(event, "traces", ())
            outputs = getattr(event, "outputs", outputs)
    assert [output.finish_reason for output in outputs] == ["length"] * 3
    assert len({output.lineage for output in outputs}) == 3
    assert len(traces) == len(PROMPT)
    assert traces[0] is None
    assert_at_rest(engine)


@dataclass(frozen=True)
class Breaks:
    """A constraint that fails at a depth."""

    depth: int

    def compile(self, vocabulary: Vocabulary) -> Automaton[int]:
        return _Breaking(self.depth)


class _Breaking(_Beginning):
    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.tokens = ()

    def step(self, state: int, token: int) -> int | None:
        if state >= self.depth:
            raise ArithmeticError("broken")
        return state + 1


@pytest.mark.parametrize("depth", range(1, 9))
def test_a_constraint_that_fails_ends_its_own_request_alone(engine: Engine, depth: int) -> None:
    """Also where it fails while a draft model's guess is looked at."""
    params = SamplingParams(max_tokens=12, seed=1, ignore_eos=True)
    bad = engine.submit(engine_ask(PROMPT, params, Breaks(depth), Speculative(DraftModel(4))))
    others = [engine.submit(engine_ask(PROMPT[i:], params)) for i in range(2)]
    ends: dict[int, Any] = {}
    while engine.busy:
        for event in engine.step():
            if hasattr(event, "error") or isinstance(event, FinishedEvent):
                ends[event.request_id] = event
    assert isinstance(ends[bad].error, ArithmeticError)
    assert all(isinstance(ends[number], FinishedEvent) for number in others)
    assert_at_rest(engine)
