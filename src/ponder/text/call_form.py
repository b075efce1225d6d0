"""How families of models write calls of tools: one table, to read calls and to hold models to them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call: the tool's name, and its arguments as JSON text of an object."""

    name: str
    arguments: str


class NoCalls(ValueError):
    """A text is no calls. `unfinished`: it may become calls when it goes on."""

    def __init__(self, unfinished: bool = False) -> None:
        super().__init__("no calls")
        self.unfinished = unfinished


@dataclass(frozen=True, slots=True)
class CallForm:
    """How calls are written: `opening`, calls with `between` between them, `end`.

    The strings are as a model is held to write them. In reading, any white space may stand before each of
    them, and where they have some.

    Attributes
    ----------
    opening : empty: calls are the whole text.
    keys : the members of the JSON object that a call is: its name and its arguments. None: a call is `head`,
        the tool's name, `middle`, the arguments' JSON object, `tail`.
    between : None: there is one call.
    again : what comes between `end` and the `opening` of more calls; where the text ends, `end` may be
        missing then. None: after `end` nothing follows.
    optional : a control token that may come before everything.
    short_ids : whether the template wants ids of calls to be nine letters and digits. A call may then have
        a member `id`.
    bare : whether a call may also be written as a `BareCall`.
    """

    opening: str = ""
    keys: tuple[str, str] | None = ("name", "arguments")
    head: str = ""
    middle: str = ""
    tail: str = ""
    between: str | None = None
    end: str = ""
    again: str | None = None
    optional: str = ""
    short_ids: bool = False
    bare: bool = False

    def has_any(self, marks: Iterable[str]) -> bool:
        """Return whether one of some marks must be written around calls."""
        around = (self.opening, self.head, self.middle, self.tail, self.between or "", self.end)
        return any(mark in one for mark in marks if mark for one in around)

    def may_begin(self, text: str) -> bool:
        """Return whether a text may be calls when it goes on, as far as can be told from how it begins."""
        try:
            at = skip_space(text, self._skip_opening(text, 0))
        except NoCalls as error:
            return error.unfinished
        return self.keys is None or text.startswith("{", at) or at == len(text)

    def is_in(self, text: str, name: str) -> bool:
        """Return whether calls of a tool are somewhere in a text."""
        first = next(iter(self.opening.split()), "{")
        at = text.find(first)
        while at >= 0:
            try:
                self._read_calls(text, at, (name,), ended=False)
            except NoCalls:
                at = text.find(first, at + 1)
            else:
                return True
        return False

    def read(self, text: str, names: Collection[str], *, ended: bool) -> list[ToolCall]:
        """Return the calls that a text is, with all that is around them.

        Parameters
        ----------
        names : of the tools that can be called.
        ended : whether nothing comes after it.

        Raises
        ------
        NoCalls : it is none.
        """
        calls, at = self._read_calls(text, 0, names, ended=ended)
        if text[at:].strip():
            raise NoCalls
        return calls

    def _read_calls(
        self, text: str, at: int, names: Collection[str], *, ended: bool
    ) -> tuple[list[ToolCall], int]:
        """Return the calls at a place, and where they end."""
        call, at = self._read_call(text, self._skip_opening(text, at), names)
        calls = [call]
        while True:
            if ended and self.again is not None and not text[at:].strip():
                return calls, at
            try:
                return calls, skip(self.end, text, at)
            except NoCalls:
                if self.between is None:
                    raise
            call, at = self._read_call(text, skip(self.between, text, at), names)
            calls.append(call)

    def _skip_opening(self, text: str, at: int) -> int:
        """Return where the first call is after an opening at a place."""
        if self.optional:
            try:
                at = skip(self.optional, text, at)
            except NoCalls as error:
                if error.unfinished and text[at:].strip():
                    raise
        return skip(self.opening, text, at)

    def _read_call(self, text: str, at: int, names: Collection[str]) -> tuple[ToolCall, int]:
        """Return the call at a place, and where it ends."""
        if self.keys is not None:
            name_key, arguments_key = self.keys
            read, at = read_object(text, at)
            known = {name_key, arguments_key} | ({"id"} if self.short_ids else set())
            if not {name_key} <= read.keys() <= known:
                raise NoCalls
            return call_of(read[name_key], read.get(arguments_key, {}), names), at
        at = skip(self.head, text, at)
        for name in sorted(names, key=len, reverse=True):
            if text.startswith(name, at):
                arguments, at = read_object(text, skip(self.middle, text, at + len(name)))
                return call_of(name, arguments, names), skip(self.tail, text, at)
        raise NoCalls


HERMES = CallForm("<tool_call>\n", end="\n</tool_call>", again="\n", bare=True)


def _list(opening: str, end: str, **others: Any) -> CallForm:
    return CallForm(f"{opening}[", between=", ", end=f"]{end}", **others)


def _deepseek(bar: str, gap: str) -> CallForm:
    """Return DeepSeek V3's form, whose marks begin with a bar and have gaps between words."""
    calls, call, name = (f"<{bar}tool{gap}{what}" for what in (f"calls{gap}", f"call{gap}", "sep"))
    return CallForm(
        f"{calls}begin{bar}>",
        keys=None,
        head=f"{call}begin{bar}>function{name}{bar}>",
        middle="\n```json\n",
        tail=f"\n```{call}end{bar}>",
        between="\n",
        end=f"{calls}end{bar}>",
    )


FORMS: tuple[CallForm, ...] = (
    HERMES,  # and Qwen
    CallForm("<toolcall> ", end=" </toolcall>", again="\n"),  # Nemotron
    CallForm(keys=("name", "parameters"), optional="<|python_tag|>"),  # Llama 3
    _list("[TOOL_CALLS] ", "", short_ids=True),  # Mistral
    _list("<|tool_call|>", "<|/tool_call|>"),  # Phi 4
    _list("<|tool_call|>", ""),  # Granite 3
    _list("Action:\n```json\n", "```", keys=("tool_name", "parameters")),  # Command R
    _deepseek("｜", "▁"),
    _deepseek("|", "_"),
)


def skip(string: str, text: str, at: int) -> int:
    """Return where a string ends that stands at a place of a text."""
    for mark in string.split():
        at = skip_space(text, at)
        if not text.startswith(mark, at):
            raise NoCalls(unfinished=mark.startswith(text[at:]))
        at += len(mark)
    return at


def skip_space(text: str, at: int) -> int:
    """Return where the white space ends that stands at a place of a text."""
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def read_object(text: str, at: int) -> tuple[dict[str, Any], int]:
    """Return the JSON object at a place of a text, and where it ends."""
    try:
        read, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(text, skip_space(text, at))
    except json.JSONDecodeError as error:
        raise NoCalls(unfinished=error.msg.startswith("Unterminated string")) from None
    except (ValueError, RecursionError):
        raise NoCalls from None
    if not isinstance(read, dict):
        raise NoCalls
    return read, end


def call_of(name: object, arguments: object, names: Collection[str]) -> ToolCall:
    """Return a call of one of some tools. Raises NoCalls."""
    if not isinstance(name, str) or name not in names or not isinstance(arguments, dict):
        raise NoCalls
    try:
        told = json.dumps(arguments, ensure_ascii=False, allow_nan=False)
        told.encode()  # half of a surrogate pair cannot be sent
    except (ValueError, RecursionError):
        raise NoCalls from None
    return ToolCall(name, told)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)
