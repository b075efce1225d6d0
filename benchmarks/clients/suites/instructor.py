"""instructor."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_python

PACKAGES = ("instructor==1.17.0",)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_python(server, "instructor_python.py")
