"""Whatever else happens in the engine, a request is answered to the bit as if it were alone.

Random operations on one engine with a cache that is much too small, over row-invariant kernels: every
output with its traces, every tree of beams, every traced prompt and every score equals that of a fresh one.
What is decoded speculatively equals what is sampled. The draft model is the model: it is often right, and not
always, as its cache is short too.
"""

import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from asking import engine_ask, prompt_of, score, streams
from ponder.asks import ProgressEvent, Service, TokenEvent, TreeEvent
from ponder.asks.choice_trie import ChoiceTrie
from ponder.constraints import Ban
from ponder.decoders import BeamSearch, ContrastiveSearch, DraftModel, PromptLookup, Sample, Speculative
from ponder.engine import Engine, EngineLimits, FailedEvent, FinishedEvent, Seat
from ponder.errors import DeadlineError
from ponder.mixtures import Contrast, DoLa, Guidance
from ponder.sampling import SamplingParams
from ponder.tree import PAGE_SIZE
from stepping import assert_at_rest
from tiny_models import tiny_config, tiny_transformer

pytestmark = pytest.mark.usefixtures("one_thread")

PAGES = 16
LENGTHS = (1, 2, 15, 16, 17, 21, 31, 32, 33, 40, 48, 60)
TEXTS = [tuple(random.Random(text).choices(range(61), k=64)) for text in range(3)]


class BrokenError(Exception):
    """What a forward pass raises when it is told to."""


@pytest.fixture(scope="module")
def model():
    return tiny_transformer(tiny_config(rope_layers=(True, False)), seed=4, row_invariant=True)


def some_prompt(choose):
    """One of a few texts up to some length, perhaps going on in another way."""
    tail = tuple(choose(range(61)) for _ in range(choose((0, 0, 1, 3, 18))))
    return (*choose(TEXTS)[: choose(LENGTHS)], *tail)


