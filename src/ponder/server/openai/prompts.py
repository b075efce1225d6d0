"""What a request's text is: its prompts or messages, encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ponder.errors import ContextError, ParameterError
from ponder.server.openai.protocol import ChatBody, ChatMessage, CompletionBody, GenerationBody
from ponder.server.served import Served
from ponder.text import EncodedPrompt, Message, TokenIds, encode_suffix, infill_of


def encode_prompts(body: CompletionBody | ChatBody, model: Served, most: int) -> tuple[EncodedPrompt, ...]:
    """Return a request's prompts, of which there may be so many, cut and checked against the context.

    Raises
    ------
    PonderError : one of them is malformed, empty or too long.
    """
    if isinstance(body, ChatBody):
        encoded = [encode_messages(_before_the_answer(body), model)]
    else:
        add_bos = False if body.add_special_tokens is False else None
        prompts = read_prompts(body.prompt, most)
        if body.suffix:
            _check_suffix(body)
            encoded = [encode_infill(prompt, body.suffix, model, add_bos) for prompt in prompts]
        else:
            encoded = [encode_prompt(prompt, model, add_bos) for prompt in prompts]
    if body.truncate_prompt_tokens is not None:
        encoded = [last_tokens(prompt, body.truncate_prompt_tokens, model) for prompt in encoded]
    context = model.offers.context
    for prompt in encoded:
        length = len(prompt.token_ids)
        if not length:
            raise ParameterError("prompt", prompt.text, "text of at least one token")
        if context is not None and length >= context:
            what = f"the prompt is too long: it is {length} tokens long"
            raise ContextError(f"{what}, and the model's context is {context}")
    return tuple(encoded)


def _before_the_answer(body: ChatBody) -> Sequence[ChatMessage]:
    """Return the messages that the model answers: all, but for one of its own that it is to go on with."""
    written, goes_on = body.add_generation_prompt, bool(body.continue_final_message)
    if goes_on and written:
        raise ParameterError("add_generation_prompt", True, "left out or false with continue_final_message")
    if written is False and not goes_on:
        raise ParameterError(
            "add_generation_prompt", False, "left out or true without continue_final_message"
        )
    if not goes_on:
        return body.messages
    if not body.messages or body.messages[-1].role != "assistant":
        allowed = "left out or false where the last message is not the assistant's"
        raise ParameterError("continue_final_message", True, allowed)
    if len(body.messages) == 1:
        raise ParameterError("messages", "1 message", "one more before the last, with continue_final_message")
    return body.messages[:-1]


def encode_negative(body: GenerationBody, model: Served) -> TokenIds | None:
    """Return what a request is to be led away from: in a chat a conversation, or a user's message.

    Raises
    ------
    PonderError : it is malformed or empty.
    """
    negative = body.negative_prompt
    if negative is None:
        return None
    if not negative:
        raise ParameterError("negative_prompt", negative, "text, not empty")
    if not isinstance(body, ChatBody):
        return TokenIds(encode_prompt(str(negative), model, None).token_ids)
    if isinstance(negative, str):
        negative = [ChatMessage(role="user", content=negative)]
    return TokenIds(encode_messages(negative, model, "negative_prompt").token_ids)


def encode_messages(messages: Sequence[ChatMessage], model: Served, field: str = "messages") -> EncodedPrompt:
    """Return a conversation as the chat template writes it; `field` is what the request calls it.

    Raises
    ------
    PonderError : it is malformed, or surely longer than the context.
    """
    context = model.offers.context
    if context is not None and len(messages) > context:
        what = f"the prompt is too long: it has {len(messages)} messages"
        raise ContextError(f"{what}, and the model's context is {context} tokens", field)
    read = read_messages(messages, field)
    check_text(sum(len(message.content) for message in read), model)
    return model.encode(read)


def encode_prompt(prompt: str | list[int], model: Served, add_bos: bool | None) -> EncodedPrompt:
    """Return a prompt as it is. Raises PonderError where `encode_messages` does."""
    if isinstance(prompt, list):
        return model.encode(TokenIds(tuple(prompt)))
    check_text(len(prompt), model)
    ids = model.tokenizer.encode(prompt, add_bos=add_bos, parse_special=True, field="prompt")
    return EncodedPrompt(prompt, tuple(ids))


def encode_infill(prompt: str | list[int], suffix: str, model: Served, add_bos: bool | None) -> EncodedPrompt:
    """Return a prompt after which the model writes what is missing between it and a suffix.

    Raises
    ------
    PonderError : one of them is malformed or surely too long, or the model was not trained to do that.
    """
    tokenizer = model.tokenizer
    infill = infill_of(tokenizer)
    if infill is None:
        allowed = "left out or empty: this model has no fill-in-the-middle tokens, such as <|fim_prefix|>"
        raise ParameterError("suffix", suffix, allowed)
    check_text(len(suffix), model)
    begin = tokenizer.encode("", add_bos=add_bos)[:1]
    before = encode_prompt(prompt, model, False).token_ids
    ids = infill.prompt(before, encode_suffix(tokenizer, suffix))
    if begin and begin[0] == tokenizer.bos_id:
        ids = (begin[0], *ids)
    return EncodedPrompt(tokenizer.decode(ids, skip_special=False), ids)


def _check_suffix(body: CompletionBody) -> None:
    if body.echo:
        raise ParameterError("echo", True, "left out or false with suffix")
    if body.truncate_prompt_tokens is not None:
        raise ParameterError("truncate_prompt_tokens", body.truncate_prompt_tokens, "left out with suffix")


def check_text(characters: int, model: Served) -> None:
    """Refuse, before it is encoded, a text whose every token would have to be the vocabulary's longest."""
    context = model.offers.context
    if context is None:
        return
    most = context * model.tokenizer.longest_token
    if characters > most:
        raise ContextError(
            f"the prompt is too long: it is {characters} characters long, and the model's context of"
            f" {context} tokens holds at most {most}"
        )


