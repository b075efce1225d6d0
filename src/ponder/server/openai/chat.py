"""POST /v1/chat/completions: a conversation gets its next message."""

from __future__ import annotations

from typing import Any

from ponder.server.openai.logprobs import chat_logprobs, chat_names
from ponder.server.openai.plan import Piece, Plan
from ponder.text import Tokenizer


class ChatFace:
    """Writes texts as `chat.completion` objects have them."""

    id_prefix = "chatcmpl"
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"
    prompt_in_choice = False

    def __init__(self, plan: Plan, tokenizer: Tokenizer) -> None:
        self._wanted = plan.logprobs is not None
        self._show = chat_names(tokenizer, as_ids=plan.tokens_as_ids)
        self._tokenizer = tokenizer

    def opening(self) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": ""}}

    def whole(self, piece: Piece) -> dict[str, Any]:
        message = {"role": "assistant", "content": piece.text, "refusal": None}
        return {"message": message, "logprobs": self._logprobs(piece)}

    def chunk(self, piece: Piece) -> dict[str, Any]:
        delta = {"content": piece.text} if piece.text else {}
        return {"delta": delta, "logprobs": self._logprobs(piece)}

    def _logprobs(self, piece: Piece) -> dict[str, Any] | None:
        return chat_logprobs(piece.told, self._show, self._tokenizer) if self._wanted else None
