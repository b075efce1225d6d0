"""A prompt is raw text or a conversation; either way it becomes token ids here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ponder.errors import ParameterError, TemplateError
from ponder.text.chat import ChatTemplate, Message
from ponder.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class TokenIds:
    """A prompt that is token ids already."""

    ids: tuple[int, ...]


Prompt = str | Sequence[Message] | TokenIds


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """`text` is what the model sees, with its control tokens written out."""

    text: str
    token_ids: tuple[int, ...]


def as_prompt(value: Any, field: str = "prompt") -> Prompt:
    """Return a prompt, whose messages may have been mappings. Raises ParameterError for what is none."""
    if isinstance(value, str | TokenIds):
        return value
    if not isinstance(value, list | tuple):
        raise ParameterError(field, value, "a text, a list of messages or TokenIds")
    return tuple(map(_message, value))


def _message(value: Any) -> Message:
    if isinstance(value, Message):
        return value
    if not isinstance(value, Mapping) or set(value) != {"role", "content"}:
        raise ParameterError("message", value, "a Message, or a mapping of role and content")
    return Message(**value)


def encode_prompt(prompt: Prompt, tokenizer: Tokenizer, template: ChatTemplate | None) -> EncodedPrompt:
    """Encode raw text (control tokens written in it count) or a conversation (only the template's count).

    Token ids stay as they are.

    Raises
    ------
    TemplateError
        A conversation, and the model has no chat template or the template refuses it.
    """
    if isinstance(prompt, TokenIds):
        return EncodedPrompt(_spelled(prompt, tokenizer), prompt.ids)
    if isinstance(prompt, str):
        return EncodedPrompt(prompt, tuple(tokenizer.encode(prompt, parse_special=True, field="prompt")))
    if template is None:
        raise TemplateError("this model has no chat template: send the prompt as raw text")
    if not prompt:
        raise ParameterError("messages", [], "at least one message")
    return _encode_conversation(prompt, tokenizer, template)


def _spelled(prompt: TokenIds, tokenizer: Tokenizer) -> str:
    for token in prompt.ids:
        if type(token) is not int or not 0 <= token < tokenizer.vocab_size:
            raise ParameterError("prompt", token, f"token ids from 0 to {tokenizer.vocab_size - 1}")
    return tokenizer.decode(prompt.ids, skip_special=False)


def _encode_conversation(
    messages: Sequence[Message], tokenizer: Tokenizer, template: ChatTemplate
) -> EncodedPrompt:
    """Render and encode so that what a message says is never a control token.

    Control tokens spelled in a message are hidden behind private-use marks while the template runs (and so
    are those marks themselves); afterwards the text between the marks is encoded as it is and what they hide
    as plain text.
    """
    special = sorted(tokenizer.special_tokens, key=len, reverse=True)
    spelled = re.compile("|".join(map(re.escape, [*special, "\ue000", "\ue001"])))
    hidden: list[str] = []

    def hide(match: re.Match[str]) -> str:
        hidden.append(match.group())
        return f"\ue000{len(hidden) - 1}\ue001"

    for message in messages:
        if spelled.search(message.role):
            raise ParameterError("role", message.role, "a role without control tokens, such as user")
    safe = [Message(message.role, spelled.sub(hide, message.content)) for message in messages]
    rendered = template.render(safe)
    if not hidden:
        ids = tokenizer.encode(rendered, add_bos=False, parse_special=True, field="messages")
        return EncodedPrompt(rendered, tuple(ids))
    ids, text = [], ""
    for i, piece in enumerate(re.split("\ue000(\\d+)\ue001", rendered)):
        part = hidden[int(piece)] if i % 2 else piece
        ids += tokenizer.encode(part, add_bos=False, parse_special=i % 2 == 0, field="messages")
        text += part
    return EncodedPrompt(text, tuple(ids))
