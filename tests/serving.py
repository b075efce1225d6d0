"""Servers to talk to, and what their answers look like."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ponder.backends.local import LocalModel
from ponder.cli.main import main
from ponder.server.front.settings import ServerSettings
from ponder.server.run import Server

LOADED_S = 120


def ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: str) -> tuple[int, str]:
    """Run a `ponder serve` in this process that should end by itself; return its status and stderr."""
    monkeypatch.setattr(sys, "argv", ["ponder", "serve", *args])
    capsys.readouterr()
    with pytest.raises(SystemExit) as exit_:
        main()
    captured = capsys.readouterr()
    assert captured.out == ""
    return int(exit_.value.code or 0), captured.err


class ServeProcess:
    """`ponder serve`, or another command, with some arguments; `lines` are what it wrote to stderr."""

    def __init__(self, *args: str, command: tuple[str, ...] = ("serve", "--port", "0"), **env: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ponder", *command, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )
        self.lines: list[str] = []
        self._listening = threading.Event()
        self._url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))
            if found := re.fullmatch(r"ponder: listening on (\S+)\n", line):
                self._url = found.group(1)
                self._listening.set()

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        assert self._listening.wait(30), self.lines
        return self._url

    def wait_until_loaded(self) -> None:
        """Wait until /health says that all is well."""
        wait_until_healthy(self.url)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 60) -> int:
        """Return the exit status."""
        status = self.process.wait(timeout)
        self._reader.join(10)
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


def wait_until_healthy(url: str) -> None:
    end = time.monotonic() + LOADED_S
    while time.monotonic() < end:
        if httpx.get(url + "/health", timeout=LOADED_S).status_code == 200:
            return
        time.sleep(0.05)
    raise AssertionError("the server did not become healthy")


class Tiny:
    """A server over a tiny random model, and a client of it."""

    def __init__(self, server: Server, client: httpx.Client, model: LocalModel) -> None:
        self.server = server
        self.client = client
        self.model = model
        self.status: int | None = None

    def running(self) -> int:
        """How many requests the engine has, waiting ones included."""
        stats = self.model.stats()
        return stats.running + stats.waiting


@contextmanager
def serving(model: LocalModel, **settings: Any) -> Iterator[Tiny]:
    """Serve a model in a thread of this process, with some settings, until the block ends."""
    server = Server(ServerSettings(port=0, quiet=True, **settings), lambda: model)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until_healthy(server.url)
        with httpx.Client(base_url=server.url, timeout=30) as client:
            yield Tiny(server, client, model)
    finally:
        server.stop()
        thread.join(20)


def samples(tiny: Tiny) -> dict[tuple[str, ...], float]:
    """Return a server's metrics: name and label values -> value."""
    text = tiny.client.get("/metrics").text
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def events(text: str) -> list[dict[str, Any]]:
    """Return the objects of a stream, which must end with [DONE]. An event's name is its object's type."""
    *blocks, last = (block for block in text.split("\n\n") if block)
    assert last == "data: [DONE]"
    found = []
    for block in blocks:
        *name, data = block.split("\n")
        assert data.startswith("data: ")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == ([f"event: {found[-1]['type']}"] if "type" in found[-1] else [])
    return found


def error(response: httpx.Response, status: int) -> dict[str, Any]:
    """Return a response's error, which must have the four members and a sentence."""
    assert response.status_code == status, response.text
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return body["error"]


def text_of(chunks: list[dict[str, Any]], index: int = 0) -> str:
    """Return a choice's text from the chunks of a stream."""
    return "".join(
        choice["text"] if "text" in choice else choice["delta"].get("content", "")
        for chunk in chunks
        for choice in chunk["choices"]
        if choice["index"] == index
    )
