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

from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from ponder.asks.needs import Asker, Needs
from ponder.decoders.draw import Drawn, Spot, draw, growth, some_rows
from ponder.decoders.group import Group
from ponder.decoders.rows import Rows
from ponder.decoders.sample import Sample, by_index
from ponder.decoders.text import Ahead, Chain, Drafted, Growth, Ranked, Settled, Text
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams

MAX_TOKENS = 64
MAX_NGRAM = 64


class Draft(Protocol):
    """Where guesses come from: a frozen value.

    `asks_model` says whether they are the draft model's.
    """

    @property
    def asks_model(self) -> bool: ...

    def propose(self, group: Group) -> tuple[Ahead, ...]:
        """Return for each live text the tokens that may come next."""
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

    asks_model: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check_tokens("tokens", self.tokens)
        if type(self.max_ngram) is not int or not 1 <= self.max_ngram <= MAX_NGRAM:
            raise ParameterError("max_ngram", self.max_ngram, f"a whole number from 1 to {MAX_NGRAM}")
        if type(self.min_ngram) is not int or not 1 <= self.min_ngram <= self.max_ngram:
            allowed = f"a whole number from 1 to max_ngram, which is {self.max_ngram}"
            raise ParameterError("min_ngram", self.min_ngram, allowed)

    def propose(self, group: Group) -> tuple[Ahead, ...]:
        guesses = [(text, self.lookup((*group.prompt, *text.output))) for text in group.live]
        return tuple(Chain(group.possible(text, guess)) for text, guess in guesses)

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

    asks_model: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_tokens("tokens", self.tokens)

    def propose(self, group: Group) -> tuple[Ahead, ...]:
        return (Drafted(self.tokens),) * len(group.live)


@dataclass(frozen=True, slots=True)
class Speculative:
    """Samples, as `Sample` draws them, several tokens at a time where `draft` guesses right."""

    draft: Draft = field(default_factory=PromptLookup)

    name: ClassVar[str] = "speculation"
    unused: ClassVar[frozenset[str]] = frozenset()
    streams: ClassVar[bool] = True
    normalised: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if isinstance(self.draft, type) or not hasattr(self.draft, "propose"):
            raise ParameterError("draft", self.draft, "PromptLookup(...) or DraftModel(...)")

    def check(self, params: SamplingParams) -> None:
        if params.real_temperature:
            raise ParameterError("real_temperature", params.real_temperature, "0 with speculation")

    def width(self, params: SamplingParams) -> int:
        return params.n

    def asks(self, params: SamplingParams) -> Asker:
        needs = Needs(chain=True, drafts=self.draft.asks_model)
        return Asker("draft", self.draft, "PromptLookup(...)", needs)

    def advance(self, group: Group, rows: Rows) -> list[Growth]:
        if rows.one_each:
            return Sample().advance(group, rows)
        growing = choosing = [_Choosing(text, rows.guess(text), rows.place(text)) for text in group.live]
        while growing:
            # One position at a time: what was chosen there may bear on the next (`Row.traces`).
            logits = some_rows(rows.logits, [text.place for text in growing])
            drawn = draw(group, logits, [text.spot() for text in growing])
            growing = [text for text, one in zip(growing, drawn, strict=True) if text.take(one)]
        return [text.growth(group) for text in choosing]

    def settle(self, group: Group) -> Settled:
        """Guess what comes next. The request is answered when nothing grows any more.

        Where a constraint leaves one way on, that is the guess.
        """
        if not group.grew or not group.live:  # while a path is replayed nothing is guessed
            return Settled(not group.live)
        forced = [Chain(group.possible(text, group.forced_by_constraint(text))) for text in group.live]
        if all(chain.tokens for chain in forced):
            return Settled(False, tuple(forced))
        proposed = zip(forced, self.draft.propose(group), strict=True)
        return Settled(False, tuple(chain if chain.tokens else other for chain, other in proposed))

    def answers(self, group: Group) -> list[Ranked]:
        return by_index(group)


@dataclass(slots=True)
class _Choosing:
    """A text while its guess is looked through; `place` is the row of logits that chooses next.

    `drawn` are the model's choices: those that were guessed, and the first that was not.
    """

    text: Text
    guess: tuple[int, ...]
    place: int
    drawn: list[Drawn] = field(default_factory=list)

    def spot(self) -> Spot:
        """Where the next token is to come: after what is known to be right."""
        traces = tuple(one.trace for one in self.drawn if one.trace is not None)
        return Spot(self.text, self.text.index, traces)

    def take(self, drawn: Drawn) -> bool:
        """Note the model's choice; return whether it was guessed, so that the next row counts as well."""
        right = len(self.drawn)
        self.drawn.append(drawn)
        if drawn.trace is None or drawn.trace.token_id not in self.guess[right : right + 1]:
            return False
        self.place += 1
        return True

    def growth(self, group: Group) -> Growth:
        """Grow by the model's choices."""
        return growth(group, self.text, self.text.index, self.drawn)


def _find(text: tuple[int, ...], token: int, start: int, end: int) -> int:
    """The first place of a token from `start` on and before `end`; -1: there is none."""
    try:
        return text.index(token, start, end)
    except ValueError:
        return -1


def _check_tokens(name: str, value: object) -> None:
    if type(value) is not int or not 1 <= value <= MAX_TOKENS:
        raise ParameterError(name, value, f"a whole number from 1 to {MAX_TOKENS}")
