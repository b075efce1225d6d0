"""Prompts: made up from a seed, or read from a file."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ponder.errors import DataError

Prompt = str | Sequence[int]
PromptOf = Callable[[int], Prompt]  # a request's number -> its prompt
Piece = TypeVar("Piece", int, str)

WORDS = (
    "the of and to in is was for on that with as it are by from at his this have not be they which one had "
    "were all their there when who will more no if out so said what up its about into than them can only "
    "other new some could time these two may then do first any my now such like our over man even most made "
    "after also did many before must through back years where much your way well down should because each "
    "just those people too little state good very make world still own see men work long get here between "
    "both life being under never day same another know while last might us great old year off come since "
    "against go came right used take three states himself few house use during without again place around "
    "however home small found thought went say part once general high upon school every does got united "
    "left number course war until always away something fact water though less public put think almost hand "
    "enough far took head yet government system better set told nothing night end why called find going "
    "look asked later knew river mountain city garden window letter paper music story morning winter summer "
    "bread table horse bridge village teacher captain ocean forest stone silver market engine signal"
)


def draw(pieces: Sequence[Piece], count: int, shared: int, seed: int, index: int) -> list[Piece]:
    """Draw the pieces of prompt number `index`: the first `shared` are the same for every index."""
    prefix = random.Random(f"{seed}/prefix").choices(pieces, k=shared)
    return prefix + random.Random(f"{seed}/{index}").choices(pieces, k=count - shared)


def synthetic_ids(vocabulary: Sequence[int], count: int, shared: int, seed: int) -> PromptOf:
    """Return prompts of exactly `count` token ids, drawn from a vocabulary of ordinary tokens."""
    return lambda index: draw(vocabulary, count, shared, seed, index)


def synthetic_texts(count: int, shared: int, seed: int) -> PromptOf:
    """Return prompts of `count` common words: about as many tokens, but only about."""
    words = WORDS.split()
    return lambda index: " ".join(draw(words, count, shared, seed, index))


def dataset_texts(texts: Sequence[str]) -> PromptOf:
    """Return the texts in their order, from the beginning again after the last."""
    return lambda index: texts[index % len(texts)]


def read_dataset(path: str | Path, field: str) -> tuple[str, ...]:
    """Read one field of each line of a JSONL file; empty lines are passed over.

    Raises
    ------
    DataError : the file cannot be read, holds no prompt, or has a line that is no object with such a text.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    texts = tuple(_text(line, field, number) for number, line in enumerate(lines, start=1) if line.strip())
    if not texts:
        raise DataError(f"{path} holds no prompt")
    return texts


def _text(line: bytes, field: str, number: int) -> str:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise DataError(f"line {number} is not JSON in UTF-8") from None
    text = value.get(field) if isinstance(value, dict) else None
    if not isinstance(text, str) or not text:
        raise DataError(f"line {number} has no text in a field {field!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"line {number} holds half of a surrogate pair, which is no character") from None
    return text
