"""llama.cpp's tests of its server, as llama-cpp-python's source distribution has them, against ponder."""

from pathlib import Path

from judging import Rule, judge, recorded
from outcome import Outcome, Server
from sources import unpacked

VERSION = "0.3.36 (as llama-cpp-python has it)"
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
    Rule(r"", "expects the words of llama.cpp's test model", r"match_regex|Expected (?!200 ).*, got "),
    Rule(
        r"",
        "expects llama.cpp's system_fingerprint",
        r"no attribute 'startswith'|assert \(None is not None\)",
    ),
    Rule(r"", "expects null where OpenAI's streams begin with an empty text", r"assert '' is None"),
    Rule(r"", "expects the name of llama.cpp's own type of error", r"== 'exceed_context_size_error'"),
    Rule(r"", "expects a header of llama-server's own /metrics", r"assert 'Process-Start-Time-Unix' in"),
    Rule(r"test_metrics_disabled", "needs a server without /metrics", r"assert 200 == 501"),
    Rule(r"test_server_multiple_addresses", "needs a server on two addresses"),
    Rule(
        r"test_invalid_chat_completion_req\[messages7\]",
        "llama.cpp takes a last message as begun; OpenAI does not",
    ),
    Rule(r"test_access_static_assets", "needs llama-server's web page"),
    Rule(r"test_server_models", "expects one name, and the stand-in gives all that the tests use"),
    Rule(
        r"",
        "expects how another tokenizer counts",
        r"^(AssertionError: )?assert \d+ == (\d+|\(\d+ \* \d+\))$",
    ),
)
VALUES = (
    r"has no place for tools|pages of another origin may not"
    r"|a list of token ids or a list of such lists|text of at least one token"
)


def run(server: Server, home: Path) -> list[Outcome]:
    """Run the tests in the suite's own environment."""
    source = unpacked(server.python, "llama-cpp-python==0.3.36", (TESTS,), home / "source")
    tests = source / TESTS
    files = sorted((tests / "unit").glob("test_*.py"))
    lines = recorded(server.python, "llama_tests", tests, files, home, {}, timeout=60)
    return [judge(line, RULES, VALUES) for line in lines]
