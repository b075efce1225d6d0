"""A server as a child process: started, waited for, and ended."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import httpx

from ponder.errors import PonderError

Say = Callable[[str], None]

_POLL_S = 0.2
_DRAIN_S = 10.0
_LINE = 1000  # characters
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def child_server(
    command: Sequence[str], url: str, *, environment: Mapping[str, str], timeout_s: float, say: Say
) -> AsyncIterator[None]:
    """Run a server; enter when its /health answers 200, and end it on the way out.

    It is asked to end (SIGTERM) and after ten seconds killed, with its process group. On Linux it also ends
    if this process is killed. What it prints goes to `say`, line by line, until it is ready.

    Raises
    ------
    PonderError : it ended, or was not ready in time; says the last line that it printed.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for the client, which still has something to print
        preexec_fn=_death_with_parent(),
    )
    last, ready = "", False

    def take(line: str) -> None:
        nonlocal last
        last = line
        if not ready:
            say(line)

    reading = asyncio.create_task(_read_lines(process, take))
    try:
        try:
            async with asyncio.timeout(timeout_s):
                await _until_healthy(process, url)
        except TimeoutError:
            raise PonderError(f"the server was not ready within {timeout_s:g} s{_said(last)}") from None
        if process.returncode is not None:
            await asyncio.wait({reading}, timeout=1.0)  # its own children may hold the pipe open
            raise PonderError(f"the server ended with status {process.returncode}{_said(last)}")
        ready = True
        yield
    finally:
        try:
            _signal(process, signal.SIGTERM)
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await process.wait()
        finally:
            _signal(process, signal.SIGKILL)
            await process.wait()
            reading.cancel()


async def _until_healthy(process: asyncio.subprocess.Process, url: str) -> None:
    """Wait for /health to answer 200 or for the process to end."""
    async with httpx.AsyncClient(trust_env=False) as http:
        while process.returncode is None:
            with suppress(httpx.HTTPError):
                if (await http.get(f"{url}/health")).status_code == 200:
                    return
            await asyncio.sleep(_POLL_S)


async def _read_lines(process: asyncio.subprocess.Process, take: Say) -> None:
    """Read all that the child prints, so that it never waits for a reader."""
    assert process.stdout is not None
    rest = ""
    while received := await process.stdout.read(2**16):
        *lines, rest = re.split(r"[\r\n]+", rest[-_LINE:] + received.decode("utf-8", "replace"))
        for line in lines:
            if line.strip():
                take(line.strip())
    if rest.strip():
        take(rest.strip())


def _said(last: str) -> str:
    return f": {last[:_LINE]}" if last else ""


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _death_with_parent() -> Callable[[], None] | None:
    """Return what a child does to get SIGTERM when its parent dies; None where there is no such thing."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
