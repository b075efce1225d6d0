"""A bounded memory of answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the `capacity` answers that were used last. Safe to share by threads.

    Two threads that ask for the same at once may both compute it; both get the same answer.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: K) -> V | None:
        """Return the answer that is kept; None: it is not."""
        with self._lock:
            return self._kept.get(key)

    def keep(self, key: K, answer: V) -> None:
        """Keep an answer that was found otherwise."""
        self.get(key, lambda _: answer)

    def get(self, key: K, compute: Callable[[K], V]) -> V:
        """Return the answer that is kept, or compute and keep it."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        answer = compute(key)
        with self._lock:
            answer = self._kept.setdefault(key, answer)
            self._kept.move_to_end(key)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return answer
