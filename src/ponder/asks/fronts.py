"""What is asked of any language model in one call: asynchronous, and for callers without an event loop.

`x` is synchronous, `ax` asynchronous.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from contextlib import aclosing

from ponder.asks.apart import iterate_apart, run_apart
from ponder.asks.grow import Grow
from ponder.asks.language_model import Completion, LanguageModel, Told
from ponder.asks.path import Path
from ponder.asks.read import Read, Reading
from ponder.errors import ParameterError
from ponder.text import Prompt

AT_ONCE = 64  # requests to read that are under way; an engine refuses too many that wait


async def agenerate(model: LanguageModel, ask: Grow) -> Completion:
    """Return the answer. Raises PonderError for what the caller can mend."""
    last = await _last(model, ask)
    assert isinstance(last, Completion), "what grows ends with its completion"
    return last


async def aread(model: LanguageModel, ask: Read) -> Reading:
    """Return what was read. Raises PonderError for what the caller can mend."""
    last = await _last(model, ask)
    assert isinstance(last, Reading), "what is read ends with its reading"
    return last


async def aread_many(model: LanguageModel, asks: Sequence[Read]) -> list[Reading]:
    """Return what was read of each, `AT_ONCE` of them side by side."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(ask: Read) -> Reading:
        async with turns:
            return await aread(model, ask)

    return await asyncio.gather(*map(one, asks))


async def ascore(
    model: LanguageModel, prompt: Prompt, texts: Sequence[str], *, ends: bool = False
) -> Reading:
    """Score each text as what follows the prompt; with `ends`, including the end token after it."""
    if not isinstance(texts, list | tuple) or not texts:
        raise ParameterError("texts", texts, "a list of at least one text")
    return await aread(model, Read(Path(prompt), tuple(texts), ends=ends))


async def _last(model: LanguageModel, ask: Grow | Read) -> Told | None:
    async with aclosing(model.run(ask, stream=False)) as events:
        told = [event async for event in events]
    return told[-1] if told else None


def generate(model: LanguageModel, ask: Grow) -> Completion:
    """Like `agenerate`, for callers without an event loop."""
    return run_apart(agenerate(model, ask))


def read(model: LanguageModel, ask: Read) -> Reading:
    """Like `aread`, for callers without an event loop."""
    return run_apart(aread(model, ask))


def read_many(model: LanguageModel, asks: Sequence[Read]) -> list[Reading]:
    """Like `aread_many`, for callers without an event loop."""
    return run_apart(aread_many(model, asks))


def score(model: LanguageModel, prompt: Prompt, texts: Sequence[str], *, ends: bool = False) -> Reading:
    """Like `ascore`, for callers without an event loop."""
    return run_apart(ascore(model, prompt, texts, ends=ends))


def stream(model: LanguageModel, ask: Grow | Read) -> Generator[Told]:
    """Do what is asked and yield what happens, for callers without an event loop. Closing it cancels."""
    return iterate_apart(model.run(ask))
