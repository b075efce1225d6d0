"""POST /v1/chat/completions: a conversation gets its next message."""

from __future__ import annotations

import secrets
from collections import defaultdict
from typing import Any

from ponder.server.openai.logprobs import chat_logprobs, chat_names
from ponder.server.openai.plan import Piece, Plan
from ponder.text import Tokenizer
from ponder.text.tool_calls import ToolCall, ToolCallReader


class ChatFace:
    """Writes texts as `chat.completion` objects have them."""

    id_prefix = "chatcmpl"
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"
    prompt_in_choice = False

    def __init__(self, plan: Plan, tokenizer: Tokenizer) -> None:
        self._wanted = plan.logprobs is not None
        self._tools = plan.tools
        self._show = chat_names(tokenizer, as_ids=plan.tokens_as_ids)
        self._tokenizer = tokenizer
        self._readers: defaultdict[int, ToolCallReader] = defaultdict(
            lambda: ToolCallReader(plan.tools, plan.prefix.text, plan.call_form)
        )
        self._short_ids = plan.call_form.short_ids
        self._calls: defaultdict[int, int] = defaultdict(int)  # of each choice, so far

    def opening(self) -> dict[str, Any]:
        return {"delta": {"role": "assistant", "content": ""}}

    def whole(self, piece: Piece) -> dict[str, Any]:
        text, calls = self._read(piece)
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
        if calls:
            message |= {"content": text or None, "tool_calls": calls}
        return {"message": message, "logprobs": self._logprobs(piece)} | self._ending(piece)

    def chunk(self, piece: Piece) -> dict[str, Any]:
        text, calls = self._read(piece)
        delta: dict[str, Any] = {"content": text} if text else {}
        if calls:
            first = self._calls[piece.index] - len(calls)
            delta["tool_calls"] = [{"index": first + i, **call} for i, call in enumerate(calls)]
        return {"delta": delta, "logprobs": self._logprobs(piece)} | self._ending(piece)

    def _read(self, piece: Piece) -> tuple[str, list[dict[str, Any]]]:
        """Return what a piece adds to the message: text, and calls of tools."""
        if not self._tools:
            return piece.text, []
        reader = self._readers[piece.index]
        said = reader.push(piece.text) + (reader.flush() if piece.finish_reason else [])
        calls = [self._as_json(one) for one in said if isinstance(one, ToolCall)]
        self._calls[piece.index] += len(calls)
        return "".join(one for one in said if isinstance(one, str)), calls

    def _as_json(self, call: ToolCall) -> dict[str, Any]:
        random = secrets.token_hex(12)
        function = {"name": call.name, "arguments": call.arguments}
        return {
            "id": random[:9] if self._short_ids else f"call_{random}",
            "type": "function",
            "function": function,
        }

    def _ending(self, piece: Piece) -> dict[str, Any]:
        called = piece.finish_reason == "stop" and self._calls[piece.index]
        return {"finish_reason": "tool_calls"} if called else {}

    def _logprobs(self, piece: Piece) -> dict[str, Any] | None:
        return chat_logprobs(piece.told, self._show, self._tokenizer) if self._wanted else None
