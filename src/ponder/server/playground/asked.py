"""What a request is about: its prompt, what came after it, its sampling parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ponder.asks import Path
from ponder.errors import ContextError, ParameterError, renaming
from ponder.sampling import resolve_params
from ponder.server.openai.prompts import (
    check_text,
    encode_messages,
    encode_prompt,
    message_text,
    read_conversation,
)
from ponder.server.openai.protocol import ChatMessage, ConversationBody, NamingBody
from ponder.server.playground.protocol import PathBody, ScoreTextsBody
from ponder.server.served import Served
from ponder.text import Conversation, EncodedPrompt, TokenIds

PROMPTS = ("prompt", "messages", "prompt_token_ids")


def check_one_prompt(body: PathBody | ScoreTextsBody) -> str:
    """Return which of the three ways to give a prompt a request takes. Raises ParameterError: not one."""
    given = [name for name in PROMPTS if getattr(body, name) is not None]
    if len(given) != 1:
        shown = getattr(body, given[1]) if given else None
        allowed = f"given alone: one of {', '.join(PROMPTS)}"
        raise ParameterError(given[1] if given else "prompt", shown, allowed)
    if body.messages is None:
        for name in ConversationBody.model_fields.keys() - NamingBody.model_fields.keys():
            if getattr(body, name):
                raise ParameterError(name, getattr(body, name), "left out where there are no messages")
    return given[0]


def read_path(body: PathBody, model: Served) -> Path:
    """Return a text so far: the prompt's tokens, and what was generated.

    Raises
    ------
    PonderError : it is malformed, empty, or leaves no room for another token.
    """
    name = check_one_prompt(body)
    begun: tuple[int, ...] = _checked("prefix_token_ids", body.prefix_token_ids or [], model)
    with renaming({"prompt": name}):
        encoded = _encoded(body, model)
    if body.messages is not None and body.continue_final_message:
        if begun:
            raise ParameterError("prefix_token_ids", list(begun), "left out with continue_final_message")
        text = message_text("messages", body.messages[-1]) or ""
        begun = tuple(model.tokenizer.encode(text, add_bos=False, field="messages"))
    length, context = len(encoded.token_ids) + len(begun), model.offers.context
    if not encoded.token_ids:
        raise ParameterError(name, encoded.text, "text of at least one token")
    if context is not None and length >= context:
        raise ContextError(
            f"the prompt is too long: it is {length} tokens long, of the model's {context}", name
        )
    return Path(TokenIds(encoded.token_ids), begun)


def _encoded(body: PathBody, model: Served) -> EncodedPrompt:
    if body.messages is not None:
        return encode_messages(body.messages, body, model)
    if body.prompt_token_ids is not None:
        return model.encode(TokenIds(_checked("prompt_token_ids", body.prompt_token_ids, model)))
    return encode_prompt(body.prompt or "", model, None)


def read_messages(
    messages: Sequence[ChatMessage], body: ConversationBody, model: Served, field: str = "messages"
) -> Conversation:
    """Return a conversation, which the request calls `field`. Raises PonderError: it is surely too long."""
    conversation = read_conversation(messages, body, field)
    with renaming({"prompt": field}):
        check_text(sum(message.texts() for message in conversation.messages), model)
    return conversation


def checked_text(name: str, text: str, model: Served) -> str:
    """Return a text. Raises ContextError, which names it, where it is surely too long."""
    with renaming({"prompt": name}):
        check_text(len(text), model)
    return text


def _checked(name: str, ids: list[int], model: Served) -> tuple[int, ...]:
    for token in ids:
        if not 0 <= token < model.tokenizer.vocab_size:
            raise ParameterError(name, token, f"token ids from 0 to {model.tokenizer.vocab_size - 1}")
    return tuple(ids)


def read_sampling(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the sampling parameters that were set. Raises ParameterError, which names sampling.NAME."""
    params = {name: value for name, value in (given or {}).items() if value is not None}
    with within("sampling"):
        resolve_params(params, {})
    return params


@contextmanager
def within(name: str) -> Iterator[None]:
    """Let errors name a member of an object, as name.member."""
    try:
        yield
    except ParameterError as error:
        raise ParameterError(f"{name}.{error.field}", error.value, error.allowed) from None
