"""From a request on the wire to requests for the model. CPU work; nothing is queued here."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from ponder.asks import Grow, Method, Mixing, Record, Service
from ponder.decoders.named import MIXTURE_SETTINGS, SETTINGS, decoder_of, mixture_of
from ponder.errors import ParameterError, one_or_all
from ponder.sampling import SamplingParams
from ponder.server.front.settings import ServerSettings
from ponder.server.openai.constraint import constraint_names, read_constraint
from ponder.server.openai.plan import Plan
from ponder.server.openai.prefix import Prefix, held_back, prefix_name, read_prefix
from ponder.server.openai.prompts import encode_negative, encode_prompts, tools_of
from ponder.server.openai.protocol import ChatBody, CompletionBody, GenerationBody
from ponder.server.openai.tracing import Traced, begin_trace, check_kept, read_trace, trace_names
from ponder.server.served import Served
from ponder.text import infill_of
from ponder.text.call_form import HERMES

MAX_TOLD = 2**18  # alternatives in one answer: some 25 MB

# Fields of SamplingParams that mean something else on the wire, or have another name there.
_TRANSLATED = {"logit_bias", "max_tokens", "n", "seed", "stop_token_ids", "top_logprobs"}
_SAMPLING = tuple(one.name for one in fields(SamplingParams) if one.name not in _TRANSLATED)
_NEUTRAL_WHERE_UNUSED = {"temperature": 0, "top_k": 0, "top_p": 1, "min_p": 0}


def plan_of(body: CompletionBody | ChatBody, model: Served, settings: ServerSettings) -> Plan:
    """Plan the answer to a request.

    Raises
    ------
    PonderError : whatever is wrong with the request and can be told without running it; in our names of
        parameters, of which `names_of` tells the request's.
    """
    _check_tokens(body, settings)
    logprobs = _logprobs(body, model, settings)
    shape = _shape(body, model, settings)
    _check_stream(body, shape.beams)
    prompts = encode_prompts(body, model, settings.max_prompts)
    if len(prompts) > model.max_waiting:
        allowed = f"at most {model.max_waiting}: so many may wait"
        raise ParameterError("prompt", f"{len(prompts)} prompts", allowed)
    if shape.width * len(prompts) > settings.max_texts:
        what = f"{shape.width} for each of {len(prompts)} prompts"
        raise ParameterError(_width_name(body), what, f"at most {settings.max_texts} texts in one request")
    prefix = read_prefix(body, model)
    _check_prefix(body, prefix, settings)
    infill = infill_of(model.tokenizer) if isinstance(body, CompletionBody) and body.suffix else None
    own_ends = () if body.ignore_eos else (*model.tokenizer.eos_ids, *(infill.ends if infill else ()))
    traced = logprobs.prompt
    if body.echoes and logprobs.asked is not None:
        traced = max(logprobs.asked, traced or 0)
    sampling, mixture = _sampling(body, shape), _mixture(body, model)
    sampling["top_logprobs"] = logprobs.asked
    sampling["stop_token_ids"] = _stop_tokens(body, own_ends if infill else ())
    constraint = read_constraint(body, model)
    tools = frozenset(tool["function"]["name"] for tool in _tools(body))
    call_form = (model.call_form() if tools else None) or HERMES
    if constraint is not None:  # which a bare call would get around, or which asks for JSON
        call_form = replace(call_form, bare=False)
    # Calls are read out of the text, so that it must have their marks.
    skip_special = body.skip_special_tokens is not False and not (
        tools and call_form.has_any(model.tokenizer.vocabulary.control)
    )
    sampling["skip_special_tokens"] = None if skip_special else False
    watched = read_trace(body)
    record, service = Record(traced, watched), Service(body.priority or 0, body.deadline_s, body.cache_salt)
    asked = [
        Grow(prefix.path(one), sampling, shape.method, mixture, constraint, record=record, service=service)
        for one in prompts
    ]
    lengths = [_max_tokens(body, one, len(prefix.token_ids), model, settings) for one in asked]
    requests = tuple(
        replace(one, params={**sampling, "max_tokens": length})
        for one, length in zip(asked, lengths, strict=True)
    )
    grown = sum(
        shape.width * ((length or SamplingParams().max_tokens) - len(prefix.token_ids)) for length in lengths
    )
    heads: tuple[Traced, ...] = ()
    if watched is not None:
        check_kept(watched, grown * len(prompts))
        requests, heads = zip(*(begin_trace(one, model) for one in requests), strict=True)
    _check_told(logprobs.told, grown, traced, sum(len(prompt.token_ids) for prompt in prompts))
    options = body.stream_options
    return Plan(
        prompts,
        requests,
        prefix,
        held_back(prefix, _stop_strings(body), model, skip_special=skip_special),
        shape.n,
        beams=shape.beams,
        echo=body.echoes,
        discard=body.most_tokens == 0,
        logprobs=logprobs.told,
        named=bool(body.logprob_token_ids),
        echo_logprobs=logprobs.asked,
        prompt_logprobs=logprobs.prompt,
        tokens_as_ids=bool(body.return_tokens_as_token_ids),
        token_ids=bool(body.return_token_ids),
        skip_special=skip_special,
        own_ends=own_ends,
        stream=bool(body.stream),
        include_usage=bool(options and options.include_usage),
        continuous_usage=bool(options and options.continuous_usage_stats),
        include_tree=bool(options and options.include_tree),
        include_progress=bool(options and options.include_progress),
        traced=heads,
        reported=constraint is not None or body.faithful is not None,
        tools=tools,
        call_form=call_form,
    )


def _tools(body: CompletionBody | ChatBody) -> list[Any]:
    return tools_of(body) if isinstance(body, ChatBody) else []


def names_of(body: GenerationBody) -> dict[str, str]:
    """Return what the request calls parameters that have another name inside."""
    prefix = prefix_name(body)
    names = {"mixture": _mixing(body), "path": prefix, "path.text": prefix}
    names |= {**constraint_names(body), **trace_names(body)}
    if body.use_beam_search:
        names["num_beams"] = _width_name(body)
    if isinstance(body, CompletionBody):
        names["top_logprobs"] = "logprobs"
    elif isinstance(body, ChatBody):
        names["prompt"] = "messages"
        if body.max_completion_tokens is not None:
            names["max_tokens"] = "max_completion_tokens"
    return names


def _width_name(body: GenerationBody) -> str:
    """Return what says how many texts grow for a prompt."""
    names = ("num_beams", "stochastic_beams", "best_of")
    return next((name for name in names if getattr(body, name) is not None), "n")


def _check_tokens(body: CompletionBody | ChatBody, settings: ServerSettings) -> None:
    most = body.most_tokens
    if body.max_tokens not in (None, most):
        raise ParameterError("max_tokens", most, f"equal to max_tokens, which is {body.max_tokens}")
    if most == 0 and not body.echoes:
        raise ParameterError("max_tokens", 0, "1 or more")
    if most is not None and settings.max_tokens is not None and most > settings.max_tokens:
        raise ParameterError("max_tokens", most, f"at most {settings.max_tokens}")


def _check_prefix(body: CompletionBody | ChatBody, prefix: Prefix, settings: ServerSettings) -> None:
    tokens, most = len(prefix.token_ids), settings.max_tokens
    if not tokens:
        return
    if body.echoes:
        raise ParameterError(
            "echo", True, f"left out or false with {prefix.name}: the answer is what comes after"
        )
    if most is not None and tokens > most:
        raise ParameterError(prefix.name, f"{tokens} tokens", f"at most {most}, as many as a text may have")


def _stop_strings(body: GenerationBody) -> tuple[str, ...]:
    """Return the stop strings, of which there are not too many. Raises ParameterError if there are."""
    return SamplingParams(stop=(body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())).stop


@dataclass(frozen=True, slots=True)
class _Logprobs:
    """How many alternatives: of the likeliest, told with each token, told with each of the prompt's."""

    asked: int | None
    told: int | None
    prompt: int | None


