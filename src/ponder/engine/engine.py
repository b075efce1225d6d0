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
from ponder.decoders import BeamSearch, Group, Growth, Sequence
from ponder.engine.events import Event, FinishedEvent, Output, TokenEvent, Usage
from ponder.engine.request import Request
from ponder.engine.runner import Runner, RunnerRow
from ponder.engine.scheduler import ScheduledRow, schedule
from ponder.errors import CapacityError, ParameterError
from ponder.models import Transformer
from ponder.text import Detokenizer, StopMatcher, Tokenizer
from ponder.tree import PAGE_SIZE, Branch, PagePool

TOKEN_BUDGET = 512


@dataclass(slots=True)
class Job:
    """A request on its way: its group once admitted, the pages promised to it, the tokens it grew."""

    request_id: int
    request: Request
    pages: int
    group: Group | None = None
    generated: int = 0


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

    def submit(self, request: Request) -> int:
        """Queue a request and return its id.

        Raises
        ------
        CapacityError : it can never fit the model's context or the cache; says both numbers.
        ParameterError : token ids the model does not have, or more answers than beams.
        """
        self._check(request)
        pages = self._pages(request)
        if pages > self.pool.num_pages:
            raise CapacityError(
                f"the request may need {pages} cache pages and there are {self.pool.num_pages}"
            )
        self._next_id += 1
        self._waiting.append(Job(self._next_id, request, pages))
        return self._next_id

    def run(self, request: Request) -> Iterator[Event]:
        """Submit a request and step until it is answered, yielding its events; closing this cancels it."""
        with self._lock:
            request_id = self.submit(request)
            self._inbox[request_id] = []
        try:
            finished = False
            while not finished:
                events = self._next_events(request_id)
                finished = isinstance(events[-1], FinishedEvent)
                yield from events
        finally:
            with self._lock:
                del self._inbox[request_id]
                self.cancel(request_id)

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
        batch = schedule((job.group for job in self._running if job.group), TOKEN_BUDGET)
        with _undone_if_it_fails(batch):
            logits = self._forward(batch)
            growths = self._decode(batch, logits)
        return self._apply(growths)

    def cancel(self, request_id: int) -> None:
        """Forget a request; a finished or unknown one is left alone."""
        self._waiting = deque(job for job in self._waiting if job.request_id != request_id)
        for job in self._running:
            if job.request_id == request_id and job.group:
                self._retire(job)
                return

    def score(self, prompt: tuple[int, ...], trie: ChoiceTrie) -> list[list[float]]:
        """Return, per path of the trie, the raw log-probability of each of its tokens after the prompt.

        The prompt is computed once and all nodes of the trie in one pass.
        """
        with self._lock:
            return self._score(prompt, trie)

    def _score(self, prompt: tuple[int, ...], trie: ChoiceTrie) -> list[list[float]]:
        longest = len(prompt) + max(len(path) for path in trie.paths)
        self._check_length(longest, "the prompt and the longest text after it are")
        needed = math.ceil((len(prompt) + len(trie.token_ids)) / PAGE_SIZE)
        if needed > self.pool.num_pages:
            raise CapacityError(f"scoring needs {needed} cache pages and there are {self.pool.num_pages}")
        while needed > self.pool.num_pages - self._promised:
            self._advance()
        branch = Branch(self.pool)
        try:
            first = self._prefill(branch, prompt, longest)
            logits = torch.cat((first, self.runner.forward_trie(branch, trie, longest)))
        finally:
            branch.drop()
        # Row 0 is the prompt's end, row i + 1 follows node i.
        before = torch.tensor([parent + 1 for parent in trie.parents], device=logits.device)
        tokens = torch.tensor(trie.token_ids, device=logits.device)
        logprobs = torch.log_softmax(logits, dim=-1)[before, tokens].tolist()
        return [[logprobs[node] for node in path] for path in trie.paths]

    def _prefill(self, branch: Branch, prompt: tuple[int, ...], reach: int) -> torch.Tensor:
        """Compute a prompt in chunks and return the logits after it, [1, V]."""
        logits = torch.empty(0)
        for start in range(0, len(prompt), TOKEN_BUDGET):
            chunk = prompt[start : start + TOKEN_BUDGET]
            logits = self.runner.forward([RunnerRow(branch, chunk, reach, start + len(chunk) == len(prompt))])
        return logits

    def _check(self, request: Request) -> None:
        vocab_size = self.model.config.vocab_size
        request.params.check_vocabulary(vocab_size)
        for token in request.prompt:
            if not 0 <= token < vocab_size:
                raise ParameterError("prompt", token, f"token ids from 0 to {vocab_size - 1}")
        if not request.prompt:
            raise ParameterError("prompt", "", "at least one token")
        self._check_length(len(request.prompt) + request.params.max_tokens, "the prompt and max_tokens are")
        if isinstance(request.decoder, BeamSearch) and request.params.n > request.decoder.num_beams:
            raise ParameterError(
                "n", request.params.n, f"at most num_beams, which is {request.decoder.num_beams}"
            )

    def _check_length(self, tokens: int, what: str) -> None:
        limit = self.model.config.context_length
        if tokens > limit:
            raise CapacityError(f"{what} {tokens} tokens long, and the model's context is {limit}")

    def _pages(self, request: Request) -> int:
        """The most pages the request can hold: the shared prompt, and what each sequence may add."""
        width = request.decoder.num_beams if isinstance(request.decoder, BeamSearch) else request.params.n
        # Twice the beams live while one step's forks are made; a copied partial page and a started one each.
        sequences = 2 * width if isinstance(request.decoder, BeamSearch) else width
        suffix = math.ceil(request.params.max_tokens / PAGE_SIZE) + 1
        return math.ceil(len(request.prompt) / PAGE_SIZE) + sequences * suffix

    def _admit(self) -> None:
        """Start waiting requests, in order, as long as the worst case of all that run fits the pool."""
        while self._waiting and self._promised + self._waiting[0].pages <= self.pool.num_pages:
            job = self._waiting.popleft()
            job.group = self._open(job.request)
            self._promised += job.pages
            self._running.append(job)

    def _open(self, request: Request) -> Group:
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

    def _forward(self, batch: list[ScheduledRow]) -> torch.Tensor:
        if not batch:
            return torch.empty(0)
        rows = [
            RunnerRow(row.sequence.branch, row.new_tokens, self._reach(row.group), row.wants_logits)
            for row in batch
        ]
        return self.runner.forward(rows)

    def _reach(self, group: Group) -> int:
        return min(len(group.prompt) + group.params.max_tokens, self.model.config.context_length)

    def _decode(self, batch: list[ScheduledRow], logits: torch.Tensor) -> list[tuple[Job, list[Growth]]]:
        """Let each decoder look at its rows, in the order of its group's live sequences."""
        rows: dict[int, int] = {}
        for row in batch:
            if row.wants_logits:
                rows[id(row.sequence)] = len(rows)
        growths = []
        for job in self._running:
            group = job.group
            if group and group.live and all(id(sequence) in rows for sequence in group.live):
                own = logits[[rows[id(sequence)] for sequence in group.live]]
                growths.append((job, job.request.decoder.advance(group, own)))
        return growths

    def _apply(self, growths: list[tuple[Job, list[Growth]]]) -> list[Event]:
        events: list[Event] = []
        for job, grown in growths:
            events += self._grow(job, grown)
            assert job.group is not None
            if job.request.decoder.settle(job.group):
                events.append(self._finish(job))
        return events

    def _grow(self, job: Job, growths: list[Growth]) -> list[Event]:
        """Fork, extend and drop the group's branches as its decoder said."""
        group = job.group
        assert group is not None
        parents = {id(growth.parent) for growth in growths}
        for sequence in group.live:
            if id(sequence) not in parents:
                sequence.branch.drop()
        last_child = {id(growth.parent): i for i, growth in enumerate(growths)}
        children = [
            growth.parent if last_child[id(growth.parent)] == i else growth.parent.fork(growth.index)
            for i, growth in enumerate(growths)
        ]
        group.live, group.steps, events = [], group.steps + 1, []
        for child, growth in zip(children, growths, strict=True):
            child.index = growth.index
            text = group.accept(child, growth)
            job.generated += growth.trace is not None
            if growth.trace is not None:
                events.append(
                    TokenEvent(job.request_id, child.index, growth.trace, text, child.finish_reason)
                )
            if child.finish_reason:
                child.branch.drop()
                group.finished.append(child)
            else:
                group.live.append(child)
        return list(events)

    def _finish(self, job: Job) -> FinishedEvent:
        group = job.group
        assert group is not None
        outputs = tuple(_output(i, sequence) for i, sequence in enumerate(job.request.decoder.answers(group)))
        self._retire(job)
        prompt = len(group.prompt)
        return FinishedEvent(
            job.request_id, outputs, Usage(prompt, (job.request.params.n - 1) * prompt, job.generated)
        )

    def _retire(self, job: Job) -> None:
        assert job.group is not None
        for sequence in job.group.live:
            sequence.branch.drop()
        self._promised -= job.pages
        self._running = [other for other in self._running if other is not job]


@contextmanager
def _undone_if_it_fails(batch: list[ScheduledRow]) -> Iterator[None]:
    """Cut branches back to what they held before a step that raises, so that it can be taken again."""
    lengths = [row.sequence.branch.length for row in batch]
    try:
        yield
    except BaseException:
        for row, length in zip(batch, lengths, strict=True):
            row.sequence.branch.cut(length)
        raise


def _output(index: int, sequence: Sequence) -> Output:
    assert sequence.finish_reason is not None
    return Output(
        index,
        sequence.text,
        tuple(sequence.output),
        tuple(sequence.traces),
        sequence.finish_reason,
        sequence.logprob,
        sequence.score,
    )
