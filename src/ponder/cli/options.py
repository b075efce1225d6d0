"""The options that several commands share, each written once, and how a command takes them."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, get_origin

import typer

from ponder.errors import ParameterError, renaming
from ponder.sampling import SamplingParams, resolve_params
from ponder.sampling.params import HELP
from ponder.sampling.settings import CONSTRAINTS, DECODING

if TYPE_CHECKING:
    from ponder.constraints import Constraint

Table = Mapping[str, Any]

Model = Annotated[str, typer.Option("--model", "-m", help="A name, a .gguf file, a Hugging Face directory.")]
Device = Annotated[str | None, typer.Option(help="A torch device; by default CUDA where there is one.")]
Quantize = Annotated[
    str | None, typer.Option(help="q8_0 or q4_1: round an F32, F16 or BF16 model to 8 or 4 bits at load.")
]
Context = Annotated[
    int | None,
    typer.Option(
        "--context", help="The most tokens of a text, prompt and answer together; by default the model's own."
    ),
]
System = Annotated[str | None, typer.Option(help="System message.")]
Chat = Annotated[
    bool | None,
    typer.Option(
        "--chat/--raw", help="Send the prompt as a message or as raw text; by default what the model has."
    ),
]
TemplateArg = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A variable of the chat template's own, such as enable_thinking=false; repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

MAX_FILE = 2**22  # bytes of a schema or a grammar

_CHOOSING = "Choosing tokens"
_LETTERS = {"temperature": "-t", "n": "-n"}


def _sentence(says: str, more: str = "") -> str:
    """Return what a parameter does as an option says it."""
    return f"{says[0].upper()}{says[1:]}{more}."


def _number(name: str, metadata: Mapping[str, Any]) -> Any:
    """An option for a parameter that is a number, described as the parameter describes itself."""
    option = typer.Option(
        f"--{name.replace('_', '-')}",
        *([_LETTERS[name]] if name in _LETTERS else []),
        help=_sentence(metadata["help"]),
        rich_help_panel=_CHOOSING,
    )
    kind: Any = int if "whole" in metadata else float
    return Annotated[kind | None, option]


def _setting(kind: Any, says: str, *names: str, **how: Any) -> Any:
    """An option of this type, without None, that says so; a list may be repeated."""
    more = "; repeatable" if get_origin(kind) is list else ""
    return Annotated[kind | None, typer.Option(*names, help=_sentence(says, more), **how)]


SAMPLING: Table = {
    **{one.name: _number(one.name, one.metadata) for one in fields(SamplingParams) if one.metadata},
    "logit_bias": _setting(list[str], HELP["logit_bias"], metavar="ID=BIAS"),
    "sequence_bias": _setting(list[str], HELP["sequence_bias"], metavar="ID,ID,...=BIAS"),
    "dry_sequence_breakers": _setting(list[str], HELP["dry_sequence_breakers"], "--dry-sequence-breaker"),
    "semantics": _setting(str, HELP["semantics"], rich_help_panel=_CHOOSING),
    "order": _setting(str, HELP["order"], metavar="STEP,STEP,...", rich_help_panel=_CHOOSING),
    "stop": _setting(list[str], HELP["stop"]),
    "stop_token_ids": _setting(list[int], HELP["stop_token_ids"], "--stop-token-id"),
    "ignore_eos": _setting(bool, HELP["ignore_eos"], "--ignore-eos"),
    "include_stop_str_in_output": _setting(
        bool, HELP["include_stop_str_in_output"], "--include-stop-str-in-output"
    ),
    "skip_special_tokens": _setting(bool, HELP["skip_special_tokens"]),
    "logprob_token_ids": _setting(list[int], HELP["logprob_token_ids"], "--logprob-token-id"),
}

SEARCH: Table = {
    "num_beams": _setting(int, DECODING["num_beams"]),
    "beam_semantics": _setting(str, DECODING["beam_semantics"]),
    "beam_sample": _setting(bool, DECODING["beam_sample"], "--beam-sample"),
    "num_beam_groups": _setting(int, DECODING["num_beam_groups"]),
    "diversity_penalty": _setting(float, DECODING["diversity_penalty"]),
    "stochastic_beams": _setting(int, DECODING["stochastic_beams"]),
    "length_penalty": _setting(float, DECODING["length_penalty"]),
    "early_stopping": _setting(str, DECODING["early_stopping"]),
    "contrastive_search": _setting(int, DECODING["contrastive_search"]),
    "penalty_alpha": _setting(float, DECODING["penalty_alpha"]),
    "faithful": _setting(str, DECODING["faithful"], metavar="weights|smc|exact"),
    "faithful_passes": _setting(int, DECODING["faithful_passes"]),
}

SPECULATION: Table = {
    "prompt_lookup": _setting(int, DECODING["prompt_lookup"]),
    "max_ngram": _setting(int, DECODING["max_ngram"]),
    "min_ngram": _setting(int, DECODING["min_ngram"]),
    "draft": _setting(str, DECODING["draft"]),
    "draft_tokens": _setting(int, DECODING["draft_tokens"]),
}

MIXTURE: Table = {
    "guidance_scale": _setting(float, DECODING["guidance_scale"]),
    "negative_prompt": _setting(str, DECODING["negative_prompt"]),
    "contrast": _setting(str, DECODING["contrast"], metavar="MODEL|LAYERS"),
    "contrast_alpha": _setting(float, DECODING["contrast_alpha"]),
    "contrast_expert": _setting(float, DECODING["contrast_expert"]),
    "contrast_amateur": _setting(float, DECODING["contrast_amateur"]),
    "contrast_temperature": _setting(float, DECODING["contrast_temperature"]),
    "dola_layers": _setting(str, DECODING["dola_layers"], metavar="low|high|N,N,..."),
    "dola_alpha": _setting(float, DECODING["dola_alpha"]),
    "dola_norm": _setting(bool, DECODING["dola_norm"], "--dola-norm"),
}

_TEXT = "What the text may be"


def _constraint(kind: Any, says: str, *names: str, metavar: str | None = None) -> Any:
    """An option of the panel about constraints; `kind` is its type without None."""
    return _setting(kind, says, *names, metavar=metavar, rich_help_panel=_TEXT)


# By the names of `ponder.constraints.plain.FIELDS`, where there is one.
CONSTRAINT: Table = {
    "choice": _constraint(list[str], CONSTRAINTS["choice"]),
    "regex": _constraint(str, CONSTRAINTS["regex"]),
    "json_schema": _constraint(str, CONSTRAINTS["json_schema"], metavar="FILE|TEXT"),
    "any_order": _constraint(bool, CONSTRAINTS["any_order"], "--any-order"),
    "grammar": _constraint(str, CONSTRAINTS["grammar"], metavar="FILE|TEXT"),
    "ban": _constraint(list[str], CONSTRAINTS["ban"]),
    "ban_file": _constraint(str, "a file whose every line the text may not contain", metavar="FILE"),
    "ban_ignore_case": _constraint(bool, "ban it in any case", "--ban-ignore-case"),
    "ban_whole_word": _constraint(bool, "ban it as a word, not inside of others", "--ban-whole-word"),
    "ban_variants": _constraint(
        str,
        "ban other spellings too: normal_forms, compatibility, zero_width, confusables",
        metavar="NAME,NAME,...",
    ),
    "ban_within": _constraint(
        str,
        "ban it in string values of JSON only: values, or where a JSON pointer such as /person/name leads",
        metavar="values|POINTER",
    ),
    "ban_regex": _constraint(list[str], CONSTRAINTS["ban_regex"]),
    "contains": _constraint(str, CONSTRAINTS["contains"]),
    "starts_with": _constraint(str, CONSTRAINTS["starts_with"]),
    "ends_with": _constraint(str, CONSTRAINTS["ends_with"]),
    "mentions": _constraint(list[str], CONSTRAINTS["mentions"], "--mention"),
    "min_words": _constraint(int, CONSTRAINTS["min_words"]),
    "max_words": _constraint(int, CONSTRAINTS["max_words"]),
    "min_sentences": _constraint(int, CONSTRAINTS["min_sentences"]),
    "max_sentences": _constraint(int, CONSTRAINTS["max_sentences"]),
    "min_chars": _constraint(int, CONSTRAINTS["min_chars"]),
    "max_chars": _constraint(int, CONSTRAINTS["max_chars"]),
    "think_min": _constraint(int, "the least tokens before </think>; what else is asked is the answer's"),
    "think_max": _constraint(int, "the most tokens before </think>, which then is written"),
    "think_grace": _constraint(int, "from so many tokens before that on, it is written after a line break"),
    "think_rank": _constraint(int, "and there where it is among so many likeliest tokens"),
    "think_message": _constraint(str, "what is put before </think> where it is written so"),
    "think_reserve": _constraint(int, "how many of the tokens at most are left for the answer"),
    "think_per": _constraint(str, "whether the limits are for all blocks or for each", metavar="turn|block"),
    "think_opened": _constraint(
        str,
        "whether the prompt ends with <think>, or the text begins with it, or it is looked for",
        metavar="true|false|auto",
    ),
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
    if "sequence_bias" in options:
        options["sequence_bias"] = _sequence_biases(options["sequence_bias"])
    resolve_params(options, {})
    return options


def generation_options(
    sampling: Mapping[str, Any],
    search: Mapping[str, Any],
    constraint: Mapping[str, Any],
    speculation: Table = MappingProxyType({}),
    mixture: Table = MappingProxyType({}),
) -> dict[str, Any]:
    """Turn the tables' values into the keyword arguments of `LM`."""
    options = sampling_options(sampling)
    decoding = {name: value for name, value in {**search, **speculation}.items() if value is not None}
    if decoding:
        from ponder.decoders.named import decoder_of

        if "early_stopping" in decoding:
            decoding["early_stopping"] = _early_stopping(decoding["early_stopping"])
        decoder = decoder_of(decoding)
        if decoder is not None:
            options["decoder"] = decoder
    mixing = {name: value for name, value in mixture.items() if value is not None}
    if mixing:
        from ponder.decoders.named import mixture_of

        for name, read in (("contrast", _contrast), ("dola_layers", _layers)):
            if name in mixing:
                mixing[name] = read(mixing[name])
        options["mixture"] = mixture_of(mixing)
    kept = constraint_option(constraint)
    if kept is not None:
        options["constraint"] = kept
    return options


