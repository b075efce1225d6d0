"""Whose turn it is, what each step computes, and what is said of it."""

import pytest
import torch

from asking import engine_ask, prompt_of, score
from forward import all_logits
from ponder.asks import ProgressEvent, TokenEvent, TreeEvent
from ponder.asks.choice_trie import ChoiceTrie
from ponder.decoders import BeamSearch
from ponder.engine import Engine, EngineLimits, FailedEvent, FinishedEvent
from ponder.engine.scheduler import Scheduler
from ponder.errors import CapacityError, DeadlineError, ParameterError, QueueFullError
from ponder.sampling import SamplingParams
from ponder.tree import PAGE_SIZE
from stepping import assert_at_rest, forget

pytestmark = pytest.mark.usefixtures("one_thread")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def make(model, vocabulary):
    """Make an engine of so many pages; afterwards nothing may be left in any."""
    engines = []

    def make(num_pages=256, clock=None, **limits):
        engine = Engine(model, vocabulary, num_pages, EngineLimits(**limits), clock or Clock())
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        for job in (*engine.scheduler.running, *engine.scheduler.waiting):
            engine.cancel(job.request_id)
        assert_at_rest(engine)
        forget(engine)


def ask(prompt, max_tokens=8, decoder=None, priority=0, deadline_s=None, prompt_logprobs=None, **params):
    """A request that goes on to the end whatever it says."""
    options = {"decoder": decoder} if decoder else {}
    params = SamplingParams(max_tokens=max_tokens, **{"ignore_eos": True} | params)
    request = engine_ask(tuple(prompt), params, priority=priority, deadline_s=deadline_s, **options)
    return request if prompt_logprobs is None else with_prompt_logprobs(request, prompt_logprobs)


def with_prompt_logprobs(request, number):
    return engine_ask(prompt_of(request), request.params, decoder=request.method, prompt_logprobs=number)


def numbers(first, length):
    """A prompt that shares nothing with one of another `first`."""
    return [first, *((first * 7 + i * i) % 61 for i in range(1, length))]


def drain(engine):
    """Step until nothing is left to do; return all events in order."""
    events = []
    while engine.busy:
        events += engine.step()
        engine.check_integrity()
        assert len(events) < 20000
    return events


def ends(events):
    """The last event of each request, in the order in which they ended."""
    return {e.request_id: e for e in events if isinstance(e, FinishedEvent | FailedEvent)}


def states(events, request_id):
    return [e.state for e in events if isinstance(e, ProgressEvent) and e.request_id == request_id]


def recorded(engine):
    """Record each step's rows, [(branch, tokens computed)]."""
    steps, forward = [], engine.runner.forward

    def record(rows, *states):
        if rows:
            steps.append([(row.branch, len(row.tokens)) for row in rows])
        return forward(rows, *states)

    engine.runner.forward = record
    return steps


def test_lower_numbers_go_first(make):
    """One at a time, waiting requests run by priority and, among equals, as they came."""
    engine = make(max_rows=1)
    order = [engine.submit(ask([i], 3, priority=p)) for i, p in enumerate((1, 0, 2, 1, -5, 0))]
    assert list(ends(drain(engine))) == [order[i] for i in (4, 1, 5, 0, 3, 2)]
    assert engine.stats().preemptions == 0


def test_an_urgent_request_takes_its_room(make):
    """It preempts the last of lower priority, only as many as it must, and those go on afterwards."""
    engine = make(10)
    first, second = (engine.submit(ask(numbers(i, 40), 20)) for i in (1, 2))
    for _ in range(3):
        engine.step()
    assert engine.stats().running == 2
    urgent = engine.submit(ask(numbers(3, 40), 20, priority=-1))
    events = engine.step()
    assert states(events, second) == ["preempted"]
    assert states(events, urgent) == ["prefill"]
    assert [job.request_id for job in engine.scheduler.running] == [urgent, first]
    events += drain(engine)
    assert states(events, first) == []
    assert list(ends(events))[-1] == second
    assert {len(end.outputs[0].token_ids) for end in ends(events).values()} == {20}


