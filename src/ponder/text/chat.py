"""Chat templates: a conversation -> the text that a model was trained on.

A template comes with the model file and is a program. jinja2's sandbox keeps it from Python's internals but
not from looping for ever or asking for gigabytes, and no list of forbidden operations is complete. So it runs
in a child process (`template_worker.py`) that may open no file and whose time, memory and output are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponder.errors import ParameterError, TemplateError
from ponder.sandbox import ConfinedProcess, Limits
from ponder.text.call_form import FORMS, HERMES, CallForm
from ponder.text.conversation import RENDERERS, Conversation, Message

_LIMITS = Limits(cpu_seconds=1.0, clock_seconds=5.0, memory_bytes=512 * 2**20)
_PROBE = "needle"
_TOOL = {
    "type": "function",
    "function": {
        "name": _PROBE,
        "description": _PROBE,
        "parameters": {"type": "object", "properties": {_PROBE: {"type": "string"}}, "required": [_PROBE]},
    },
}
_CALL = {"id": "call00001", "type": "function", "function": {"name": _PROBE, "arguments": {_PROBE: _PROBE}}}


@dataclass(frozen=True, slots=True)
class _Knows:
    """What a template can write.

    `variables` it reads; `words` are names of members and constants in it. With `parts` it writes content
    that is a list of parts, and not content that is text.
    """

    variables: frozenset[str]
    words: frozenset[str]
    parts: bool


class ChatTemplate:
    """A model's chat template.

    The process that renders it starts at once, in the background, and ends with `close`, with this object or
    with this process, however that ends. Safe to use from several threads; renders take turns.

    Parameters
    ----------
    source
        The jinja2 template. Errors in it appear on the first render.
    tool_use
        Another template, for conversations with tools.
    tokens
        What the template may call tokens: `bos_token`, `eos_token` and other names (`Tokenizer.names`).
    """

    def __init__(self, source: str, *, tool_use: str | None = None, **tokens: str) -> None:
        self._source = source
        self._tool_use = tool_use
        self._tokens = tokens
        script = Path(__file__).with_name("template_worker.py")
        self._process = ConfinedProcess(script, ("jinja2", "markupsafe"), _LIMITS)
        self._process.start()
        self._known: dict[str, _Knows] = {}  # of each template
        self._calls: list[CallForm | None] = []  # the form of calls, once it is asked for

    def render(self, conversation: Conversation | Sequence[Message], safe: Callable[[str], str] = str) -> str:
        """Write the conversation as the model expects it, or up to the content of a message to go on with.

        Parameters
        ----------
        conversation
            The conversation so far; messages alone are answered by the assistant.
        safe
            What is put in the place of each of its texts, but roles.

        Raises
        ------
        ParameterError
            The template has no place for tools, tool calls or a variable that the conversation has.
        TemplateError
            The template is malformed, refuses the conversation, or did something a template may not do.
        PonderError
            The process that renders could not be started.
        """
        if not isinstance(conversation, Conversation):
            conversation = Conversation(tuple(conversation))
        source = self._tool_use if conversation.tools and self._tool_use else self._source
        knows = self._knows(source)
        _refuse_unknown(conversation, knows)
        written = self._write(source, conversation.variables(safe, parts=knows.parts))
        if not conversation.continue_final_message:
            return written
        return conversation.upto_begun(written, safe(conversation.begun))

    def call_form(self) -> CallForm | None:
        """Return how the model writes calls of tools: as its template writes one; None: that is not known.

        A template that writes none says nothing of it; then it is `HERMES`, which most models were taught.
        """
        if not self._calls:
            self._calls.append(self._find_call_form())
        return self._calls[0]

    def writes_system(self) -> bool:
        """Whether it writes what a system message says."""
        try:
            return _PROBE in self.render((Message("system", _PROBE), Message("user", "a")))
        except TemplateError:
            return False

    def writes_tools(self) -> bool:
        """Whether it has a place for tools."""
        try:
            return "tools" in self._knows(self._tool_use or self._source).variables
        except TemplateError:
            return False

    def _find_call_form(self) -> CallForm | None:
        knows = self._knows(self._tool_use or self._source)
        if "tools" not in knows.variables or "tool_calls" not in knows.words:
            return HERMES
        asked = Message("user", _PROBE)
        try:
            before, after = (
                self.render(Conversation(messages, (_TOOL,), add_generation_prompt=False))
                for messages in ((asked,), (asked, Message("assistant", tool_calls=(_CALL,))))
            )
        except TemplateError:
            return None
        pairs = enumerate(zip(before, after, strict=False))
        written = after[next((at for at, (one, other) in pairs if one != other), len(before)) :]
        if _PROBE not in written:
            return HERMES
        return next((form for form in FORMS if form.is_in(written, _PROBE)), None)

    def close(self) -> None:
        """End the process now; a later render starts another."""
        self._process.close()

    def _write(self, source: str, variables: Mapping[str, Any]) -> str:
        return str(self._asked({"source": source, "variables": {**variables, **self._tokens}})["text"])

    def _knows(self, source: str) -> _Knows:
        if source not in self._known:
            told = self._asked({"source": source, "about": True})
            words, probe = frozenset(told["words"]), Conversation((Message("user", _PROBE),))
            parts = (
                "text" in words
                and not self._writes(source, probe.variables(str))
                and self._writes(source, probe.variables(str, parts=True))
            )
            self._known[source] = _Knows(frozenset(told["variables"]), words, parts)
        return self._known[source]

    def _writes(self, source: str, probe: Mapping[str, Any]) -> bool:
        try:
            return _PROBE in self._write(source, probe)
        except TemplateError:
            return False

    def _asked(self, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._process.ask(request)
        if answer is None:
            raise TemplateError(
                f"chat template: stopped, because it took more than {_LIMITS.cpu_seconds:g} s"
                f" or {_LIMITS.memory_bytes / 2**20:g} MiB"
            )
        if "error" in answer:
            raise TemplateError(f"chat template: {_printable(answer['error'])}")
        return answer


def _refuse_unknown(conversation: Conversation, knows: _Knows) -> None:
    """Refuse what the template would leave out without a word."""
    if conversation.tools and "tools" not in knows.variables:
        names = ", ".join(tool["function"]["name"] for tool in conversation.tools)
        raise ParameterError("tools", names, "left out: this model's chat template has no place for tools")
    for i, message in enumerate(conversation.messages):
        if message.tool_calls and "tool_calls" not in knows.words:
            names = ", ".join(call["function"]["name"] for call in message.tool_calls)
            allowed = "left out: this model's chat template has no place for tool calls"
            raise ParameterError(f"messages[{i}].tool_calls", names, allowed)
    for name, value in conversation.template_args.items():
        if name not in knows.variables and value not in (None, False):
            known = ", ".join(sorted(knows.variables - RENDERERS)) or "none"
            allowed = f"left out or false: this model's chat template has no such variable (it has: {known})"
            raise ParameterError(f"template_args.{name}", value, allowed)


def _printable(text: object) -> str:
    """One short line: what a template says may hold control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())
    return line if len(line) <= 300 else line[:297] + "..."
