"""Many requests at once: the step that moves them on, and what it makes happen."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from typing import TypeVar

import numpy as np
import torch

from ponder.asks.choice_trie import ChoiceTrie
from ponder.decoders import Context, ContrastiveSearch, DraftModel, Group, Growth, Sequence, Speculative
from ponder.decoders.observed import with_distributions
from ponder.decoders.ranker import ranker_for
from ponder.engine.draft_engine import DraftEngine
from ponder.engine.events import (
    Event,
    FailedEvent,
    FinishedEvent,
    Output,
    ProgressEvent,
    TokenEvent,
    TreeEvent,
    TreeNode,
    Usage,
)
from ponder.engine.job import Job
from ponder.engine.request import EngineLimits, Request
from ponder.engine.runner import Logits, Runner
from ponder.engine.scheduler import Scheduled, Scheduler
from ponder.engine.scoring import prefill, score_trie
from ponder.engine.stats import EngineStats, Totals
from ponder.errors import (
    CapacityError,
    CheckpointError,
    ContextError,
    DeadlineError,
    ParameterError,
    QueueFullError,
)
from ponder.mixtures import Mixture
from ponder.models import Transformer
from ponder.models.entropy_head import EntropyHead
from ponder.sampling.sampler import sampler_for, trace_prompt
from ponder.sampling.trace import PromptTrace
from ponder.text import Detokenizer, StopMatcher, Tokenizer
from ponder.tree import PAGE_SIZE, Branch, PagePool, RadixTree, pages_for

T = TypeVar("T")

SENTENCE_ENDS = (".", "!", "?", "\n")
"""A token with one of these ends a sentence, at which `top_p_decay` begins anew."""


class Engine:
    """Runs requests over one model and one token tree.

    `check`, `prepare`, `refuse_if_full` and `stats` may be called from any thread; everything else by one
    at a time (`EngineLoop` sees to that).

    Parameters
    ----------
    num_pages : pages of the cache.
    clock : seconds, for deadlines.
    drafter : what runs a draft model, for requests that are decoded with one.
    entropy_head : what reads residual entropies from the model, for requests with a `real_temperature`.
    """

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        num_pages: int,
        limits: EngineLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
        drafter: DraftEngine | None = None,
        entropy_head: EntropyHead | None = None,
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.limits = limits or EngineLimits()
        self.pool = PagePool(model.new_cache(num_pages))
        self.tree = RadixTree(self.pool)
        self.scheduler = Scheduler(self.tree, self.limits)
        self.runner = Runner(model, self.pool)
        self.sampler = sampler_for(model.kernels)
        self.ranker = ranker_for(model.kernels, model.device)
        self.drafter = drafter
        self.entropy_head = entropy_head
        self._clock = clock
        self._totals = Totals()
        self._happened: list[Event] = []
        self._next_id = 0

    def context_limit(self, mixture: Mixture | None) -> tuple[int, str]:
        """Return the most tokens that a text may have, with its prompt, and which model sets that limit."""
        limits = [(self.model.config.context_length, "model")]
        if mixture is not None and mixture.reads_draft and self.drafter is not None:
            limits.append((self.drafter.model.config.context_length, "draft model"))
        return min(limits, key=itemgetter(0))

    def check(self, request: Request) -> None:
        """Refuse what can never run.

        Raises
        ------
        ContextError, CapacityError : it does not fit the model's context or the cache; says both numbers.
        ParameterError : token ids the model does not have, or what its decoder does not allow.
        """
        vocab_size = self.model.config.vocab_size
        request.params.check_vocabulary(vocab_size)
        request.decoder.check(request.params)
        if self.drafter is None and isinstance(request.decoder, Speculative):
            draft = request.decoder.draft
            if isinstance(draft, DraftModel):
                raise ParameterError("draft", draft, "PromptLookup(...): no draft model is loaded")
        self._check_entropy_head(request)
        if request.mixture is not None:
            self._check_mixture(request, request.mixture)
        for prompt in (request.prompt, *request.further_prompts):
            for token in prompt:
                if type(token) is not int or not 0 <= token < vocab_size:
                    raise ParameterError("prompt", token, f"token ids from 0 to {vocab_size - 1}")
            if not prompt:
                raise ParameterError("prompt", "", "at least one token")
            self._check_length(len(prompt) + request.params.max_tokens, "the prompt and max_tokens are")
        self._check_pages(_most_pages(request), "the request may need")

    def _check_entropy_head(self, request: Request) -> None:
        name, value = "real_temperature", request.params.real_temperature
        if value and name in request.decoder.unused:
            raise ParameterError(name, value, "0 with a search, which draws no tokens")
        if value and self.entropy_head is None:
            raise ParameterError(name, value, "0: no entropy head is loaded")

    def _check_mixture(self, request: Request, mixture: Mixture) -> None:
        mixture.depths(self.model.config)
        if isinstance(request.decoder, ContrastiveSearch):
            raise ParameterError("mixture", mixture, "unset with contrastive search")
        if isinstance(request.decoder, Speculative) and (mixture.num_prompts or mixture.reads_draft):
            raise ParameterError("mixture", mixture, "one of a single prompt and model, with speculation")
        if mixture.reads_draft:
            if self.drafter is None:
                raise ParameterError("mixture", mixture, "one without a draft model: none is loaded")
            limit = self.drafter.model.config.context_length
            longest = len(request.prompt) + request.params.max_tokens
            if longest > limit:
                what = f"the prompt and max_tokens are {longest} tokens long"
                raise ContextError(f"{what}, and the draft model's context is {limit}")
            pages, room = pages_for(longest - 1), self.drafter.pool.num_pages
            if pages > room:
                raise CapacityError(f"the draft model may need {pages} cache pages and there are {room}")

    def prepare(self, request: Request) -> Job:
        """Check a request and do the work that needs no model: compile its constraint."""
        self.check(request)
        params = request.params
        eos = () if params.ignore_eos else self.tokenizer.eos_ids
        contexts = []
        for prompt in (request.prompt, *request.further_prompts):
            reach = len(prompt) + params.max_tokens
            contexts.append(Context(prompt, Branch(self.tree, self._key(reach, request.cache_salt)), reach))
        root = Sequence(
            index=0,
            contexts=contexts,
            detokenizer=Detokenizer(self.tokenizer.bytes_table),
            stops=StopMatcher(params.stop, include_stop=params.include_stop_str_in_output),
            constraint=request.constraint.compile(self.tokenizer) if request.constraint else None,
        )
        end_ids = frozenset((*eos, *params.stop_token_ids))
        group = Group(
            request.prompt,
            params,
            end_ids,
            [root],
            drafter=self.drafter,
            breakers=self.tokenizer.containing(params.dry_sequence_breakers if params.dry_multiplier else ()),
            sentence_ends=self.tokenizer.containing(SENTENCE_ENDS if params.top_p_decay < 1 else ()),
            entropy_head=self.entropy_head if params.real_temperature else None,
        )
        depths = request.mixture.depths(self.model.config) if request.mixture else ()
        return Job(request, group, depths=depths)

    def submit(self, job: Job | Request) -> int:
        """Queue a request and return its id. Raises QueueFullError, and what `check` does."""
        if isinstance(job, Request):
            job = self.prepare(job)
        self.refuse_if_full()
        self._next_id += 1
        job.request_id = job.arrival = self._next_id
        if job.request.deadline_s is not None:
            job.ends_at = self._clock() + job.request.deadline_s
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
        """Run one forward pass over what is due, and let every request grow that has its logits."""
        self._expire()
        batch = self._schedule()
        logits = self._forward(batch)
        growths = self._decode(batch, logits)
        return self._apply(growths)

    def cancel(self, request_id: int) -> bool:
        """Forget a request and let its pages go; False for one that has ended, or never was."""
        for job in (*self.scheduler.running, *self.scheduler.waiting):
            if job.request_id == request_id:
                self._leave(job.group.live)
                self.scheduler.remove(job)
                self._totals.cancelled += 1
                return True
        return False

    def fail_all(self, error: Exception) -> list[Event]:
        """End every request with an error."""
        for job in (*self.scheduler.running, *self.scheduler.waiting):
            self._fail(job, error)
        happened, self._happened = self._happened, []
        return happened

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
        self.tree.check_integrity()
        live = [sequence for job in self.scheduler.running for sequence in job.group.live]
        contexts = [context for sequence in live for context in sequence.contexts]
        held = [page for context in contexts for page in context.branch.pages]
        counts = {page: held.count(page) for page in set(held)}
        assert self.pool.num_busy == len(counts), "a page is busy and no request holds it"
        for page, count in counts.items():
            assert self.pool._holders[page] == count, f"page {page} is held {count} times"
        if self.drafter is not None:
            self.drafter.check_integrity()

    def score(self, prompt: tuple[int, ...], trie: ChoiceTrie) -> tuple[list[list[float]], int]:
        """Return, per path of the trie, the raw log-probability of each of its tokens after the prompt.

        Also how many tokens of the prompt were in the cache; the rest is computed once, and all nodes of the
        trie in one pass. Running requests give way where memory is short.

        Raises
        ------
        ContextError : it does not fit the model's context; says both numbers.
        CapacityError : it does not fit the cache; says both numbers.
        """
        longest = len(prompt) + max(len(path) for path in trie.paths)
        self._check_length(longest, "the prompt and the longest text after it are")
        self._check_pages(pages_for(len(prompt) + len(trie.token_ids)), "scoring needs")

        def score(branch: Branch) -> list[list[float]]:
            return score_trie(self.runner, branch, prompt, trie, longest, self.limits.token_budget)

        return self._beside(prompt, longest, len(trie.token_ids), score)

    def next_logits(self, prompt: tuple[int, ...]) -> torch.Tensor:
        """Return the logits of the token after a prompt, [V]. Raises what `score` does."""
        self._check_length(len(prompt), "the prompt is")
        self._check_pages(pages_for(len(prompt)), "the prompt needs")

        def compute(branch: Branch) -> torch.Tensor:
            return prefill(self.runner, branch, prompt, len(prompt), self.limits.token_budget)

        return self._beside(prompt, len(prompt), 0, compute)[0][0]

    def _beside(
        self, prompt: tuple[int, ...], reach: int, further: int, compute: Callable[[Branch], T]
    ) -> tuple[T, int]:
        """Compute something on a branch of its own that follows a prompt, and `further` tokens after it.

        Also returned: how much of the prompt was in the cache. Running requests give way where memory is
        short.
        """
        while True:
            branch = Branch(self.tree, self._key(reach))
            try:
                hits = branch.follow(prompt[:-1])
                result = compute(branch)
                self._totals.add_prompt(len(prompt), hits, hits)
                self._totals.computed_tokens += len(prompt) - hits + further
                return result, hits
            except CapacityError:
                branch.drop()
                if self.scheduler.running:
                    self.scheduler.preempt(self.scheduler.running[-1])
                else:  # it fits an empty cache: a page shared in part may be one too many
                    self.tree.evict(self.pool.num_pages)
            finally:
                branch.drop()

    def _key(self, reach: int, salt: str | None = None) -> Hashable:
        """What sequences that share pages agree on: the salt, and the frequencies of their positions."""
        return salt, self.model.positions.regime(reach)

    def _check_length(self, tokens: int, what: str) -> None:
        limit = self.model.config.context_length
        if tokens > limit:
            raise ContextError(f"{what} {tokens} tokens long, and the model's context is {limit}")

    def _check_pages(self, pages: int, what: str) -> None:
        if pages > self.pool.num_pages:
            raise CapacityError(f"{what} {pages} cache pages and there are {self.pool.num_pages}")

    def _expire(self) -> None:
        """End the requests whose deadline has passed, with what there is."""
        queues = (self.scheduler.running, self.scheduler.waiting)
        ending = [job for queue in queues for job in queue if job.ends_at is not None]
        for job in ending:
            assert job.ends_at is not None
            if job.ends_at <= self._clock():
                self._stop(job)

    def _stop(self, job: Job) -> None:
        group = job.group
        if not job.generated:
            error = f"the deadline of {job.request.deadline_s:g} s passed before the first token"
            self._fail(job, DeadlineError(error))
            return
        for sequence in group.live:
            text = sequence.close("deadline")
            if job.request.decoder.streams:
                self._happened.append(
                    TokenEvent(job.request_id, sequence.index, None, text, "deadline", job.usage)
                )
        self._leave(group.part())
        self._finish(job)

    def _forward(self, batch: list[Scheduled]) -> list[Logits]:
        """Compute a batch; return the logits of each of its jobs.

        Where it fails as a whole, each request is tried by itself: only those that fail alone end.
        """
        with _cut_back_when_interrupted(batch):
            try:
                return self._compute(batch)
            except Exception:
                logits: list[Logits] = []
                for entry in batch:
                    try:
                        logits += self._compute([entry])
                    except Exception as error:
                        self._fail(entry.job, error)
                batch[:] = [entry for entry in batch if entry.job.running]
                return logits

    def _compute(self, batch: list[Scheduled]) -> list[Logits]:
        rows = [row for entry in batch for row in entry.rows]
        states = None
        if any(entry.job.reads_states for entry in batch):
            states = self.runner.new_states(rows)
        logits = self.runner.forward(rows, states)
        sound = iter(self.sampler.sound_rows(logits))
        self._totals.steps += bool(batch)
        for entry in batch:
            computed = 0
            for row in entry.rows:
                if not row.guessed:  # else `Group.accept_all` publishes, when it is known what stays
                    row.branch.publish()
                computed += len(row.tokens)
                entry.job.proposed += row.guessed
                self._totals.proposed_tokens += row.guessed
            entry.job.computed += computed
            self._totals.computed_tokens += computed
        counts = [sum(row.num_logits for row in entry.rows) for entry in batch]
        parts = [None] * len(batch) if states is None else torch.split(states, counts)
        return [
            Logits(rows, list(islice(sound, len(rows))), own)
            for rows, own in zip(torch.split(logits, counts), parts, strict=True)
        ]

    def _decode(self, batch: list[Scheduled], logits: list[Logits]) -> list[tuple[Job, list[Growth]]]:
        """Let each request whose rows are all there decide how to grow. What fails ends its own alone."""
        growths = []
        with _cut_back_when_interrupted(batch):
            for entry, own in zip(batch, logits, strict=True):
                job = entry.job
                try:
                    if not job.prefilled:
                        self._note_prefill(entry, own)
                    if job.prefilled and entry.complete:
                        growths.append((job, _advance(job, self._choice_rows(entry, own))))
                except Exception as error:
                    self._fail(job, error)
        return growths

    def _choice_rows(self, entry: Scheduled, own: Logits) -> torch.Tensor:
        """Return the rows that a job's decoder chooses from, [R, V]."""
        job = entry.job
        sources = entry.sources()
        if not all(own.sound[row] for source in sources for row in source):
            raise CheckpointError("the model's logits are not numbers: its weights may be damaged")
        if job.reads_states and own.states is not None:
            job.group.states = own.states[sources[0]].numpy(force=True)
            job.group.note_residuals()
        mixture = job.request.mixture
        if mixture is None:
            return own.rows[-len(sources[0]) :]
        logits = [own.rows[source] for source in sources]
        if mixture.reads_draft:
            assert self.drafter is not None, "refused without a draft model"
            drafted = self.drafter.logits(job.group)
            if not all(self.sampler.sound_rows(drafted)):
                raise CheckpointError("the draft model's logits are not numbers: its weights may be damaged")
            logits.append(drafted)
        with np.errstate(invalid="ignore"):  # what comes of it is checked
            mixed = mixture.mix(logits, job.group.next_rows())
        if not all(self.sampler.sound_rows(mixed)):
            raise CheckpointError("the mixed logits are not numbers: a token is -inf in several of them")
        return mixed

    def _note_prefill(self, entry: Scheduled, own: Logits) -> None:
        """Say how far a prompt is, and keep of its tokens what was asked for."""
        job, row = entry.job, entry.rows[0]
        prompt, sequence = job.request.prompt, job.group.live[0]
        branch = sequence.branch
        traces: tuple[PromptTrace | None, ...] = ()
        if not job.reads_cache and row.branch is branch:
            start = branch.length - row.logits
            if job.request.prompt_logprobs is not None:  # the logits after a token trace the next one
                first, last = job.reached + 1, min(branch.length, len(prompt) - 1)
                followed = own.rows[first - 1 - start : last - start]
                known = trace_prompt(followed, prompt[first : last + 1], job.request.prompt_logprobs)
                traces = (*known,) if job.reached else (None, *known)
            if job.request.decoder.tries_tokens and own.states is not None:
                sequence.note_states(own.states[job.reached - start : row.logits].numpy(force=True))
        job.reached = max(job.reached, branch.length)
        if job.prefilled:
            self._totals.add_prompt(len(prompt), job.hits, job.hits + job.shared)
        self._happened.append(ProgressEvent(job.request_id, "prefill", branch.length, job.usage, traces))

    def _apply(self, growths: list[tuple[Job, list[Growth]]]) -> list[Event]:
        """Let the requests grow and say all that happened in this step."""
        for job, grown in growths:
            try:
                self._grow(job, grown)
                if job.request.decoder.settle(job.group):
                    self._finish(job)
            except Exception as error:
                self._fail(job, error)
        happened, self._happened = self._happened, []
        return happened

    def _schedule(self) -> list[Scheduled]:
        """Choose the rows; say once of each job that it waits, and each time that it was preempted."""
        batch = self.scheduler.schedule()
        preempted, self.scheduler.preempted = self.scheduler.preempted, []
        for job in preempted:
            job.announced = True
            self._happened.append(ProgressEvent(job.request_id, "preempted", 0, job.usage))
        for job in self.scheduler.waiting:
            if not job.announced:
                job.announced = True
                self._happened.append(ProgressEvent(job.request_id, "waiting", 0, job.usage))
        return batch

    def _grow(self, job: Job, growths: list[Growth]) -> None:
        """Give each growth a sequence, let that take its tokens, and part with those that have ended."""
        group = job.group
        above = [growth.parent.node for growth in growths]
        children = group.branch_out(growths)
        for child in children:
            child.node, job.nodes = job.nodes, job.nodes + 1
        texts = list(map(group.accept_all, children, growths))
        new = sum(
            trace is not None
            for growth, added in zip(growths, texts, strict=True)
            for trace in growth.traces[: len(added)]
        )
        job.generated += new
        # The last token that a growth has after its guesses is the model's own.
        right = sum(
            min(len(growth.further), len(added))
            for growth, added in zip(growths, texts, strict=True)
            if growth.context is None
        )
        job.accepted += right
        self._totals.generated_tokens += new
        self._totals.accepted_tokens += right
        self._leave(group.part())
        request_id, usage = job.request_id, job.usage
        if job.request.decoder.streams:
            for child, growth, added in zip(children, growths, texts, strict=True):
                self._happened += _token_events(request_id, usage, child, growth, added)
        else:
            nodes = tuple(map(_tree_node, children, above, growths, texts))
            self._happened.append(TreeEvent(request_id, nodes, usage))

    @staticmethod
    def _leave(sequences: list[Sequence]) -> None:
        """Let the pages of texts that grow no more go; the tree keeps them while there is room."""
        for sequence in sequences:
            for context in sequence.contexts:
                context.branch.publish(partial=True)
            sequence.drop()

    def _finish(self, job: Job) -> None:
        decoder, group = job.request.decoder, job.group
        outputs = tuple(
            _output(index, sequence, decoder.final_score(sequence))
            for index, sequence in enumerate(decoder.answers(group))
        )
        self._leave(group.live)
        self.scheduler.remove(job)
        self._totals.finished += 1
        self._happened.append(FinishedEvent(job.request_id, outputs, job.usage))

    def _fail(self, job: Job, error: Exception) -> None:
        self.scheduler.remove(job)
        self._totals.failed += 1
        self._happened.append(FailedEvent(job.request_id, error))


