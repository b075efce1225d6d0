"""Speculative decoding gives what sampling gives, to the bit and whatever is guessed, in fewer steps."""

import json
import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import ponder
from asking import engine_ask
from forward import all_logits
from ponder.asks import Record, TokenEvent
from ponder.constraints import Ban
from ponder.decoders import Chain, DraftModel, PromptLookup, Speculative
from ponder.engine import Engine, EngineLimits, FinishedEvent, Seat
from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder.sampling.distribution import TraceSettings
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions
from ponder.tree import PAGE_SIZE
from stepping import assert_at_rest, forget, run
from tiny_directory import write_tiny_directory
from tiny_models import tiny_config, tiny_transformer

PROMPT = tuple(random.Random(0).choices(range(61), k=41)) * 2
LETTERS = 61  # tokens before the control tokens

KINDS = {
    "greedy": {"temperature": 0.0},
    "warm": {"temperature": 0.8},
    "truncated": {"temperature": 0.8, "top_p": 0.7, "top_k": 9, "min_p": 0.01},
    "hot, four": {"temperature": 1.3, "n": 4},
    "penalties": {"temperature": 0.6, "repetition_penalty": 1.3, "frequency_penalty": 0.4, "n": 4},
    "stop strings": {"temperature": 0.8, "stop": ("a", "bc", "e"), "n": 4},
    "stop strings kept": {"temperature": 0.8, "stop": ("e", "i"), "include_stop_str_in_output": True, "n": 2},
    "end ids": {"temperature": 1.0, "stop_token_ids": tuple(range(30)), "min_tokens": 5, "n": 4},
    "ends ignored": {"temperature": 1.2, "ignore_eos": True, "n": 2},
    "mirostat": {"temperature": 0.9, "mirostat": 2, "n": 2},
    "dry": {"temperature": 0.5, "dry_multiplier": 1.5, "dry_allowed_length": 1, "n": 2},
    "decaying": {"temperature": 0.9, "top_p": 0.9, "top_p_decay": 0.8, "n": 2},
    "bias": {"temperature": 0.5, "logit_bias": {3: 4.0, 7: -100.0}, "top_logprobs": 3, "n": 2},
}


@dataclass(frozen=True)
class Partly:
    """Guesses what the right texts have, and from a place in each guess on, which depends on a seed, not."""

    texts: tuple[tuple[int, ...], ...]
    seed: int
    tokens: int = 6

    asks_model: ClassVar[bool] = False

    def propose(self, group):
        guesses = [(text, self.guess(text.index, text.depth)) for text in group.live]
        return tuple(Chain(group.possible(text, guess)) for text, guess in guesses)

    def guess(self, index, start):
        rng = random.Random(f"{self.seed} {index} {start}")
        right = self.texts[index][start : start + self.tokens]
        right = right[: rng.choice((0, 1, 2, self.tokens, self.tokens))]
        wrong = tuple(rng.randrange(LETTERS) for _ in range(rng.choice((0, self.tokens))))
        return (right + wrong)[: self.tokens]


@dataclass(frozen=True)
class Always:
    """Guesses the same tokens at every place."""

    tokens: tuple[int, ...]

    asks_model: ClassVar[bool] = False

    def propose(self, group):
        return tuple(Chain(group.possible(text, self.tokens)) for text in group.live)


@pytest.fixture(scope="module")
def models():
    """Two models of one vocabulary, whose arithmetic is the same in any company."""
    return [
        tiny_transformer(tiny_config(rope_layers=(True, False)), seed=seed, row_invariant=True)
        for seed in (4, 5)
    ]


@pytest.fixture(scope="module")
def vocabulary(tiny_model):
    return tiny_model.tokenizer


@pytest.fixture
def make(models, vocabulary):
    """Make an engine of so many pages, with a draft model, its own or another."""

    def make(num_pages=128, draft=1, draft_pages=64, **limits):
        drafter = Seat(models[draft], draft_pages)
        limits = EngineLimits(**{"speculation_rows": 96} | limits)
        return Engine(models[0], vocabulary, num_pages, limits, draft=drafter)

    return make


