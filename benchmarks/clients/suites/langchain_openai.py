"""langchain-openai."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_python

PACKAGES = ("langchain-openai==1.7.4",)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_python(server, "langchain_openai_python.py")
