"""A draft model at work: what it guesses of a request's texts."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field

import torch

from ponder.constraints import ConstraintState
from ponder.decoders import Group, Sequence
from ponder.engine.runner import BatchRow, Runner
from ponder.errors import CapacityError
from ponder.models import Transformer
from ponder.sampling.row import Row
from ponder.sampling.sampler import sampler_for
from ponder.sampling.trace import TokenTrace
from ponder.tree import Branch, PagePool, RadixTree

CHUNK = 256  # tokens a pass while a text is new to the draft model


@dataclass(slots=True)
class Draft:
    """One text as the draft model goes on with it."""

    sequence: Sequence
    branch: Branch
    text: tuple[int, ...]
    constraint: ConstraintState | None
    traces: list[TokenTrace] = field(default_factory=list)

    @property
    def tokens(self) -> tuple[int, ...]:
        """What was drafted."""
        return tuple(trace.token_id for trace in self.traces)

    @property
    def pending(self) -> tuple[int, ...]:
        """The tokens that are not in the cache yet."""
        return (*self.text, *self.tokens)[self.branch.length :]

    def row(self, group: Group) -> Row:
        """Describe the row of logits after what was drafted."""
        known = self.sequence
        output, traces = (*known.output, *self.tokens), (*known.traces, *self.traces)
        return group.row(known.index, output, self.constraint, traces)

    def take(self, trace: TokenTrace, tokens: int, reach: int) -> bool:
        """Go on by a token; return whether more may follow: up to `tokens`, and a length of `reach`."""
        self.traces.append(trace)
        if self.constraint is not None:
            self.constraint.advance(trace.token_id)
        return len(self.traces) < tokens and len(self.text) + len(self.traces) <= reach


class DraftEngine:
    """Runs a draft model over a token tree of its own, where it finds again what it computed before.

    It holds no page between two calls, so that no request's end or preemption concerns it.
    """

    def __init__(self, model: Transformer, num_pages: int) -> None:
        self.model = model
        self.pool = PagePool(model.new_cache(num_pages))
        self.tree = RadixTree(self.pool)
        self.runner = Runner(model, self.pool)
        self.sampler = sampler_for(model.kernels)

    def draft(self, group: Group, tokens: int) -> list[tuple[int, ...]]:
        """Return for each live sequence up to `tokens` tokens that may come after its output.

        They are drawn with the request's parameters and the random numbers of their places. There are fewer,
        or none, where the draft model ends the text, or its context or cache has no room.
        """
        reach = min(group.reach, self.model.config.context_length)
        drafts = [self._open(group, sequence, reach) for sequence in group.live]
        try:
            self._grow(group, drafts, tokens, reach)
        except CapacityError:
            pass  # what was guessed until then is as good a guess
        finally:
            for draft in drafts:
                draft.branch.drop()
        return [draft.tokens for draft in drafts]

    def logits(self, group: Group) -> torch.Tensor:
        """Return the logits of the token after each live sequence, [live, V].

        Raises
        ------
        CapacityError : a sequence alone does not fit the cache.
        """
        try:
            return self._logits(group, group.live)
        except CapacityError:
            return torch.cat([self._logits_alone(group, sequence) for sequence in group.live])

    def _logits_alone(self, group: Group, sequence: Sequence) -> torch.Tensor:
        try:
            return self._logits(group, [sequence])
        except CapacityError:  # it fits an empty cache: a page shared in part may be one too many
            self.tree.evict(self.pool.num_pages)
            return self._logits(group, [sequence])

    def _logits(self, group: Group, sequences: Seq[Sequence]) -> torch.Tensor:
        drafts = [self._open(group, sequence, group.reach) for sequence in sequences]
        try:
            self._prefill(drafts, group.reach)
            logits = self._forward(drafts, group.reach)
            for draft in drafts:
                draft.branch.publish(partial=True)
            return logits
        finally:
            for draft in drafts:
                draft.branch.drop()

    def check_integrity(self) -> None:
        """Assert that the tree is sound and no page is held."""
        self.tree.check_integrity()
        assert self.pool.num_busy == 0, "a draft holds a page"

    def _open(self, group: Group, sequence: Sequence, reach: int) -> Draft:
        key = (sequence.branch.key, self.model.positions.regime(reach))
        constraint = sequence.constraint.fork() if sequence.constraint else None
        return Draft(sequence, Branch(self.tree, key), (*group.prompt, *sequence.output), constraint)

    def _grow(self, group: Group, drafts: Seq[Draft], tokens: int, reach: int) -> None:
        growing = [draft for draft in drafts if len(draft.text) <= reach]
        self._prefill(growing, reach)
        while growing:
            logits = self._forward(growing, reach)
            traces = self.sampler.sample(logits, [draft.row(group) for draft in growing], group.params)
            growing = [
                draft
                for draft, trace in zip(growing, traces, strict=True)
                if trace is not None
                and trace.token_id not in group.end_ids
                and draft.take(trace, tokens, reach)
            ]
        for draft in drafts:
            draft.branch.publish(partial=True)

    def _prefill(self, drafts: Seq[Draft], reach: int) -> None:
        """Find what is in the tree and compute the rest, but for a last part of each text."""
        for draft in drafts:
            draft.branch.follow(draft.text[:-1])
            while len(draft.pending) > CHUNK:
                self._forward([draft], reach)

    def _forward(self, drafts: Seq[Draft], reach: int) -> torch.Tensor:
        """Compute the next tokens of each draft; return the logits after them, [drafts, V]."""
        rows = []
        for draft in drafts:
            tokens = draft.pending[:CHUNK]
            rows.append(BatchRow(draft.branch, tokens, draft.branch.extend(tokens), reach, 1))
        logits = self.runner.forward(rows)
        for draft in drafts:
            draft.branch.publish()
        return logits