def ask(draft=None, constraint=None, prompt=PROMPT, max_tokens=18, **params):
    """A request; with a draft, decoded speculatively."""
    options = {} if draft is None else {"decoder": Speculative(draft)}
    return engine_ask(prompt, SamplingParams(max_tokens=max_tokens, **params), constraint, **options)


def answer(engine, request):
    """The end of a request, its token events by sample, and how many steps it took."""
    before = engine.stats().steps
    *events, end = run(engine, request)
    tokens = {index: [] for index in range(request.params.n)}
    for event in events:
        assert isinstance(event, TokenEvent)
        tokens[event.index].append((event.trace, event.text, event.finish_reason, event.stopped_by))
    assert_at_rest(engine)
    assert end.usage.generated_tokens == sum(len(output.token_ids) for output in end.outputs)
    return end, tokens, engine.stats().steps - before


def drafts(outputs, seed):
    """All ways to guess: a lookup, a draft model, and right tokens mixed with wrong ones."""
    texts = tuple(output.token_ids for output in outputs)
    return (
        PromptLookup(3 + seed, min_ngram=1),
        DraftModel(2 + seed),
        Partly(texts, seed),
        Partly(texts, seed, tokens=40),
    )


@pytest.mark.slow
@pytest.mark.parametrize("constraint", [None, Ban(("e", "ab"))], ids=["free", "ban"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_as_sampling(make, kind, constraint):
    """Tokens, traces, texts, ends and their causes, streamed and whole, for several seeds."""
    engine = make()
    for seed in range(2):
        request = ask(constraint=constraint, seed=seed, **KINDS[kind])
        plain, tokens, _ = answer(engine, request)
        for draft in drafts(plain.outputs, seed):
            if isinstance(draft, PromptLookup):
                forget(engine)
            end, told, _ = answer(engine, replace(request, method=Speculative(draft)))
            assert end.outputs == plain.outputs
            assert told == tokens
            assert 0 <= end.usage.accepted_tokens <= end.usage.proposed_tokens


def test_every_right_guess_saves_a_step(make):
    """A text all of whose tokens are guessed takes a step for each guess and one token after it."""
    engine = make()
    request = ask(temperature=0.8, seed=3, max_tokens=29, ignore_eos=True)
    plain, _, steps = answer(engine, request)
    assert steps == 29
    decoder = Speculative(Right(plain.outputs[0].token_ids, 6))
    end, _, steps = answer(engine, replace(request, method=decoder))
    assert end.outputs == plain.outputs
    assert steps == 1 + 28 // 7
    assert (end.usage.proposed_tokens, end.usage.accepted_tokens) == (24, 24)
    assert end.usage.computed_tokens < len(PROMPT) + 29


@dataclass(frozen=True)
class Right:
    """Guesses the next tokens of a text it knows."""

    text: tuple[int, ...]
    tokens: int

    asks_model: ClassVar[bool] = False

    def propose(self, group):
        guesses = [(text, self.text[text.depth : text.depth + self.tokens]) for text in group.live]
        return tuple(Chain(group.possible(text, guess)) for text, guess in guesses)


def test_a_draft_model_that_is_the_model_is_always_right(make):
    """The random numbers are those of the places: at any temperature the draft is what the model draws."""
    engine = make(draft=0)
    for temperature in (0.0, 0.8, 2.0):
        request = ask(DraftModel(4), temperature=temperature, seed=5, n=3, max_tokens=21, ignore_eos=True)
        end, _, steps = answer(engine, request)
        assert end.usage.accepted_tokens == end.usage.proposed_tokens == 3 * 16
        assert steps == 1 + 20 // 5


def test_lookup_is_right_where_a_text_repeats_itself(make):
    """A text of one letter is guessed from itself, however short it is."""
    engine = make()
    request = ask(PromptLookup(8), temperature=0.0, max_tokens=100, ignore_eos=True, logit_bias={3: 100.0})
    end, _, steps = answer(engine, request)
    assert end.outputs[0].token_ids == (3,) * 100
    assert end.usage.accepted_tokens == end.usage.proposed_tokens > 80
    assert steps <= 15


@pytest.mark.slow
def test_draft_models_hold_nothing_between_steps(make):
    """Whatever room the draft model's cache has, also none: the text is the same, and no page stays held."""
    for pages in (1, 6, 7, 12, 64):
        engine = make(draft_pages=pages)
        request = ask(temperature=0.8, seed=1, n=3)
        plain, _, _ = answer(engine, request)
        number = engine.submit(replace(request, method=Speculative(DraftModel(5))))
        ended = None
        while ended is None:
            for event in engine.step():
                if isinstance(event, FinishedEvent):
                    ended = event
            assert engine.drafter.seat.pool.num_busy == 0
            engine.check_integrity()
        assert ended.request_id == number
        assert ended.outputs == plain.outputs
        if pages in (1, 64):
            assert (ended.usage.proposed_tokens > 0) == (pages > 1)


@pytest.mark.parametrize(("rows", "each"), [(12, [2, 2, 2, 2]), (6, [1, 1]), (4, []), (3, [])])
def test_what_there_is_no_room_for_is_not_drafted(make, rows, each):
    """The draft model is asked for what the next step can compute, and not beyond a text's end."""
    engine = make(speculation_rows=rows)
    draft, asked = engine.drafter.draft, []

    def watched(wanted):
        asked.append([one.count for one in wanted])
        return draft(wanted)

    engine.drafter.draft = watched
    request = ask(temperature=0.8, seed=1, n=4, max_tokens=20, ignore_eos=True)
    plain, _, _ = answer(engine, request)
    end, _, _ = answer(engine, replace(request, method=Speculative(DraftModel(5))))
    assert end.outputs == plain.outputs
    assert next(iter(asked), []) == each
    assert (end.usage.proposed_tokens > 0) == bool(each)
    engine = make(draft=0)
    engine.drafter.draft, draft, asked[:] = watched, engine.drafter.draft, []
    answer(engine, ask(DraftModel(5), temperature=0.8, seed=1, max_tokens=4, ignore_eos=True))
    assert asked == [[2]]


def paths(tree):
    """All texts in a tree that has one root."""
    found = []
    for node in tree.nodes():
        path = ()
        while node.parent is not None:
            path, node = node.tokens + path, node.parent
        found.append(path)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_published_pages_hold_what_was_accepted(make, seed):
    """No guess gets into the cache, however long it is, and what is found there is the text's own."""
    engine = make()
    request = ask(temperature=0.8, seed=seed, n=2, max_tokens=60, ignore_eos=True)
    plain, _, _ = answer(make(), request)
    texts = [PROMPT + output.token_ids for output in plain.outputs]
    engine.submit(
        replace(request, method=Speculative(Partly(tuple(o.token_ids for o in plain.outputs), 0, 40)))
    )
    while engine.busy:
        engine.step()
        engine.check_integrity()
        for path in paths(engine.tree):
            assert any(text[: len(path)] == path for text in texts)
    for text in texts:
        later = ask(prompt=text, max_tokens=9, temperature=0.5)
        fresh, _, _ = answer(make(), later)
        found, _, _ = answer(engine, later)
        assert found.usage.hit_tokens >= (len(text) - 1) // PAGE_SIZE * PAGE_SIZE
        assert found.outputs == fresh.outputs


@pytest.mark.slow
def test_guesses_are_bounded(make):
    """By the token budget, also beside prompts, which move on; with no budget there are none."""
    plain, _, _ = answer(make(), ask(temperature=0.8, n=4, max_tokens=30))
    draft = Partly(tuple(output.token_ids for output in plain.outputs), 1)
    for budget in (1, 4, 5, 12, 40, 1000):
        engine = make(token_budget=budget, speculation_rows=12)
        forward, most = engine.runner.forward, []

        def watched(rows, *states, forward=forward, most=most):
            guessed, known = (
                sum(f(row) for row in rows)
                for f in (lambda r: r.guessed, lambda r: len(r.tokens) - r.guessed)
            )
            most.append((guessed, known))
            return forward(rows, *states)

        engine.runner.forward = watched
        numbers = [engine.submit(ask(draft, temperature=0.8, n=4, max_tokens=30))]
        numbers += [engine.submit(ask(prompt=(i, *PROMPT), max_tokens=2)) for i in range(3)]
        ends = {}
        while engine.busy:
            ends |= {e.request_id: e for e in engine.step() if isinstance(e, FinishedEvent)}
        assert ends[numbers[0]].outputs == plain.outputs
        assert all(guessed <= max(0, budget - known) for guessed, known in most)
        assert (max(guessed for guessed, _ in most) > 0) == (budget > 4)
        assert max(guessed for guessed, _ in most) <= 12 - 4


@pytest.mark.parametrize("pages", [10, 12, 16, 32])
def test_nobody_gives_way_to_a_guess(make, pages):
    """Where the cache is short, guesses get their pages after all others, and answers are the same."""
    requests = [
        ask(prompt=(i, *PROMPT[:40]), temperature=0.8, seed=i, n=2, max_tokens=30, ignore_eos=True)
        for i in range(3)
    ]
    plain = [answer(make(), request)[0].outputs for request in requests]
    engine = make(pages)
    numbers = [
        engine.submit(replace(request, method=Speculative(Partly(tuple(o.token_ids for o in outputs), i))))
        for i, (request, outputs) in enumerate(zip(requests, plain, strict=True))
    ]
    place = engine.scheduler._place

    def placed(job, sequence, tokens, batch):
        assert not any(row.guessed for entry in batch for row in entry.rows)
        return place(job, sequence, tokens, batch)

    engine.scheduler._place = placed
    ends = {}
    while engine.busy:
        ends |= {e.request_id: e for e in engine.step() if isinstance(e, FinishedEvent)}
        engine.check_integrity()
    assert [ends[number].outputs for number in numbers] == plain
    assert sum(end.usage.accepted_tokens for end in ends.values()) > 0
    assert_at_rest(engine)
    assert (engine.stats().preemptions > 0) == (pages < 32)


@pytest.mark.slow
def test_the_distribution_is_the_models(make, models):
    """Three tokens after a prompt, 1280 samples whose guesses are often right, against all products."""
    engine = make()
    kept, temperature, prompt = 3, 1.5, PROMPT[:5]
    params = SamplingParams(temperature=temperature, top_k=kept)
    exact = {}

    def walk(path, chance):
        if len(path) == 3:
            exact[path] = chance
            return
        (row,) = (values[-1:] for values in all_logits(models[0], [prompt + path]))
        probs = distributions(row, [Row(0, (), ())], params)[1][0]
        for token in probs.nonzero().flatten().tolist():
            walk((*path, token), chance * probs[token].item())

    walk((), 1.0)
    common = max(exact, key=exact.get)
    options = {"max_tokens": 3, "temperature": temperature, "top_k": kept, "n": 32, "ignore_eos": True}
    requests = [ask(Always(common[1:]), prompt=prompt, seed=seed, **options) for seed in range(40)]
    ends = [answer(engine, request)[0] for request in requests]
    assert sum(end.usage.accepted_tokens for end in ends) > 300
    seen = Counter(output.token_ids for end in ends for output in end.outputs)
    assert seen.keys() <= exact.keys()
    hoped = [exact[path] * 1280 for path in exact]
    assert stats.chisquare([seen[path] for path in exact], hoped, sum_check=False).pvalue > 1e-3


def brute_lookup(text, tokens, max_ngram, min_ngram):
    """Try every place and every length."""
    for length in range(max_ngram, min_ngram - 1, -1):
        for start in range(len(text) - length - 1, -1, -1):
            if text[start : start + length] == text[len(text) - length :]:
                grown = list(text)
                for i in range(tokens):
                    grown.append(grown[start + length + i])
                return tuple(grown[len(text) :])
    return ()


@pytest.mark.slow
@given(
    text=st.lists(st.integers(0, 3), min_size=1, max_size=24).map(tuple),
    tokens=st.integers(1, 9),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_lookup_finds_the_longest_and_latest(text, tokens, sizes):
    lookup = PromptLookup(tokens, max_ngram=max(sizes), min_ngram=min(sizes))
    assert lookup.lookup(text) == brute_lookup(text, tokens, max(sizes), min(sizes))


@pytest.mark.parametrize(
    ("make_it", "field"),
    [
        (lambda: PromptLookup(0), "tokens"),
        (lambda: PromptLookup(65), "tokens"),
        (lambda: PromptLookup(True), "tokens"),
        (lambda: PromptLookup(max_ngram=0), "max_ngram"),
        (lambda: PromptLookup(max_ngram=2, min_ngram=3), "min_ngram"),
        (lambda: DraftModel(1.5), "tokens"),
        (lambda: Speculative("draft"), "draft"),
        (lambda: Speculative(PromptLookup), "draft"),
    ],
)
def test_what_is_refused(make_it, field):
    """The error names the field, the value and what is allowed."""
    with pytest.raises(ParameterError, match=rf"^{field} = .* is not allowed: ") as refused:
        make_it()
    assert refused.value.field == field


def test_a_draft_model_must_be_loaded(models, vocabulary):
    engine = Engine(models[0], vocabulary, 64)
    with pytest.raises(ParameterError, match=r"^draft = DraftModel\(tokens=4\) is not allowed: "):
        engine.submit(ask(DraftModel()))


@pytest.fixture
def directories(tmp_path):
    """A model on disk, a second one of its vocabulary, one that is padded, one with other letters."""
    for seed, (name, changes) in enumerate(
        {"model": {}, "draft": {"num_layers": 1}, "more": {"vocab_size": 72}, "other": {}}.items()
    ):
        write_tiny_directory(tmp_path / name, seed=seed, **changes)
    config = tmp_path / "more" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"eos_token_id": 63}))
    file = tmp_path / "other" / "tokenizer.json"
    described = json.loads(file.read_text())
    ids = described["model"]["vocab"]
    ids["a"], ids["b"] = ids["b"], ids["a"]
    file.write_text(json.dumps(described))
    return tmp_path


