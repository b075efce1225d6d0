"""The shortest way to end a string or number that has begun, for a small schema of it alone."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import llguidance
import numpy as np

from ponder.constraints.json_schema.pattern_ending import knows, pattern_ending

MAX_BYTES = 512
MAX_LENGTH = 1_000_000  # characters
_LIKELY = b'"a0A1 -.:/@TZ_+,b9\x80\xbf\\nu'  # tried where very many bytes may follow
_MANY = 24
_KEPT = 6  # ways that are followed side by side


class _Bytes:
    """The 256 bytes as a tokenizer."""

    eos_token_id = 256
    bos_token_id = None
    special_token_ids = (256,)
    tokens = (*(bytes((byte,)) for byte in range(256)), b"<end>")

    def __call__(self, text: Any) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Bytes()), n_vocab=257, slices=[])


@lru_cache(maxsize=1024)
def _matcher(schema: str) -> Any:
    grammar = llguidance.LLMatcher.grammar_from_json_schema(schema)
    return llguidance.LLMatcher(_tokenizer(), grammar, log_level=0, limits=_limits())


def _limits() -> llguidance.LLParserLimits:
    """Return limits within which a grammar of one value is made in a fraction of a second."""
    return llguidance.LLParserLimits(initial_lexer_fuel=200_000, step_lexer_fuel=50_000)


def takes(schema: dict[str, Any]) -> bool:
    """Return whether a grammar can be made of a schema."""
    grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema))
    matcher = llguidance.LLMatcher(_tokenizer(), grammar, log_level=0, limits=_limits())
    if not matcher.is_error():
        matcher.compute_bitmask()
    return not matcher.is_error()


def ending(schema: dict[str, Any], begun: bytes) -> bytes | None:
    """Return a short way from the beginning of a value to its end; None: none was found.

    `schema` is of a string or number alone; the value's end includes a string's closing quote.
    """
    if schema.keys() <= {"type", "minLength", "maxLength"} and begun == b'"':
        return b"a" * schema.get("minLength", 0) + b'"' if schema.get("minLength", 0) <= MAX_LENGTH else None
    if knows(schema) and begun[:1] == b'"':
        found = pattern_ending(schema, begun)
        if found is not None:
            return found
    return _ending(json.dumps(schema), begun)


@lru_cache(maxsize=4096)
def _ending(schema: str, begun: bytes) -> bytes | None:
    matcher = _matcher(schema).deep_copy()
    if matcher.is_error() or matcher.try_consume_tokens(list(begun)) < len(begun):
        return None
    level: list[tuple[Any, bytes]] = [(matcher, b"")]
    before: bytes | None = None  # the mask of the level before, where all its bytes led to the same
    single = b""
    is_number = '"string"' not in schema
    for _ in range(MAX_BYTES):
        following: dict[bytes, tuple[Any, bytes]] = {}
        for at, suffix in level:
            if at.is_accepting():
                return suffix
            mask = at.compute_bitmask()
            tried = single if len(level) == 1 and mask == before else _tried(mask)
            for byte in tried:
                after = at if len(tried) == 1 else at.deep_copy()
                if not after.consume_token(byte):
                    continue
                onwards = after.compute_bitmask() if not after.is_accepting() else b""
                way = (after, suffix + bytes((byte,)))
                if following.setdefault(onwards, way) is not way and is_number:
                    following[onwards + b"last"] = way  # what a bound still asks for hangs on the digits
            if len(level) == 1:
                before = mask if len(following) == 1 else None
                single = bytes(tried[:1])
        level = sorted(following.values(), key=lambda way: not way[0].is_accepting())[:_KEPT]
        if not level:
            return None
    return None


def _tried(mask: bytes) -> bytes:
    members = np.flatnonzero(np.unpackbits(np.frombuffer(mask, np.uint8), bitorder="little")[:256])
    allowed = bytes(members.tolist())
    if len(allowed) <= _MANY:
        return bytes(sorted(allowed, key=lambda byte: byte != 0x22))
    likely = bytes(byte for byte in _LIKELY if byte in allowed)
    return likely or allowed[:_MANY]


def spelled(value: Any) -> bytes:
    """Return a value as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