def _advance(job: Job, logits: torch.Tensor) -> list[Growth]:
    """Let a request's decoder decide; note what it chose from, if that was asked for."""
    request, group = job.request, job.group
    growths = request.decoder.advance(group, logits)
    if request.trace is None:
        return growths
    return with_distributions(growths, group, logits, request.decoder, request.trace)


def _most_pages(request: Request) -> int:
    """The most pages a request can need alone: the prompts' whole ones, and what each sequence may add.

    The last token a sequence grows is never computed: if it is the first, all share the prompt's last page.
    But tokens that are tried after a text all are, and have but a page each to themselves.
    """
    computed, width = request.params.max_tokens - 1, request.decoder.width(request.params)
    if request.decoder.tries_tokens:
        return (len(request.prompt) + computed) // PAGE_SIZE + width
    width = width if computed else 1
    pages = 0
    for prompt in (request.prompt, *request.further_prompts):
        whole, rest = divmod(len(prompt), PAGE_SIZE)
        pages += whole + width * pages_for(rest + computed)
    return pages


@contextmanager
def _cut_back_when_interrupted(batch: list[Scheduled]) -> Iterator[None]:
    """Take a step's tokens back if it is interrupted before anything grew, so that it can be taken again."""
    try:
        yield
    except BaseException:
        for entry in batch:
            for row in entry.rows if entry.job.running else ():  # one that failed has nothing to take back
                row.branch.cut(row.branch.length - len(row.tokens))
        raise


def _token_events(
    request_id: int, usage: Usage, child: Sequence, growth: Growth, texts: list[str]
) -> Iterator[TokenEvent]:
    """One event for each token that the growth gave; the last says how the text ended, if it did."""
    last = len(texts) - 1
    for i, (trace, text) in enumerate(zip(growth.traces, texts, strict=False)):
        reason, stopped_by = (child.finish_reason, child.stopped_by) if i == last else (None, None)
        yield TokenEvent(request_id, child.index, trace, text, reason, usage, stopped_by)


def _tree_node(child: Sequence, parent: int, growth: Growth, texts: list[str]) -> TreeNode:
    return TreeNode(child.node, parent, growth.trace, texts[0], growth.score, child.finish_reason)


def _output(index: int, sequence: Sequence, score: float) -> Output:
    assert sequence.finish_reason is not None
    return Output(
        index,
        sequence.text,
        tuple(sequence.output),
        tuple(sequence.traces),
        sequence.finish_reason,
        sequence.stopped_by,
        sequence.logprob,
        score,
        sequence.inclusion,
    )
