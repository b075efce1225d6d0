"""`ponder serve` in a process of its own, to send requests to."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ponder.bench.child_server import child_server, free_port


@asynccontextmanager
async def served(model: str) -> AsyncIterator[str]:
    """Serve a model; give the server's address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "ponder", "serve", "--model", model, "--port", str(port), "--quiet"]
    async with child_server(command, url, environment={}, timeout_s=120.0, say=_tell):
        yield url


def _tell(line: str) -> None:
    print(line, file=sys.stderr)