def test_an_urgent_request_leaves_others_be_where_there_is_room(make):
    """Priority alone preempts nobody; nor does equal priority where there is no room."""
    engine = make(32)
    first = engine.submit(ask(numbers(1, 40), 20))
    engine.step()
    engine.submit(ask(numbers(2, 40), 20, priority=-1))
    engine.step()
    assert engine.stats().running == 2
    assert engine.stats().preemptions == 0
    rows = make(max_rows=2)
    first = rows.submit(ask([1], n=2))
    rows.step()
    second = rows.submit(ask([2]))
    rows.step()
    assert [job.request_id for job in rows.scheduler.running] == [first]
    urgent = rows.submit(ask([3], priority=-1))
    assert list(ends(drain(rows))) == [urgent, first, second]


def test_the_youngest_of_equals_gives_way(make):
    """Where growth needs more pages than there are, it is the last to have come that waits."""
    engine = make(12)
    ids = [engine.submit(ask(numbers(i, 30), 60)) for i in range(3)]
    events = []
    while not engine.stats().preemptions:
        events += engine.step()
    assert states(events, ids[2]) == ["prefill", "preempted"]
    assert states(events, ids[0]) == states(events, ids[1]) == ["prefill"]
    events += drain(engine)
    assert list(ends(events)) == ids


def test_who_gives_way_leaves_the_batch(make, monkeypatch):
    """A prompt takes the pages of younger texts that were to grow in the same step: then they do not."""
    engine, schedule, lengths = make(41, token_budget=16), Scheduler.schedule, []

    def record(scheduler):
        batch = schedule(scheduler)
        lengths.extend((row.branch.length, len(row.tokens)) for entry in batch for row in entry.rows)
        return batch

    monkeypatch.setattr(Scheduler, "schedule", record)
    texts = engine.submit(ask(numbers(9, 30), 60, n=4, priority=1))
    events = engine.step() + engine.step() + engine.step()
    prompts = [engine.submit(ask(numbers(1 + i, 235), 20)) for i in range(2)]
    while "preempted" not in states(events, texts):
        before = engine.stats().generated_tokens
        events += engine.step()
    assert engine.stats().generated_tokens <= before + 1, "only the first prompt's text grew"
    assert states(events, prompts[1]), "and the second prompt was under way"
    assert prompts[1] not in {e.request_id for e in events if isinstance(e, TokenEvent)}
    events += drain(engine)
    assert all(length >= tokens > 0 for length, tokens in lengths)
    assert list(ends(events)) == [*prompts, texts]


def test_a_deadline_while_waiting(make):
    """No text had begun: an error that names the deadline; who runs is not touched."""
    clock = Clock()
    engine = make(clock=clock, max_rows=1)
    running, waiting = engine.submit(ask([1], 5)), engine.submit(ask([2], 5, deadline_s=1.5))
    engine.step()
    clock.now += 1.5
    (failed,) = [e for e in engine.step() if isinstance(e, FailedEvent)]
    assert failed.request_id == waiting
    assert isinstance(failed.error, DeadlineError)
    assert "deadline of 1.5 s passed before the first token" in str(failed.error)
    assert isinstance(ends(drain(engine))[running], FinishedEvent)
    assert (engine.stats().finished, engine.stats().failed) == (1, 1)


def test_a_deadline_in_the_prompt(make):
    """The same for one that runs and whose prompt is not done."""
    clock = Clock()
    engine = make(clock=clock, token_budget=16)
    number = engine.submit(ask(numbers(1, 100), deadline_s=2))
    assert states(engine.step(), number) == ["prefill"]
    clock.now += 3
    (failed,) = engine.step()
    assert isinstance(failed.error, DeadlineError)
    assert engine.pool.num_busy == 0


