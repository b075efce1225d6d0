"""The live branches of one request and what they have grown so far."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch

from ponder.constraints import ConstraintState
from ponder.sampling.params import SamplingParams
from ponder.sampling.sampler import Row
from ponder.sampling.trace import TokenTrace
from ponder.text import Detokenizer, StopMatcher
from ponder.tree import Branch

FinishReason = Literal["stop", "length", "constraint", "deadline"]


@dataclass(slots=True)
class Sequence:
    """One text being grown.

    `score` is what a search adds up; `logprob` the sum of the raw log-probabilities; `stopped_by` the stop
    string or end token that ended it. `node` is its last token's place in the request's tree, -1 at first.
    """

    index: int
    branch: Branch
    detokenizer: Detokenizer
    stops: StopMatcher
    constraint: ConstraintState | None
    output: list[int] = field(default_factory=list)
    traces: list[TokenTrace] = field(default_factory=list)
    text: str = ""
    logprob: float = 0.0
    score: float = 0.0
    node: int = -1
    finish_reason: FinishReason | None = None
    stopped_by: str | int | None = None

    def fork(self) -> Sequence:
        """Return an independent copy, still growing, whose branch shares this one's pages."""
        constraint = self.constraint.fork() if self.constraint else None  # may fail: before pages are held
        return Sequence(
            self.index,
            self.branch.fork(),
            self.detokenizer.fork(),
            self.stops.fork(),
            constraint,
            list(self.output),
            list(self.traces),
            self.text,
            self.logprob,
            self.score,
            self.node,
        )

    def close(self, reason: FinishReason, added: str = "") -> str:
        """End the text with `added` and what was held back (half a character, the start of a stop string)."""
        added += self.stops.flush() + self.detokenizer.flush()
        self.text += added
        self.finish_reason = reason
        return added


@dataclass(frozen=True, slots=True)
class Growth:
    """`parent` grows by the traced token into sample `index`; without a trace nothing was possible."""

    parent: Sequence
    index: int
    trace: TokenTrace | None
    score: float = 0.0


@dataclass(slots=True)
class Group:
    """All sequences of one request.

    `live` have one row of logits each, in this order, when the decoder is asked to advance; at first
    it is the prompt alone. `end_ids` end a text: end-of-text tokens unless ignored, and the caller's.
    """

    prompt: tuple[int, ...]
    params: SamplingParams
    end_ids: frozenset[int]
    live: list[Sequence]
    finished: list[Sequence] = field(default_factory=list)

    @property
    def reach(self) -> int:
        """The longest a sequence may become, prompt included."""
        return len(self.prompt) + self.params.max_tokens

    def pending(self, sequence: Sequence) -> tuple[int, ...]:
        """Return the tokens of a sequence that are not in its cache yet."""
        computed = sequence.branch.length
        return self.prompt[computed:] + tuple(sequence.output[max(0, computed - len(self.prompt)) :])

    def rows(self, parents: Seq[Sequence], indices: Seq[int]) -> list[Row]:
        """Describe the rows of logits for the sampler."""
        return [
            Row(index, self.prompt, parent.output, self._forbidden(parent), self._mask(parent))
            for parent, index in zip(parents, indices, strict=True)
        ]

    def _forbidden(self, sequence: Sequence) -> tuple[int, ...]:
        too_short = len(sequence.output) < self.params.min_tokens
        unfinished = sequence.constraint is not None and not sequence.constraint.may_stop()
        return tuple(self.end_ids) if too_short or unfinished else ()

    @staticmethod
    def _mask(sequence: Sequence) -> torch.Tensor | None:
        return sequence.constraint.mask() if sequence.constraint else None

    def branch_out(self, growths: Seq[Growth]) -> list[Sequence]:
        """Make the live sequences those that the growths make of them; return them in that order.

        A parent of several is forked for all but the last; one without any lets its pages go.
        """
        last_child = {id(growth.parent): i for i, growth in enumerate(growths)}
        for sequence in self.live:
            if id(sequence) not in last_child:
                sequence.branch.drop()
        children = []
        for i, growth in enumerate(growths):
            child = growth.parent
            if last_child[id(child)] != i:
                child = child.fork()
                self.live.append(child)  # whose pages go back if a later one cannot be forked
            child.index = growth.index
            children.append(child)
        self.live = children
        return children

    def part(self) -> list[Sequence]:
        """Move the sequences that have ended from the live to the finished ones, and return them."""
        ended = [sequence for sequence in self.live if sequence.finish_reason]
        self.live = [sequence for sequence in self.live if not sequence.finish_reason]
        self.finished += ended
        return ended

    def accept(self, sequence: Sequence, growth: Growth) -> str:
        """Append the growth's token and return the text it adds; sets `finish_reason` if it is the last.

        The text of an end token or a stop string is not part of the text; its token is part of `output`.
        """
        trace = growth.trace
        if trace is None:
            return sequence.close("constraint")
        sequence.output.append(trace.token_id)
        sequence.traces.append(trace)
        sequence.logprob += trace.logprob
        sequence.score = growth.score
        if trace.token_id in self.end_ids:
            sequence.stopped_by = trace.token_id
            return sequence.close("stop")
        if sequence.constraint is not None:
            sequence.constraint.advance(trace.token_id)
        added = sequence.detokenizer.push(trace.token_id)
        long_enough = len(sequence.output) > self.params.min_tokens
        added, sequence.stopped_by = sequence.stops.push(added, may_stop=long_enough)
        if sequence.stopped_by is None and len(sequence.output) >= self.params.max_tokens:
            return sequence.close("length", added)
        if sequence.stopped_by is not None:
            sequence.finish_reason = "stop"
        sequence.text += added
        return added


class Decoder(Protocol):
    """Decides which branches grow. Decoders are frozen values; what they remember is in the group.

    `unused` are the sampling parameters that mean nothing to it; `streams` tells whether a sequence, once
    grown by a token, keeps it, so that tokens can be shown as they come.
    """

    @property
    def unused(self) -> frozenset[str]: ...

    @property
    def streams(self) -> bool: ...

    def check(self, params: SamplingParams) -> None:
        """Raise ParameterError for parameters that this decoder does not allow."""
        ...

    def width(self, params: SamplingParams) -> int:
        """Return the most sequences that live at once."""
        ...

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        """Turn one row of logits per live sequence, [R, V] float32, into growths.

        A live sequence that parents none is dropped; one that parents several is forked.
        """
        ...

    def settle(self, group: Group) -> bool:
        """Look at the group after its growths were applied; return whether the request is answered."""
        ...

    def final_score(self, sequence: Sequence) -> float:
        """Return what finished sequences are ranked by."""
        ...

    def answers(self, group: Group) -> list[Sequence]:
        """Return the finished sequences the caller asked for, in order."""
        ...
