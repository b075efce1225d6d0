"""Reading texts: what the model makes of tokens that are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ponder.asks.events import Usage
from ponder.asks.grow import MAX_ALTERNATIVES, Service
from ponder.asks.path import Path
from ponder.errors import ParameterError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

MAX_TEXTS = 50_000

At = Literal["every", "last"] | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """The log-probability of each token that is given, and its rank."""


@dataclass(frozen=True, slots=True)
class These:
    """The log-probabilities of some tokens, at each place."""

    token_ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.token_ids, list | tuple):
            raise ParameterError("of", self.token_ids, f"1 to {MAX_ALTERNATIVES} token ids")
        object.__setattr__(self, "token_ids", tuple(self.token_ids))
        if not 1 <= len(self.token_ids) <= MAX_ALTERNATIVES:
            raise ParameterError("of", self.token_ids, f"1 to {MAX_ALTERNATIVES} token ids")


@dataclass(frozen=True, slots=True)
class Likeliest:
    """The likeliest tokens with their log-probabilities, at each place."""

    count: int = 1

    def __post_init__(self) -> None:
        if type(self.count) is not int or not 1 <= self.count <= MAX_ALTERNATIVES:
            raise ParameterError("of", self.count, f"a whole number from 1 to {MAX_ALTERNATIVES}")


@dataclass(frozen=True, slots=True)
class Logits:
    """The whole row of logits, at each place."""


@dataclass(frozen=True, slots=True)
class States:
    """What the model's head reads, at each place: a value head or a process reward is a function of it."""


Of = Given | These | Likeliest | Logits | States


@dataclass(frozen=True, slots=True)
class Read:
    """Read a path, or texts after it.

    Without texts the path itself is read; the places are those of its tokens, the prompt's first, counted
    from 0. With texts each of them is read after the path, in one pass for all; the places are all of theirs.

    Attributes
    ----------
    texts : what may follow the path, as text or as token ids.
    at : at which of the path's tokens; "last" is what follows the path. `Given` reads every token.
    of : what to tell. At a place it is told of the token that comes next, but for `Given`, which tells of
        the token itself.
    ends : whether an end token after each text is read with it.
    join : what comes between path and text; None: one space where neither the path (as the chat template
        writes it) ends nor the text begins with white space.
    """

    path: Path
    texts: tuple[str | tuple[int, ...], ...] = ()
    at: At = "every"
    of: Of = Given()
    ends: bool = False
    join: str | None = ""
    service: Service = field(default_factory=Service)

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):
            raise ParameterError("path", self.path, "a ponder.asks.Path")
        texts = self.texts
        if not isinstance(texts, list | tuple) or not all(
            isinstance(one, str | list | tuple) for one in texts
        ):
            raise ParameterError("texts", texts, "a list of texts, or of lists of token ids")
        if self.at not in ("every", "last") and not isinstance(self.at, list | tuple):
            raise ParameterError("at", self.at, '"every", "last" or a list of places')
        if len(self.texts) > MAX_TEXTS:
            raise ParameterError("texts", f"{len(self.texts)} texts", f"at most {MAX_TEXTS}")
        if not isinstance(self.of, Given | These | Likeliest | Logits | States):
            raise ParameterError("of", self.of, "Given, These, Likeliest, Logits or States")
        if self.texts and not isinstance(self.of, Given):
            raise ParameterError("of", self.of, "Given() where texts are read")
        if not isinstance(self.join, str | None):
            raise ParameterError("join", self.join, "text, or unset")
        if self.ends and not self.texts:
            raise ParameterError("ends", self.ends, "false where no texts are read")


@dataclass(frozen=True, slots=True)
class TextScore:
    """Log-probabilities (raw, natural) of a text's tokens after a prompt, and their sum."""

    token_ids: tuple[int, ...]
    token_logprobs: tuple[float, ...]

    @property
    def logprob(self) -> float:
        """The log-probability of the whole text."""
        return sum(self.token_logprobs)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read, and what it cost.

    Attributes
    ----------
    texts : of `Given`: one for each text, or one for the path, whose first token follows nothing and has no
        log-probability: it is left out.
    places : which of the path's tokens were read, where no texts were.
    logprobs : of `These`: for each place, in the order of the tokens.
    likeliest : of `Likeliest`: for each place, (token id, log-probability), falling.
    rows : of `Logits` and `States`: [places, V] or [places, C] float32.
    """

    texts: tuple[TextScore, ...] = ()
    places: tuple[int, ...] = ()
    logprobs: tuple[tuple[float, ...], ...] = ()
    likeliest: tuple[tuple[tuple[int, float], ...], ...] = ()
    rows: npt.NDArray[np.float32] | None = None
    usage: Usage = field(default_factory=lambda: Usage(0, 0, 0, 0, 0))