@pytest.mark.parametrize("preempted", [False, True])
def test_a_deadline_while_texts_grow(make, preempted):
    """What is there is returned: beginnings of the texts, the finished ones whole; also if it waits."""
    clock = Clock()
    engine = make(clock=clock)
    whole = ends_of_one(engine, ask([5, 6], 30, n=3, seed=2, stop=("a",)))
    assert {output.finish_reason for output in whole} == {"stop", "length"}
    number = engine.submit(ask([5, 6], 30, n=3, seed=2, stop=("a",), deadline_s=10))
    events = [event for _ in range(20) for event in engine.step()]
    clock.now += 10
    if preempted:
        engine.scheduler.preempt(engine.scheduler.running[0])
    events += engine.step()
    assert not engine.busy
    outputs = ends(events)[number].outputs
    assert [output.index for output in outputs] == [0, 1, 2]
    for output, wanted in zip(outputs, whole, strict=True):
        text = [e for e in events if isinstance(e, TokenEvent) and e.index == output.index]
        assert "".join(event.text for event in text) == output.text
        assert text[-1].finish_reason == output.finish_reason
        if output.finish_reason == "stop":
            assert output.token_ids == wanted.token_ids
        else:
            assert output.finish_reason == "deadline"
            assert output.token_ids == wanted.token_ids[:20]
            assert text[-1].trace is None
    assert any(output.finish_reason == "deadline" for output in outputs)


def ends_of_one(engine, request):
    number = engine.submit(request)
    return ends(drain(engine))[number].outputs


def test_a_deadline_while_beams_grow(make):
    """The live beams, ranked with those that are finished, are the answer."""
    clock = Clock()
    engine = make(clock=clock)
    number = engine.submit(ask([5, 6], 30, BeamSearch(4), n=4, deadline_s=1))
    events = [event for _ in range(7) for event in engine.step()]
    live = {tuple(beam.output): beam.score for beam in engine.scheduler.running[0].group.live}
    clock.now += 2
    events += engine.step()
    outputs = ends(events)[number].outputs
    assert {output.finish_reason for output in outputs} == {"deadline"}
    assert {output.token_ids: output.score * 7 for output in outputs} == pytest.approx(live)
    assert [o.score for o in outputs] == sorted((o.score for o in outputs), reverse=True)
    assert not any(isinstance(event, TokenEvent) for event in events)


def test_the_queue_is_bounded(make):
    """The request after the last that may wait is refused; a later one is not."""
    engine = make(max_waiting=3, max_rows=1)
    engine.submit(ask([0]))
    engine.step()
    for i in range(3):
        engine.submit(ask([i]))
    with pytest.raises(QueueFullError, match="3 requests are waiting, and at most 3 may"):
        engine.submit(ask([9]))
    assert engine.stats().refused == 1
    assert engine.stats().waiting == 3
    engine.cancel(2)
    engine.submit(ask([9]))
    drain(engine)
    assert engine.stats().finished == 4


def test_rows_are_bounded(make):
    """Texts that grow at once are never more than may be, but where one request alone has more."""
    engine = make(max_rows=5)
    for i, width in enumerate((2, 3, 1, 4, 5, 2)):
        engine.submit(ask([i], 6, n=width, seed=i))
    most = 0
    while engine.busy:
        engine.step()
        most = max(most, engine.stats().rows)
        assert sum(job.width for job in engine.scheduler.running) <= 5
    assert most == 5
    engine.submit(ask([7], 6, BeamSearch(9)))
    engine.submit(ask([8], 6))
    engine.step()
    assert [job.width for job in engine.scheduler.running] == [9]
    drain(engine)


