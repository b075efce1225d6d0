"""What a request's text is: its prompts or messages, encoded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ponder.errors import ContextError, ParameterError
from ponder.server.openai.protocol import (
    ChatBody,
    ChatMessage,
    CompletionBody,
    ConversationBody,
    GenerationBody,
)
from ponder.server.served import Served
from ponder.text import Conversation, EncodedPrompt, Message, TokenIds, encode_suffix, infill_of
from ponder.text.conversation import joined


def encode_prompts(body: CompletionBody | ChatBody, model: Served, most: int) -> tuple[EncodedPrompt, ...]:
    """Return a request's prompts, of which there may be so many, cut and checked against the context.

    Raises
    ------
    PonderError : one of them is malformed, empty or too long.
    """
    if isinstance(body, ChatBody):
        encoded = [encode_messages(body.messages, body, model)]
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
    plain = body.model_copy(update={"continue_final_message": None, "add_generation_prompt": None})
    return TokenIds(encode_messages(negative, plain, model, "negative_prompt").token_ids)


def encode_messages(
    messages: Sequence[ChatMessage], body: ConversationBody, model: Served, field: str = "messages"
) -> EncodedPrompt:
    """Return a conversation as the chat template writes it; `field` is what the request calls it.

    One whose last message is to go on is written up to what that message says.

    Raises
    ------
    PonderError : it is malformed, or surely longer than the context.
    """
    context = model.offers.context
    if context is not None and len(messages) > context:
        what = f"the prompt is too long: it has {len(messages)} messages"
        raise ContextError(f"{what}, and the model's context is {context} tokens", field)
    with _named(field):
        conversation = read_conversation(messages, body, field)
        check_text(sum(message.texts() for message in conversation.messages), model)
        return model.encode(conversation)


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


def read_conversation(
    messages: Sequence[ChatMessage], body: ConversationBody, field: str = "messages"
) -> Conversation:
    """Return messages, their text parts joined, with what else the request has for the chat template."""
    goes_on, opened = bool(body.continue_final_message), body.add_generation_prompt
    if goes_on and opened:
        raise ParameterError("add_generation_prompt", True, "left out or false with continue_final_message")
    if not messages:
        raise ParameterError(field, [], "at least one message")
    return Conversation(
        tuple(_message(f"{field}[{i}]", message) for i, message in enumerate(messages)),
        tuple(tools_of(body)),
        body.chat_template_kwargs or {},
        opened is not False,
        goes_on,
    )


def tools_of(body: ConversationBody) -> list[Any]:
    """Return the tools that the model is told of: all, but with tool_choice "none" no one.

    Whether they are strict is not told: that is no matter of the prompt.

    Raises
    ------
    ParameterError : a tool is malformed, or one is to be called that is not there.
    """
    tools = [_told(f"tools[{i}]", tool) for i, tool in enumerate(body.tools or [])]
    if not isinstance(body, ChatBody):
        return tools
    choice = body.tool_choice
    if choice in (None, "auto"):
        return tools
    Conversation((), tuple(tools))  # which refuses what is malformed
    if choice == "none":
        return []
    _check_choice(choice, [tool["function"]["name"] for tool in tools])
    return tools


def _told(where: str, tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or "strict" not in function:
        return tool
    if not isinstance(function["strict"], bool | None):
        raise ParameterError(f"{where}.function.strict", function["strict"], "true or false")
    return {**tool, "function": {name: value for name, value in function.items() if name != "strict"}}


def _check_choice(choice: Any, names: list[str]) -> None:
    """Refuse a tool that is to be called and is not there."""
    if choice == "required":
        if not names:
            raise ParameterError("tool_choice", choice, "auto or none where there are no tools")
        return
    allowed = 'none, auto, required, or {"type": "function", "function": {"name": ...}}'
    if (
        not isinstance(choice, dict)
        or choice.get("type") != "function"
        or choice.keys() > {"type", "function"}
    ):
        raise ParameterError("tool_choice", choice, allowed)
    function = choice.get("function")
    if not isinstance(function, dict) or function.keys() != {"name"}:
        raise ParameterError("tool_choice", choice, allowed)
    if function["name"] not in names:
        known = ", ".join(names)[:200] or "there are no tools"
        raise ParameterError("tool_choice.function.name", function["name"], f"the name of a tool: {known}")


def _message(where: str, message: ChatMessage) -> Message:
    try:
        return Message(
            message.role,
            message_text(f"{where}.content", message),
            message.name,
            tuple(message.tool_calls or ()),
            message.tool_call_id,
            message.reasoning_content if message.reasoning is None else message.reasoning,
        )
    except ParameterError as error:
        if error.field.startswith(where):
            raise
        raise ParameterError(f"{where}.{error.field}", error.value, error.allowed) from None


@contextmanager
def _named(field: str) -> Iterator[None]:
    """Let errors of a conversation name what the request calls it."""
    try:
        yield
    except ParameterError as error:
        for ours, theirs in (("template_args", "chat_template_kwargs"), ("messages", field)):
            if error.field != theirs and error.field.startswith(ours):
                name = theirs + error.field.removeprefix(ours)
                raise ParameterError(name, error.value, error.allowed) from None
        raise


def message_text(where: str, message: ChatMessage) -> str | None:
    """Return what a message says, its parts joined; `where` it is, for an error."""
    if message.content is None or isinstance(message.content, str):
        return message.content
    return joined(where, ((part.type, part.text) for part in message.content))
