"""From a request on the wire to requests for the model. CPU work; nothing is queued here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ponder.backends import GenerationRequest
from ponder.backends.local import LocalModel
from ponder.constraints import Ban
from ponder.decoders import BeamSearch, Decoder, Sample
from ponder.errors import CapacityError, ParameterError
from ponder.sampling import SamplingParams
from ponder.server.plan import Plan
from ponder.server.protocol import ChatBody, ChatMessage, CompletionBody, GenerationBody
from ponder.server.settings import ServerSettings
from ponder.text import EncodedPrompt, Message, TokenIds

COMPLETION_TOKENS = 16  # OpenAI's default of /v1/completions
MAX_TOLD = 2**21  # alternatives in one answer: some 200 MB

_SAMPLING = (
    "frequency_penalty",
    "ignore_eos",
    "include_stop_str_in_output",
    "min_p",
    "min_tokens",
    "presence_penalty",
    "repetition_penalty",
    "stop",
    "stop_token_ids",
    "temperature",
    "top_k",
    "top_p",
)
_NEUTRAL_FOR_BEAMS = {"temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the endpoints say in different ways."""

    max_tokens: int | None
    logprobs: int | None
    echo: bool
    discard: bool


def completion_plan(body: CompletionBody, model: LocalModel, settings: ServerSettings) -> Plan:
    """Plan a completion.

    Raises
    ------
    PonderError : whatever is wrong with the request and can be told without the model.
    """
    prompts = read_prompts(body.prompt, settings.max_prompts)
    discard = body.max_tokens == 0 and bool(body.echo)
    if body.max_tokens == 0 and not discard:
        raise ParameterError("max_tokens", 0, "1 or more without echo")
    max_tokens = 1 if discard else body.max_tokens
    _check_logprobs("logprobs", body.logprobs, settings)
    wanted = _Wanted(max_tokens, body.logprobs, bool(body.echo), discard)
    shape = _shape(body, len(prompts), settings)
    add_bos = False if body.add_special_tokens is False else None
    encoded = [_encode(prompt, model, add_bos) for prompt in prompts]
    return _plan(body, shape, encoded, wanted, COMPLETION_TOKENS, model, settings)


def chat_plan(body: ChatBody, model: LocalModel, settings: ServerSettings) -> Plan:
    """Plan a chat completion; raises as `completion_plan` does."""
    both = {body.max_tokens, body.max_completion_tokens} - {None}
    if len(both) > 1:
        raise ParameterError("max_completion_tokens", body.max_completion_tokens, "equal to max_tokens")
    _check_logprobs("top_logprobs", body.top_logprobs, settings)
    if body.top_logprobs is not None and not body.logprobs:
        raise ParameterError("top_logprobs", body.top_logprobs, "set only together with logprobs")
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    wanted = _Wanted(next(iter(both), None), logprobs, False, False)
    shape = _shape(body, 1, settings)
    encoded = model.encode(read_messages(body.messages))
    return _plan(body, shape, [encoded], wanted, None, model, settings)


def names_of(body: GenerationBody) -> dict[str, str]:
    """Return what the request calls parameters that have another name inside."""
    width = next((name for name in ("beam_width", "best_of") if getattr(body, name) is not None), "n")
    names = {"ban": "bad_words", "num_beams": width}
    if not body.use_beam_search and body.best_of is not None:
        names["n"] = "best_of"
    if isinstance(body, CompletionBody):
        names["top_logprobs"] = "logprobs"
    elif isinstance(body, ChatBody) and body.max_completion_tokens is not None:
        names["max_tokens"] = "max_completion_tokens"
    return names


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


def read_messages(messages: Sequence[ChatMessage]) -> list[Message]:
    """Return a conversation, the text parts of a message joined."""
    if not messages:
        raise ParameterError("messages", [], "at least one message")
    return [Message(message.role, _content(i, message)) for i, message in enumerate(messages)]


def _content(place: int, message: ChatMessage) -> str:
    where = f"messages[{place}].content"
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


