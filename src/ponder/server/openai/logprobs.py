"""Log-probabilities as OpenAI and vLLM write them: natural logs, raw, under the model itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ponder.server.openai.plan import Piece, Told
from ponder.text import Detokenizer, Tokenizer

LOWEST = -9999.0  # JSON has no infinity


def completion_logprobs(piece: Piece, tokenizer: Tokenizer, offsets: Offsets) -> dict[str, Any]:
    """Return the `logprobs` of a completion's choice.

    The chosen token is always among `top_logprobs`: as many alternatives as were asked for, and it.
    """
    told = (*piece.prompt_told, *piece.told)
    return {
        "tokens": [_spelled(token.token_id, tokenizer) for token in told],
        "token_logprobs": [None if token.logprob is None else finite(token.logprob) for token in told],
        "top_logprobs": [_alternatives(token, tokenizer) for token in told],
        "text_offset": offsets.take(piece),
    }


def _alternatives(token: Told, tokenizer: Tokenizer) -> dict[str, float] | None:
    if token.logprob is None:
        return None
    pairs = [*token.top, (token.token_id, token.logprob)]
    pairs.sort(key=lambda pair: -pair[1])
    alternatives: dict[str, float] = {}
    for token_id, logprob in pairs:  # of two tokens that are spelled alike, the likelier
        alternatives.setdefault(_spelled(token_id, tokenizer), finite(logprob))
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


def chat_logprobs(told: Sequence[Told], tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the `logprobs` of a chat completion's choice."""
    content = [
        {
            **_entry(token.token_id, token.logprob or 0.0, tokenizer),
            "top_logprobs": [_entry(token_id, logprob, tokenizer) for token_id, logprob in token.top],
        }
        for token in told
    ]
    return {"content": content, "refusal": None}


def _entry(token_id: int, logprob: float, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "token": token_text(token_id, tokenizer),
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

    `begun` are tokens before it, whose last `held` characters it begins with.
    """

    def __init__(self, tokenizer: Tokenizer, begun: Sequence[int] = (), held: int = 0) -> None:
        self._tokenizer = tokenizer
        self._detokenizer = Detokenizer(tokenizer.bytes_table)
        for token_id in begun:
            self._detokenizer.push(token_id)
        self._length = held

    def take(self, piece: Piece) -> list[int]:
        """Return where the tokens of the text's next piece begin."""
        offsets = [self._place(token.token_id, piece.prompt_text) for token in piece.prompt_told]
        if piece.prompt_text:
            self._length = len(piece.prompt_text)
            self._detokenizer.flush()
        return offsets + [self._place(token.token_id, "") for token in piece.told]

    def _place(self, token_id: int, prompt_text: str) -> int:
        place = self._length
        self._length += len(self._detokenizer.push(token_id))
        if prompt_text:
            if self._tokenizer.is_special(token_id):  # text only where the prompt spells it
                name = self._tokenizer.token_bytes(token_id, skip_special=False).decode()
                self._length += len(name) if prompt_text.startswith(name, place) else 0
            # Where tokens do not spell the prompt exactly, they still lie inside it.
            self._length = min(self._length, len(prompt_text))
        return place
