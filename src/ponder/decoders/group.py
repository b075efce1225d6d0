"""The live branches of one request and what they have grown so far."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch

from ponder.constraints import ConstraintState
from ponder.models.entropy_head import EntropyHead
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace
from ponder.text import Detokenizer, StopMatcher
from ponder.tree import Branch

States = npt.NDArray[np.float32]
FinishReason = Literal["stop", "length", "constraint", "deadline"]


@dataclass(slots=True)
class Context:
    """A prompt that a text goes on from, and the branch that has what was computed of both.

    It may reach `reach` tokens. `trial` is a token that is tried after the text.
    """

    prompt: tuple[int, ...]
    branch: Branch
    reach: int
    trial: TokenTrace | None = None

    def length(self, output: Seq[int]) -> int:
        """Return how many tokens there are with an output."""
        return len(self.prompt) + len(output) + (self.trial is not None)

    def pending(self, output: Seq[int]) -> tuple[int, ...]:
        """Return the tokens that are not in the branch yet."""
        computed = self.branch.length
        text = self.prompt[computed:] + tuple(output[max(0, computed - len(self.prompt)) :])
        if self.trial is None or computed == self.length(output):
            return text
        return (*text, self.trial.token_id)

    def fork(self, trial: TokenTrace | None = None) -> Context:
        """Return a second context over the same pages."""
        return Context(self.prompt, self.branch.fork(), self.reach, trial)


@dataclass(slots=True)
class Sequence:
    """One text being grown.

    `score` is what a search adds up and `memo` another number that it keeps; `logprob` the sum of the raw
    log-probabilities; `stopped_by` the stop string or end token that ended it. `node` is its last token's
    place in the request's tree, -1 at first. `proposed` are tokens guessed to come after `output`: as many as
    there is room for are computed together with its last token, and lie in the branch until the growth says
    which of them were right.

    `contexts` are what its next token is chosen from, each with a row of logits: as many as the request has
    prompts, or one for each token that is tried. `directions` are what the model's head read of its tokens,
    as unit vectors, [tokens, C] float32 in parts, where the decoder tries tokens. `residuals` are the
    residual entropies of its positions, where an entropy head reads them: of the output's, and of the next
    one once it is known.
    """

    index: int
    contexts: list[Context]
    detokenizer: Detokenizer
    stops: StopMatcher
    constraint: ConstraintState | None
    output: list[int] = field(default_factory=list)
    traces: list[TokenTrace] = field(default_factory=list)
    text: str = ""
    logprob: float = 0.0
    score: float = 0.0
    memo: float = 0.0
    node: int = -1
    finish_reason: FinishReason | None = None
    stopped_by: str | int | None = None
    proposed: tuple[int, ...] = ()
    inclusion: float | None = None
    directions: list[States] = field(default_factory=list)
    residuals: list[float] = field(default_factory=list)

    @property
    def branch(self) -> Branch:
        """The branch of its first context."""
        return self.contexts[0].branch

    def fork(self) -> Sequence:
        """Return an independent copy, still growing, whose branches share this one's pages."""
        constraint = self.constraint.fork() if self.constraint else None  # may fail: before pages are held
        return Sequence(
            self.index,
            [context.fork() for context in self.contexts],
            self.detokenizer.fork(),
            self.stops.fork(),
            constraint,
            list(self.output),
            list(self.traces),
            self.text,
            self.logprob,
            self.score,
            self.memo,
            self.node,
            directions=list(self.directions),
            residuals=list(self.residuals),
        )

    def drop(self) -> None:
        """Let the pages go."""
        for context in self.contexts:
            context.branch.drop()

    def note_states(self, states: States) -> None:
        """Note what the model's head read of the next tokens, [tokens, C].

        Parts of like size become one, so that there are few, and a token is copied few times.
        """
        parts = self.directions
        parts.append(unit(states))
        while len(parts) > 1 and len(parts[-2]) <= len(parts[-1]):
            parts[-2:] = [np.concatenate(parts[-2:])]

    def go_on_with(self, place: int) -> None:
        """Keep only one of the contexts, whose trial becomes part of the text."""
        chosen = self.contexts.pop(place)
        self.drop()
        chosen.trial = None
        self.contexts = [chosen]

    def try_tokens(self, trials: Seq[TokenTrace]) -> None:
        """Go on with each of some tokens, in a context of its own, over the same pages."""
        (context,) = self.contexts
        context.trial = trials[-1]
        self.contexts = [*(context.fork(trial) for trial in trials[:-1]), context]

    def close(self, reason: FinishReason, added: str = "") -> str:
        """End the text with `added` and what was held back (half a character, the start of a stop string)."""
        added += self.stops.flush() + self.detokenizer.flush()
        self.text += added
        self.finish_reason = reason
        return added


