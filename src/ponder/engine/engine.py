"""Many requests at once: what is waiting, what is running, and the step that moves them on."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from ponder.constraints import ChoiceTrie
from ponder.decoders import Group, Growth, Sequence
from ponder.engine.events import Event, FailedEvent, FinishedEvent, Output, TokenEvent, Usage
from ponder.engine.request import Request
from ponder.engine.runner import BatchRow, Runner
from ponder.engine.scheduler import schedule
from ponder.errors import CapacityError, ParameterError
from ponder.models import Transformer
from ponder.text import Detokenizer, StopMatcher, Tokenizer
from ponder.tree import PAGE_SIZE, Branch, PagePool

TOKEN_BUDGET = 512


@dataclass(slots=True)
class Job:
    """A request on its way: its group, the pages promised to it, the tokens it grew."""

    request_id: int
    request: Request
    group: Group
    pages: int
    generated: int = 0

    @property
    def usage(self) -> Usage:
        """What the request used so far."""
        prompt = len(self.request.prompt)
        shared = self.request.decoder.width(self.request.params) - 1
        return Usage(prompt, shared * prompt if self.generated else 0, self.generated)


class Engine:
    """Runs requests over one model and one page pool.

    `run` and `score` may be called from any number of threads: whichever is waiting for events does the
    next step for all of them. The other methods are for one thread.
    """

    def __init__(self, model: Transformer, tokenizer: Tokenizer, num_pages: int) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.pool = PagePool(model.config, num_pages, model.device, model.dtype)
        self.runner = Runner(model, self.pool)
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._promised = 0
        self._next_id = 0
        self._lock = threading.Lock()
        self._inbox: dict[int, list[Event]] = {}

    def check(self, request: Request) -> None:
        """Refuse what can never run.

        Raises
        ------
        CapacityError : it does not fit the model's context or the cache; says both numbers.
        ParameterError : token ids the model does not have, or what its decoder does not allow.
        """
        vocab_size = self.model.config.vocab_size
        request.params.check_vocabulary(vocab_size)
        request.decoder.check(request.params)
        for token in request.prompt:
            if not 0 <= token < vocab_size:
                raise ParameterError("prompt", token, f"token ids from 0 to {vocab_size - 1}")
        if not request.prompt:
            raise ParameterError("prompt", "", "at least one token")
        self._check_length(len(request.prompt) + request.params.max_tokens, "the prompt and max_tokens are")
        self._check_pages(self._pages(request), "the request may need")

    def submit(self, request: Request) -> int:
        """Check and queue a request and return its id."""
        return self._queue(self._job(request))

    def run(self, request: Request) -> Iterator[TokenEvent | FinishedEvent]:
        """Submit a request and step until it is answered, yielding its events; closing this cancels it."""
        job = self._job(request)  # compiling a constraint takes its time: not under the lock
        with self._lock:
            request_id = self._queue(job)
            self._inbox[request_id] = []
        try:
            finished = False
            while not finished:
                for event in self._next_events(request_id):
                    if isinstance(event, FailedEvent):
                        raise event.error
                    yield event
                    finished = isinstance(event, FinishedEvent)
        finally:
            with self._lock:
                del self._inbox[request_id]
                self.cancel(request_id)

    def _job(self, request: Request) -> Job:
        self.check(request)
        return Job(0, request, self._group(request), self._pages(request))

    def _queue(self, job: Job) -> int:
        self._next_id += 1
        job.request_id = self._next_id
        self._waiting.append(job)
        return job.request_id

    def _next_events(self, request_id: int) -> list[Event]:
        """Step until something happened to a request; what happens to others goes to their inboxes."""
        while True:
            with self._lock:
                if not self._inbox[request_id]:
                    self._advance()
                events = self._inbox[request_id]
                self._inbox[request_id] = []
            if events:
                return events

    def _advance(self) -> None:
        """Step, and put each event where the request's `run` will look."""
        for event in self.step():
            if event.request_id in self._inbox:
                self._inbox[event.request_id].append(event)

    def step(self) -> list[Event]:
        """Admit what fits, run one forward pass, and apply what the decoders make of it."""
        self._admit()
        batch = schedule((job.group for job in self._running), TOKEN_BUDGET)
        logits = self._forward(batch)
        return self._grow_all(batch, logits)

    def cancel(self, request_id: int) -> None:
        """Forget a request; a finished or unknown one is left alone."""
        self._waiting = deque(job for job in self._waiting if job.request_id != request_id)
        for job in self._running:
            if job.request_id == request_id:
                self._retire(job)
                return

    def score(self, prompt: tuple[int, ...], trie: ChoiceTrie) -> list[list[float]]:
        """Return, per path of the trie, the raw log-probability of each of its tokens after the prompt.

        The prompt is computed once and all nodes of the trie in one pass. Waits until running requests
        leave room.

        Raises
        ------
        CapacityError : it does not fit the model's context or the cache; says both numbers.
        """
        longest = len(prompt) + max(len(path) for path in trie.paths)
        self._check_length(longest, "the prompt and the longest text after it are")
        needed = math.ceil((len(prompt) + len(trie.token_ids)) / PAGE_SIZE)
        self._check_pages(needed, "scoring needs")
        while True:
            with self._lock:
                if self._promised + needed <= self.pool.num_pages:
                    return self._score(prompt, trie, longest)
                self._advance()

    def _score(self, prompt: tuple[int, ...], trie: ChoiceTrie, reach: int) -> list[list[float]]:
        branch = Branch(self.pool)
        try:
            first = self._prefill(branch, prompt, reach)
            logits = self.runner.forward_trie(branch, trie, reach)
        finally:
            branch.drop()
        roots = [node for node, parent in enumerate(trie.parents) if parent < 0]
        others = [node for node, parent in enumerate(trie.parents) if parent >= 0]
        logprobs = dict(zip(roots, _logprobs(first, [0] * len(roots), trie, roots), strict=True))
        parents = [trie.parents[node] for node in others]
        logprobs |= dict(zip(others, _logprobs(logits, parents, trie, others), strict=True))
        return [[logprobs[node] for node in path] for path in trie.paths]

    def _prefill(self, branch: Branch, prompt: tuple[int, ...], reach: int) -> torch.Tensor:
        """Compute a prompt in chunks and return the logits after it, [1, V]."""
        logits = torch.empty(0)
        for start in range(0, len(prompt), TOKEN_BUDGET):
            chunk = prompt[start : start + TOKEN_BUDGET]
            logits = self.runner.forward([BatchRow(branch, chunk, reach, start + len(chunk) == len(prompt))])
        return logits

    def _check_length(self, tokens: int, what: str) -> None:
        limit = self.model.config.context_length
        if tokens > limit:
            raise CapacityError(f"{what} {tokens} tokens long, and the model's context is {limit}")

    def _check_pages(self, pages: int, what: str) -> None:
        if pages > self.pool.num_pages:
            raise CapacityError(f"{what} {pages} cache pages and there are {self.pool.num_pages}")

    def _pages(self, request: Request) -> int:
        """The most pages the request can hold: the shared prompt, and what each sequence may add."""
        # Each sequence may copy a partial page besides the pages its own tokens fill.
        suffix = math.ceil(request.params.max_tokens / PAGE_SIZE) + 1
        return math.ceil(len(request.prompt) / PAGE_SIZE) + request.decoder.width(request.params) * suffix

    def _admit(self) -> None:
        """Start waiting requests, in order, as long as the worst case of all that run fits the pool."""
        while self._waiting and self._promised + self._waiting[0].pages <= self.pool.num_pages:
            job = self._waiting.popleft()
            self._promised += job.pages
            self._running.append(job)

    def _group(self, request: Request) -> Group:
        params = request.params
        eos = () if params.ignore_eos else self.tokenizer.eos_ids
        root = Sequence(
            index=0,
            branch=Branch(self.pool),
            detokenizer=Detokenizer(self.tokenizer.bytes_table),
            stops=StopMatcher(params.stop),
            constraint=request.constraint.compile(self.tokenizer) if request.constraint else None,
        )
        return Group(request.prompt, params, frozenset((*eos, *params.stop_token_ids)), [root])

    def _forward(self, batch: list[BatchRow]) -> torch.Tensor:
        with _cut_back_on_failure(batch):
            return self.runner.forward(batch)

    def _grow_all(self, batch: list[BatchRow], logits: torch.Tensor) -> list[Event]:
        """Let each request whose rows are all there grow. What fails in one ends that one alone."""
        wanted = [row.branch for row in batch if row.wants_logits]
        rows = {id(branch): i for i, branch in enumerate(wanted)}
        events: list[Event] = []
        for job in list(self._running):
            branches = [id(sequence.branch) for sequence in job.group.live]
            if not all(branch in rows for branch in branches):
                continue
            try:
                own = logits[[rows[branch] for branch in branches]]
                events += self._apply(job, job.request.decoder.advance(job.group, own))
                if job.request.decoder.settle(job.group):
                    events.append(self._finish(job))
            except Exception as error:
                self._retire(job)
                events.append(FailedEvent(job.request_id, error))
        return events

    def _apply(self, job: Job, growths: list[Growth]) -> list[Event]:
        """Fork, extend and drop the group's branches as its decoder said."""
        group = job.group
        parents = {id(growth.parent) for growth in growths}
        for sequence in group.live:
            if id(sequence) not in parents:
                sequence.branch.drop()
        last_child = {id(growth.parent): i for i, growth in enumerate(growths)}
        children = [
            growth.parent if last_child[id(growth.parent)] == i else growth.parent.fork()
            for i, growth in enumerate(growths)
        ]
        group.live = children
        for child, growth in zip(children, growths, strict=True):
            child.index = growth.index
        texts = [group.accept(child, growth) for child, growth in zip(children, growths, strict=True)]
        job.generated += sum(growth.trace is not None for growth in growths)
        group.live = [child for child in children if not child.finish_reason]
        for child in children:
            if child.finish_reason:
                child.branch.drop()
                group.finished.append(child)
        if not job.request.decoder.streams:
            return []
        usage = job.usage
        return [
            TokenEvent(job.request_id, growth.index, growth.trace, text, child.finish_reason, usage)
            for child, growth, text in zip(children, growths, texts, strict=True)
        ]

    def _finish(self, job: Job) -> FinishedEvent:
        decoder, group = job.request.decoder, job.group
        outputs = tuple(
            _output(index, sequence, decoder.final_score(sequence))
            for index, sequence in enumerate(decoder.answers(group))
        )
        self._retire(job)
        return FinishedEvent(job.request_id, outputs, job.usage)

    def _retire(self, job: Job) -> None:
        for sequence in job.group.live:
            sequence.branch.drop()
        self._promised -= job.pages
        self._running = [other for other in self._running if other is not job]


@contextmanager
def _cut_back_on_failure(batch: list[BatchRow]) -> Iterator[None]:
    """Cut branches back to what they held before a forward pass that raises, so that it can be run again."""
    lengths = [row.branch.length for row in batch]
    try:
        yield
    except BaseException:
        for row, length in zip(batch, lengths, strict=True):
            row.branch.cut(length)
        raise


def _logprobs(logits: torch.Tensor, rows: list[int], trie: ChoiceTrie, nodes: list[int]) -> list[float]:
    """The log-probability of each node's token under a row of logits, without a second [rows, V]."""
    tokens = [trie.token_ids[node] for node in nodes]
    return (logits[rows, tokens] - logits.logsumexp(-1)[rows]).tolist()


def _output(index: int, sequence: Sequence, score: float) -> Output:
    assert sequence.finish_reason is not None
    return Output(
        index,
        sequence.text,
        tuple(sequence.output),
        tuple(sequence.traces),
        sequence.finish_reason,
        sequence.logprob,
        score,
    )
