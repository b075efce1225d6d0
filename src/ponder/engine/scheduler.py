"""Whose turn it is: which tokens go into the next step, and where their pages come from."""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from ponder.decoders import Context, Sequence
from ponder.engine.job import Job
from ponder.engine.request import EngineLimits
from ponder.engine.runner import BatchRow
from ponder.errors import CapacityError, QueueFullError
from ponder.tree import PAGE_SIZE, Branch, RadixTree, pages_for

TRACED_CHUNK = 128  # prompt tokens a step whose logits, [tokens, V], are all wanted


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a job computes in the next step: a row for each context that takes part, in their order."""

    job: Job
    rows: list[BatchRow]

    @property
    def complete(self) -> bool:
        """Whether its decoder has its logits: its contexts take their last tokens together, or none does."""
        contexts = sum(len(sequence.contexts) for sequence in self.job.group.live)
        return len(self.rows) == contexts and all(row.logits for row in self.rows)

    def sources(self) -> list[list[int]]:
        """Return which of its rows of logits have a next token to be chosen from, once it is complete.

        There is a list for each source that a mixture mixes: the prompt, the prompt at each depth, and the
        same for each further prompt.
        """
        prompts, depths = 1 + len(self.job.request.further_prompts), 1 + len(self.job.depths)
        sources: list[list[int]] = [[] for _ in range(prompts * depths)]
        end = 0
        for number, row in enumerate(self.rows):
            first, count = (number % prompts) * depths, 1 + row.guessed
            end += row.logits
            sources[first] += range(end - count, end)
            for depth in range(1, depths):
                sources[first + depth] += range(end, end + count)
                end += count
        return sources


class Scheduler:
    """Waiting and running jobs, each in order of rank.

    A job runs as soon as its present tokens fit the cache. When memory runs short, the running job of the
    last rank gives its pages away and waits; what it has grown is kept and computed again later.
    """

    def __init__(self, tree: RadixTree, limits: EngineLimits) -> None:
        self.tree = tree
        self.limits = limits
        self.waiting: list[Job] = []
        self.running: list[Job] = []
        self.preempted: list[Job] = []  # since they were last told
        self.preemptions = 0

    def check_room(self, coming: int) -> None:
        """Raise QueueFullError if the jobs that wait and those coming are as many as may."""
        waiting = len(self.waiting) + coming
        if waiting >= self.limits.max_waiting:
            raise QueueFullError(f"{waiting} requests are waiting, and at most {self.limits.max_waiting} may")

    def add(self, job: Job) -> None:
        """Let a job wait for its turn."""
        insort(self.waiting, job, key=_rank)

    def remove(self, job: Job) -> None:
        """Forget a job and let its pages go."""
        for queue in (self.waiting, self.running, self.preempted):
            if job in queue:
                queue.remove(job)
        job.running = False
        for sequence in job.group.live:
            sequence.drop()

    def schedule(self) -> list[Scheduled]:
        """Choose the next step's rows and make room for them in the cache.

        Sequences that grow by a token come first; prompts share what they leave of the token budget; guesses
        come last and take what nobody else needs.
        """
        self._admit()
        batch: list[Scheduled] = []
        for job, sequence, context, tokens in self._wanted():
            slots = self._place(job, context.branch, tokens, batch)
            if slots is None:
                continue
            if not batch or batch[-1].job is not job:
                batch.append(Scheduled(job, []))
            batch[-1].rows.append(_row(job, sequence, context, tokens, slots))
        self._guess(batch)
        return batch

    def _admit(self) -> None:
        while self.waiting and self._make_way(self.waiting[0]):
            job = self.waiting.pop(0)
            job.running = True
            insort(self.running, job, key=_rank)

    def _make_way(self, job: Job) -> bool:
        """Return whether a waiting job can run now; those of lower priority give way if that is enough."""
        staying = [other for other in self.running if other.request.priority <= job.request.priority]
        if not self._fits(job, staying):
            return False
        while not self._fits(job, self.running):
            self.preempt(self.running[-1])
        return True

    def _fits(self, job: Job, others: list[Job]) -> bool:
        """Whether a job fits beside running ones: all their tokens, and a page for each sequence to grow."""
        if not others:
            return True
        rows = sum(other.rows for other in others) + job.rows
        if rows > self.limits.max_rows:
            return False
        first = job.group.live[0]
        for context in first.contexts:
            if job.reads_cache or context is not first.contexts[0]:
                context.branch.follow(context.pending(first.output)[:-1])
        missing = sum(map(_missing, (*others, job)))
        if len(others) == len(self.running):
            held = self.tree.pool.num_busy
        else:
            sequences = [first, *(sequence for other in others for sequence in other.group.live)]
            contexts = (context for sequence in sequences for context in sequence.contexts)
            held = len({page for context in contexts for page in context.branch.pages})
        first.drop()
        return held + missing + rows <= self.tree.pool.num_pages

    def _wanted(self) -> Iterator[tuple[Job, Sequence, Context, tuple[int, ...]]]:
        """Yield the tokens to compute next, for as many contexts as the budget allows."""
        growing: list[tuple[Job, Sequence, Context]] = []
        others: list[tuple[Job, Sequence, Context]] = []
        for job in self.running:
            queue = growing if _grows(job) else others
            live = job.group.live
            queue += [(job, sequence, context) for sequence in live for context in sequence.contexts]
        for job, sequence, context in growing:
            if job.running:  # not preempted for a row before this one
                yield job, sequence, context, context.pending(sequence.output)
        # Prompts move on, however much grows.
        budget = max(self.limits.token_budget - len(growing) - self._guesses(), PAGE_SIZE)
        claimed: set[Hashable] = set()
        for job, sequence, context in others:
            if not job.running:
                continue
            tokens = self._prefill(job, sequence, context)
            page = context.branch.next_page(tokens)
            tokens = tokens[:budget]
            if not tokens or page in claimed:  # who computes the same page in this step shares it in the next
                continue
            if page is not None:
                claimed.add(page)
            budget -= len(tokens)
            yield job, sequence, context, tokens

    def _prefill(self, job: Job, sequence: Sequence, context: Context) -> tuple[int, ...]:
        """Follow the tree as far as it goes and return what is left to compute.

        The last tokens of several contexts, as there are after a preemption, are left for a step that has
        them all: a decoder sees all of its rows at once.
        """
        tokens = context.pending(sequence.output)
        main = context is sequence.contexts[0]
        if job.reads_cache or not main:
            tokens = tokens[context.branch.follow(tokens[:-1]) :]
        if job.reads_cache and main:
            found = min(context.branch.length, len(job.request.prompt))
            job.hits += max(0, found - job.reached)
            job.reached = max(found, job.reached)
        if len(job.group.live) > 1 or len(sequence.contexts) > 1:
            tokens = tokens[:-1]
        return tokens if job.reads_cache or not main else tokens[:TRACED_CHUNK]

    def _place(
        self, job: Job, branch: Branch, tokens: tuple[int, ...], batch: list[Scheduled]
    ) -> list[int] | None:
        """Make room for tokens, at the cost of the running jobs of the last rank; None: at its own cost."""
        while True:
            try:
                return branch.extend(tokens)
            except CapacityError:
                victim = self.running[-1]
                self.preempt(victim)
                batch[:] = [entry for entry in batch if entry.job is not victim]
                if not self.running:  # it fits an empty cache: a page shared in part may be one too many
                    self.tree.evict(self.tree.pool.num_pages)
                if victim is job:
                    return None

    def _guesses(self) -> int:
        """Return how many guesses to compute if there is room for them."""
        live = [sequence for job in self.running for sequence in job.group.live]
        growing = sum(len(sequence.contexts) for sequence in live)
        proposed = sum(len(sequence.proposed) for sequence in live)
        room = min(self.limits.speculation_rows - growing, self.limits.token_budget // 2)
        return max(0, min(proposed, room))

    def _guess(self, batch: list[Scheduled]) -> None:
        """Lengthen rows by what is guessed to follow them. No job gives way to a guess or waits for it.

        All sequences get as many guesses: the first of a guess is the likeliest to be right.
        """
        known = sum(len(row.tokens) for entry in batch for row in entry.rows)
        budget = min(self._guesses(), self.limits.token_budget - known)
        # A row with logits is not alone: all live sequences of its job have one, where they guess.
        rows = [
            (entry.rows, place, sequence.proposed)
            for entry in batch
            for place, sequence in enumerate(entry.job.group.live[: len(entry.rows)])
            if sequence.proposed and entry.rows[place].logits
        ]
        for left, (own, place, proposed) in zip(range(len(rows), 0, -1), rows, strict=True):
            guess = proposed[: max(0, -(-budget // left))]
            slots = _room(own[place].branch, guess)
            own[place] = _lengthened(own[place], guess[: len(slots)], slots)
            budget -= len(slots)

    def preempt(self, job: Job) -> None:
        """Let a running job wait again, without its pages."""
        for sequence in job.group.live:
            sequence.drop()
        self.running.remove(job)
        job.running = False
        insort(self.waiting, job, key=_rank)
        self.preempted.append(job)
        self.preemptions += 1


def _rank(job: Job) -> tuple[int, int]:
    return job.rank


def _missing(job: Job) -> int:
    """Return how many pages a job's tokens need that it does not hold.

    Its sequences share the prompts' pages, and tokens that are tried all before them.
    """
    missing, counted = 0, set[int]()  # the prompts whose pages were counted
    for sequence in job.group.live:
        for place, context in enumerate(sequence.contexts):
            length, shared, kind = context.length(sequence.output), len(context.prompt), place
            if context.trial is not None:
                shared, kind = length - 1, 0
            needed = pages_for(length) - pages_for(context.branch.length)
            if kind in counted:
                needed = min(needed, pages_for(length) - shared // PAGE_SIZE)
            counted.add(kind)
            missing += needed
    return missing


def _grows(job: Job) -> bool:
    """Whether each context has one token left to compute."""
    return all(
        context.length(sequence.output) - context.branch.length == 1
        for sequence in job.group.live
        for context in sequence.contexts
    )


def _row(
    job: Job, sequence: Sequence, context: Context, tokens: tuple[int, ...], slots: list[int]
) -> BatchRow:
    """A row whose logits are those its decoder needs, and those of every prompt token to be traced."""
    traced = not job.reads_cache and context is sequence.contexts[0]
    complete = context.branch.length == context.length(sequence.output)
    logits, depths = len(tokens) if traced else int(complete), job.depths if complete else ()
    return BatchRow(context.branch, tokens, slots, context.reach, logits, depths=depths)


def _room(branch: Branch, guess: tuple[int, ...]) -> list[int]:
    """Extend a branch by a guess, or by what of it its last page holds; return the slots."""
    try:
        return branch.extend(guess)
    except CapacityError:
        return branch.extend(guess[: -branch.length % PAGE_SIZE])


def _lengthened(row: BatchRow, guess: tuple[int, ...], slots: list[int]) -> BatchRow:
    """The row with a guess after its tokens, whose logits are wanted too."""
    if not guess:
        return row
    return replace(
        row,
        tokens=(*row.tokens, *guess),
        slots=[*row.slots, *slots],
        logits=row.logits + len(guess),
        guessed=len(guess),
    )