def _logprobs(body: CompletionBody | ChatBody, model: Served, settings: ServerSettings) -> _Logprobs:
    if isinstance(body, ChatBody) and body.top_logprobs and not body.logprobs:
        raise ParameterError("top_logprobs", body.top_logprobs, "set only together with logprobs")
    asked = _alternatives("top_logprobs", body.alternatives, model, settings)
    prompt = _alternatives("prompt_logprobs", body.prompt_logprobs, model, settings)
    named = body.logprob_token_ids
    if named is None:
        return _Logprobs(asked, asked, prompt)
    if not named:
        raise ParameterError("logprob_token_ids", named, "at least one token id, or left out")
    if asked is None:
        raise ParameterError("logprob_token_ids", named, "set only together with logprobs")
    return _Logprobs(asked, len(named), prompt)


def _alternatives(name: str, value: int | None, model: Served, settings: ServerSettings) -> int | None:
    """Return how many alternatives are asked for; -1 says the whole vocabulary, as in vLLM."""
    everything = model.tokenizer.vocab_size
    most = everything if settings.max_logprobs == -1 else settings.max_logprobs
    if value is None or 0 <= value <= most:
        return value
    if value == -1 and everything <= most:
        return everything
    allowed = f"a whole number from 0 to {most}"
    if value == -1:
        allowed += f", fewer than all {everything} tokens: this server was started with --max-logprobs {most}"
    raise ParameterError(name, value, allowed)


