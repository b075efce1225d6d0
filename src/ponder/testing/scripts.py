"""What a scripted model writes: the next token as a function of the place, without a state."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ponder.asks import Lineage
from ponder.asks.path import stream_of


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands. A script is a function of it, and so a text that goes on is the same text.

    Attributes
    ----------
    prompt : the prompt's text.
    tokens : the texts of the output's tokens so far, the path's among them.
    lineage, seed, temperature : as in the request.
    may_end : whether the text may end here; if not, a script that would end it writes something else.
    """

    prompt: str
    tokens: tuple[str, ...]
    lineage: Lineage = ()
    seed: int = 0
    temperature: float = 1.0
    may_end: bool = True

    @property
    def text(self) -> str:
        """The output so far."""
        return "".join(self.tokens)

    @property
    def position(self) -> int:
        """How many tokens the output has."""
        return len(self.tokens)


@dataclass(frozen=True, slots=True)
class Word:
    """One token: its text, "" for the end token; its raw log-probability; whether the text ends with it.

    `drawn_logprob` is that under what it was drawn from; None: the same as the raw one.
    `distribution` has the raw log-probability of each token that could have come, its own among them; it is
    empty where nobody knows.
    """

    text: str
    logprob: float = -0.5
    ends: bool = False
    distribution: Mapping[str, float] = field(default_factory=dict)
    drawn_logprob: float | None = None


class Script(Protocol):
    """Decides what comes next."""

    def word(self, place: Place) -> Word:
        """Return the next token."""
        ...

    def logprob(self, place: Place, token: str) -> float:
        """Return the raw log-probability of a token that is given."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """Writes what a function of the place says: a token's text, "" to end, or a whole `Word`."""

    function: Callable[[Place], str | Word]
    likelihood: float = -0.5

    def word(self, place: Place) -> Word:
        said = self.function(place)
        word = said if isinstance(said, Word) else Word(said, self.likelihood)
        return word if word.text or place.may_end else Word(" ", word.logprob)

    def logprob(self, place: Place, token: str) -> float:
        return self.likelihood


@dataclass(frozen=True, slots=True)
class Texts:
    """Sample i writes the i-th text, a character a token, and ends with its last character.

    A branch of a text writes one of those that begin as it does: branch i the i-th after its parent's, in
    the order in which they are given and round again. A text that began as none of them ends.
    """

    texts: tuple[str, ...]
    likelihood: float = -0.5

    def word(self, place: Place) -> Word:
        text, written = self._text(place), place.text
        if text is None or len(text) <= len(written):
            return Word("" if place.may_end else " ", self.likelihood)
        token = text[len(written)]
        return Word(token, self.likelihood, ends=len(text) == len(written) + 1 and place.may_end)

    def logprob(self, place: Place, token: str) -> float:
        return self.likelihood

    def _text(self, place: Place) -> str | None:
        chosen = self.texts[0]
        for position, child in place.lineage:
            beginning = "".join(place.tokens[:position])
            alike = [text for text in self.texts if text.startswith(beginning)]
            if chosen not in alike:
                return None
            chosen = alike[(alike.index(chosen) + child) % len(alike)]
        if chosen.startswith(place.text):
            return chosen
        return next((text for text in self.texts if text.startswith(place.text)), None)


@dataclass(frozen=True, slots=True)
class Babble:
    """A small language model: each beginning has probabilities of its own for what comes next.

    They are a hash of prompt and output, so a text's likelihood depends on nothing else. What is drawn
    depends on the seed, the lineage and the position besides; at a temperature of 0 it is the likeliest.

    Attributes
    ----------
    vocabulary : the texts of its tokens; "" is the end token.
    """

    vocabulary: tuple[str, ...] = ("1", "2", "3", "+", "=", " ", "\n", "")

    def word(self, place: Place) -> Word:
        words = [word for word in self.vocabulary if word or place.may_end]
        raw = self._logprobs(place)
        if place.temperature <= 0:
            likeliest = max(words, key=raw.__getitem__)
            return Word(likeliest, raw[likeliest], distribution=raw, drawn_logprob=0.0)
        weights = [math.exp(raw[word] / place.temperature) for word in words]
        told = f"{place.seed}/{stream_of(place.lineage)}/{place.position}"
        (word,) = random.Random(_number(told)).choices(words, weights)
        drawn = raw[word] / place.temperature - math.log(math.fsum(weights))
        return Word(word, raw[word], distribution=raw, drawn_logprob=drawn)

    def logprob(self, place: Place, token: str) -> float:
        return self._logprobs(place).get(token, -30.0)

    def _logprobs(self, place: Place) -> dict[str, float]:
        numbers = random.Random(_number(f"{place.prompt}\0{place.text}"))
        logits = [4 * numbers.random() for _ in self.vocabulary]
        total = math.log(math.fsum(map(math.exp, logits)))
        return {word: logit - total for word, logit in zip(self.vocabulary, logits, strict=True)}


def _number(told: str) -> int:
    return int.from_bytes(hashlib.blake2b(told.encode(errors="surrogatepass"), digest_size=8).digest())
