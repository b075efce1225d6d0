"""Chat templates: a conversation -> the text that a model was trained on.

A template comes with the model file and is a program. jinja2's sandbox keeps it from Python's internals but
not from looping for ever or asking for gigabytes, and no list of forbidden operations is complete. So it runs
in a child process (`template_worker.py`) that may open no file and whose time, memory and output are bounded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ponder.errors import TemplateError

_START_SECONDS = 30.0
_RENDER_SECONDS = 5.0  # by the clock, where the system cannot bound processor time
_LIMITS = {"cpu_seconds": 1.0, "memory_bytes": 512 * 2**20, "output_characters": 8 * 2**20}
_ANSWER_BYTES = 2**27  # JSON takes up to 12 bytes a character
_KEPT_ENVIRONMENT = ("SYSTEMROOT", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; `role` is mostly "system", "user" or "assistant"."""

    role: str
    content: str


class ChatTemplate:
    """A model's chat template.

    The process that renders it starts at once, in the background, and ends with `close`, with this object or
    with this process, however that ends. Safe to use from several threads; renders take turns.

    Parameters
    ----------
    source
        The jinja2 template. Errors in it appear on the first render.
    bos_token, eos_token
        What the template may write at the beginning of a text and at the end of a turn.
    """

    def __init__(self, source: str, *, bos_token: str, eos_token: str) -> None:
        self._source = source
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        self._lock = threading.Lock()
        self._worker: _Worker | None = _Worker()

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
        """
        variables = {
            "messages": [asdict(message) for message in messages],
            "add_generation_prompt": add_generation_prompt,
            "tools": None,
            "documents": None,
            **self._tokens,
        }
        with self._lock:
            if self._worker is None or not self._worker.alive:
                self._worker = _Worker()
            answer = self._worker.render(self._source, variables)
        if "error" in answer:
            raise TemplateError(f"chat template: {_printable(answer['error'])}")
        return str(answer["text"])

    def close(self) -> None:
        """End the process now; a later render starts another."""
        with self._lock:
            if self._worker is not None:
                self._worker.stop()
                self._worker = None


class _Worker:
    """One child process, from its start to its end."""

    def __init__(self) -> None:
        folders = {
            str(Path(spec.origin).parents[1])
            for name in ("jinja2", "markupsafe")
            if (spec := find_spec(name)) and spec.origin
        }
        script = Path(__file__).with_name("template_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), json.dumps(_LIMITS), *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ},
            start_new_session=True,  # Ctrl-C is for the parent
        )
        self._ready = False
        self.stop = weakref.finalize(self, _stop, self._process)

    @property
    def alive(self) -> bool:
        return self.stop.alive and self._process.poll() is None

    def render(self, source: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Exchange one request for its answer; whatever goes wrong here ends the process."""
        request = json.dumps({"source": source, "variables": variables}).encode() + b"\n"
        try:
            if not self._ready and self._exchange(b"", _START_SECONDS) is None:
                raise TemplateError("chat template: the process that renders it did not start")
            self._ready = True
            answer = self._exchange(request, _RENDER_SECONDS)
            if answer is None:
                raise TemplateError(
                    f"chat template: stopped, because it took more than {_LIMITS['cpu_seconds']:g} s"
                    f" or {_LIMITS['memory_bytes'] / 2**20:g} MiB"
                )
            return answer
        except BaseException:
            # Ctrl-C too: an answer that nobody waited for must not become the next one's.
            self.stop()
            raise

    def _exchange(self, request: bytes, seconds: float) -> dict[str, Any] | None:
        """Send a line and read a line; None if the process ended, or was ended at the time limit."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            stdin.write(request)
            stdin.flush()
            answer = json.loads(stdout.readline(_ANSWER_BYTES))
        except (OSError, ValueError, RecursionError):
            return None
        finally:
            timer.cancel()
        return answer if isinstance(answer, dict) else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was still to be written has no reader
                pipe.close()


def _printable(text: object) -> str:
    """One short line: what a template says may hold control characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())
    return line if len(line) <= 300 else line[:297] + "..."
