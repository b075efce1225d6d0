"""llama.cpp's tests of its server, as llama-cpp-python's source distribution has them, against ponder."""

from pathlib import Path

from judging import Rule, judge, recorded
from outcome import Outcome, Server
from sources import unpacked

VERSION = "llama-cpp-python 0.3.36"
# What the tests' own requirements.txt asks for, and pytest-timeout.
PACKAGES = (
    "pytest==8.3.5",
    "pytest-timeout==2.4.0",
    "aiohttp~=3.9.3",
    "filelock~=3.16",
    "httpx",
    "numpy~=2.2.6",
    "openai~=2.14.0",
    "prometheus-client~=0.20.0",
    "requests~=2.32.3",
    "wget~=3.2",
)
FLAGS: tuple[str, ...] = ()
TESTS = "vendor/llama.cpp/tools/server/tests/"

RULES = (
    Rule(
        r"test_(router|mcp_servers|tools_builtin|stream|sleep|proxy)\.py",
        "needs several models or tools there",
    ),
    Rule(r"", "expects the words of llama.cpp's test model", r"match_regex|Expected .*, got "),
    Rule(r"", "expects how another tokenizer counts", r"^(AssertionError: )?assert \d+ == \d+$"),
)
VALUES = r"has no place for tools|nothing makes the model call a tool"


def run(server: Server, home: Path) -> list[Outcome]:
    """Run the tests in the suite's own environment."""
    source = unpacked(server.python, "llama-cpp-python==0.3.36", (TESTS,), home / "source")
    tests = source / TESTS
    files = sorted((tests / "unit").glob("test_*.py"))
    lines = recorded(server.python, "llama_tests", tests, files, home, {}, timeout=60)
    return [judge(line, RULES, VALUES) for line in lines]
