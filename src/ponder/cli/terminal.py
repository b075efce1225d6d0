"""What commands share of a terminal: safe text, colours, progress on stderr."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.text import Conversation


def out() -> Console:
    """Return a console on stdout: colours only on a terminal and without NO_COLOR, no markup, no wrapping."""
    return Console(markup=False, highlight=False, emoji=False, soft_wrap=True)


def err() -> Console:
    """Return the same on stderr, where progress and remarks go."""
    return Console(stderr=True, markup=False, highlight=False, emoji=False, soft_wrap=True)


def write(console: Console, text: str, style: str = "") -> None:
    """Write model text as it comes: escaped on a terminal, untouched into a file or pipe."""
    if console.quiet:
        return
    if console.is_terminal:
        console.print(Text(printable(text), style=style), end="")
    else:
        console.file.write(text)
    console.file.flush()


@contextmanager
def working(message: str) -> Iterator[None]:
    """Show a spinner on stderr while something takes its time; nothing where stderr is no terminal."""
    console = err()
    if console.is_terminal:
        with console.status(message):
            yield
    else:
        yield


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Yield what shows one line of progress on stderr, "" for none; nothing where that is no terminal.

    Whoever prints something else meanwhile takes the line away before.
    """
    console = err()
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda line: None
        return

    def say(line: str) -> None:
        console.file.write("\r\x1b[2K" + printable(line)[: console.width - 1])
        console.file.flush()

    try:
        yield say
    finally:
        say("")


def load_lm(
    model: str,
    device: str | None,
    quantize: str | None = None,
    draft: str | None = None,
    entropy_head: str | None = None,
    context: int | None = None,
) -> LM:
    """Load a model with a spinner."""
    from ponder.hub import registry

    for name in (model, draft):
        if name is not None:
            registry.resolve(name)  # an unknown name should not wait for torch
    if quantize is not None:
        from ponder.checkpoints.quantized import quantization

        quantization(quantize)
    with working(f"loading {model}"):
        from ponder.lm import load

        return load(
            model, device=device, quantize=quantize, draft=draft, entropy_head=entropy_head, context=context
        )


def read_prompt(argument: str | None) -> str:
    """Return the prompt: the argument, and what standard input holds after it, or either alone.

    An argument of - stands for standard input. Beside another argument only a pipe or a file is read.
    """
    from ponder.errors import ParameterError

    if argument is None or argument == "-":
        if sys.stdin is None or (argument is None and sys.stdin.isatty()):
            raise ParameterError("prompt", None, "text, as an argument or on standard input")
        return _not_empty(_read_input())
    piped = ""
    if _has_input():
        if not select.select([sys.stdin], [], [], 1)[0]:
            err().print("reading standard input to its end, as it is a pipe (< /dev/null leaves it out)")
        piped = _read_input()
    return _not_empty(f"{argument}\n\n{piped}" if piped else argument)


def _has_input() -> bool:
    """Return whether standard input is a pipe or a file: what somebody gave on purpose."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode if sys.stdin is not None else 0
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _read_input() -> str:
    from ponder.errors import ParameterError

    try:
        text = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise ParameterError("prompt", f"byte {error.start} of standard input", "UTF-8 text") from None
    return text.removesuffix("\n").removesuffix("\r")


def read_conversation(file: Path, *, continue_final: bool, args: Mapping[str, Any]) -> Conversation:
    """Return a conversation: a JSON list of messages, or an object with messages and perhaps tools.

    Raises
    ------
    PonderError : the file cannot be read, or is no such JSON.
    """
    from ponder.errors import DataError, ParameterError
    from ponder.text import Conversation
    from ponder.text.conversation import read_messages

    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        value = json.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise DataError(f"{file} is not JSON: {error.msg} at {where}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not JSON that can be read: {error}") from None
    if isinstance(value, list):
        value = {"messages": value}
    if not isinstance(value, dict) or not {"messages"} <= value.keys() <= {"messages", "tools"}:
        allowed = "a file with a list of messages, or with an object of messages and perhaps tools"
        raise ParameterError("messages", str(file), allowed)
    messages = read_messages(value["messages"])
    if not messages:
        raise ParameterError("messages", [], "at least one message")
    tools = value.get("tools") or ()
    return Conversation(messages, tools, args, continue_final_message=continue_final)


def _not_empty(text: str) -> str:
    from ponder.errors import ParameterError

    if not text:
        raise ParameterError("prompt", text, "text that is not empty")
    return text
