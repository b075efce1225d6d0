"""A draft model at work: what it makes of the texts of a step, all of them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from ponder.decoders import Group, Text
from ponder.engine.runner import BatchRow
from ponder.engine.seat import Seat
from ponder.errors import CapacityError
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace
from ponder.tree import Branch

T = TypeVar("T")

CHUNK = 256  # tokens a pass while a text is new to the draft model


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text of a group that is to be drafted, by up to `count` tokens."""

    group: Group
    text: Text
    salt: str | None
    count: int = 0


@dataclass(slots=True)
class _Draft:
    """One text as the draft model goes on with it."""

    asked: Wanted
    branch: Branch
    tokens: tuple[int, ...]
    reach: int
    traces: list[TokenTrace] = field(default_factory=list)
    state: object = None

    @property
    def drafted(self) -> tuple[int, ...]:
        return tuple(trace.token_id for trace in self.traces)

    @property
    def pending(self) -> tuple[int, ...]:
        """The tokens that are not in the cache yet."""
        return (*self.tokens, *self.drafted)[self.branch.length :]

    def row(self) -> Row:
        """Describe the row of logits after what was drafted."""
        group, text = self.asked.group, self.asked.text
        return group.row_after(text, text.index, self.drafted, tuple(self.traces))

    def take(self, trace: TokenTrace | None) -> bool:
        """Go on by a token; return whether more may follow."""
        if trace is None or trace.token_id in self.asked.group.end_ids:
            return False
        if not self.asked.group.takes(self.asked.text, self.drafted, trace.token_id):
            return False
        self.traces.append(trace)
        length = len(self.tokens) + len(self.traces)
        return len(self.traces) < self.asked.count and length <= self.reach


class Drafter:
    """Runs a draft model over a token tree of its own, where it finds again what it computed before.

    It holds no page between two calls, so that no request's end or preemption concerns it.
    """

    def __init__(self, seat: Seat) -> None:
        self.seat = seat

    def draft(self, asked: Seq[Wanted]) -> dict[Text, tuple[int, ...]]:
        """Return for each text up to `count` tokens that may come next.

        They are drawn with the request's parameters and the random numbers of their places. There are fewer,
        or none, where the draft model ends the text, or its context or cache has no room.
        """
        drafts = [self._open(one) for one in asked]
        try:
            self._grow([draft for draft in drafts if len(draft.tokens) <= draft.reach])
        except CapacityError:
            pass  # what was guessed until then is as good a guess
        finally:
            for draft in drafts:
                draft.branch.drop()
        return {draft.asked.text: draft.drafted for draft in drafts}

    def logits(self, asked: Seq[Wanted]) -> Mapping[Text, torch.Tensor]:
        """Return the logits of the token after each text, [V].

        Raises
        ------
        CapacityError : a text alone does not fit the cache.
        """
        try:
            return self._logits(asked)
        except CapacityError:
            return {text: row for one in asked for text, row in self._logits_alone(one).items()}

    def _logits_alone(self, asked: Wanted) -> dict[Text, torch.Tensor]:
        try:
            return self._logits([asked])
        except CapacityError:  # it fits an empty cache: a page shared in part may be one too many
            self.seat.tree.evict(self.seat.pool.num_pages)
            return self._logits([asked])

    def _logits(self, asked: Seq[Wanted]) -> dict[Text, torch.Tensor]:
        drafts = [self._open(one) for one in asked]
        try:
            self._prefill(drafts)
            logits = self._forward(drafts)
            for draft in drafts:
                draft.branch.publish(partial=True)
            return {draft.asked.text: row for draft, row in zip(drafts, logits, strict=True)}
        finally:
            for draft in drafts:
                draft.branch.drop()

    def check_integrity(self) -> None:
        """Assert that the tree is sound and no page is held."""
        self.seat.tree.check_integrity()
        assert self.seat.pool.num_busy == 0, "a draft holds a page"

    def _open(self, asked: Wanted) -> _Draft:
        reach = min(asked.group.reach, self.seat.context)
        branch = self.seat.branch(reach, asked.salt)
        return _Draft(asked, branch, (*asked.group.prompt, *asked.text.output), reach)

    def _grow(self, drafts: list[_Draft]) -> None:
        self._prefill(drafts)
        growing = drafts
        while growing:
            logits = self._forward(growing)
            batches = [
                (logits[i : i + 1], [draft.row()], draft.asked.group.params)
                for i, draft in enumerate(growing)
            ]
            traces = self.seat.sampler.sample_many(batches)
            growing = [draft for draft, trace in zip(growing, traces, strict=True) if draft.take(trace)]
        for draft in drafts:
            draft.branch.publish(partial=True)

    def _prefill(self, drafts: Seq[_Draft]) -> None:
        """Find what is in the tree and compute the rest, but for a last part of each text."""
        for draft in drafts:
            draft.branch.follow(draft.tokens[:-1])
            while len(draft.pending) > CHUNK:
                self._forward([draft])

    def _forward(self, drafts: Seq[_Draft]) -> torch.Tensor:
        """Compute the next tokens of each draft; return the logits after them, [drafts, V]."""
        rows = []
        for draft in drafts:
            tokens = draft.pending[:CHUNK]
            slots = draft.branch.extend(tokens)
            rows.append(BatchRow(draft.branch, tokens, slots, draft.reach, (len(tokens) - 1,)))
        logits = self.seat.runner.forward(rows)
        for draft in drafts:
            draft.branch.publish()
        return logits


def each_or_alone(
    asked: Seq[Wanted], compute: Callable[[Seq[Wanted]], Mapping[Text, T]]
) -> tuple[dict[Text, T], dict[Group, Exception]]:
    """Compute something for all texts together, or, where that fails, for each group alone.

    Returns what there is, and for each group that failed alone, why.
    """
    if not asked:
        return {}, {}
    try:
        return dict(compute(asked)), {}
    except Exception:
        found: dict[Text, T] = {}
        failed: dict[Group, Exception] = {}
        for group in dict.fromkeys(one.group for one in asked):
            try:
                found |= compute([one for one in asked if one.group is group])
            except Exception as error:
                failed[group] = error
        return found, failed
