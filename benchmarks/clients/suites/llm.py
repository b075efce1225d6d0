"""llm, the command line."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_python

PACKAGES = ("llm==0.36",)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_python(server, "llm_command.py")
