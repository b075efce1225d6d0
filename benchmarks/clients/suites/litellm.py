"""LiteLLM."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_python

PACKAGES = ("litellm==1.110.0",)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_python(server, "litellm_python.py")
