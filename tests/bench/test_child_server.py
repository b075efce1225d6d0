"""A server as a child: waited for, and ended whatever happens."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pytest

from ponder.bench.child_server import child_server, free_port
from ponder.errors import PonderError

SERVER = """
import http.server, signal, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()

    def log_message(self, *_):
        pass

if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready = time.monotonic() + 0.5
print("loading\\rhalf\\rall of it", flush=True)
print("x" * 200_000, file=sys.stderr, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def enter(*command, timeout_s=20.0, say=lambda line: None, inside=None, port=None):
    """Run a program as a child server; return what `inside` returns."""
    url = f"http://127.0.0.1:{port or free_port()}"

    async def scenario():
        async with child_server(command, url, environment={}, timeout_s=timeout_s, say=say):
            return inside() if inside else None

    return asyncio.run(scenario())


def listening(port):
    """Return whether somebody answers at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_it_is_ready_when_health_says_so_and_gone_afterwards():
    port, said = free_port(), []
    start = time.monotonic()
    inside = enter(
        sys.executable, "-c", SERVER, str(port), port=port, say=said.append, inside=lambda: listening(port)
    )
    assert time.monotonic() - start >= 0.5
    assert said[:3] == ["loading", "half", "all of it"]
    assert inside
    assert not listening(port)


@pytest.mark.slow
def test_a_stubborn_one_is_killed(monkeypatch):
    monkeypatch.setattr("ponder.bench.child_server._DRAIN_S", 0.3)
    port = free_port()
    enter(sys.executable, "-c", SERVER, str(port), "stubborn", port=port)
    assert not listening(port)


@pytest.mark.slow
def test_it_is_gone_after_an_error():
    port = free_port()

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enter(sys.executable, "-c", SERVER, str(port), port=port, inside=fail)
    assert not listening(port)


@pytest.mark.slow
def test_one_that_ends_is_an_error_with_its_last_line():
    program = "import sys; print('starting'); sys.exit('no such model')"
    with pytest.raises(PonderError, match="ended with status 1: no such model"):
        enter(sys.executable, "-c", program)


@pytest.mark.slow
def test_one_that_is_never_ready_is_an_error():
    program = "import time; print('still loading', flush=True); time.sleep(60)"
    with pytest.raises(PonderError, match=r"not ready within 1 s: still loading"):
        enter(sys.executable, "-c", program, timeout_s=1.0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_parent_however_that_ends(number):
    port = free_port()
    parent = textwrap.dedent(
        f"""
        import asyncio, sys
        from ponder.bench.child_server import child_server
        async def main():
            command = [sys.executable, "-c", {SERVER!r}, "{port}"]
            url = "http://127.0.0.1:{port}"
            async with child_server(command, url, environment={{}}, timeout_s=20.0, say=lambda line: None):
                print("up", flush=True)
                await asyncio.sleep(60)
        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout.readline() == b"up\n"
        os.kill(process.pid, number)
    deadline = time.monotonic() + 10
    while (up := listening(port)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not up