def some_request(choose):
    """A request of any kind; `choose` takes one of several values."""
    params = {"max_tokens": choose((1, 2, 5, 12, 20)), "top_logprobs": choose((0, 0, 2))}
    params |= choose(({}, {"stop": ("a", "bc")}, {"stop": ("e", "in"), "include_stop_str_in_output": True}))
    params |= choose(({}, {"min_tokens": params["max_tokens"] // 2}, {"ignore_eos": True}))
    params |= choose(
        ({}, {"repetition_penalty": 1.4}, {"frequency_penalty": 0.7, "presence_penalty": -0.3}, {})
    )
    params |= choose(({}, {}, {"logit_bias": {3: 4.0, 7: -100.0}}, {"stop_token_ids": (5, 11)}))
    request = {
        "constraint": choose((None, None, Ban(("e", "ab")))),
        "priority": choose((0, 0, 1, -1)),
        "deadline_s": choose((None, None, None, None, 2, 6)),
        "cache_salt": choose((None, None, None, "salt")),
        "prompt_logprobs": choose((None, None, 0, 2)),
    }
    if choose((False, False, True)):
        beams = choose((1, 2, 4))
        request["decoder"] = BeamSearch(beams, choose((1.0, 0.0, -1.0, 2.5)), choose((False, True, "never")))
        params["n"] = choose(range(1, beams + 1))
    else:
        params |= {"n": choose((1, 1, 2, 4)), "seed": choose(range(5))}
        params |= choose(({}, {"temperature": 0.0}, {"top_p": 0.8}, {"top_k": 5, "min_p": 0.01}))
        if choose((False, False, True)):
            request["decoder"] = Speculative(
                choose((PromptLookup(4, min_ngram=1), PromptLookup(20), DraftModel(5)))
            )
    if choose((False, False, True)):
        add_contexts(choose, request, params)
    return engine_ask(some_prompt(choose), SamplingParams(**params), **request)


def add_contexts(choose, request, params):
    """Change a request to one that mixes distributions or tries tokens, of no more pages than there are."""
    decoder = request.get("decoder")
    if choose((False, False, True)) and not isinstance(decoder, BeamSearch):
        request["decoder"] = ContrastiveSearch(choose((1, 2, 5)), choose((0.0, 0.6, 1.0)))
        params["n"] = 1
        return
    mixtures = [DoLa((0, 1)), DoLa("high", norm=True), Contrast(choose((0, 1)), 0.02)]
    if not isinstance(decoder, Speculative):
        mixtures += [Guidance(choose((0.5, 1.0, 2.0))), Guidance(1.5), Contrast("draft", 0.02)]
    request["mixture"] = choose(mixtures)
    if request["mixture"].prompts((0,)):
        request["further_prompts"] = (some_prompt(choose),)
        wide = params["n"] > 1 or isinstance(decoder, BeamSearch)
        params["max_tokens"] = min(params["max_tokens"], 5 if wide else 20)
        params["min_tokens"] = params["max_tokens"] // 2 if "min_tokens" in params else 0
        params["n"] = min(params["n"], 2)
        if isinstance(decoder, BeamSearch):
            request["decoder"] = replace(decoder, num_beams=2)


def some_score(rng):
    """A prompt and a trie of a few short texts after it."""
    paths = [rng.choices(range(4), k=rng.randrange(1, 5)) for _ in range(rng.randrange(1, 6))]
    return some_prompt(rng.choice), ChoiceTrie.build(paths)


class Story:
    """All that was said of a request, and the rules of how it may be said."""

    def __init__(self, request):
        self.request = request
        self.prompt_traces = []
        self.tokens = defaultdict(list)
        self.trees = []
        self.states = []
        self.end = None

    def take(self, event):
        assert self.end is None, "something happened to a request that had ended"
        prompt = len(prompt_of(self.request))
        if isinstance(event, ProgressEvent):
            self.states.append(event.state)
            self.prompt_traces += event.traces
            assert event.done <= prompt
        elif isinstance(event, TokenEvent):
            assert not any(reason for *_, reason in self.tokens[event.index])
            self.tokens[event.index].append((event.trace, event.text, event.finish_reason))
        elif isinstance(event, TreeEvent):
            self.trees.append(event.nodes)
        else:
            self.end = event
        if not isinstance(event, FailedEvent):
            usage = event.usage
            assert usage.prompt_tokens == prompt
            assert 0 <= usage.hit_tokens < prompt
            assert self.request.record.prompt is None or usage.hit_tokens == 0

    @property
    def outputs(self):
        return self.end.outputs

    def check(self):
        """What was streamed is what came out."""
        assert self.states.count("waiting") <= 1
        if not isinstance(self.end, FinishedEvent):
            return
        if self.request.record.prompt is not None:
            assert len(self.prompt_traces) == len(prompt_of(self.request))
        grown = [len(output.token_ids) for output in self.outputs]
        if not streams(self.request):  # texts may share their beginnings
            grown = [node.trace is not None for nodes in self.trees for node in nodes]
        assert self.end.usage.generated_tokens == sum(grown)
        for output in self.outputs:
            assert tuple(trace.token_id for trace in output.traces) == output.token_ids
            if streams(self.request):
                parts = self.tokens[output.index]
                assert "".join(text for _, text, _ in parts) == output.text
                assert tuple(trace for trace, _, _ in parts if trace) == output.traces
                assert parts[-1][2] == output.finish_reason


def check_row(pool, row):
    """Assert that a row computes the last tokens of a branch into their own places; return their pages."""
    start, end = row.branch.length - len(row.tokens), row.branch.length
    assert 0 <= start < end
    assert max(row.positions()) < row.reach
    assert list(row.tokens) == row.branch.last(end - start)
    assert row.slots == [
        row.branch.pages[i // PAGE_SIZE] * PAGE_SIZE + i % PAGE_SIZE for i in range(start, end)
    ]
    pages = {slot // PAGE_SIZE for slot in row.slots}
    assert all(pool.is_exclusive(page) for page in pages), "a page is written that others read"
    return pages


class Crowd:
    """An engine that is short of everything, what was asked of it, and what must come of that."""

    def __init__(self, model, vocabulary, limits=None):
        self.now = 0.0
        self.failures = 0
        self.broken = 0
        self.model, self.vocabulary = model, vocabulary
        drafter = Seat(model, PAGES)
        self.engine = Engine(model, vocabulary, PAGES, limits, clock=lambda: self.now, draft=drafter)
        self.forward = self.engine.runner.forward
        self.engine.runner.forward = self._forward
        self.stories = {}
        self.cancelled = set()
        self.known = {}
        self.counts = Counter()

    def _forward(self, rows, *states):
        if self.failures and rows:
            self.failures -= 1
            raise BrokenError
        written = [check_row(self.engine.pool, row) for row in rows]
        pages = [page for row in written for page in row]
        assert len(set(pages)) == len(pages), "two rows write to one page"
        return self.forward(rows, *states)

    def submit(self, request):
        number = self.engine.submit(request)
        self.stories[number] = Story(request)

    def open(self):
        """Requests that have not ended."""
        return [n for n, story in self.stories.items() if story.end is None and n not in self.cancelled]

    def step(self):
        for event in self.engine.step():
            assert event.request_id not in self.cancelled
            self.stories[event.request_id].take(event)
        self.engine.check_integrity()

    def cancel(self, number):
        assert self.engine.cancel(number)
        self.cancelled.add(number)
        self.engine.check_integrity()

    def preempt(self, which):
        self.engine.scheduler.preempt(self.engine.scheduler.running[which])
        self.counts["forced"] += 1
        self.engine.check_integrity()

    def score(self, prompt, trie):
        others = []
        try:
            scored, hits = score(self.engine, prompt, trie, others)
        except BrokenError:
            self.engine.check_integrity()
            return
        finally:
            for event in others:
                self.stories[event.request_id].take(event)
        self.engine.check_integrity()
        assert hits < len(prompt)
        alone, _ = score(Engine(self.model, self.vocabulary, 40), prompt, trie)
        assert scored == alone

    def alone(self, request):
        """The story of a request that has the engine for itself."""
        request = replace(request, service=Service())
        if isinstance(request.method, Speculative):
            request = replace(request, method=Sample())
        key = repr(request)
        if key not in self.known:
            drafter = Seat(self.model, 40)
            engine, story = Engine(self.model, self.vocabulary, 40, draft=drafter), Story(request)
            engine.submit(request)
            while story.end is None:
                for event in engine.step():
                    story.take(event)
            story.check()
            self.known[key] = story
        return self.known[key]

    def finish(self):
        """Let everything end, and compare."""
        failures, self.failures = self.failures, 0
        steps = 0
        while self.engine.busy:
            steps += 1
            assert steps < 3000, "no end in sight"
            self.step()
        self.failures = failures
        assert_at_rest(self.engine)
        assert not self.open()
        for number, story in self.stories.items():
            if number not in self.cancelled:
                story.check()
                self.compare(story)
        stats = self.engine.stats()
        assert stats.finished + stats.failed + stats.cancelled == len(self.stories)
        assert stats.cancelled == len(self.cancelled)
        self.counts += Counter(
            preemptions=stats.preemptions, evictions=stats.evictions, hits=stats.hit_tokens
        )
        self.stories, self.cancelled = {}, set()
        self.engine.tree.evict(PAGES)
        self.engine.check_integrity()
        assert self.engine.pool.num_free == PAGES

    def compare(self, story):
        alone = self.alone(story.request)
        if isinstance(story.end, FailedEvent):
            error = story.end.error
            assert isinstance(error, BrokenError | DeadlineError), error
            self.broken -= isinstance(error, BrokenError)
            assert self.broken >= 0
            assert isinstance(error, BrokenError) or not (story.tokens or story.trees)
            return
        self.counts["finished"] += 1
        self.counts["mixed"] += story.request.mixture is not None
        self.counts["tried"] += isinstance(story.request.method, ContrastiveSearch)
        usage = story.end.usage
        self.counts["accepted"] += usage.accepted_tokens
        self.counts["rejected"] += usage.proposed_tokens - usage.accepted_tokens
        assert usage.accepted_tokens <= usage.proposed_tokens
        self.counts["finished after a preemption"] += "preempted" in story.states
        assert story.prompt_traces == alone.prompt_traces
        late = [output for output in story.outputs if output.finish_reason == "deadline"]
        # A search that was cut short may answer with texts that were finished before.
        short = len(story.trees) < len(alone.trees)
        if late or short:
            assert story.request.service.deadline_s is not None
        else:
            assert story.outputs == alone.outputs
            assert story.trees == alone.trees
            assert story.tokens == alone.tokens
            assert story.end.usage.generated_tokens == alone.end.usage.generated_tokens
            return
        self.counts["late"] += 1
        assert story.trees == alone.trees[: len(story.trees)]
        for index, parts in story.tokens.items():
            if parts[-1][2] == "deadline":
                *parts, (trace, _, _) = parts
                assert trace is None
            assert parts == alone.tokens[index][: len(parts)]
        for output in late:
            if streams(story.request):
                whole = alone.outputs[output.index]
                assert output.traces == whole.traces[: len(output.traces)]
                assert whole.text.startswith(output.text) or story.request.params.stop


LIMITS = (
    EngineLimits(),
    EngineLimits(token_budget=24),
    EngineLimits(token_budget=1, max_rows=6),
    EngineLimits(max_rows=3),
)


def machine(model, vocabulary, counts):
    """The class of a state machine; requests come from seeds, so that what happens to them shrinks."""
    seeds = st.integers(0, 10**6)

    class Crowded(RuleBasedStateMachine):
        """Any operations in any order."""

        def __init__(self):
            super().__init__()
            self.crowd = None

        def teardown(self):
            if self.crowd is not None:
                self.crowd.finish()
                counts.update(self.crowd.counts)

        @precondition(lambda self: self.crowd is None)
        @rule(limits=st.sampled_from(LIMITS))
        def start(self, limits):
            self.crowd = Crowd(model, vocabulary, limits)

        @precondition(lambda self: self.crowd is not None)
        @rule(seed=seeds, steps=st.integers(0, 2))
        def submit(self, seed, steps):
            self.crowd.submit(some_request(random.Random(seed).choice))
            for _ in range(steps):
                self.crowd.step()

        @precondition(lambda self: self.crowd is not None and self.crowd.open())
        @rule(steps=st.integers(1, 8), seconds=st.sampled_from((0.0, 0.0, 0.5, 2.0)))
        def step(self, steps, seconds):
            for _ in range(steps):
                self.crowd.step()
            self.crowd.now += seconds

        @precondition(lambda self: self.crowd is not None and self.crowd.open())
        @rule(data=st.data())
        def cancel(self, data):
            self.crowd.cancel(data.draw(st.sampled_from(self.crowd.open())))

        @precondition(lambda self: self.crowd is not None)
        @rule()
        def evict(self):
            self.crowd.engine.tree.evict(PAGES)
            self.crowd.engine.check_integrity()

        @precondition(lambda self: self.crowd is not None and self.crowd.engine.scheduler.running)
        @rule(which=st.integers(0, 99))
        def preempt(self, which):
            self.crowd.preempt(which % len(self.crowd.engine.scheduler.running))

        @precondition(lambda self: self.crowd is not None and self.crowd.open())
        @rule(failures=st.sampled_from((1, 1, 2)))
        def break_forward(self, failures):
            self.crowd.failures, self.crowd.broken = failures, self.crowd.broken + failures - 1
            self.crowd.step()

        @precondition(lambda self: self.crowd is not None)
        @rule(seed=seeds)
        def score(self, seed):
            self.crowd.score(*some_score(random.Random(seed)))

    return Crowded


@pytest.mark.slow
def test_any_operations(model, vocabulary):
    """Hypothesis looks for a sequence of operations after which something differs."""
    counts = Counter()
    run_state_machine_as_test(
        lambda: machine(model, vocabulary, counts)(),
        settings=settings(max_examples=20, stateful_step_count=30, deadline=None),
    )
    assert counts["finished"] > 0


def drive(model, vocabulary, seed, operations):
    """Operations of a seeded mixture that keeps the cache full."""
    rng = random.Random(seed)
    crowd = Crowd(model, vocabulary, LIMITS[seed % len(LIMITS)])
    for _ in range(operations):
        roll = rng.random()
        if roll < 0.35:
            crowd.submit(some_request(rng.choice))
        elif roll < 0.9 or not crowd.open():
            for _ in range(rng.randrange(1, 6)):
                crowd.step()
            crowd.now += rng.choice((0.0, 0.0, 0.5, 1.0))
        elif roll < 0.92:
            crowd.cancel(rng.choice(crowd.open()))
        elif roll < 0.94 and crowd.engine.scheduler.running:
            crowd.preempt(rng.randrange(len(crowd.engine.scheduler.running)))
        elif roll < 0.96:
            crowd.failures, extra = rng.choice(((1, 0), (2, 1)))
            crowd.broken += extra
        else:
            crowd.score(*some_score(rng))
    crowd.finish()
    return crowd.counts


@pytest.mark.slow
def test_a_long_crowd(model, vocabulary):
    """A fixed mixture, in which all that is feared does happen."""
    counts = sum((drive(model, vocabulary, seed, 90) for seed in range(14)), Counter())
    assert counts["finished"] > 100
    assert counts["preemptions"] - counts["forced"] > 20
    assert counts["finished after a preemption"] > 20
    assert counts["forced"] > 3
    assert counts["evictions"] > 200
    assert counts["hits"] > 500
    assert counts["late"] > 0
    assert counts["mixed"] > 50
    assert counts["tried"] > 20
    assert counts["accepted"] > 100
    assert counts["rejected"] > 100