@pytest.mark.slow
def test_a_model_is_loaded_with_its_draft(directories):
    """And what comes out is what comes out without it; the cache is shared out over both."""
    options = {"temperature": 0.7, "seed": 2, "max_tokens": 20, "ignore_eos": True}
    texts = {}
    for draft in (None, directories / "draft", directories / "more"):
        lm = ponder.load(directories / "model", draft=draft, cache_bytes=2**20, row_invariant=True)
        texts[draft] = lm("abc", **options)
        if draft is not None:
            answer = lm("abc", decoder=Speculative(DraftModel(3)), **options)
            assert answer.usage.proposed_tokens > 0
            assert answer.outputs == texts[None].outputs
            pools = (lm.model.engine.pool, lm.model.engine.drafter.seat.pool)
            assert sum(pool.cache.keys.nbytes + pool.cache.values.nbytes for pool in pools) <= 2**20
            assert pools[0].num_pages == pools[1].num_pages
        lm.close()


def test_a_draft_model_has_the_models_tokens(directories):
    path = str(directories / "other")
    said = rf"^draft = '{path}' is not allowed: a model with the tokens of model: its token 0 is 'b'"
    with pytest.raises(ParameterError, match=said):
        ponder.load(directories / "model", draft=path)


def test_a_draft_model_is_a_path(directories):
    with pytest.raises(ParameterError, match=r"^draft = 5 is not allowed: "):
        ponder.load(directories / "model", draft=5)


def test_distributions_are_the_same(make):
    """What each token was chosen from, where that is kept, is what it would be without guesses."""
    engine = make()
    request = replace(ask(temperature=0.8, seed=1, n=2, top_p=0.9), record=Record(trace=TraceSettings(top=5)))
    plain, tokens, _ = answer(engine, request)
    assert all(trace.distribution for output in plain.outputs for trace in output.traces)
    draft = Partly(tuple(output.token_ids for output in plain.outputs), 2)
    end, told, _ = answer(engine, replace(request, method=Speculative(draft)))
    assert end.usage.accepted_tokens > 0
    assert end.outputs == plain.outputs
    assert told == tokens
