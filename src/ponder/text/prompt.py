"""A prompt is raw text or a conversation; either way it becomes token ids here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponder.errors import ParameterError, TemplateError
from ponder.text.chat import ChatTemplate
from ponder.text.conversation import END_MARK, Conversation, Message, read_messages
from ponder.text.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class TokenIds:
    """A prompt that is token ids already."""

    ids: tuple[int, ...]


Prompt = str | Sequence[Message] | Conversation | TokenIds


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """`text` is what the model sees, with its control tokens written out."""

    text: str
    token_ids: tuple[int, ...]


def as_prompt(value: Any, field: str = "prompt") -> Prompt:
    """Return a prompt, whose messages may have been mappings. Raises ParameterError for what is none."""
    if isinstance(value, str | Conversation | TokenIds):
        return value
    if not isinstance(value, list | tuple):
        raise ParameterError(field, value, "a text, a list of messages, a Conversation or TokenIds")
    return read_messages(value, field)


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
    conversation = prompt if isinstance(prompt, Conversation) else Conversation(tuple(prompt))
    if not conversation.messages:
        raise ParameterError("messages", [], "at least one message")
    return _encode_conversation(conversation, tokenizer, template)


def _spelled(prompt: TokenIds, tokenizer: Tokenizer) -> str:
    for token in prompt.ids:
        if type(token) is not int or not 0 <= token < tokenizer.vocab_size:
            raise ParameterError("prompt", token, f"token ids from 0 to {tokenizer.vocab_size - 1}")
    return tokenizer.decode(prompt.ids, skip_special=False)


# What hides text while a template runs, as it is and as a template that escapes JSON writes it.
_MARKS = ("\ue000", "\ue001", r"\ue000", r"\ue001")
_HIDDEN = re.compile(r"(?:\ue000|\\ue000)(\d+)(?:\ue001|\\ue001)")


def _encode_conversation(
    conversation: Conversation, tokenizer: Tokenizer, template: ChatTemplate
) -> EncodedPrompt:
    """Render and encode so that what a caller says is never a control token.

    Control tokens spelled in a message, a tool or a variable are hidden behind private-use marks while the
    template runs (and so are those marks themselves); afterwards the text between the marks is encoded as it
    is and what they hide as plain text.
    """
    special = sorted(tokenizer.special_tokens, key=len, reverse=True)
    spelled = re.compile("|".join(map(re.escape, [*special, *_MARKS, END_MARK])))
    hidden: dict[str, int] = {}

    def hide(text: str) -> str:
        return spelled.sub(lambda found: f"\ue000{hidden.setdefault(found[0], len(hidden))}\ue001", text)

    for i, message in enumerate(conversation.messages):
        if spelled.search(message.role):
            allowed = "a role without control tokens, such as user"
            raise ParameterError(f"messages[{i}].role", message.role, allowed)
    rendered = template.render(conversation, hide)
    if conversation.continue_final_message and rendered.endswith(" ") and _begins_with_space(tokenizer):
        rendered = rendered[:-1]  # which the message's first token brings
    if not hidden:
        ids = tokenizer.encode(rendered, add_bos=False, parse_special=True, field="messages")
        return EncodedPrompt(rendered, tuple(ids))
    ids, text, names = [], "", list(hidden)
    for i, piece in enumerate(_HIDDEN.split(rendered)):
        if i % 2 and int(piece) >= len(names):
            raise TemplateError("chat template: it writes private-use characters that ponder needs itself")
        part = names[int(piece)] if i % 2 else piece
        ids += tokenizer.encode(part, add_bos=False, parse_special=i % 2 == 0, field="messages")
        text += part
    return EncodedPrompt(text, tuple(ids))


def _begins_with_space(tokenizer: Tokenizer) -> bool:
    """Tell whether a text's first token has a space before it that the text has not (sentencepiece)."""
    return tokenizer.decode(tokenizer.encode("a", add_bos=False)) == " a"
