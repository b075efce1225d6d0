"""Growing texts: from where, how, how far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ponder.asks.path import Path
from ponder.constraints import Constraint
from ponder.errors import ParameterError
from ponder.sampling.distribution import TraceSettings
from ponder.sampling.params import MAX_TOP_LOGPROBS, SamplingParams
from ponder.text import Prompt

MAX_PRIORITY = 2**31
MAX_SALT = 1000  # characters, which are kept as long as the pages are
MAX_BOUNDARIES = 64
MAX_BOUNDARY = 1000  # characters
MAX_ALTERNATIVES = 1000


class Method(Protocol):
    """How texts grow: a frozen value. What a backend runs is told by its `Offers`.

    Attributes
    ----------
    name : what a message calls it, such as "beam search".
    unused : the sampling parameters that mean nothing to it.
    streams : whether a text, once grown by a token, keeps it, so that tokens can be shown as they come.
    """

    @property
    def name(self) -> str: ...

    @property
    def unused(self) -> frozenset[str]: ...

    @property
    def streams(self) -> bool: ...


class Mixing(Protocol):
    """What else bears on the next token, besides the path: a frozen value."""

    @property
    def name(self) -> str:
        """What a message calls it."""
        ...

    def converted(self, convert: Callable[[Prompt], Prompt]) -> Mixing:
        """Return it with the prompts that it names as `convert` returns them."""
        ...

    def prompts(self, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Return its further prompts, as token ids. Those that it names are `TokenIds` by now."""
        ...


@dataclass(frozen=True, slots=True)
class End:
    """Grow until the text ends."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """Grow until one of some strings is complete, as at the end of a reasoning step, or the text ends.

    The string is part of the text, and so is what the token that completes it brings after it. The output's
    finish reason is then "until", and `stopped_by` the string. With `tokens` it is also "until", and
    `stopped_by` None, after so many tokens.
    """

    strings: tuple[str, ...]
    tokens: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.strings, str):
            object.__setattr__(self, "strings", (self.strings,))
        if not isinstance(self.strings, list | tuple):
            raise ParameterError("until", self.strings, "a list of strings")
        object.__setattr__(self, "strings", tuple(self.strings))
        if not 1 <= len(self.strings) <= MAX_BOUNDARIES:
            raise ParameterError(
                "until", f"{len(self.strings)} strings", f"1 to {MAX_BOUNDARIES} boundary strings"
            )
        for string in self.strings:
            if not isinstance(string, str) or not 1 <= len(string) <= MAX_BOUNDARY:
                raise ParameterError("until", string, f"strings of 1 to {MAX_BOUNDARY} characters")
        if self.tokens is not None and (type(self.tokens) is not int or self.tokens < 1):
            raise ParameterError("until", self.tokens, "a whole number of tokens, 1 or more, or unset")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Grow by so many tokens, or until the text ends. The finish reason is then "until"."""

    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise ParameterError("until", self.count, "a whole number of tokens, 1 or more")


Until = End | Boundary | Tokens


@dataclass(frozen=True, slots=True)
class Record:
    """What to keep of how texts came about.

    Attributes
    ----------
    prompt : trace each token of the prompt, with so many alternatives; None does not.
    trace : keep the distribution that each token was chosen from; None does not.
    state : keep what the model's head read to choose a text's last token (`Output.state`).
    """

    prompt: int | None = None
    trace: TraceSettings | None = None
    state: bool = False

    def __post_init__(self) -> None:
        number = self.prompt
        if number is not None and (type(number) is not int or not 0 <= number <= MAX_TOP_LOGPROBS):
            allowed = f"a whole number from 0 to {MAX_TOP_LOGPROBS}, or unset"
            raise ParameterError("prompt_logprobs", number, allowed)
        if not isinstance(self.trace, TraceSettings | None):
            raise ParameterError("trace", self.trace, "a TraceSettings, or unset")
        if not isinstance(self.state, bool):
            raise ParameterError("state", self.state, "true or false")


@dataclass(frozen=True, slots=True)
class Service:
    """How a request is treated among others.

    Attributes
    ----------
    priority : lower ones first; among equals, who came first.
    deadline_s : seconds from submission until it ends with what there is ("deadline"); DeadlineError if that
        is nothing.
    cache_salt : only requests with an equal salt share cached pages.
    """

    priority: int = 0
    deadline_s: float | None = None
    cache_salt: str | None = None

    def __post_init__(self) -> None:
        if type(self.priority) is not int or abs(self.priority) > MAX_PRIORITY:
            raise ParameterError("priority", self.priority, "a whole number from -2^31 to 2^31")
        deadline = self.deadline_s
        if deadline is not None and (type(deadline) not in (int, float) or not 0 < deadline < 1e9):
            raise ParameterError("deadline_s", deadline, "a number of seconds over 0, or unset")
        salt = self.cache_salt
        if not isinstance(salt, str | None) or len(salt or "") > MAX_SALT:
            raise ParameterError("cache_salt", salt, f"text of at most {MAX_SALT} characters, or unset")


@dataclass(frozen=True, slots=True)
class Grow:
    """Grow texts from a path.

    Attributes
    ----------
    path : a text so far.
    params : the sampling parameters that the caller sets, by the names of `SamplingParams`; what is left out
        comes from the checkpoint or the defaults. Or all of them, as they apply. `max_tokens` and
        `min_tokens` count the path's tokens too.
    method : how texts grow; None draws n samples.
    mixture : other sources of the next token's distribution.
    constraint : what the text may be.
    until : when to pause.
    """

    path: Path
    params: SamplingParams | Mapping[str, Any] = field(default_factory=dict)
    method: Method | None = None
    mixture: Mixing | None = None
    constraint: Constraint | None = None
    until: Until = field(default_factory=End)
    record: Record = field(default_factory=Record)
    service: Service = field(default_factory=Service)

    def __post_init__(self) -> None:
        if not isinstance(self.path, Path):
            raise ParameterError("path", self.path, "a ponder.asks.Path")
        if not isinstance(self.params, SamplingParams | Mapping):
            raise ParameterError("params", self.params, "SamplingParams, or a mapping of their names")
        for name, value, role in (("method", self.method, "unused"), ("mixture", self.mixture, "converted")):
            if value is not None and not hasattr(value, role):
                raise ParameterError(name, value, f"a {name} such as those of ponder, or unset")
        if not isinstance(self.until, End | Boundary | Tokens):
            raise ParameterError("until", self.until, "End(), Boundary(...) or Tokens(...)")