@dataclass(frozen=True, slots=True)
class Growth:
    """`parent` grows by the traced token into sample `index`; without a trace nothing was possible.

    `further` are the traces of the tokens after it, where the branch has guesses and they were right: one
    more than right guesses at most.

    With `context` the token is one that was tried: the sequence goes on with that context alone. `trials` are
    to be tried next; with them and without a trace, nothing is chosen yet.
    """

    parent: Sequence
    index: int
    trace: TokenTrace | None
    score: float = 0.0
    memo: float = 0.0
    further: tuple[TokenTrace | None, ...] = ()
    context: int | None = None
    trials: tuple[TokenTrace, ...] = ()

    @property
    def traces(self) -> tuple[TokenTrace | None, ...]:
        """The traces of all its tokens."""
        return (self.trace, *self.further)


@dataclass(slots=True)
class Group:
    """All sequences of one request.

    `live` have one row of logits each, or one for each token that they try, and one more for each guess in
    their branch, in this order, when the decoder is asked to advance; at first it is the prompt alone.
    `states` [R, C] float32 are what the head read for these rows, if the job asks for them. `end_ids` end
    a text: end-of-text tokens unless ignored, and the caller's. `drafter` is there if the engine has a draft
    model, and `entropy_head` where it narrows the nucleus. `breakers` and `sentence_ends` are the tokens that
    end a repetition and a sentence, where that matters.
    """

    prompt: tuple[int, ...]
    params: SamplingParams
    end_ids: frozenset[int]
    live: list[Sequence]
    finished: list[Sequence] = field(default_factory=list)
    drafter: Drafter | None = None
    breakers: frozenset[int] = frozenset()
    sentence_ends: frozenset[int] = frozenset()
    states: States | None = None
    entropy_head: EntropyHead | None = None

    @property
    def reach(self) -> int:
        """The longest a sequence may become, prompt included."""
        return len(self.prompt) + self.params.max_tokens

    def guesses(self, sequence: Sequence) -> tuple[int, ...]:
        """Return the tokens in a sequence's branch that are not yet known to be right."""
        known = sequence.contexts[0].length(sequence.output)
        return tuple(sequence.branch.last(max(0, sequence.branch.length - known)))

    def note_residuals(self) -> None:
        """Note the residual entropy of each live sequence's next position, where that matters."""
        if self.entropy_head is None:
            return
        assert self.states is not None
        residuals = self.entropy_head.residuals(self.states).tolist()
        for sequence, residual in zip(self.live, residuals, strict=True):
            sequence.residuals[len(sequence.output) :] = [residual]

    def rows(self, parents: Seq[Sequence], indices: Seq[int]) -> list[Row]:
        """Describe the rows of logits for the sampler."""
        return [
            self.row(index, parent.output, parent.constraint, parent.traces, parent.residuals)
            for parent, index in zip(parents, indices, strict=True)
        ]

    def row(
        self,
        index: int,
        output: Seq[int],
        constraint: ConstraintState | None,
        traces: Seq[TokenTrace] = (),
        residuals: Seq[float] = (),
    ) -> Row:
        """Describe the row of logits after an output of sample `index`, where its constraint stands there."""
        too_short = len(output) < self.params.min_tokens
        unfinished = constraint is not None and not constraint.may_stop()
        forbidden = tuple(self.end_ids) if too_short or unfinished else ()
        allowed = constraint.mask() if constraint else None
        sentence = self._sentence(output) if self.sentence_ends else 0
        residual = self.entropy_head.over_window(residuals) if self.entropy_head else 0.0
        return Row(index, self.prompt, output, forbidden, allowed, traces, sentence, self.breakers, residual)

    def next_rows(self) -> list[Row]:
        """Describe the rows after each live sequence, and after each guess in its branch."""
        return [
            row
            for sequence in self.live
            for row in self.rows_along(sequence, sequence.index, self.guesses(sequence))
        ]

    def rows_along(
        self, sequence: Sequence, index: int, tokens: Seq[int], traces: Seq[TokenTrace] = ()
    ) -> Iterator[Row]:
        """Describe the row after a sequence, and after each of some tokens that may follow it."""
        constraint = sequence.constraint.fork() if sequence.constraint else None
        for place in range(len(tokens) + 1):
            if place and constraint is not None:
                constraint.advance(tokens[place - 1])
            output, known = (*sequence.output, *tokens[:place]), (*sequence.traces, *traces[:place])
            yield self.row(index, output, constraint, known, sequence.residuals)

    def _sentence(self, output: Seq[int]) -> int:
        """How many tokens of the output came after the last that ended a sentence."""
        ends = (place for place, token in enumerate(reversed(output)) if token in self.sentence_ends)
        return next(ends, len(output))

    def branch_out(self, growths: Seq[Growth]) -> list[Sequence]:
        """Make the live sequences those that the growths make of them; return them in that order.

        A parent of several is forked for all but the last; one without any lets its pages go.
        """
        last_child = {id(growth.parent): i for i, growth in enumerate(growths)}
        for sequence in self.live:
            if id(sequence) not in last_child:
                sequence.drop()
        children = []
        for i, growth in enumerate(growths):
            child = growth.parent
            if last_child[id(child)] != i:
                child = child.fork()
                self.live.append(child)  # whose pages go back if a later one cannot be forked
            child.index = growth.index
            if growth.context is not None:
                if self.states is not None:
                    child.note_states(self.states[growth.context : growth.context + 1])
                child.go_on_with(growth.context)
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
        sequence.score, sequence.memo = growth.score, growth.memo
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

    def accept_all(self, sequence: Sequence, growth: Growth) -> list[str]:
        """`accept` each of the growth's tokens until one ends the text; return the text each of them adds.

        Wrong guesses are cut off the branch, and what stays of it can be found by others.
        """
        if growth.trace is None and growth.trials:
            sequence.try_tokens(growth.trials)
            return []
        known = len(self.prompt) + len(sequence.output)
        guessed = growth.context is None and sequence.branch.length > known
        texts = [self.accept(sequence, growth)]
        for trace in growth.further:
            if sequence.finish_reason:
                break
            texts.append(self.accept(sequence, replace(growth, trace=trace)))
        if guessed:
            sequence.branch.cut(max(known, len(self.prompt) + len(sequence.output) - 1))
            sequence.branch.publish()
        if growth.trials and not sequence.finish_reason:
            sequence.try_tokens(growth.trials)
        return texts