def _stop_tokens(body: GenerationBody, ends: tuple[int, ...]) -> list[int] | None:
    return body.stop_token_ids if not ends else [*(body.stop_token_ids or ()), *ends]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How many texts are answered for a prompt, how many grow, and how (None: they are sampled)."""

    n: int
    width: int
    method: Method | None

    @property
    def beams(self) -> bool:
        """Whether a search finds them."""
        return self.method is not None and not self.method.streams


def _shape(body: GenerationBody, model: Served, settings: ServerSettings) -> _Shape:
    n = 1 if body.n is None else body.n
    for name in ("n", "best_of", "num_beams", "stochastic_beams"):
        value = getattr(body, name)
        if value is not None and not 1 <= value <= settings.max_n:
            raise ParameterError(name, value, f"a whole number from 1 to {settings.max_n}")
    if body.best_of is not None and body.best_of < n:
        raise ParameterError("best_of", body.best_of, f"at least n, which is {n}")
    width = body.num_beams or body.stochastic_beams or body.best_of or n
    shape = _Shape(n, width, _method(body, n, model))
    if not shape.beams:
        if body.stream and width != n:
            allowed = f"n, which is {n}, in a stream: only its end shows the best"
            raise ParameterError("best_of", width, allowed)
        return shape
    name = _width_name(body)
    if n > width:
        raise ParameterError("n", n, f"at most {name}, which is {width}")
    if body.best_of not in (None, width):
        raise ParameterError("best_of", body.best_of, f"left out, or {name}, which is {width}")
    return shape


def _method(body: GenerationBody, n: int, model: Served) -> Method | None:
    """Return what the request's settings describe; `use_beam_search` is how vLLM says num_beams."""
    given = {name: getattr(body, name) for name in SETTINGS}
    if body.use_beam_search:
        if body.stochastic_beams is not None:
            raise ParameterError("use_beam_search", True, "left unset with stochastic_beams")
        given["num_beams"] = body.num_beams or body.best_of or n
    elif body.use_beam_search is False and body.num_beams is not None:
        raise ParameterError("num_beams", body.num_beams, "left out where use_beam_search is false")
    if given["length_penalty"] == 1:  # the default, which clients send without a search too
        given["length_penalty"] = None
    if body.draft and not model.offers.draft:
        raise ParameterError("draft", True, "left out or false: no draft model is loaded")
    return decoder_of(given)


