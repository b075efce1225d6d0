"""Whose turn it is: which tokens go into the next step, and where their pages come from."""

from __future__ import annotations

from bisect import insort
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from ponder.decoders import Chain, Context, Text
from ponder.engine.job import Job
from ponder.engine.limits import EngineLimits
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
        """Whether each context of the job computes its last token in this step: its decoder has its rows."""
        contexts = [context for text in self.job.group.live for context in text.contexts]
        return len(self.rows) == len(contexts) and all(
            row.branch is context.branch and row.wanted and row.wanted[-1] == len(row.tokens) - 1
            for row, context in zip(self.rows, contexts, strict=True)
        )


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
        for text in job.group.live:
            text.drop()

    def schedule(self) -> list[Scheduled]:
        """Choose the next step's rows and make room for them in the cache.

        Texts that grow by a token come first; prompts share what they leave of the token budget; guesses
        come last and take what nobody else needs.
        """
        self._admit()
        batch: list[Scheduled] = []
        for job, text, context, tokens in self._wanted():
            slots = self._place(job, context.branch, tokens, batch)
            if slots is None:
                continue
            if not batch or batch[-1].job is not job:
                batch.append(Scheduled(job, []))
            batch[-1].rows.append(_row(job, text, context, tokens, slots))
        self._guess(batch)
        return batch

    def _admit(self) -> None:
        while self.waiting and self._make_way(self.waiting[0]):
            job = self.waiting.pop(0)
            job.running = True
            insort(self.running, job, key=_rank)

    def _make_way(self, job: Job) -> bool:
        """Return whether a waiting job can run now; those of lower priority give way if that is enough."""
        staying = [other for other in self.running if other.service.priority <= job.service.priority]
        if not self._fits(job, staying):
            return False
        while not self._fits(job, self.running):
            self.preempt(self.running[-1])
        return True

    def _fits(self, job: Job, others: list[Job]) -> bool:
        """Whether a job fits beside running ones: all their tokens, and a page for each text to grow."""
        if not others:
            return True
        rows = sum(other.rows for other in others) + job.rows
        if rows > self.limits.max_rows:
            return False
        first = job.group.live[0]
        for context in first.contexts:
            job.follow(first, context)
        missing = sum(map(_missing, (*others, job)))
        if len(others) == len(self.running):
            held = self.tree.pool.num_busy
        else:
            texts = [first, *(text for other in others for text in other.group.live)]
            contexts = (context for text in texts for context in text.contexts)
            held = len({page for context in contexts for page in context.branch.pages})
        first.drop()
        return held + missing + rows <= self.tree.pool.num_pages

    def _wanted(self) -> Iterator[tuple[Job, Text, Context, tuple[int, ...]]]:
        """Yield the tokens to compute next, for as many contexts as the budget allows."""
        growing: list[tuple[Job, Text, Context]] = []
        others: list[tuple[Job, Text, Context]] = []
        for job in self.running:
            queue = growing if _grows(job) else others
            queue += [(job, text, context) for text in job.group.live for context in text.contexts]
        for job, text, context in growing:
            if job.running:  # not preempted for a row before this one
                yield job, text, context, context.pending(text.output)
        # Prompts move on, however much grows.
        budget = max(self.limits.token_budget - len(growing) - self._guesses(), PAGE_SIZE)
        claimed: set[Hashable] = set()
        for job, text, context in others:
            if not job.running:
                continue
            if job.texts is not None and not context.pending(text.output):
                yield job, text, context, job.texts.parts[0].trie.token_ids
                continue
            tokens = self._prefill(job, text, context)
            page = context.branch.next_page(tokens)
            tokens = tokens[:budget]
            if not tokens or page in claimed:  # who computes the same page in this step shares it in the next
                continue
            if page is not None:
                claimed.add(page)
            budget -= len(tokens)
            yield job, text, context, tokens

    def _prefill(self, job: Job, text: Text, context: Context) -> tuple[int, ...]:
        """Follow the tree as far as it goes and return what is left to compute.

        The last tokens of several contexts, as there are after a preemption, are left for a step that has
        them all: a decoder sees all of its rows at once.
        """
        main = context is text.contexts[0]
        job.follow(text, context)
        tokens = context.pending(text.output)
        if main:
            found = min(context.branch.length, job.given)
            job.hits += max(0, found - job.reached)
            job.reached = max(found, job.reached)
        if len(job.group.live) > 1 or len(text.contexts) > 1:
            tokens = tokens[:-1]
        watched = main and job.first_watched() is not None
        return tokens[:TRACED_CHUNK] if watched else tokens

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

    @property
    def guess_room(self) -> int:
        """How many guesses there may be in the next step, beside the texts that are running."""
        growing = sum(len(text.contexts) for job in self.running for text in job.group.live)
        return max(0, min(self.limits.speculation_rows - growing, self.limits.token_budget // 2))

    def _guesses(self) -> int:
        """Return how many guesses to compute if there is room for them."""
        live = [text for job in self.running for text in job.group.live]
        return min(sum(len(_guess_of(text)) for text in live), self.guess_room)

    def _guess(self, batch: list[Scheduled]) -> None:
        """Lengthen rows by what is guessed to follow them. No job gives way to a guess or waits for it.

        All texts get as many guesses: the first of a guess is the likeliest to be right.
        """
        known = sum(len(row.tokens) for entry in batch for row in entry.rows)
        budget = min(self._guesses(), self.limits.token_budget - known)
        # A row with logits is not alone: all live texts of its job have one, where they guess.
        rows = [
            (entry.rows, place, guess)
            for entry in batch
            for place, text in enumerate(entry.job.group.live[: len(entry.rows)])
            if (guess := _guess_of(text)) and entry.rows[place].wanted
        ]
        for left, (own, place, proposed) in zip(range(len(rows), 0, -1), rows, strict=True):
            guess = proposed[: fair_share(budget, left)]
            slots = _room(own[place].branch, guess)
            own[place] = _lengthened(own[place], guess[: len(slots)], slots)
            budget -= len(slots)

    def preempt(self, job: Job) -> None:
        """Let a running job wait again, without its pages."""
        for text in job.group.live:
            text.drop()
        self.running.remove(job)
        job.running = False
        insort(self.waiting, job, key=_rank)
        self.preempted.append(job)
        self.preemptions += 1


def fair_share(room: int, takers: int) -> int:
    """Return what the next of some takers gets of a room, so that all get the same, or one more."""
    return max(0, -(-room // takers))


def _rank(job: Job) -> tuple[int, int]:
    return job.rank


def _guess_of(text: Text) -> tuple[int, ...]:
    return text.ahead.tokens if isinstance(text.ahead, Chain) else ()


def _missing(job: Job) -> int:
    """Return how many pages a job's tokens need that it does not hold.

    Its texts share the prompts' pages, and tokens that are tried all before them.
    """
    missing, counted = 0, set[int]()  # the prompts whose pages were counted
    for text in job.group.live:
        for place, context in enumerate(text.contexts):
            length, shared, kind = context.length(text.output), len(context.prompt), place
            if job.texts is not None:
                length += job.texts.most_tokens
            if context.tried is not None:
                shared, kind = length - 1, 0
            needed = pages_for(length) - pages_for(context.branch.length)
            if kind in counted:
                needed = min(needed, pages_for(length) - shared // PAGE_SIZE)
            counted.add(kind)
            missing += needed
    return missing


def _grows(job: Job) -> bool:
    """Whether each context has one token left to compute."""
    return job.decoder is not None and all(
        context.length(text.output) - context.branch.length == 1
        for text in job.group.live
        for context in text.contexts
    )


def _row(job: Job, text: Text, context: Context, tokens: tuple[int, ...], slots: list[int]) -> BatchRow:
    """A row whose logits are those that its decoder needs, and those that somebody watches."""
    branch, count = context.branch, len(tokens)
    if job.texts is not None and branch.length > job.given:
        part = job.texts.parts[0]
        own = range(count - len(part.own), count)
        return BatchRow(branch, tokens, slots, context.reach, own, trie=part.trie)
    complete = branch.length == context.length(text.output)
    wanted = [count - 1] if complete else []
    if context is text.contexts[0] and not job.prefilled:
        start = branch.length - count
        wanted = sorted({*wanted, *(place - start for place in job.watched(start, branch.length))})
    depths = job.needs.depths if complete else ()
    return BatchRow(branch, tokens, slots, context.reach, wanted, depths=depths)


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
        wanted=[*row.wanted, *range(len(row.tokens), len(row.tokens) + len(guess))],
        guessed=len(guess),
    )
