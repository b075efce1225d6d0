"""POST /v1/completions: raw text goes on."""

from __future__ import annotations

from typing import Any

from ponder.server.openai.logprobs import Offsets, completion_logprobs, completion_names
from ponder.server.openai.plan import Piece, Plan
from ponder.text import Tokenizer


class CompletionFace:
    """Writes texts as `text_completion` objects have them."""

    id_prefix = "cmpl"
    whole_object = "text_completion"
    chunk_object = "text_completion"
    prompt_in_choice = True

    def __init__(self, plan: Plan, tokenizer: Tokenizer) -> None:
        self._wanted = plan.logprobs is not None
        self._plan = plan
        self._show = completion_names(tokenizer, as_ids=plan.tokens_as_ids)
        self._tokenizer = tokenizer
        self._offsets: dict[int, Offsets] = {}

    def opening(self) -> None:
        return None

    def whole(self, piece: Piece) -> dict[str, Any]:
        logprobs = None
        if self._wanted:
            if piece.index not in self._offsets:
                plan = self._plan
                spellings = self._tokenizer.spellings(skip_special=plan.skip_special)
                begun = plan.prefix.token_ids
                self._offsets[piece.index] = Offsets(self._tokenizer, spellings, begun, plan.held)
            logprobs = completion_logprobs(piece, self._show, self._offsets[piece.index])
        return {"text": piece.prompt_text + piece.text, "logprobs": logprobs}

    def chunk(self, piece: Piece) -> dict[str, Any]:
        return self.whole(piece)