@pytest.mark.parametrize("budget", [1, 20, 50])
def test_steps_keep_to_the_budget(make, budget):
    """Texts that grow are in every step; prompts get what they leave, and never less than a page's worth."""
    engine = make(token_budget=budget)
    steps = recorded(engine)
    texts = [engine.submit(ask([i], 40, n=5, seed=i)) for i in (1, 2)]
    for _ in range(2):
        engine.step()
    branches = {id(sequence.branch) for job in engine.scheduler.running for sequence in job.group.live}
    assert len(branches) == 10
    del steps[:]
    prompts = [engine.submit(ask(numbers(i, 90), 1)) for i in (3, 4, 5)]
    events = []
    while not set(prompts) <= set(ends(events)):
        events += engine.step()
    for rows in steps:
        assert branches <= {id(branch) for branch, _ in rows}
        assert sum(tokens for _, tokens in rows) <= max(budget, 10 + PAGE_SIZE)
    computed = sum(tokens for rows in steps for branch, tokens in rows if id(branch) not in branches)
    assert computed == 270
    assert len(steps) <= -(-270 // max(budget - 10, PAGE_SIZE)) + 1
    for number in texts:
        engine.cancel(number)


@pytest.mark.parametrize("budget", [512, 100, 30])
@pytest.mark.parametrize("known", [0, 16, 21])
def test_a_prompt_asked_for_at_once_is_computed_once(make, budget, known):
    """Eight times the same prompt: its whole pages once; who has them not computed has them as hits.

    However it is cut into chunks, and also where a beginning of it, perhaps inside a page, was there before.
    """
    engine = make(token_budget=budget)
    prompt = numbers(3, 200)
    if known:
        ends_of_one(engine, ask([*prompt[:known], 60], 1))
    before = engine.stats()
    ids = [engine.submit(ask(prompt, 1)) for _ in range(8)]
    answers = ends(drain(engine))
    usages = [answers[number].usage for number in ids]
    assert sum(usage.computed_tokens + usage.hit_tokens for usage in usages) == 8 * 200
    whole = 200 // PAGE_SIZE * PAGE_SIZE
    computed = engine.stats().computed_tokens - before.computed_tokens
    assert computed <= whole - known + 8 * (200 - whole)
    assert engine.stats().hit_tokens - before.hit_tokens == 8 * 200 - computed
    assert all(usage.hit_tokens >= min(known, whole) for usage in usages)


@pytest.mark.parametrize("decoder", [None, BeamSearch(2)])
def test_salts_share_nothing(make, decoder):
    """Only under an equal salt is a prompt found, the unsalted one being a salt of its own."""
    engine, prompt = make(), tuple(numbers(9, 100))
    options = {"decoder": decoder} if decoder else {}
    hits = {}
    for salt in (None, "a", "b", "", None, "a", "b", ""):
        engine.submit(engine_ask(prompt, SamplingParams(max_tokens=3), cache_salt=salt, **options))
        (end,) = ends(drain(engine)).values()
        hits.setdefault(salt, []).append(end.usage.hit_tokens)
    assert hits == {salt: [0, 99] for salt in (None, "a", "b", "")}


def test_prompts_that_part_share_what_they_have_in_common(make):
    """Two prompts that part inside a page, at once: the common whole pages are computed once."""
    engine = make()
    common = numbers(4, 100)
    ids = [engine.submit(ask([*common, i, *numbers(i, 20)], 1)) for i in range(4)]
    answers = ends(drain(engine))
    computed = sum(answers[number].usage.computed_tokens for number in ids)
    assert computed <= 96 + 4 * (121 - 96)


@pytest.mark.parametrize("after", [0, 1, 2, 5, 30])
def test_cancelling_frees_pages_at_once(make, after):
    """Waiting, in its prompt or growing: no page is held when `cancel` has returned, and nothing is said."""
    engine = make(token_budget=30)
    for decoder in (None, BeamSearch(3)):
        number = engine.submit(ask(numbers(2, 70), 60, decoder, n=3))
        for _ in range(after):
            engine.step()
        assert (engine.pool.num_busy > 0) == (after > 0)
        assert engine.cancel(number)
        assert engine.pool.num_busy == 0
        assert engine.step() == []
        forget(engine)


def test_progress_is_told(make):
    """Waiting once, each chunk of a prompt, and each preemption, before the tokens that follow it."""
    engine = make(token_budget=32, max_rows=1)
    first, second = engine.submit(ask(numbers(1, 70), 4)), engine.submit(ask(numbers(2, 20), 4))
    events = drain(engine)
    progress = [event for event in events if isinstance(event, ProgressEvent) and event.request_id == first]
    assert [(event.state, event.done) for event in progress] == [("prefill", n) for n in (32, 64, 70)]
    assert [event.usage.computed_tokens for event in progress] == [32, 64, 70]
    assert {event.usage.prompt_tokens for event in progress} == {70}
    assert states(events, second) == ["waiting", "prefill"]
    number = engine.submit(ask(numbers(3, 20), 4))
    events = [event for _ in range(2) for event in engine.step()]
    engine.scheduler.preempt(engine.scheduler.running[0])
    events = drain(engine)
    assert [type(event) for event in events] == [ProgressEvent, TokenEvent, TokenEvent, FinishedEvent]
    assert states(events, number) == ["preempted"]


def test_nothing_is_said_of_a_request_that_has_ended(make):
    """A request that was preempted between two steps and then cancelled, or failed, is not said to wait."""
    clock = Clock()
    engine = make(clock=clock)
    for way in ("cancel", "deadline", "fail"):
        number = engine.submit(ask([1, 2], deadline_s=5))
        engine.scheduler.preempted.clear()
        engine.scheduler.schedule()
        engine.scheduler.preempt(engine.scheduler.running[0])
        if way == "cancel":
            engine.cancel(number)
        elif way == "fail":
            assert len(engine.fail_all(ValueError())) == 1
        else:
            clock.now += 10
            assert [type(event) for event in engine.step()] == [FailedEvent]
        assert engine.step() == []


@pytest.mark.parametrize("alternatives", [0, 3])
@pytest.mark.parametrize("length", [1, 2, 16, 127, 128, 129, 200])
def test_traced_prompts(make, model, length, alternatives):
    """Each prompt token has the model's own log-probability, whatever is cached, also after a preemption."""
    engine = make(token_budget=100)
    prompt = numbers(5, length)
    ends_of_one(engine, ask(prompt, 1))
    number = engine.submit(ask(prompt, 3, prompt_logprobs=alternatives))
    events = engine.step()
    engine.scheduler.preempt(engine.scheduler.running[0])
    events += drain(engine)
    assert ends(events)[number].usage.hit_tokens == 0
    traces = [trace for event in events if isinstance(event, ProgressEvent) for trace in event.traces]
    first, *others = traces
    assert first is None
    assert [trace.token_id for trace in others] == prompt[1:]
    (logits,) = all_logits(model, [prompt])
    logprobs = torch.log_softmax(logits, dim=-1)
    for position, trace in enumerate(others):
        row = logprobs[position]
        assert trace.logprob == pytest.approx(row[trace.token_id].item(), abs=1e-4)
        # Neighbours in rank may lie closer together than batches of other shapes agree.
        own = row[trace.token_id]
        assert (row > own + 1e-4).sum() < trace.rank <= 1 + (row > own - 1e-4).sum()
        assert len(trace.top) == alternatives
        for token, logprob in trace.top:
            assert logprob == pytest.approx(row[token].item(), abs=1e-4)


def test_a_traced_prompt_is_found_by_others(make):
    """It reads nothing from the cache, and leaves what it computed there."""
    engine = make()
    prompt = numbers(6, 100)
    ends_of_one(engine, ask(prompt, 1, prompt_logprobs=0))
    number = engine.submit(ask(prompt, 1))
    assert ends(drain(engine))[number].usage.hit_tokens == 99


def test_prompts_are_let_in_as_they_fit(make):
    """Not all that would fit by itself: those beside which it runs need their pages too."""
    engine = make(40, token_budget=16)
    for i in range(10):
        engine.submit(ask(numbers(i, 150), 4))
    while engine.busy:
        engine.step()
        assert engine.stats().running <= 3
    assert engine.stats().preemptions == 0


@pytest.mark.parametrize("preempted", [(), (1,), (2, 5, 6)])
def test_a_searchs_tree_spells_its_outputs(make, vocabulary, preempted):
    """Nodes are numbered as they come, parents before children; each output is a path from the root.

    The path's tokens, texts and last score are the output's, also when the search was preempted.
    """
    engine = make()
    request = ask(
        numbers(7, 20), 12, BeamSearch(4, early_stopping="never"), n=4, ignore_eos=False, stop=("a",)
    )
    number = engine.submit(request)
    events, step = [], 0
    while engine.busy:
        events += engine.step()
        step += 1
        if step in preempted:
            engine.scheduler.preempt(engine.scheduler.running[0])
    assert engine.stats().preemptions == len(preempted)
    nodes = [node for event in events if isinstance(event, TreeEvent) for node in event.nodes]
    assert [node.node for node in nodes] == list(range(len(nodes)))
    assert all(-1 <= node.parent < node.node for node in nodes)
    assert all(nodes[node.parent].finish_reason is None for node in nodes if node.parent >= 0)
    roots = next(event for event in events if isinstance(event, TreeEvent)).nodes
    assert {node.parent for node in roots} == {-1}
    paths = {}
    for node in nodes:
        if node.finish_reason is not None:
            path, above = [node], node.parent
            while above >= 0:
                path, above = [nodes[above], *path], nodes[above].parent
            paths[tuple(n.trace.token_id for n in path)] = path
    outputs = ends(events)[number].outputs
    assert len(outputs) == 4
    for output in outputs:
        path = paths[output.token_ids]
        assert "".join(node.text for node in path) == output.text
        assert tuple(node.trace for node in path) == output.traces
        assert path[-1].finish_reason == output.finish_reason
        assert output.score == pytest.approx(path[-1].score / len(path))
    assert ends(events)[number].usage.generated_tokens == len(nodes)


def test_scoring_is_counted_once(make):
    """Also where a running request had to give way first."""
    engine = make(8)
    engine.submit(ask(numbers(1, 90), 20))
    engine.step()
    before = engine.stats()
    prompt, trie = numbers(2, 60), ChoiceTrie.build([[1, 2, 3], [4] * 40])
    score(engine, tuple(prompt), trie)
    after = engine.stats()
    assert after.preemptions == before.preemptions + 1
    assert after.prompt_tokens - before.prompt_tokens == 60
    assert after.hit_tokens == before.hit_tokens
    drain(engine)


def test_prompts_of_one_request_are_not_computed_twice_after_a_preemption(make):
    """The samples of a group come back over one copy of their prompt, also if that begins in a page."""
    prompt = numbers(3, 200)
    engine = make()
    engine.submit(ask(prompt, 20, n=4))
    for _ in range(5):
        engine.step()
    job = engine.scheduler.running[0]
    engine.scheduler.preempt(job)
    engine.tree.evict(256)
    score(engine, (*prompt[:5], *numbers(60, 20)), ChoiceTrie.build([[1]]))
    computed = job.computed
    while job.running is False or any(
        context.pending(sequence.output)[1:] for sequence in job.group.live for context in sequence.contexts
    ):
        engine.step()
    assert job.computed - computed <= 200 + 4 * (8 + 6)
    drain(engine)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 1.0),
        ("priority", True),
        ("priority", 2**31 + 1),
        ("priority", "high"),
        ("deadline_s", 0),
        ("deadline_s", -1),
        ("deadline_s", float("nan")),
        ("deadline_s", float("inf")),
        ("deadline_s", "soon"),
        ("deadline_s", True),
        ("cache_salt", 5),
        ("cache_salt", b"salt"),
        ("prompt_logprobs", -1),
        ("prompt_logprobs", 1.0),
        ("prompt_logprobs", True),
        ("prompt_logprobs", 2**18 + 1),
    ],
)
def test_what_a_request_may_not_say(field, value):
    """The error names the field and the value."""
    with pytest.raises(ParameterError, match=rf"^{field} = .* is not allowed: ") as refused:
        engine_ask((1,), SamplingParams(), **{field: value})
    assert refused.value.field == field


