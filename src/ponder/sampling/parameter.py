"""What describes a parameter: its type, default and range, and what it does, in words.

Checks, command line, server, docs and the native kernel's arguments are made of it. Nothing here needs torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Range:
    """Which numbers are allowed, in words and as bounds.

    Attributes
    ----------
    least, most : the bounds; infinite where there is none.
    over, under : whether the bound itself is too little, or too much.
    """

    allowed: str
    least: float = -math.inf
    most: float = math.inf
    over: bool = False
    under: bool = False

    def test(self, value: float) -> bool:
        """Whether a number is allowed."""
        enough = value > self.least if self.over else value >= self.least
        return enough and (value < self.most if self.under else value <= self.most)


ANY_SHARE = Range("a number from 0 to 1", 0, 1)
SHARE_UNDER_ONE = Range("a number from 0 to under 1", 0, 1, under=True)
SHARE_OVER_ZERO = Range("a number over 0 and at most 1", 0, 1, over=True)
OVER_ZERO = Range("a finite number over 0", 0, over=True)
OFF_OR_MORE = Range("a finite number, 0 (off) or more", 0)
WHOLE_OFF_OR_MORE = Range("a whole number, 0 (off) or more", 0)
WHOLE_ALL_OR_MORE = Range("a whole number, 0 (all) or more", 0)


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
        metadata = {"range": self.range, "help": self.help}
        return field(
            default=self.default, metadata=metadata | ({"whole": True} if self.type == "whole" else {})
        )


def number(name: str, default: float, allowed: Range, what: str) -> Parameter:
    """Describe a parameter that is a number."""
    return Parameter(name, "number", default, allowed, what)


def whole(name: str, default: int | None, allowed: Range, what: str) -> Parameter:
    """Describe a parameter that is a whole number."""
    return Parameter(name, "whole", default, allowed, what)
