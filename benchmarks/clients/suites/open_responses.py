"""The seven cases that Open Responses asks of a server, checked with the openai package's types."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_python

PACKAGES = ("openai==3.57.0",)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_python(server, "open_responses_python.py")
