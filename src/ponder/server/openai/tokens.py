"""POST /tokenize and /detokenize, GET /tokenizer_info, as vLLM has them."""

from __future__ import annotations

from typing import Any

from ponder.errors import ParameterError, renaming
from ponder.server.openai.prompts import encode_messages, encode_prompt, message_text
from ponder.server.openai.protocol import ConversationBody, DetokenizeBody, NamingBody, TokenizeBody
from ponder.server.served import Served
from ponder.text import Tokenizer


def tokenize(body: TokenizeBody, model: Served) -> dict[str, Any]:
    """Return the token ids of a prompt, or of messages as the chat template writes them.

    Raises
    ------
    PonderError : there is neither or both, or the text cannot be encoded.
    """
    if (body.prompt is None) == (body.messages is None):
        raise ParameterError("prompt", body.prompt, "given where there are no messages, and only there")
    if body.messages is not None:
        if body.add_special_tokens:
            raise ParameterError("add_special_tokens", True, "false for messages: the template writes them")
        with renaming({"prompt": "messages"}):
            ids = encode_messages(body.messages, body, model).token_ids
        if body.continue_final_message:
            begun = message_text("messages", body.messages[-1]) or ""
            ids = (*ids, *model.tokenizer.encode(begun, add_bos=False, field="messages"))
    else:
        for name in ConversationBody.model_fields.keys() - NamingBody.model_fields.keys():
            if getattr(body, name):
                raise ParameterError(name, getattr(body, name), "left out for a prompt that is no messages")
        add_bos = False if body.add_special_tokens is False else None
        ids = encode_prompt(body.prompt or "", model, add_bos).token_ids
    pieces = [model.tokenizer.piece(token_id) for token_id in ids] if body.return_token_strs else None
    context = model.offers.context
    return {"count": len(ids), "max_model_len": context, "tokens": list(ids), "token_strs": pieces}


def detokenize(body: DetokenizeBody, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the text of token ids, control tokens written out. Raises ParameterError for no token id."""
    for token_id in body.tokens:
        if not 0 <= token_id < tokenizer.vocab_size:
            raise ParameterError("tokens", token_id, f"token ids from 0 to {tokenizer.vocab_size - 1}")
    return {"prompt": tokenizer.decode(body.tokens, skip_special=False)}


def tokenizer_info(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what clients that have no tokenizer ask for."""
    return {
        "tokenizer_class": type(tokenizer).__name__,
        "vocab_size": tokenizer.vocab_size,
        "bos_token": tokenizer.bos_token or None,
        "eos_token": tokenizer.eos_token or None,
        "pad_token": tokenizer.names.get("pad_token"),
    }
