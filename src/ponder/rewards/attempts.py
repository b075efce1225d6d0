"""Doing the same for many candidates side by side, where one that fails does not end the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ponder.asks.fronts import AT_ONCE
from ponder.errors import PonderError

T = TypeVar("T")
S = TypeVar("S")


async def attempted(function: Callable[[S], Awaitable[T]], over: Sequence[S]) -> list[T | PonderError]:
    """Return what `function` gives for each, or the error of those it fails for; `AT_ONCE` at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(item: S) -> T | PonderError:
        async with turns:
            try:
                return await function(item)
            except PonderError as error:
                return error

    return await asyncio.gather(*map(one, over))
