"""Constraints as plain data: JSON values by name, as a command line or a request gives them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import reduce
from typing import Any

from ponder.constraints.ban import Ban
from ponder.constraints.composition import Composable
from ponder.constraints.constraint import Constraint
from ponder.constraints.contains import Contains, EndsWith, StartsWith
from ponder.constraints.grammar import Grammar
from ponder.constraints.json_schema import JsonSchema
from ponder.constraints.length import Length
from ponder.constraints.mentions import Mentions
from ponder.constraints.one_of import OneOf
from ponder.constraints.regex import Regex
from ponder.constraints.sentences import Sentences
from ponder.constraints.thinking import Thinking
from ponder.constraints.words import Words
from ponder.errors import ParameterError, renaming

MAX_PATTERNS = 64  # of ban_regex

_COUNTED: Mapping[str, Callable[..., Constraint]] = {"words": Words, "sentences": Sentences, "chars": Length}
_BAN = ("strings", "ignore_case", "whole_word", "variants", "within")
_MENTIONS = ("strings", "ignore_case", "whole_word")
_THINKING = (
    *("minimum", "maximum", "open", "close", "opened", "grace", "rank", "message", "reserve", "per", "calls"),
)
_OF_SCHEMA = ("any_order", "compact")


def constraint_of(fields: Mapping[str, Any], answer: Sequence[Constraint] = ()) -> Constraint | None:
    """Return the constraint that some fields describe: the text must keep to all of them.

    Parameters
    ----------
    fields : values by the names in `FIELDS`; None is as good as left out. With `thinking`, the other fields
        are about what comes after the thoughts.
    answer : further constraints to join with those of the fields.

    Raises
    ------
    ParameterError : a name is not known, or a value is not allowed; it names the field, and of an object its
        member, such as ban.variants.
    """
    given = {name: value for name, value in fields.items() if value is not None}
    _check_names("", given, FIELDS)
    parts = [*answer]
    for name, make in _MAKERS.items():
        if name in given:
            with _called(name):
                parts += make(given[name])
    if "json_schema" in given:
        parts.append(_json_schema(given))
    else:
        for name in _OF_SCHEMA:
            if name in given:
                raise ParameterError(name, given[name], "set only together with json_schema")
    for what, count in _COUNTED.items():
        least, most = given.get(f"min_{what}"), given.get(f"max_{what}")
        if least is not None or most is not None:
            with renaming({"minimum": f"min_{what}", "maximum": f"max_{what}"}):
                parts.append(count(0 if least is None else least, most))
    whole = all_of(parts)
    if "thinking" in given:
        members = _members("thinking", given["thinking"], _THINKING)
        with renaming({name: f"thinking.{name}" for name in _THINKING}):
            return Thinking(**members, answer=whole)
    return whole


def all_of(parts: Sequence[Constraint]) -> Constraint | None:
    """Return what all parts allow: the only one itself; of none, None."""
    return reduce(Composable.__and__, parts) if parts else None


def _choice(value: Any) -> list[Constraint]:
    return [OneOf(value)]


def _regex(value: Any) -> list[Constraint]:
    return [Regex(value)]


def _grammar(value: Any) -> list[Constraint]:
    return [Grammar(value)]


def _ban(value: Any) -> list[Constraint]:
    with renaming({name: f"ban.{name}" for name in _BAN}):
        return [Ban(**_with_strings("ban", value, _BAN))]


def _mentions(value: Any) -> list[Constraint]:
    members = _with_strings("mentions", value, _MENTIONS)
    with renaming({name: f"mentions.{name}" for name in _MENTIONS if name != "strings"}):
        return [Mentions(**members)]


def _ban_regex(value: Any) -> list[Constraint]:
    if not isinstance(value, list | tuple) or not 0 < len(value) <= MAX_PATTERNS:
        raise ParameterError("ban_regex", value, f"a list of 1 to {MAX_PATTERNS} regular expressions")
    return [~Contains(Regex(pattern)) for pattern in value]


def _contains(value: Any) -> list[Constraint]:
    return [Contains(_string(value))]


def _starts_with(value: Any) -> list[Constraint]:
    return [StartsWith(_string(value))]


def _ends_with(value: Any) -> list[Constraint]:
    return [EndsWith(_string(value))]


# Each gets a value and returns what it means. An error that it raises is renamed to the field's name.
_MAKERS: Mapping[str, Callable[[Any], list[Constraint]]] = {
    "choice": _choice,
    "regex": _regex,
    "grammar": _grammar,
    "ban": _ban,
    "ban_regex": _ban_regex,
    "contains": _contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "mentions": _mentions,
}

FIELDS = (
    *_MAKERS,
    "json_schema",
    *_OF_SCHEMA,
    *(f"{end}_{what}" for what in _COUNTED for end in ("min", "max")),
    "thinking",
)


def _json_schema(given: Mapping[str, Any]) -> Constraint:
    schema = given["json_schema"]
    if schema is True or (isinstance(schema, str) and schema.strip() == "true"):
        schema = {"type": "object"}
    if not isinstance(schema, dict | str):
        allowed = "a schema as an object or as JSON text, or true for any JSON object"
        raise ParameterError("json_schema", schema, allowed)
    options = {name: given[name] for name in _OF_SCHEMA if name in given}
    for name, value in options.items():
        if not isinstance(value, bool):
            raise ParameterError(name, value, "true or false")
    with _called("json_schema"):
        return JsonSchema(schema, **options)


def _with_strings(where: str, value: Any, known: Sequence[str]) -> dict[str, Any]:
    """Return the members of an object that has strings; a list is one that has nothing else."""
    if not isinstance(value, Mapping):
        if not isinstance(value, str | list | tuple):
            raise ParameterError(where, value, f"a list of strings, or an object with {', '.join(known)}")
        return {"strings": value}
    members = _members(where, value, known)
    if "strings" not in members:
        raise ParameterError(f"{where}.strings", None, "a list of strings")
    return members


def _members(where: str, value: Any, known: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ParameterError(where, value, f"an object with any of {', '.join(known)}")
    _check_names(f"{where}.", value, known)
    return {name: member for name, member in value.items() if member is not None}


def _check_names(where: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
    for name, value in given.items():
        if name not in known:
            near = get_close_matches(str(name)[:80], known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise ParameterError(f"{where}{str(name)[:80]}", value, f"no name that is known: {hint}")


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ParameterError("part", value, "a string")
    return value


@contextmanager
def _called(name: str) -> Iterator[None]:
    """Let errors name a field, unless they name a member of it."""
    try:
        yield
    except ParameterError as error:
        if error.field.startswith(f"{name}."):
            raise
        raise ParameterError(name, error.value, error.allowed) from None