def _mixture(body: GenerationBody, model: Served) -> Mixing | None:
    """Return what the request's settings describe, with the negative prompt encoded."""
    given = {name: getattr(body, name) for name in MIXTURE_SETTINGS}
    if body.guidance_scale is not None:
        given["negative_prompt"] = encode_negative(body, model)
    if body.contrast == "draft" and not model.offers.draft:
        raise ParameterError("contrast", "draft", "a number of layers: no draft model is loaded")
    return mixture_of(given)


def _mixing(body: GenerationBody) -> str:
    """Return what of a request says that there is a mixture."""
    names = ("contrast", "dola_layers")
    return next((name for name in names if getattr(body, name) is not None), "guidance_scale")


def _check_stream(body: GenerationBody, beams: bool) -> None:
    if body.stream and body.prompt_logprobs is not None:
        raise ParameterError("prompt_logprobs", body.prompt_logprobs, "left out in a stream")
    options = body.stream_options
    if options is None:
        return
    if not body.stream:
        shown = options.model_dump(exclude_none=True)
        raise ParameterError("stream_options", shown, "set only together with stream")
    if options.include_tree and not beams:
        allowed = "set only together with num_beams, use_beam_search or stochastic_beams"
        raise ParameterError("stream_options.include_tree", True, allowed)


def _sampling(body: CompletionBody | ChatBody, shape: _Shape) -> dict[str, Any]:
    sampling = {name: getattr(body, name) for name in _SAMPLING}
    sampling["n"] = shape.n if shape.beams else shape.width
    if sampling["top_k"] == -1:  # how vLLM says: all
        sampling["top_k"] = 0
    if body.seed is not None:
        sampling["seed"] = body.seed % 2**64
    if body.logit_bias is not None:
        sampling["logit_bias"] = _biases(body.logit_bias)
    unused = frozenset() if shape.method is None else shape.method.unused
    for name, neutral in _NEUTRAL_WHERE_UNUSED.items():
        if name in unused and sampling[name] == neutral:
            sampling[name] = None  # which says that nothing is drawn: that is no mistake
    return sampling


def _biases(given: dict[str, Any]) -> dict[int, Any]:
    wrong = [key for key in given if not _is_token_id(key)]
    if wrong:
        raise ParameterError("logit_bias", one_or_all(wrong), "keys are token ids")
    return {int(key): bias for key, bias in given.items()}


def _is_token_id(key: str) -> bool:
    # One spelling of a number: "5" and "05" would be two biases for one token.
    return key.isascii() and key.isdecimal() and len(key) < 19 and str(int(key)) == key


def _max_tokens(
    body: CompletionBody | ChatBody, ask: Grow, begun: int, model: Served, settings: ServerSettings
) -> int | None:
    """Return how long a text may get, with the `begun` tokens of its prefix; None leaves it to the model.

    What nobody asked for gives way to the context, and lets a text grow whose prefix is as long.
    """
    if body.most_tokens is not None:
        return body.most_tokens or 1  # 0: one is generated and left out
    if body.default_tokens is None and settings.max_tokens is None:
        return None
    default = body.default_tokens or SamplingParams().max_tokens
    if default <= begun:
        default += begun
    most = min(default, settings.max_tokens or default, model.room(ask))
    return most if most >= max(begun, 1) else None  # else it does not fit, as the model will say


def _check_told(alternatives: int | None, grown: int, traced: int | None, prompt_tokens: int) -> None:
    """Bound the memory of an answer that tells of alternatives to tokens that grow, and to the prompts'."""
    told = grown * (alternatives or 0)
    if traced is not None:
        told += prompt_tokens * (1 + traced)
    if told > MAX_TOLD:
        name = "top_logprobs" if alternatives else "prompt_logprobs"
        raise ParameterError(name, f"{told} alternatives", f"at most {MAX_TOLD} in one request")