def constraint_option(table: Table) -> Constraint | None:
    """Return the constraint that a table's values describe; None: there are none."""
    described = _described(table)
    if not described:
        return None
    from ponder.constraints import constraint_of

    with renaming(_OPTIONS):
        return constraint_of(described)


# What --think-... options call the members of `thinking`.
_THINKING = {
    "minimum": "min",
    "maximum": "max",
    **{name: name for name in ("grace", "rank", "message", "reserve", "per", "opened")},
}
# What --options call fields and their members, where it is another name.
_OPTIONS = {
    **{f"ban.{name}": f"ban_{name}" for name in ("ignore_case", "whole_word", "variants", "within")},
    "mentions": "mention",
    **{f"thinking.{name}": f"think_{option}" for name, option in _THINKING.items()},
}


def _described(constraint: Table) -> dict[str, Any]:
    """Return the options of a constraint as plain data."""
    given = {name: value for name, value in constraint.items() if value not in (None, [], False)}
    fields = {name: value for name, value in given.items() if not name.startswith(("ban", "think_"))}
    if "ban_regex" in given:
        fields["ban_regex"] = given["ban_regex"]
    for name in ("json_schema", "grammar"):
        if name in fields:
            fields[name] = _file_or_text(name, fields[name])
    ban = _ban(given)
    if ban:
        fields["ban"] = ban
    thinking = {name: constraint.get(f"think_{option}") for name, option in _THINKING.items()}
    if thinking["opened"] in ("true", "false"):
        thinking["opened"] = thinking["opened"] == "true"
    if any(value is not None for value in thinking.values()):
        fields["thinking"] = thinking
    return fields


