"""A constraint of several requests, compiled once."""

from __future__ import annotations

import threading

from ponder.constraints import Constraint, ConstraintState
from ponder.text import Tokenizer


class Shared:
    """A constraint that all prompts of an HTTP request have in common: compiling takes tenths of a second."""

    def __init__(self, constraint: Constraint) -> None:
        self._constraint = constraint
        self._lock = threading.Lock()
        self._start: ConstraintState | None = None

    def compile(self, tokenizer: Tokenizer) -> ConstraintState:
        """Return the state of an empty text; of one tokenizer only."""
        with self._lock:
            if self._start is None:
                self._start = self._constraint.compile(tokenizer)
            return self._start.fork()
