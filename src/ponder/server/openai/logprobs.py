"""Log-probabilities as OpenAI and vLLM write them: natural logs, raw, under the model itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ponder.server.openai.plan import Piece, Told
from ponder.text import Tokenizer, breaks, spell

LOWEST = -9999.0  # JSON has no infinity


Show = Callable[[int], str]
"""How log-probabilities call a token."""


def completion_names(tokenizer: Tokenizer, *, as_ids: bool) -> Show:
    """Return how completions call tokens: by their text, or as vLLM's token_id:N."""
    return _by_id if as_ids else partial(_spelled, tokenizer=tokenizer)


def chat_names(tokenizer: Tokenizer, *, as_ids: bool) -> Show:
    """Return how chat completions call tokens: by their text, or as vLLM's token_id:N."""
    return _by_id if as_ids else partial(token_text, tokenizer=tokenizer)


def _by_id(token_id: int) -> str:
    return f"token_id:{token_id}"


def completion_logprobs(piece: Piece, show: Show, offsets: Offsets) -> dict[str, Any]:
    """Return the `logprobs` of a completion's choice.

    The chosen token comes first in `top_logprobs`, as in vLLM, then as many alternatives as were asked for.
    """
    told = (*piece.prompt_told, *piece.told)
    return {
        "tokens": [show(token.token_id) for token in told],
        "token_logprobs": [None if token.logprob is None else finite(token.logprob) for token in told],
        "top_logprobs": [_alternatives(token, show) for token in told],
        "text_offset": offsets.take(piece),
    }


def _alternatives(token: Told, show: Show) -> dict[str, float] | None:
    if token.logprob is None:
        return None
    alternatives = {show(token.token_id): finite(token.logprob)}
    for token_id, logprob in token.top:  # of two tokens that are spelled alike, the likelier
        name, value = show(token_id), finite(logprob)
        if value >= alternatives.get(name, LOWEST):
            alternatives[name] = value
    return alternatives


def _spelled(token_id: int, tokenizer: Tokenizer) -> str:
    """Return a token's text; one that is a part of a character as bytes:\\xNN, as OpenAI writes it."""
    spelled = tokenizer.token_bytes(token_id, skip_special=False)
    try:
        return spelled.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in spelled)


def token_text(token_id: int, tokenizer: Tokenizer) -> str:
    r"""Return a token's text; bytes of a part of a character as \xNN."""
    return tokenizer.token_bytes(token_id, skip_special=False).decode("utf-8", "backslashreplace")


def chat_logprobs(told: Sequence[Told], show: Show, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the `logprobs` of a chat completion's choice; `bytes` are always the tokens'."""
    content = [
        {
            **_entry(token.token_id, token.logprob or 0.0, show, tokenizer),
            "top_logprobs": [_entry(token_id, logprob, show, tokenizer) for token_id, logprob in token.top],
        }
        for token in told
    ]
    return {"content": content, "refusal": None}


def _entry(token_id: int, logprob: float, show: Show, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "token": show(token_id),
        "logprob": finite(logprob),
        "bytes": list(tokenizer.token_bytes(token_id, skip_special=False)),
    }


def prompt_logprobs(told: Sequence[Told], tokenizer: Tokenizer) -> list[dict[str, Any] | None]:
    """Return vLLM's `prompt_logprobs`: for each token id -> logprob, rank, text; None for the first."""
    return [None if token.logprob is None else _ranked(token, tokenizer) for token in told]


def _ranked(token: Told, tokenizer: Tokenizer) -> dict[str, Any]:
    ranks = {token_id: (rank, logprob) for rank, (token_id, logprob) in enumerate(token.top, start=1)}
    ranks[token.token_id] = (token.rank, token.logprob or 0.0)
    return {
        str(token_id): {
            "logprob": finite(logprob),
            "rank": rank,
            "decoded_token": token_text(token_id, tokenizer),
        }
        for token_id, (rank, logprob) in ranks.items()
    }


def finite(logprob: float) -> float:
    """Return a log-probability that JSON can hold."""
    return max(logprob, LOWEST)


class Offsets:
    """Where in a text each of its tokens begins, in characters; a text may come in pieces.

    `begun` are tokens before it, whose last `held` characters it begins with; `spellings` the bytes of tokens
    that are generated.
    """

    def __init__(
        self, tokenizer: Tokenizer, spellings: Sequence[bytes], begun: Sequence[int] = (), held: int = 0
    ) -> None:
        self._tokenizer = tokenizer
        self._spellings = spellings
        self._begun = b""  # the bytes of a character that has begun
        for token_id in begun:
            self._spell(_bytes(token_id, spellings))
        self._length = held

    def take(self, piece: Piece) -> list[int]:
        """Return where the tokens of the text's next piece begin."""
        offsets = [self._place(token.token_id, piece.prompt_text) for token in piece.prompt_told]
        if piece.prompt_text:
            self._length = len(piece.prompt_text)
            self._begun = b""
        return offsets + [self._place(token.token_id, "") for token in piece.told]

    def _place(self, token_id: int, prompt_text: str) -> int:
        spelled = _bytes(token_id, self._tokenizer.bytes_table if prompt_text else self._spellings)
        if prompt_text and self._tokenizer.is_special(token_id):  # text only where the prompt spells it
            name = self._tokenizer.token_bytes(token_id, skip_special=False)
            place = self._length + breaks(self._begun, name)
            spelled = name if prompt_text.startswith(name.decode(), place) else spelled
        # The bytes before it that are no character are one, U+FFFD, and it comes after that.
        place = self._length + breaks(self._begun, spelled)
        self._length += len(self._spell(spelled))
        if prompt_text:
            # Where tokens do not spell the prompt exactly, they still lie inside it.
            self._length = min(self._length, len(prompt_text))
        return min(place, self._length)

    def _spell(self, added: bytes) -> str:
        text, self._begun = spell(self._begun, added)
        return text


def _bytes(token_id: int, spellings: Sequence[bytes]) -> bytes:
    return spellings[token_id] if token_id < len(spellings) else b""