def _check_logprobs(name: str, value: int | None, settings: ServerSettings) -> None:
    if value is not None and not 0 <= value <= settings.max_logprobs:
        raise ParameterError(name, value, f"a whole number from 0 to {settings.max_logprobs}")


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many texts are answered for a prompt, how many grow, and how."""

    n: int
    width: int
    decoder: Decoder


def _shape(body: GenerationBody, prompts: int, settings: ServerSettings) -> _Shape:
    n = 1 if body.n is None else body.n
    for name, value in (("n", n), ("best_of", body.best_of), ("beam_width", body.beam_width)):
        if value is not None and not 1 <= value <= settings.max_n:
            raise ParameterError(name, value, f"a whole number from 1 to {settings.max_n}")
    if body.best_of is not None and body.best_of < n:
        raise ParameterError("best_of", body.best_of, f"at least n, which is {n}")
    shape = _beam_shape(body, n) if body.use_beam_search else _sample_shape(body, n)
    if shape.width * prompts > settings.max_texts:
        what = f"{shape.width} for each of {prompts} prompts"
        raise ParameterError("n", what, f"at most {settings.max_texts} texts in one request")
    return shape


def _beam_shape(body: GenerationBody, n: int) -> _Shape:
    width = body.best_of or n
    if body.beam_width is not None:
        if body.best_of is not None and body.best_of != body.beam_width:
            raise ParameterError("best_of", body.best_of, f"left out, or beam_width: {body.beam_width}")
        width = body.beam_width
    penalty = 1.0 if body.length_penalty is None else body.length_penalty
    return _Shape(n, width, BeamSearch(width, penalty, body.early_stopping or False))


def _sample_shape(body: GenerationBody, n: int) -> _Shape:
    if body.beam_width is not None:
        raise ParameterError("beam_width", body.beam_width, "set only together with use_beam_search")
    for name, neutral in (("length_penalty", 1.0), ("early_stopping", False)):
        value = getattr(body, name)
        if value is not None and value != neutral:
            raise ParameterError(name, value, "set only together with use_beam_search")
    width = body.best_of or n
    if body.stream and width != n:
        raise ParameterError("best_of", width, f"n, which is {n}, in a stream: only its end shows the best")
    return _Shape(n, width, Sample())


def _encode(prompt: str | list[int], model: LocalModel, add_bos: bool | None) -> EncodedPrompt:
    if isinstance(prompt, list):
        return model.encode(TokenIds(tuple(prompt)))
    ids = model.tokenizer.encode(prompt, add_bos=add_bos, parse_special=True, field="prompt")
    return EncodedPrompt(prompt, tuple(ids))


def _plan(
    body: GenerationBody,
    shape: _Shape,
    prompts: list[EncodedPrompt],
    wanted: _Wanted,
    default_tokens: int | None,
    model: LocalModel,
    settings: ServerSettings,
) -> Plan:
    _check_logprobs("prompt_logprobs", body.prompt_logprobs, settings)
    streaming = _streaming(body, shape)
    prompts = [_truncated(prompt, body.truncate_prompt_tokens, model) for prompt in prompts]
    context = model.engine.model.config.context_length
    for prompt in prompts:
        if not prompt.token_ids:
            raise ParameterError("prompt", prompt.text, "text of at least one token")
        if len(prompt.token_ids) >= context:
            raise CapacityError(
                f"the prompt is {len(prompt.token_ids)} tokens long, and the model's context is {context}"
            )
    if wanted.max_tokens is not None and settings.max_tokens and wanted.max_tokens > settings.max_tokens:
        raise ParameterError("max_tokens", wanted.max_tokens, f"at most {settings.max_tokens}")
    sampling = _sampling(body, shape)
    sampling["top_logprobs"] = wanted.logprobs
    prompt_logprobs = body.prompt_logprobs
    if wanted.echo and wanted.logprobs is not None:
        prompt_logprobs = max(wanted.logprobs, prompt_logprobs or 0)
    _check_told(prompts, shape, wanted, prompt_logprobs)
    constraint = Ban(tuple(body.bad_words)) if body.bad_words else None
    requests = tuple(
        GenerationRequest(
            TokenIds(prompt.token_ids),
            {**sampling, "max_tokens": _max_tokens(wanted, default_tokens, settings, context, prompt)},
            constraint,
            shape.decoder,
            priority=body.priority or 0,
            deadline_s=body.deadline_s,
            cache_salt=body.cache_salt,
            prompt_logprobs=prompt_logprobs,
        )
        for prompt in prompts
    )
    return Plan(
        tuple(prompts),
        requests,
        shape.n,
        beams=isinstance(shape.decoder, BeamSearch),
        echo=wanted.echo,
        discard=wanted.discard,
        logprobs=wanted.logprobs,
        prompt_logprobs=body.prompt_logprobs,
        token_ids=bool(body.return_token_ids),
        stream=bool(body.stream),
        include_usage=streaming.include_usage,
        include_tree=streaming.include_tree,
    )


@dataclass(frozen=True, slots=True)
class _Streaming:
    include_usage: bool = False
    include_tree: bool = False


def _streaming(body: GenerationBody, shape: _Shape) -> _Streaming:
    if body.stream and body.prompt_logprobs is not None:
        raise ParameterError("prompt_logprobs", body.prompt_logprobs, "left out in a stream")
    options = body.stream_options
    if options is None:
        return _Streaming()
    if not body.stream:
        raise ParameterError("stream_options", options.model_dump(), "set only together with stream")
    if options.include_tree and not isinstance(shape.decoder, BeamSearch):
        raise ParameterError("stream_options.include_tree", True, "set only together with use_beam_search")
    return _Streaming(bool(options.include_usage), bool(options.include_tree))


def _truncated(prompt: EncodedPrompt, most: int | None, model: LocalModel) -> EncodedPrompt:
    """Keep the last `most` tokens."""
    if most is None:
        return prompt
    if most < 1:
        raise ParameterError("truncate_prompt_tokens", most, "a whole number, 1 or more")
    if len(prompt.token_ids) <= most:
        return prompt
    return model.encode(TokenIds(prompt.token_ids[-most:]))


def _sampling(body: GenerationBody, shape: _Shape) -> dict[str, Any]:
    sampling = {name: getattr(body, name) for name in _SAMPLING}
    sampling["n"] = shape.n if isinstance(shape.decoder, BeamSearch) else shape.width
    if sampling["top_k"] == -1:  # how vLLM says: all
        sampling["top_k"] = 0
    if body.seed is not None:
        sampling["seed"] = body.seed % 2**64
    if body.logit_bias is not None:
        sampling["logit_bias"] = {_token_id(key): bias for key, bias in body.logit_bias.items()}
    if isinstance(shape.decoder, BeamSearch):
        for name, neutral in _NEUTRAL_FOR_BEAMS.items():
            if sampling[name] == neutral:
                del sampling[name]
    return sampling


def _token_id(key: str) -> int:
    # One spelling of a number: "5" and "05" would be two biases for one token.
    if not (key.isascii() and key.isdecimal() and len(key) < 19 and str(int(key)) == key):
        raise ParameterError("logit_bias", key, "keys are token ids")
    return int(key)


def _max_tokens(
    wanted: _Wanted, default: int | None, settings: ServerSettings, context: int, prompt: EncodedPrompt
) -> int | None:
    """Return how long a text may get; None leaves it to the model."""
    if wanted.max_tokens is not None:
        return wanted.max_tokens
    if default is None and settings.max_tokens is None:
        return None
    room = context - len(prompt.token_ids)
    return min(default or SamplingParams().max_tokens, settings.max_tokens or room, room)


def _check_told(
    prompts: Sequence[EncodedPrompt], shape: _Shape, wanted: _Wanted, prompt_logprobs: int | None
) -> None:
    """Bound the memory of an answer that tells of alternatives."""
    texts = shape.width * len(prompts)
    generated = texts * (wanted.max_tokens or SamplingParams().max_tokens) * (wanted.logprobs or 0)
    given = 0
    if prompt_logprobs is not None:
        given = sum(len(prompt.token_ids) for prompt in prompts) * (1 + prompt_logprobs)
    if generated + given > MAX_TOLD:
        what = f"alternatives to {generated + given} tokens"
        raise ParameterError("top_logprobs", what, f"at most {MAX_TOLD} in one request")
