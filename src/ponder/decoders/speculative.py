"""Speculative decoding: several tokens of a text in one step, the same tokens as without it.

A guess of the next tokens is run through the model together with the last known one, which gives the logits
after each of them in one pass. The model's own choice is then made at each position, with the random number
that belongs to that position, for as long as it is what was guessed; the first that is not is a token too.

So a text does not depend on how it was guessed. Leviathan et al. (arXiv 2211.17192) and Chen et al. (arXiv
2302.01318) accept a guess x with probability min(1, p(x) / q(x)) instead, and draw again where they do not:
the distribution is the model's, the text depends on the draft. Here draft and model are coupled by their
random numbers (Daliri et al., arXiv 2408.07978: "drafter-invariant"). A guess that draws nothing, such as a
lookup, both accept with probability p(x); a draft model's, at a temperature over 0, they accept more often.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from itertools import accumulate
from typing import ClassVar, Protocol

import torch

from ponder.constraints.state import ConstraintState
from ponder.decoders.group import Group, Growth, Sequence
from ponder.decoders.sample import Sample
from ponder.errors import ParameterError
from ponder.sampling import bitmask
from ponder.sampling.params import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import sample
from ponder.sampling.trace import TokenTrace

MAX_TOKENS = 64
MAX_NGRAM = 64


class Draft(Protocol):
    """Where guesses come from: a frozen value."""

    def propose(self, group: Group) -> list[tuple[int, ...]]:
        """Return for each live sequence the tokens that may come after its output; () is no guess."""
        ...


@dataclass(frozen=True, slots=True)
class PromptLookup:
    """Guess that a text goes on as it did where its last tokens were seen before, in the prompt or in itself.

    Of the places whose last tokens agree with the text's, up to `max_ngram` of them and at least `min_ngram`,
    the one with the most counts, and of those the latest. Good where answers repeat their prompt: summaries,
    quotations, changed code. It needs no second model (Saxena, "Prompt Lookup Decoding", 2023).

    Attributes
    ----------
    tokens : how many to guess at once.
    """

    tokens: int = 6  # docs/speculative.md says how these were chosen
    max_ngram: int = 3
    min_ngram: int = 2

    def __post_init__(self) -> None:
        _check_tokens("tokens", self.tokens)
        if type(self.max_ngram) is not int or not 1 <= self.max_ngram <= MAX_NGRAM:
            raise ParameterError("max_ngram", self.max_ngram, f"a whole number from 1 to {MAX_NGRAM}")
        if type(self.min_ngram) is not int or not 1 <= self.min_ngram <= self.max_ngram:
            allowed = f"a whole number from 1 to max_ngram, which is {self.max_ngram}"
            raise ParameterError("min_ngram", self.min_ngram, allowed)

    def propose(self, group: Group) -> list[tuple[int, ...]]:
        return [self.lookup((*group.prompt, *sequence.output)) for sequence in group.live]

    def lookup(self, text: tuple[int, ...]) -> tuple[int, ...]:
        """Return the tokens that followed the text's last ones before.

        A place less than `tokens` before the end has too few after it: the copy then goes on through itself,
        as in LZ77 (Ziv and Lempel, 1977), so that a text that repeats itself is guessed to do so again.
        """
        last, place, longest = len(text) - 1, -1, self.min_ngram
        before = -1
        while (before := _find(text, text[-1], before + 1, last)) >= 0:
            agreed = 1
            while agreed < min(self.max_ngram, before + 1) and text[before - agreed] == text[last - agreed]:
                agreed += 1
            if agreed >= longest:
                place, longest = before, agreed
        if place < 0:
            return ()
        copied = text[place + 1 : place + 1 + self.tokens]
        return (copied * self.tokens)[: self.tokens] if len(copied) < self.tokens else copied


@dataclass(frozen=True, slots=True)
class DraftModel:
    """Guess what a smaller model with the same vocabulary would write (`load(..., draft=...)`).

    It draws with the parameters and the random numbers of the request, so that where its distribution is the
    model's, so is its choice.

    Attributes
    ----------
    tokens : how many to guess at once.
    """

    tokens: int = 4

    def __post_init__(self) -> None:
        _check_tokens("tokens", self.tokens)

    def propose(self, group: Group) -> list[tuple[int, ...]]:
        assert group.drafter is not None, "the engine refuses this without a draft model"
        return group.drafter.draft(group, self.tokens)


@dataclass(frozen=True, slots=True)
class Speculative:
    """Samples, as `Sample` draws them, several tokens at a time where `draft` guesses right."""

    draft: Draft = field(default_factory=PromptLookup)

    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    tries_tokens: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.draft, type) or not hasattr(self.draft, "propose"):
            raise ParameterError("draft", self.draft, "PromptLookup(...) or DraftModel(...)")

    def check(self, params: SamplingParams) -> None:
        if params.real_temperature:
            raise ParameterError("real_temperature", params.real_temperature, "0 with speculation")

    def width(self, params: SamplingParams) -> int:
        return params.n

    def advance(self, group: Group, logits: torch.Tensor) -> list[Growth]:
        guesses = [group.guesses(sequence) for sequence in group.live]
        if not any(guesses):
            return Sample().advance(group, logits)
        places = accumulate((len(guess) + 1 for guess in guesses), initial=0)
        growing = texts = list(map(_Text, group.live, guesses, places))
        while growing:
            # One position at a time: what was chosen there may bear on the next (`Row.traces`).
            rows = [text.row(group) for text in growing]
            traces = sample(_rows(logits, [text.place for text in growing]), rows, group.params)
            growing = [text for text, trace in zip(growing, traces, strict=True) if text.take(trace)]
        return [text.growth() for text in texts]

    def settle(self, group: Group) -> bool:
        """Guess what comes next. The request is answered when nothing grows any more."""
        for sequence, guess in zip(group.live, self.draft.propose(group), strict=True):
            sequence.proposed = _possible(group, sequence, guess)
        return not group.live

    def final_score(self, sequence: Sequence) -> float:
        return sequence.logprob

    def answers(self, group: Group) -> list[Sequence]:
        return sorted(group.finished, key=lambda sequence: sequence.index)


@dataclass(slots=True)
class _Text:
    """A sequence while its guess is looked through; `place` is the row of logits that chooses next.

    `traces` are the model's choices: those that were guessed, and the first that was not.
    """

    sequence: Sequence
    guess: tuple[int, ...]
    place: int
    traces: list[TokenTrace | None] = field(default_factory=list)
    constraint: ConstraintState | None = field(init=False)

    def __post_init__(self) -> None:
        self.constraint = self.sequence.constraint.fork() if self.sequence.constraint else None

    def row(self, group: Group) -> Row:
        """Describe the row of logits after what is known to be right."""
        right = self.guess[: len(self.traces)]
        traces = (*self.sequence.traces, *(trace for trace in self.traces if trace))
        return group.row(self.sequence.index, (*self.sequence.output, *right), self.constraint, traces)

    def take(self, trace: TokenTrace | None) -> bool:
        """Note the model's choice; return whether it was guessed, so that the next row counts as well."""
        self.traces.append(trace)
        if trace is None or trace.token_id not in self.guess[len(self.traces) - 1 : len(self.traces)]:
            return False
        if self.constraint is not None:
            self.constraint.advance(trace.token_id)
        self.place += 1
        return True

    def growth(self) -> Growth:
        """Grow by the model's choices."""
        return Growth(self.sequence, self.sequence.index, self.traces[0], further=tuple(self.traces[1:]))


