"""What describes a parameter: its type, default and range, and what it does, in words.

Checks, command line, server, docs and the native kernel's arguments are made of it. Nothing here needs torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Range:
    """Which numbers are allowed, in words and as a test."""

    allowed: str
    test: Callable[[float], bool]


ANY_SHARE = Range("a number from 0 to 1", lambda x: 0 <= x <= 1)
SHARE_UNDER_ONE = Range("a number from 0 to under 1", lambda x: 0 <= x < 1)
SHARE_OVER_ZERO = Range("a number over 0 and at most 1", lambda x: 0 < x <= 1)
OVER_ZERO = Range("a finite number over 0", lambda x: x > 0)
OFF_OR_MORE = Range("a finite number, 0 (off) or more", lambda x: x >= 0)
WHOLE_OFF_OR_MORE = Range("a whole number, 0 (off) or more", lambda x: x >= 0)
WHOLE_ALL_OR_MORE = Range("a whole number, 0 (all) or more", lambda x: x >= 0)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of sampling.

    Attributes
    ----------
    type : "number" and "whole" are checked by `range`, and get an option of the command line, a field of the
        server's body and a line in docs/sampling.md; "other" is declared by hand where it is needed.
    default : the value that changes nothing; None: one that depends on the semantics.
    help : what it does.
    """

    name: str
    type: Literal["number", "whole", "other"]
    default: Any
    range: Range | None = None
    help: str = ""

    def field(self) -> Any:
        """Return the dataclass field for a parameter that is a number."""
        assert self.range is not None
        metadata = {"allowed": self.range.allowed, "test": self.range.test, "help": self.help}
        return field(
            default=self.default, metadata=metadata | ({"whole": True} if self.type == "whole" else {})
        )


def number(name: str, default: float, allowed: Range, what: str) -> Parameter:
    """Describe a parameter that is a number."""
    return Parameter(name, "number", default, allowed, what)


def whole(name: str, default: int | None, allowed: Range, what: str) -> Parameter:
    """Describe a parameter that is a whole number."""
    return Parameter(name, "whole", default, allowed, what)
