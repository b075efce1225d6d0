"""Chat templates: a conversation -> the text that a model was trained on.

A template comes with the model file and is a program. jinja2's sandbox keeps it from Python's internals but
not from looping for ever or asking for gigabytes, and no list of forbidden operations is complete. So it runs
in a child process (`template_worker.py`) that may open no file and whose time, memory and output are bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ponder.errors import ParameterError, TemplateError
from ponder.sandbox import ConfinedProcess, Limits

_LIMITS = Limits(cpu_seconds=1.0, clock_seconds=5.0, memory_bytes=512 * 2**20)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is mostly "system", "user" or "assistant"."""

    role: str
    content: str

    def __post_init__(self) -> None:
        for name, value in (("role", self.role), ("content", self.content)):
            if not isinstance(value, str):
                raise ParameterError(name, value, "text")
        if not self.role.strip():
            raise ParameterError("role", self.role, "text that is not empty, such as user")


class ChatTemplate:
    """A model's chat template.

    The process that renders it starts at once, in the background, and ends with `close`, with this object or
    with this process, however that ends. Safe to use from several threads; renders take turns.

    Parameters
    ----------
    source
        The jinja2 template. Errors in it appear on the first render.
    tokens
        What the template may call tokens: `bos_token`, `eos_token` and other names (`Tokenizer.names`).
    """

    def __init__(self, source: str, **tokens: str) -> None:
        self._source = source
        self._tokens = tokens
        script = Path(__file__).with_name("template_worker.py")
        self._process = ConfinedProcess(script, ("jinja2", "markupsafe"), _LIMITS)
        self._process.start()

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        """Write the conversation as the model expects it.

        Parameters
        ----------
        messages
            The conversation so far.
        add_generation_prompt
            Whether to end with the beginning of the assistant's turn.

        Raises
        ------
        TemplateError
            The template is malformed, refuses the conversation, or did something a template may not do.
        PonderError
            The process that renders could not be started.
        """
        variables = {
            "messages": [asdict(message) for message in messages],
            "add_generation_prompt": add_generation_prompt,
            "tools": None,
            "documents": None,
            **self._tokens,
        }
        answer = self._process.ask({"source": self._source, "variables": variables})
        if answer is None:
            raise TemplateError(
                f"chat template: stopped, because it took more than {_LIMITS.cpu_seconds:g} s"
                f" or {_LIMITS.memory_bytes / 2**20:g} MiB"
            )
        if "error" in answer:
            raise TemplateError(f"chat template: {_printable(answer['error'])}")
        return str(answer["text"])

    def close(self) -> None:
        """End the process now; a later render starts another."""
        self._process.close()


def _printable(text: object) -> str:
    """One short line: what a template says may hold control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())
    return line if len(line) <= 300 else line[:297] + "..."
