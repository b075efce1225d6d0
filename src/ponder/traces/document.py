"""A trace as it stands in its file. The fields of these classes are the format (docs/traces.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

VERSION: Literal[1] = 1

Source = Literal["caller", "checkpoint", "default", "resolved"]
Reason = Literal["stop", "length", "constraint", "deadline", "until"]
Kind = Literal["constraint", "penalty", "temperature", "truncation"]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter as it applied, and who set it."""

    value: Any
    source: Source


@dataclass(frozen=True, slots=True)
class Spelling:
    """A token's text, parts of characters as \\xNN, and its bytes in hexadecimal."""

    text: str
    bytes: str


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of the sampler did: tokens it removed, their probability before it, others it changed, and
    how many it left."""

    step: str
    kind: Kind
    removed: int
    mass: float
    changed: int
    left: int | None = None  # which older files do not tell


@dataclass(frozen=True, slots=True)
class Row:
    """What there was to choose from at one place of a text.

    Attributes
    ----------
    entropy : of the raw distribution, in nats.
    kept, kept_mass : how many tokens survived truncation, and their share of the tempered distribution.
    ids, logits : the likeliest tokens by raw logit, falling.
    tempered, truncated : their probabilities after penalties, constraint and temperature, and after all
        steps.
    tails : at each of the trace's temperatures T, log of the sum of exp(logit / T) over all other tokens;
        None where there are none.
    steps : in the order in which they were done.
    allowed_mass : the share of the raw distribution that the constraint let through; 1 where it forbade none.
    """

    entropy: float
    kept: int
    kept_mass: float
    ids: tuple[int, ...]
    logits: tuple[float, ...]
    tempered: tuple[float, ...]
    truncated: tuple[float, ...]
    tails: tuple[float | None, ...]
    steps: tuple[Step, ...]
    allowed_mass: float = 1.0  # which older files do not tell


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the tree: what it follows, what it was chosen from, and how likely it was.

    Attributes
    ----------
    parent : the index of the token that it follows; -1 is the prompt.
    row : the index of the row that it was chosen from.
    logprob, tempered_logprob, truncated_logprob : natural logs.
    rank : its place in the raw distribution, 1 the likeliest.
    score : what a search adds up; None where nothing is ranked.
    ended : how the text ended with it; None where it went on, or was given up.
    """

    id: int
    parent: int
    row: int
    logprob: float
    tempered_logprob: float
    truncated_logprob: float
    rank: int
    score: float | None
    ended: Reason | None


@dataclass(frozen=True, slots=True)
class Text:
    """A finished text: its tokens by their indices, from the prompt on."""

    text: str
    tokens: tuple[int, ...]
    finish_reason: Reason
    logprob: float
    score: float


@dataclass(frozen=True, slots=True)
class Trace:
    """How a prompt was answered.

    Attributes
    ----------
    prompt : the text that the model saw.
    params : the parameters as they applied; the decoder and the constraint are among them.
    temperatures : those of the rows' `tails`, rising.
    vocabulary : token id -> its spelling, for all ids that occur.
    tokens : the tree. A token comes after the one it follows.
    texts : the answers. A token that is on the way to none of them was pruned.
    """

    version: Literal[1]
    model: str
    vocab_size: int
    prompt: str
    prompt_tokens: int
    params: Mapping[str, Param]
    temperatures: tuple[float, ...]
    vocabulary: Mapping[str, Spelling]
    rows: tuple[Row, ...]
    tokens: tuple[Token, ...]
    texts: tuple[Text, ...]

    @property
    def top_p(self) -> float:
        """The top-p that applied; 1 where it is not told."""
        param = self.params.get("top_p")
        value = param.value if param else None
        return float(value) if isinstance(value, int | float) and 0 < value <= 1 else 1.0