def _rows(logits: torch.Tensor, places: list[int]) -> torch.Tensor:
    """Some rows of [R, V]; a single one where it lies."""
    return logits[places[0] : places[0] + 1] if len(places) == 1 else logits[places]


def _possible(group: Group, sequence: Sequence, guess: Seq[int]) -> tuple[int, ...]:
    """Return a guess up to where it cannot be right, or nothing could come after it.

    An end token is not guessed: the row before it finds it.
    """
    possible: list[int] = []
    constraint = sequence.constraint.fork() if sequence.constraint else None
    for token in guess[: group.params.max_tokens - len(sequence.output) - 1]:
        if token in group.end_ids or not _allows(constraint, token):
            break
        if constraint is not None:
            constraint.advance(token)
        possible.append(token)
    return tuple(possible)


def _allows(constraint: ConstraintState | None, token: int) -> bool:
    mask = constraint.mask() if constraint else None
    if mask is None:
        return True
    word, bit = divmod(token, bitmask.WORD)
    return word < len(mask) and bool(int(mask[word]) >> bit & 1)


def _find(text: tuple[int, ...], token: int, start: int, end: int) -> int:
    """The first place of a token from `start` on and before `end`; -1: there is none."""
    try:
        return text.index(token, start, end)
    except ValueError:
        return -1


def _check_tokens(name: str, value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_TOKENS:
        raise ParameterError(name, value, f"a whole number from 1 to {MAX_TOKENS}")
