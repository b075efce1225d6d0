"""Many requests at once: the step that moves them on, and what it makes happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

import torch

from ponder.asks.choice_trie import ChoiceTrie
from ponder.asks.events import (
    BackEvent,
    Constrained,
    Output,
    ProgressEvent,
    ProgressState,
    TokenEvent,
    TreeEvent,
    TreeNode,
)
from ponder.asks.grow import Grow
from ponder.asks.read import Read, Reading
from ponder.constraints import AutomatonCache
from ponder.constraints.ending import Ending
from ponder.decoders import Chain, Drafted, Group, Growth, Ranked, Rows, Text
from ponder.decoders.certainty import with_certainties
from ponder.decoders.observed import with_distributions
from ponder.engine.admission import Admission
from ponder.engine.drafter import Drafter, Wanted, each_or_alone
from ponder.engine.events import Event, FailedEvent, FinishedEvent, ReadEvent
from ponder.engine.job import Job
from ponder.engine.limits import EngineLimits
from ponder.engine.masks import MaskFiller
from ponder.engine.reading import TextReading
from ponder.engine.rows import let_watch, rows_of
from ponder.engine.runner import Logits, Runner
from ponder.engine.scheduler import Scheduled, Scheduler, fair_share
from ponder.engine.seat import Seat
from ponder.engine.stats import EngineStats, Totals
from ponder.engine.watch import Reader
from ponder.errors import CheckpointError, DeadlineError, QueueFullError
from ponder.models import Transformer
from ponder.models.entropy_head import EntropyHead
from ponder.sampling.trace import PromptTrace, TokenTrace
from ponder.text import Tokenizer
from ponder.tree import PagePool, RadixTree, check_branches


class Engine:
    """Runs requests over one model and one token tree.

    `prepare`, `refuse_if_full` and `stats` may be called from any thread; everything else by one at a time
    (`EngineLoop` sees to that).

    Parameters
    ----------
    num_pages : pages of the cache.
    clock : seconds, for deadlines.
    draft : the seat of a draft model, for requests that are decoded with one.
    entropy_head : what reads residual entropies from the model, for requests with a `real_temperature`.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        num_pages: int,
        limits: EngineLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        draft: Seat | None = None,
        entropy_head: EntropyHead | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.limits = limits or EngineLimits()
        self.policy = Seat(model, num_pages)
        self.drafter = None if draft is None else Drafter(draft)
        self.admission = Admission(self.policy, tokenizer, draft, entropy_head, AutomatonCache())
        self.scheduler = Scheduler(self.policy.tree, self.limits)
        self._masks = MaskFiller()
        self._clock = clock
        self._totals = Totals()
        self._next_id = 0
        self._events: list[Event] = []  # since they were last returned

    @property
    def model(self) -> Transformer:
        """The policy."""
        return self.policy.model

    @property
    def pool(self) -> PagePool:
        """The policy's pages."""
        return self.policy.pool

    @property
    def tree(self) -> RadixTree:
        """The policy's token tree."""
        return self.policy.tree

    @property
    def runner(self) -> Runner:
        """What runs the policy."""
        return self.policy.runner

    def prepare(self, ask: Grow | Read, trie: ChoiceTrie | None = None) -> Job:
        """Check a request and do the work that needs no model, such as compiling its constraint.

        `trie` are the texts of a `Read`. Raises what `Admission` does.
        """
        return self.admission.growing(ask) if isinstance(ask, Grow) else self.admission.reading(ask, trie)

    def submit(self, job: Job | Grow | Read) -> int:
        """Queue a request and return its id. Raises QueueFullError, and what `prepare` does."""
        if not isinstance(job, Job):
            job = self.prepare(job)
        self.refuse_if_full()
        self._next_id += 1
        job.request_id = job.arrival = self._next_id
        if job.service.deadline_s is not None:
            job.ends_at = self._clock() + job.service.deadline_s
        self.scheduler.add(job)
        return job.request_id

    def refuse_if_full(self, coming: int = 0) -> None:
        """Raise QueueFullError if the requests that wait, and those coming, are as many as may."""
        try:
            self.scheduler.check_room(coming)
        except QueueFullError:
            self._totals.refused += 1
            raise

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self.scheduler.waiting or self.scheduler.running)

    def step(self) -> list[Event]:
        """Run one forward pass over what is due, and let every request grow that has its logits.

        What happened in a step that was interrupted is returned by the next one, or by `fail_all`.
        """
        self._expire()
        batch = self._schedule()
        computed = self._forward(batch)
        growths = self._decode(computed)
        self._apply(growths)
        return self._events_so_far()

    def _events_so_far(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def cancel(self, request_id: int) -> bool:
        """Forget a request and let its pages go; False for one that has ended, or never was."""
        for job in (*self.scheduler.running, *self.scheduler.waiting):
            if job.request_id == request_id:
                _leave(job.group.live)
                self.scheduler.remove(job)
                self._totals.cancelled += 1
                return True
        return False

    def fail_all(self, error: Exception) -> list[Event]:
        """End every request with an error."""
        for job in (*self.scheduler.running, *self.scheduler.waiting):
            self._fail(job, error)
        return self._events_so_far()

    def stats(self) -> EngineStats:
        """Return what the engine has done and holds."""
        running, waiting = list(self.scheduler.running), list(self.scheduler.waiting)
        return self._totals.snapshot(
            running=len(running),
            waiting=len(waiting),
            rows=sum(len(job.group.live) for job in running),
            pages=self.pool.num_pages,
            busy_pages=self.pool.num_busy,
            idle_pages=self.pool.num_idle,
            preemptions=self.scheduler.preemptions,
            evictions=self.tree.evictions,
        )

    def check_integrity(self) -> None:
        """Assert that tree and pool are sound and that running requests hold exactly the busy pages."""
        texts = [text for job in self.scheduler.running for text in job.group.live]
        check_branches(self.tree, [context.branch for text in texts for context in text.contexts])
        if self.drafter is not None:
            self.drafter.check_integrity()

    def _expire(self) -> None:
        """End the requests whose deadline has passed, with what there is, and those whose path has ended."""
        for job in (*self.scheduler.running, *self.scheduler.waiting):
            if job.ends_at is not None and job.ends_at <= self._clock():
                self._stop(job)
            elif _has_ended(job) and job.first_watched() is None:
                if traces := job.prompt_traces():
                    self._progress(job, "prefill", traces)
                _leave(job.group.part())
                self._finish(job)

    def _stop(self, job: Job) -> None:
        if not job.generated or job.decoder is None:
            error = f"the deadline of {job.service.deadline_s:g} s passed before the first token"
            self._fail(job, DeadlineError(error))
            return
        for text in job.group.live:
            added = job.group.close(text, "deadline")
            if job.decoder.streams:
                self._events.append(
                    TokenEvent(job.request_id, text.index, None, added, "deadline", job.usage)
                )
        _leave(job.group.part())
        self._finish(job)

    def _schedule(self) -> list[Scheduled]:
        """Choose the rows; say once of each job that it waits, and each time that it was preempted."""
        batch = self.scheduler.schedule()
        preempted, self.scheduler.preempted = self.scheduler.preempted, []
        for job in preempted:
            job.announced = True
            self._progress(job, "preempted")
        for job in self.scheduler.waiting:
            if not job.announced:
                job.announced = True
                self._progress(job, "waiting")
        return batch

    def _forward(self, batch: list[Scheduled]) -> list[tuple[Scheduled, Logits]]:
        """Compute a batch; return what was computed, with its logits.

        Where it fails as a whole, each request is tried by itself: only those that fail alone end.
        """
        with _taken_back_when_interrupted(batch):
            try:
                return self._compute(batch)
            except Exception:
                computed = []
                for entry in batch:
                    with self._failing(entry.job):
                        computed += self._compute([entry])
                return computed

    @contextmanager
    def _failing(self, job: Job) -> Iterator[None]:
        """End a request, and it alone, with the error that its own work raises."""
        try:
            yield
        except Exception as error:
            self._fail(job, error)

    def _compute(self, batch: list[Scheduled]) -> list[tuple[Scheduled, Logits]]:
        rows = [row for entry in batch for row in entry.rows]
        states = None
        if any(entry.job.reads_states for entry in batch):
            states = self.runner.new_states(rows)
        filling = self._masks.begin(batch)
        logits = self.runner.forward(rows, states)
        if filling is not None:
            wait([filling])  # an error of a constraint comes up again where its own request asks
        sound = iter(self.policy.sampler.sound_rows(logits))
        self._totals.steps += bool(batch)
        for entry in batch:
            computed = 0
            for row in entry.rows:
                if not row.guessed and row.trie is None:  # else when it is known what stays
                    row.branch.publish()
                computed += len(row.tokens)
                entry.job.attended += self.policy.model.config.attended(row.positions())
                entry.job.logit_rows += row.num_logits
                entry.job.proposed += row.guessed
                self._totals.proposed_tokens += row.guessed
            entry.job.computed += computed
            self._totals.computed_tokens += computed
        counts = [sum(row.num_logits for row in entry.rows) for entry in batch]
        parts = [None] * len(batch) if states is None else torch.split(states, counts)
        return [
            (entry, Logits(rows, list(islice(sound, len(rows))), own))
            for entry, rows, own in zip(batch, logits.split_with_sizes(counts), parts, strict=True)
        ]

    def _decode(self, computed: list[tuple[Scheduled, Logits]]) -> list[tuple[Job, list[Growth]]]:
        """Let each request whose rows are all there decide how to grow. What fails ends its own alone."""
        growths, choosing = [], []
        with _taken_back_when_interrupted([entry for entry, _ in computed]):
            for entry, own in computed:
                with self._failing(entry.job):
                    self._look(entry, own)
                    decides = entry.job.decoder is not None and not _has_ended(entry.job)
                    if decides and entry.job.prefilled and entry.complete:
                        choosing.append((entry, own))
            drafted = self._draft_rows([entry.job for entry, _ in choosing])
            for entry, own in choosing:
                if entry.job.running:
                    with self._failing(entry.job):
                        rows = rows_of(entry, own, drafted, self.policy.sampler)
                        growths.append((entry.job, _advance(entry.job, rows)))
        return growths

    def _look(self, entry: Scheduled, own: Logits) -> None:
        """Let those who watch a path see its rows; say how far it is, and what was read once it is there."""
        job, row = entry.job, entry.rows[0]
        if job.decoder is None and not all(own.sound):
            raise CheckpointError("the model's logits are not numbers: its weights may be damaged")
        if row.trie is not None:
            assert job.texts is not None, "only texts after a path are computed as a trie"
            row.branch.cut(job.given)
            job.texts.take_part(own.rows)
            self._end_texts(job, job.texts)
            return
        if job.prefilled:
            return
        branch = job.group.live[0].branch
        if row.branch is branch:
            let_watch(entry, own)
        job.reached = max(job.reached, min(branch.length, job.given))
        self._progress(job, "prefill", job.prompt_traces())
        if job.prefilled:
            self._totals.add_prompt(job.usage.prompt_tokens, job.hits, job.hits + job.shared)
            if job.texts is not None:
                job.texts.take_path(own.rows[-1:])
                self._end_texts(job, job.texts)
            elif job.decoder is None:
                (reader,) = (watch for watch in job.watches if isinstance(watch, Reader))
                self._end_reading(job, reader.reading())

    def _draft_rows(self, jobs: list[Job]) -> dict[Text, torch.Tensor]:
        """Return the draft model's row after each text of the requests that need it."""
        needing = [job for job in jobs if job.needs.draft_rows]
        if not needing or self.drafter is None:
            return {}
        asked = [
            Wanted(job.group, text, job.service.cache_salt) for job in needing for text in job.group.live
        ]
        found, failed = each_or_alone(asked, self.drafter.logits)
        for job in needing:
            if job.group in failed:
                self._fail(job, failed[job.group])
        return found

    def _apply(self, growths: list[tuple[Job, list[Growth]]]) -> None:
        """Let the requests grow, and look ahead of those that go on."""
        drafting = []
        for job, grown in growths:
            assert job.decoder is not None, "only what grows has growths"
            with self._failing(job):
                self._events += self._grow(job, grown)
                settled = job.decoder.settle(job.group)
                if settled.answered:
                    self._finish(job)
                    continue
                for text, ahead in zip(job.group.live, settled.ahead, strict=False):
                    text.look_ahead(ahead)
                    if isinstance(ahead, Drafted):
                        drafting.append((job, text, ahead.count))
        self._draft(drafting)

    def _draft(self, drafting: list[tuple[Job, Text, int]]) -> None:
        """Have the draft model guess what comes next, for all requests together, as far as there is room."""
        if self.drafter is None or not drafting:
            return
        asked, room = [], self.scheduler.guess_room
        for left, (job, text, count) in zip(range(len(drafting), 0, -1), drafting, strict=True):
            may_come = job.group.params.max_tokens - text.depth - 1  # and one more after them
            if (count := min(count, fair_share(room, left), may_come)) > 0:
                asked.append(Wanted(job.group, text, job.service.cache_salt, count))
                room -= count
        guesses, failed = each_or_alone(asked, self.drafter.draft)
        for job, text, _ in drafting:
            if not job.running:  # it failed for a text before this one
                continue
            with self._failing(job):
                if job.group in failed:
                    raise failed[job.group]
                text.ahead = Chain(job.group.possible(text, guesses.get(text, ())))

    def _grow(self, job: Job, growths: list[Growth]) -> list[Event]:
        """Give each growth a text, let that take its tokens, and part with those that have ended."""
        group, replayed = job.group, job.group.replays
        guessed = [_guess_length(group, growth) for growth in growths]
        above = [growth.parent.node.ancestor(growth.parent.depth - growth.back).number for growth in growths]
        children = group.branch_out(growths)
        added = [self._extend(job, *one) for one in zip(children, growths, guessed, strict=True)]
        _leave(group.part())
        if replayed:
            return []
        new = sum(one.trace is not None for grown in added for one in grown)
        job.generated += new
        self._totals.generated_tokens += new
        assert job.decoder is not None, "only what grows has growths"
        if job.decoder.streams:
            grown = zip(children, growths, added, strict=True)
            return [event for one in grown for event in _text_events(job, *one)]
        nodes = [node for one in zip(children, above, growths, added, strict=True) for node in _nodes(*one)]
        return [TreeEvent(job.request_id, tuple(nodes), job.usage)]

    def _extend(self, job: Job, text: Text, growth: Growth, guessed: int) -> list[_Added]:
        """Let a text take a growth's tokens until one ends it; return them, and the text that each adds.

        Wrong guesses are cut off the branch, and what stays of it can be found by others.
        """
        group, known = job.group, len(job.group.prompt) + text.depth
        added: list[_Added] = []
        for trace in growth.traces:
            number = job.nodes if text.depth >= len(group.begun) else -1  # the path is no part of the tree
            added.append(_Added(trace, group.accept(text, trace, number), number))
            job.nodes += number >= 0
            if text.finish_reason:
                break
        if growth.states is not None and added:
            text.state = growth.states[len(added) - 1].copy()
        if guessed:
            # The last token that a growth has after its guesses is the model's own.
            right = min(len(growth.traces) - 1 + growth.stuck, len(added))
            job.accepted += right
            self._totals.accepted_tokens += right
            text.branch.cut(max(known, len(group.prompt) + text.depth - 1))
            text.branch.publish()
        if growth.stuck and not text.finish_reason:
            added.append(_Added(None, group.close(text, "constraint"), job.nodes))
            job.nodes += 1
        text.look_ahead(Chain())
        return added

    def _progress(self, job: Job, state: ProgressState, traces: tuple[PromptTrace | None, ...] = ()) -> None:
        """Say how far a request's path is: nowhere while it waits."""
        done = job.reached if state == "prefill" else 0
        self._events.append(ProgressEvent(job.request_id, state, done, job.usage, traces))

    def _end_texts(self, job: Job, texts: TextReading) -> None:
        if not texts.parts:
            self._end_reading(job, Reading(texts.scores()))

    def _end_reading(self, job: Job, reading: Reading) -> None:
        """End a request that reads."""
        _leave(job.group.live, partial=job.texts is None)
        self.scheduler.remove(job)
        self._events.append(ReadEvent(job.request_id, replace(reading, usage=job.usage)))

    def _finish(self, job: Job) -> None:
        assert job.decoder is not None, "what reads ends otherwise"
        begun = len(job.group.begun)
        answers = enumerate(job.decoder.answers(job.group))
        outputs = tuple(_output(index, answer, begun, job.group.allowed) for index, answer in answers)
        _leave(job.group.live)
        self.scheduler.remove(job)
        self._totals.finished += 1
        self._events.append(FinishedEvent(job.request_id, outputs, job.usage))

    def _fail(self, job: Job, error: Exception) -> None:
        self.scheduler.remove(job)
        self._totals.failed += job.decoder is not None
        self._events.append(FailedEvent(job.request_id, error))


@dataclass(frozen=True, slots=True)
class _Added:
    """A token that a text took, the text that it added, and its place in the request's tree."""

    trace: TokenTrace | None
    text: str
    number: int


@contextmanager
def _taken_back_when_interrupted(batch: list[Scheduled]) -> Iterator[None]:
    """Take a step's tokens back if it is interrupted before anything grew: it can be taken again."""
    try:
        yield
    except BaseException:
        for entry in batch:
            for row in entry.rows if entry.job.running else ():  # one that failed has nothing to take back
                # The tokens of a trie are perhaps cut off already.
                row.branch.cut(entry.job.given if row.trie else row.branch.length - len(row.tokens))
        raise


def _advance(job: Job, rows: Rows) -> list[Growth]:
    """Let a request's decoder decide; note what it chose from, if that was asked for."""
    assert job.decoder is not None, "what reads decides nothing"
    growths = job.decoder.advance(job.group, rows)
    if job.keeps_states:
        growths = [replace(growth, states=rows.states_of(growth.parent)) for growth in growths]
    if isinstance(job.ask, Grow) and job.ask.record.certainty:
        growths = with_certainties(growths, rows)
    return growths if rows.keep is None else with_distributions(growths, job.group, rows, job.decoder)


def _has_ended(job: Job) -> bool:
    """Whether the path that a request begins with has ended: no other live text is left where it has."""
    return bool(job.group.live and job.group.live[0].finish_reason)


def _guess_length(group: Group, growth: Growth) -> int:
    """How many guessed tokens lie in the branch of a growth's parent."""
    if growth.took is not None:
        return 0
    return max(0, growth.parent.branch.length - len(group.prompt) - growth.parent.depth)


def _leave(texts: list[Text], *, partial: bool = True) -> None:
    """Let the pages of texts that grow no more go; the tree keeps them while there is room."""
    for text in texts:
        for context in text.contexts:
            context.branch.publish(partial=partial)
        text.drop()


def _text_events(
    job: Job, text: Text, growth: Growth, added: list[_Added]
) -> Iterator[TokenEvent | BackEvent]:
    """One event for each token that the growth gave; the last says how the text ended, if it did."""
    begun, usage = len(job.group.begun), job.usage
    settled = None if growth.settled is None else max(0, growth.settled - begun)
    if growth.back:
        kept = text.depth - len(growth.traces)
        told = "".join(reversed([node.added for node in text.node.ancestor(kept).back_to(begun)]))
        yield BackEvent(job.request_id, text.index, kept - begun, told, settled or 0)
    for i, one in enumerate(added, 1):
        reason, stopped_by = (text.finish_reason, text.stopped_by) if i == len(added) else (None, None)
        yield TokenEvent(job.request_id, text.index, one.trace, one.text, reason, usage, stopped_by, settled)


def _nodes(text: Text, parent: int, growth: Growth, added: list[_Added]) -> Iterator[TreeNode]:
    for i, one in enumerate(added, 1):
        reason = text.finish_reason if i == len(added) else None
        yield TreeNode(one.number, parent, one.trace, one.text, growth.score, reason)
        parent = one.number


def _thoughts(text: Text, begun: int, allowed: Ending) -> int | None:
    """Return how many tokens after the first `begun` are thoughts; None: the constraint does not say."""
    before, after = (allowed.thoughts(node.state) for node in (text.node.ancestor(begun), text.node))
    return None if before is None or after is None else after - before


def _output(index: int, answer: Ranked, begun: int, allowed: Ending | None) -> Output:
    text = answer.text
    constrained = thoughts = None
    if allowed is not None:
        constraints = allowed.names
        thoughts = _thoughts(text, begun, allowed)
        tally = text.tally
        counts = tally.bound or (0,) * len(constraints)
        bound = tuple(zip(constraints, counts, strict=True))
        constrained = Constrained(bound, tally.refused, tally.late, tally.rewinds, tally.given_up)
    assert text.finish_reason is not None
    nodes = [node for node in text.node.back_to(begun) if node.trace is not None]
    nodes.reverse()
    return Output(
        index,
        text.emitted(begun),
        tuple(text.output.since(begun)),
        tuple(node.trace for node in nodes if node.trace is not None),
        text.finish_reason,
        text.stopped_by,
        text.logprob(begun),
        answer.score,
        answer.inclusion,
        text.lineage,
        constrained,
        answer.log_weight,
        answer.passes,
        text.state,
        thoughts,
    )