def _ban(given: Table) -> dict[str, Any]:
    """Return what may not be in the text as plain data; nothing where nothing is banned."""
    names = ("ignore_case", "whole_word", "within")
    how = {name: given[f"ban_{name}"] for name in names if f"ban_{name}" in given}
    if "ban_variants" in given:
        how["variants"] = [name.strip() for name in given["ban_variants"].split(",")]
    strings = list(given.get("ban", ()))
    if "ban_file" in given:
        from ponder.constraints import Ban

        with renaming({"ban": "ban_file"}):
            strings += Ban.from_file(given["ban_file"]).strings
    if strings:
        return {"strings": strings, **how}
    for name, value in how.items():
        raise ParameterError(f"ban_{name}", value, "set only together with ban or ban_file")
    return {}


def _file_or_text(name: str, value: str) -> str:
    """Return what is in the file that a value names, or else the value itself."""
    try:
        if not Path(value).is_file():
            return value
    except OSError:
        return value  # such as a text that is too long for a path
    from ponder.constraints.text_file import read_text_file

    return read_text_file(name, value, MAX_FILE)


def template_args(pairs: list[str] | None) -> dict[str, Any]:
    """Return variables of a chat template: of their values, what is JSON and no text is read as such."""
    if not pairs:
        return {}
    from ponder.text import Conversation

    args: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ParameterError("template_arg", pair, "NAME=VALUE, such as enable_thinking=false")
        if name in args:
            raise ParameterError("template_arg", pair, "one value for each name")
        args[name] = _json_or_text(value)
    try:
        Conversation((), template_args=args)
    except ParameterError as error:
        name = "template_arg" + error.field.removeprefix("template_args")
        raise ParameterError(name, error.value, error.allowed) from None
    return args


def _json_or_text(value: str) -> Any:
    try:
        read = json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return value
    return value if isinstance(read, str) else read


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _early_stopping(value: str) -> bool | str:
    named: dict[str, bool | str] = {"true": True, "false": False, "never": "never"}
    if value not in named:
        raise ParameterError("early_stopping", value, "true, false or never")
    return named[value]


def _contrast(value: str) -> str | int:
    return int(value) if value.isdecimal() else "draft"


def _layers(value: str) -> str | tuple[int, ...]:
    if value in ("low", "high"):
        return value
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError:
        raise ParameterError("dola_layers", value, "low, high, or numbers such as 0,8,16") from None


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


def _sequence_biases(pairs: list[str]) -> dict[tuple[int, ...], float]:
    biases: dict[tuple[int, ...], float] = {}
    for pair in pairs:
        ids, _, bias = pair.partition("=")
        try:
            tokens, added = tuple(int(token) for token in ids.split(",")), float(bias)
        except ValueError:
            raise ParameterError("sequence_bias", pair, "ID,ID,...=BIAS, such as 42,17=-1.5") from None
        if tokens in biases:
            raise ParameterError("sequence_bias", pair, "one bias for each sequence")
        biases[tokens] = added
    return biases
