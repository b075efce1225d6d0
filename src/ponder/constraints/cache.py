"""Automata that were compiled, for whoever asks for the same again."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock
from typing import Any

from ponder.constraints.constraint import Automaton, Constraint
from ponder.errors import ParameterError
from ponder.text.vocabulary import Vocabulary


class AutomatonCache:
    """Keeps the `capacity` automata that were used last. Safe to share by threads.

    A constraint is compiled once for a vocabulary, in the thread that asks first; others that ask meanwhile
    wait for it. An error reaches all who wait and is not kept.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Constraint, Vocabulary], Future[Automaton[Any]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, constraint: Constraint, vocabulary: Vocabulary) -> Automaton[Any]:
        """Return what a constraint allows over a vocabulary.

        Raises
        ------
        ParameterError : the constraint is not hashable, or what its `compile` raises.
        """
        key = (constraint, vocabulary)
        try:
            hash(constraint)
        except TypeError:
            raise ParameterError(
                "constraint", constraint, "a hashable value, such as a frozen dataclass"
            ) from None
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            else:
                compiling = self._kept[key] = Future()
        if found is not None:
            return found.result()
        try:
            compiling.set_result(constraint.compile(vocabulary))
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is compiling:
                    del self._kept[key]
            compiling.set_exception(error)
            raise
        with self._lock:
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return compiling.result()
