"""The tests of a problem whose answer is a Python program."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ponder.errors import DataError, ParameterError

Which = Literal["all", "public", "hidden"]


@dataclass(frozen=True, slots=True)
class CodeTests:
    """What a program must do.

    A test is an expression that must be true (`"area(2) == 4"`) or statements that must not raise (`"assert
    ..."`). Names that neither it nor `setup` defines are the program's functions. They are called in another
    process, so what goes in and out is copied, and is plain: None, numbers, text, bytes, and lists, tuples,
    sets, dictionaries, ranges and iterators of such. A test that calls a program's function with something
    else cannot be run.

    Attributes
    ----------
    public : tests that a search may use.
    hidden : tests that say afterwards what is right.
    setup : statements that run before each test, in the test's process.
    entry : the function that is asked for; needed only where Python has something of that name, or the text
        of an answer has several pieces of code.
    header : what comes before the answer's code in the program (imports, the beginning that a model goes on
        with).
    """

    public: tuple[str, ...]
    hidden: tuple[str, ...] = ()
    setup: str = ""
    entry: str | None = None
    header: str = ""

    def __post_init__(self) -> None:
        for field in ("public", "hidden"):
            tests = getattr(self, field)
            if not isinstance(tests, tuple) or not all(
                isinstance(test, str) and test.strip() for test in tests
            ):
                raise ParameterError(field, tests, "a tuple of texts that are not empty")
        if not self.public and not self.hidden:
            raise ParameterError("public", self.public, "at least one test, here or hidden")

    def named(self, which: Which) -> tuple[str, ...]:
        """Return all of the tests or a part.

        Raises
        ------
        DataError : there are none of that part.
        """
        tests = {"all": self.public + self.hidden, "public": self.public, "hidden": self.hidden}[which]
        if not tests:
            raise DataError(f"the problem has no {which} tests")
        return tests


def split(tests: tuple[str, ...], share: float) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the first `share` of tests, rounded up, and the others."""
    count = math.ceil(round(share * len(tests), 9))
    return tests[:count], tests[count:]