def unit(states: States) -> States:
    """Return vectors [R, C] of length 1."""
    lengths = np.linalg.norm(states, axis=-1, keepdims=True)
    directions: States = states / np.maximum(lengths, np.finfo(np.float32).tiny)
    return directions


class Drafter(Protocol):
    """A draft model's part of the engine."""

    def draft(self, group: Group, tokens: int) -> list[tuple[int, ...]]:
        """Return for each live sequence up to so many tokens that may come after its output."""
        ...


class Decoder(Protocol):
    """Decides which branches grow. Decoders are frozen values; what they remember is in the group.

    `unused` are the sampling parameters that mean nothing to it; `streams` tells whether a sequence, once
    grown by a token, keeps it, so that tokens can be shown as they come; `tries_tokens` whether it goes
    on with one of several tokens that were computed (`Growth.trials`), by what the model's head reads of them
    (`Group.states`) and has read of the text (`Sequence.directions`).
    """

    @property
    def unused(self) -> frozenset[str]: ...

    @property
    def streams(self) -> bool: ...

    @property
    def tries_tokens(self) -> bool: ...

    def check(self, params: SamplingParams) -> None:
        """Raise ParameterError for parameters that this decoder does not allow."""
        ...

    def width(self, params: SamplingParams) -> int:
        """Return the most sequences that live at once, or tokens that are tried."""
        ...

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        """Turn one row of logits per live sequence and guess, [R, V] float32, into growths.

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
