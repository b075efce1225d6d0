"""A server under attack: raw requests, the answer it must not change, what it holds, what it logs."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from serving import LOADED_S, ServeProcess, error

MODEL = "smollm2-135m"
VOCABULARY = 49152
CONTEXT = 8192
LONG: dict[str, Any] = {"prompt": "Once upon a time", "max_tokens": 4000, "ignore_eos": True}
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
HUGE = 10**9
NO_IDS = (-1, VOCABULARY, HUGE, 2**31, 2**62, 2**63, -(2**63) - 1, 2**64, 10**4000)

AT_ONCE, WITH_A_LARGE_BODY = 1.0, 3.0  # seconds until a refusal
LARGE = 500_000  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response read from a socket."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def error(self) -> dict[str, Any]:
        """Return the error, which must be a client's and of OpenAI's shape."""
        assert 400 <= self.status < 500, (self.status, self.body[:300])
        return error(httpx.Response(self.status, content=self.body), self.status)


class Target:
    """`ponder serve` with the default model, for a `with` block."""

    def __init__(self, *args: str, **env: str) -> None:
        self._process = ServeProcess(*args, **env)
        self._salts = 0
        self._canary: dict[str, Any] | None = None

    def __enter__(self) -> Target:
        try:
            self._process.wait_until_loaded()
            self.client = httpx.Client(base_url=self.url, timeout=LOADED_S)
            self.address = (self.client.base_url.host, self.client.base_url.port)
            self.canary()  # what is made on first use is there
            self._canary = self.canary()
        except BaseException:
            self._process.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        for _ in range(2):
            self._process.signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        finally:
            self._process.kill()

    @property
    def url(self) -> str:
        return self._process.url

    @property
    def process_id(self) -> int:
        return self._process.process.pid

    @property
    def lines(self) -> list[str]:
        """What it has written to stderr."""
        return self._process.lines

    def signal(self, number: int) -> None:
        self._process.signal(number)

    def wait(self, timeout: float = 60) -> int:
        """Return the exit status."""
        return self._process.wait(timeout)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a body as JSON, or as it is; floats may be NaN and infinite."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, content=content, **options)

    def complete(self, **body: Any) -> dict[str, Any]:
        """Return the answer to a completion that must succeed."""
        response = self.post("/v1/completions", {"prompt": "a", "max_tokens": 1, **body})
        assert response.status_code == 200, response.text
        return response.json()

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(self.address, timeout=timeout)

    def exchange(self, data: bytes | Iterable[bytes], timeout: float = 20) -> Answer:
        """Send bytes and return the first answer to them; a server may answer and close before the last."""
        with self.connect(timeout) as connection:
            try:
                for part in [data] if isinstance(data, bytes) else data:
                    connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                pass
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def canary(self) -> dict[str, Any]:
        """Return what a fixed, seeded request gives: text, token ids and log-probabilities.

        A salt of its own keeps it out of the cache, so that each time the same rows are computed.
        """
        self._salts += 1
        answer = self.complete(
            prompt="The capital of France is",
            max_tokens=3,
            seed=7,
            logprobs=3,
            return_token_ids=True,
            cache_salt=f"canary {self._salts}",
        )
        return {"choices": answer["choices"], "usage": answer["usage"]}

    def check_unharmed(self) -> None:
        """Assert that it is healthy, idle, answers as ever, and logged nothing but plain lines."""
        wait_for(self.idle, 5)
        assert self.client.get("/health").status_code == 200
        assert self.canary() == self._canary
        check_log(self.lines)

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        lines = self.client.get("/metrics").text.splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " "))
        )

    def busy(self) -> float:
        """The share of the cache that requests hold."""
        return self.metric("ponder:kv_cache_usage_perc")

    def requests(self) -> float:
        """How many requests run or wait."""
        return self.metric("ponder:num_requests_running") + self.metric("ponder:num_requests_waiting")

    def idle(self) -> bool:
        return self.requests() == 0 and self.busy() == 0

    def rss(self) -> int:
        """Return the bytes of memory it has in use."""
        status = Path(f"/proc/{self.process_id}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def files(self) -> int:
        """Return how many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.process_id}/fd").iterdir()))


def refusal(target: Target, path: str, body: Any, status: int = 400) -> dict[str, Any]:
    """Return the error to a body; it must come in time and tell nothing of the server's inside."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    start = time.perf_counter()
    response = target.post(path, content)
    took = time.perf_counter() - start
    shown = content[:200]
    assert response.status_code == status, (shown, response.text[:500])
    assert took < (WITH_A_LARGE_BODY if len(content) > LARGE else AT_ONCE), (shown, took)
    assert len(response.content) < 2000, shown
    told = error(response, status)
    assert not any(word in told["message"] for word in ("Traceback", "site-packages", ".py", "pydantic"))
    assert all(isinstance(told[member], str) for member in ("message", "type"))
    return told


def check_log(lines: Iterable[str]) -> None:
    """Assert that no line is part of a traceback or holds anything but printable ASCII."""
    for line in lines:
        assert "Traceback" not in line, line
        assert '  File "' not in line, line
        assert line.isascii(), line
        assert line.isprintable(), repr(line)


def wait_for(condition: Callable[[], bool], seconds: float) -> float:
    """Wait until a condition holds; return the seconds it took."""
    start = time.perf_counter()
    while not condition():
        assert time.perf_counter() - start < seconds, f"not within {seconds} s"
        time.sleep(0.01)
    return time.perf_counter() - start


def http_request(
    method: str, path: str, *headers: str, body: bytes = b"", host: str = "Host: localhost"
) -> bytes:
    """Return a request as bytes, exactly as given; a body brings its Content-Length."""
    lines = [f"{method} {path} HTTP/1.1", host, *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def post_request(path: str, body: Any, *headers: str) -> bytes:
    """Return a POST of a JSON body as bytes."""
    return http_request("POST", path, *headers, body=json.dumps(body).encode())