@pytest.mark.parametrize("prompt", [(1, 1.5), (1, True), (1, "2"), (1, None)])
def test_prompts_are_whole_numbers(make, prompt):
    """What is no token id is refused before it reaches a batch."""
    with pytest.raises(ParameterError, match=r"^prompt = "):
        make().submit(engine_ask(prompt, SamplingParams(max_tokens=1)))


def test_a_prompt_may_be_a_list(make):
    """It is taken as the tuple it should have been."""
    assert engine_ask([1, 2], SamplingParams()) == engine_ask((1, 2), SamplingParams())
    assert len(ends_of_one(make(), engine_ask([1, 2], SamplingParams(max_tokens=2)))) == 1


def test_samples_of_one_token_need_no_pages_of_their_own(make):
    """Many samples of one token after a prompt that ends inside a page take the prompt's pages alone."""
    engine = make(2)
    number = engine.submit(ask(numbers(1, 20), 1, n=100))
    assert len(ends(drain(engine))[number].outputs) == 100
    with pytest.raises(CapacityError):
        engine.submit(ask(numbers(1, 20), 2, n=100))


@pytest.mark.parametrize("field", ["max_waiting", "max_rows", "token_budget", "speculation_rows"])
@pytest.mark.parametrize("value", [0, -1, 1.5, None, True])
def test_limits_are_whole_numbers(field, value):
    with pytest.raises(ParameterError, match=field):
        EngineLimits(**{field: value})
