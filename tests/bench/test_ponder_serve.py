"""The whole command against `ponder serve` as it starts and ends it itself."""

import pytest
from typer.main import get_command

from ponder.cli.main import app

pytestmark = pytest.mark.skipif(
    "serve" not in get_command(app).commands, reason="this tree has no ponder serve yet"
)


def run(bench, *args):
    """Run with equal work in every request; return what it printed."""
    equal = ("--temperature", 0, "--ignore-eos", "--timeout", 60, "--seconds", 120, "--json")
    ran = bench(*args, *equal)
    assert ran.status == 0
    return ran.json


@pytest.fixture(autouse=True)
def _model(checkpoint):
    """See that the default model is there."""


def test_closed_loop_with_a_shared_prefix(bench):
    """Every token is accounted for, and the shared prefix comes from the cache."""
    load = ("-c", 4, "--requests", 12, "--warmup", 2, "--prompt-tokens", 96, "--shared-prefix-tokens", 64)
    printed = run(bench, *load, "--max-tokens", 8)
    summary = printed["summary"]
    assert printed["exact_prompt_tokens"]
    assert (summary["answered"], summary["failed"], summary["without_usage"]) == (12, 0, 0)
    assert summary["prompt_tokens"] == 12 * 96
    assert summary["generated_tokens"] == 12 * 8
    assert summary["time_to_first_token"]["count"] == 12
    assert (
        0.6 <= summary["cache_hit_rate"] <= 64 / 96 + 0.05
    )  # whole pages, and now and then a token by chance
    assert 0 < summary["time_to_first_token"]["p50"] < summary["latency"]["p50"]


def test_open_loop_over_chat(bench):
    summary = run(
        bench, "--rate", 4, "--requests", 8, "--endpoint", "chat", "--prompt-tokens", 20, "--max-tokens", 6
    )["summary"]
    assert (summary["answered"], summary["failed"]) == (8, 0)
    assert summary["generated_tokens"] == 8 * 6
    assert summary["sent_late"]["p50"] < 0.1
