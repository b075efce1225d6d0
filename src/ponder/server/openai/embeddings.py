"""POST /v1/embeddings and /v1/score: texts as directions, from what the model's head reads of them."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ponder.asks import Path, Read, Reading, Service, States
from ponder.errors import ContextError, ParameterError, renaming
from ponder.server.front.settings import ServerSettings
from ponder.server.front.stream import merge
from ponder.server.openai.prompts import encode_prompt, last_tokens, read_prompts
from ponder.server.openai.protocol import EmbeddingBody, ScoreBody, TextsBody
from ponder.server.served import Served
from ponder.text import EncodedPrompt, TokenIds

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Embedded:
    """Texts as vectors [C], and how many tokens they have together."""

    vectors: tuple[Vector, ...]
    tokens: int

    def usage(self) -> dict[str, int]:
        """Return the tokens as OpenAI's `usage`."""
        return {"prompt_tokens": self.tokens, "total_tokens": self.tokens}


async def embeddings(
    body: EmbeddingBody, model: Served, settings: ServerSettings, called: str
) -> dict[str, Any]:
    """Return the vectors of a request's texts, as OpenAI writes them.

    Raises
    ------
    PonderError : a text is malformed, empty or too long, or there are too many.
    """
    with renaming({"prompt": "input"}):
        inputs = read_prompts(body.input, settings.max_prompts)
    embedded = await _embed(await asyncio.to_thread(_encoded, inputs, "input", body, model), body, model)
    data = [
        {"object": "embedding", "index": i, "embedding": _written(vector, body.encoding_format)}
        for i, vector in enumerate(embedded.vectors)
    ]
    return {**_head("embd", called), "data": data, "usage": embedded.usage()}


async def score(body: ScoreBody, model: Served, settings: ServerSettings, called: str) -> dict[str, Any]:
    """Return how near each text of a list is to one text, or to its partner: the cosine of their vectors.

    Raises
    ------
    PonderError : a text is malformed, empty or too long, there are too many, or the lists do not pair.
    """
    first, second = ([value] if isinstance(value, str) else value for value in (body.text_1, body.text_2))
    for name, texts in (("text_1", first), ("text_2", second)):
        if not texts:
            raise ParameterError(name, texts, "a text, or a list of at least one")
        if len(texts) > settings.max_prompts:
            raise ParameterError(name, f"{len(texts)} texts", f"at most {settings.max_prompts}")
    if len(first) not in (1, len(second)):
        allowed = f"one text, or as many as text_2 has, which is {len(second)}"
        raise ParameterError("text_1", f"{len(first)} texts", allowed)
    encoded = [
        *await asyncio.to_thread(_encoded, first, "text_1", body, model),
        *await asyncio.to_thread(_encoded, second, "text_2", body, model),
    ]
    embedded = await _embed(encoded, body, model)
    ones, others = embedded.vectors[: len(first)], embedded.vectors[len(first) :]
    if len(ones) == 1:
        ones = ones * len(others)
    data = [
        {"index": i, "object": "score", "score": float(np.clip(one @ other, -1.0, 1.0))}
        for i, (one, other) in enumerate(zip(ones, others, strict=True))
    ]
    return {**_head("score", called), "data": data, "usage": embedded.usage()}


def _head(prefix: str, called: str) -> dict[str, Any]:
    return {
        "id": f"{prefix}-{secrets.token_hex(16)}",
        "object": "list",
        "created": int(time.time()),
        "model": called,
    }


async def _embed(encoded: Sequence[EncodedPrompt], body: TextsBody, model: Served) -> Embedded:
    """Read texts side by side."""
    normal = not isinstance(body, EmbeddingBody) or body.normalize is not False
    streams = [_vector(_read(one, body), normal, model) for one in encoded]
    vectors: dict[int, Vector] = {}
    async with aclosing(merge(streams)) as found:
        async for place, vector in found:
            vectors[place] = vector
    tokens = sum(len(one.token_ids) for one in encoded)
    return Embedded(tuple(vectors[place] for place in range(len(encoded))), tokens)


def _encoded(
    texts: Sequence[str | list[int]], name: str, body: TextsBody, model: Served
) -> list[EncodedPrompt]:
    """Return texts, which the request calls `name`, cut into tokens and checked."""
    if len(texts) > model.max_waiting:
        allowed = f"at most {model.max_waiting}: so many may wait"
        raise ParameterError(name, f"{len(texts)} texts", allowed)
    with renaming({"prompt": name}):
        encoded = [
            encode_prompt(text, model, False if body.add_special_tokens is False else None) for text in texts
        ]
        if body.truncate_prompt_tokens is not None:
            encoded = [last_tokens(one, body.truncate_prompt_tokens, model) for one in encoded]
        for one in encoded:
            length, context = len(one.token_ids), model.offers.context
            if not length:
                raise ParameterError("prompt", one.text, "text of at least one token")
            if context is not None and length > context:
                what = f"the prompt is too long: it is {length} tokens long"
                raise ContextError(f"{what}, and the model's context is {context}")
    return encoded


def _read(text: EncodedPrompt, body: TextsBody) -> Read:
    service = Service(body.priority or 0, cache_salt=body.cache_salt)
    path = Path(TokenIds(text.token_ids))
    return Read(path, at="last" if body.pooling == "last" else "every", of=States(), service=service)


async def _vector(ask: Read, normal: bool, model: Served) -> AsyncGenerator[Vector]:
    """Yield the mean of the states that were read, of length 1 unless they are all 0."""
    async with aclosing(model.run(ask, stream=False)) as events:
        async for event in events:
            if isinstance(event, Reading):
                assert event.rows is not None, "states were asked for"
                mean: Vector = event.rows.mean(axis=0, dtype=np.float64)
                length = float(np.linalg.norm(mean))
                yield mean / length if normal and length > 0 else mean


def _written(vector: Vector, encoding: str | None) -> list[float] | str:
    """Return a vector as a list of numbers, or as the base64 of its float32 numbers, lowest byte first."""
    numbers = vector.astype("<f4")
    if encoding == "base64":
        return base64.b64encode(numbers.tobytes()).decode()
    return [float(number) for number in numbers]