def last_tokens(prompt: EncodedPrompt, most: int, model: Served) -> EncodedPrompt:
    """Return a prompt, or its last `most` tokens. Raises ParameterError for less than one."""
    if most < 1:
        raise ParameterError("truncate_prompt_tokens", most, "a whole number, 1 or more")
    if len(prompt.token_ids) <= most:
        return prompt
    return model.encode(TokenIds(prompt.token_ids[-most:]))


def read_prompts(value: Any, most: int) -> list[str | list[int]]:
    """Return the prompts of a completion: a text, a list of texts, token ids, or a list of those."""
    allowed = "a text, a list of texts, a list of token ids or a list of such lists"
    if value is None:
        raise ParameterError("prompt", value, allowed)
    prompts: Any = value
    if isinstance(value, str) or (isinstance(value, list) and value and type(value[0]) is int):
        prompts = [value]
    if not isinstance(prompts, list) or not prompts:
        raise ParameterError("prompt", value, allowed + ", and not empty")
    if len(prompts) > most:
        raise ParameterError("prompt", f"{len(prompts)} prompts", f"at most {most}")
    kind = type(prompts[0])
    for prompt in prompts:
        if type(prompt) is not kind or kind not in (str, list):
            raise ParameterError("prompt", prompt, allowed)
        if kind is list and not all(type(token) is int for token in prompt):
            wrong = next(token for token in prompt if type(token) is not int)
            raise ParameterError("prompt", wrong, allowed)
    return prompts


def read_messages(messages: Sequence[ChatMessage], field: str = "messages") -> list[Message]:
    """Return a conversation, the text parts of a message joined."""
    if not messages:
        raise ParameterError(field, [], "at least one message")
    return [_message(f"{field}[{i}]", message) for i, message in enumerate(messages)]


def _message(where: str, message: ChatMessage) -> Message:
    try:
        return Message(message.role, message_text(f"{where}.content", message))
    except ParameterError as error:
        if error.field.startswith(where):
            raise
        raise ParameterError(f"{where}.{error.field}", error.value, error.allowed) from None


def message_text(where: str, message: ChatMessage) -> str:
    """Return what a message says, its parts joined; `where` it is, for an error."""
    if message.content is None:
        raise ParameterError(where, None, "text, or a list of text parts")
    if isinstance(message.content, str):
        return message.content
    for i, part in enumerate(message.content):
        if part.type != "text":
            raise ParameterError(f"{where}[{i}].type", part.type, "text: this model reads nothing else")
        if part.text is None:
            raise ParameterError(f"{where}[{i}].text", None, "text")
    return "".join(part.text or "" for part in message.content)
