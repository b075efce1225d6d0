"""The options that several commands share, each written once, and how a command takes them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from ponder.errors import ParameterError
from ponder.sampling import resolve_params

Table = Mapping[str, Any]

Model = Annotated[str, typer.Option("--model", "-m", help="A name, a .gguf file, a Hugging Face directory.")]
Device = Annotated[str | None, typer.Option(help="A torch device; by default CUDA where there is one.")]
Quantize = Annotated[
    str | None, typer.Option(help="q8_0 or q4_1: round an F32, F16 or BF16 model to 8 or 4 bits at load.")
]
System = Annotated[str | None, typer.Option(help="System message.")]
Chat = Annotated[
    bool | None,
    typer.Option(
        "--chat/--raw", help="Send the prompt as a message or as raw text; by default what the model has."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SAMPLING: Table = {
    "temperature": Annotated[float | None, typer.Option("--temperature", "-t", help="0 is greedy.")],
    "top_k": Annotated[int | None, typer.Option(help="Keep the k likeliest tokens; 0 keeps all.")],
    "top_p": Annotated[float | None, typer.Option(help="Keep a token iff the mass ahead of it is < p.")],
    "min_p": Annotated[
        float | None, typer.Option(help="Keep tokens with >= min_p times the largest probability.")
    ],
    "repetition_penalty": Annotated[
        float | None, typer.Option(help="Divide logits of tokens seen in prompt or output.")
    ],
    "frequency_penalty": Annotated[
        float | None, typer.Option(help="Subtracted per occurrence in the output.")
    ],
    "presence_penalty": Annotated[
        float | None, typer.Option(help="Subtracted once for tokens in the output.")
    ],
    "logit_bias": Annotated[
        list[str] | None, typer.Option(metavar="ID=BIAS", help="Added to a token's logit; repeatable.")
    ],
    "stop": Annotated[list[str] | None, typer.Option(help="End before this string; repeatable.")],
    "stop_token_ids": Annotated[
        list[int] | None, typer.Option("--stop-token-id", help="End at this token; repeatable.")
    ],
    "min_tokens": Annotated[int | None, typer.Option(help="Do not end before so many tokens.")],
    "max_tokens": Annotated[int | None, typer.Option(help="The most tokens to generate.")],
    "n": Annotated[int | None, typer.Option("--n", "-n", help="How many samples.")],
    "seed": Annotated[int | None, typer.Option(help="Same seed, same text; drawn and reported when unset.")],
    "ignore_eos": Annotated[
        bool | None, typer.Option("--ignore-eos", help="Go on after an end-of-text token.")
    ],
    "include_stop_str_in_output": Annotated[
        bool | None,
        typer.Option("--include-stop-str-in-output", help="Keep the stop string that ended the text."),
    ],
    "top_logprobs": Annotated[
        int | None, typer.Option(help="How many alternatives each token's trace names.")
    ],
}

SEARCH: Table = {
    "num_beams": Annotated[int | None, typer.Option(help="Beam search of this width.")],
    "length_penalty": Annotated[
        float | None, typer.Option(help="Beam scores are divided by length ** this; default 1.")
    ],
    "early_stopping": Annotated[
        str | None, typer.Option(help="Beam search: true, false (default) or never.")
    ],
}

CONSTRAINT: Table = {
    "ban": Annotated[
        list[str] | None, typer.Option(help="A string that the text may not contain; repeatable.")
    ],
    "ban_ignore_case": Annotated[bool | None, typer.Option("--ban-ignore-case", help="Ban it in any case.")],
}


def takes(**tables: Table) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command all options of some tables; it gets each table's values as a dict of that name.

    Options default to None: not set by the caller.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        own = [
            p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name not in tables
        ]
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
            for table in tables.values()
            for name, annotation in table.items()
        ]

        @functools.wraps(command)
        def wrapper(**values: Any) -> Any:
            groups = {name: {key: values.pop(key) for key in table} for name, table in tables.items()}
            return command(**values, **groups)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared
        wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapper

    return decorate


def sampling_options(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampling parameters that were given, checked: a bad value should not wait for the model."""
    options = {name: value for name, value in sampling.items() if value is not None and value != []}
    if "logit_bias" in options:
        options["logit_bias"] = _biases(options["logit_bias"])
    resolve_params(options, {})
    return options


def generation_options(
    sampling: Mapping[str, Any], search: Mapping[str, Any], constraint: Mapping[str, Any]
) -> dict[str, Any]:
    """Turn the tables' values into the keyword arguments of `LM`."""
    options = sampling_options(sampling)
    if search["num_beams"] is not None:
        options["decoder"] = _beam_search(search)
    else:
        for name in ("length_penalty", "early_stopping"):
            if search[name] is not None:
                raise ParameterError(name, search[name], "set only together with num_beams")
    if constraint["ban"]:
        from ponder.constraints import Ban

        options["constraint"] = Ban(tuple(constraint["ban"]), ignore_case=bool(constraint["ban_ignore_case"]))
    elif constraint["ban_ignore_case"]:
        raise ParameterError("ban_ignore_case", True, "set only together with ban")
    return options


def _beam_search(search: Mapping[str, Any]) -> Any:
    from ponder.decoders import BeamSearch

    named: dict[str | None, Any] = {"true": True, "false": False, "never": "never", None: False}
    stopping = search["early_stopping"]
    if stopping not in named:
        raise ParameterError("early_stopping", stopping, "true, false or never")
    penalty = search["length_penalty"]
    return BeamSearch(search["num_beams"], 1.0 if penalty is None else penalty, named[stopping])


def _biases(pairs: list[str]) -> dict[int, float]:
    biases: dict[int, float] = {}
    for pair in pairs:
        token, _, bias = pair.partition("=")
        try:
            added = {int(token): float(bias)}
        except ValueError:
            raise ParameterError("logit_bias", pair, "TOKEN_ID=BIAS, such as 42=-1.5") from None
        if added.keys() & biases.keys():
            raise ParameterError("logit_bias", pair, "one bias for each token")
        biases |= added
    return biases
