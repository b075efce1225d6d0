"""Strategies, rewards, what can be asked and the scripted model need no torch."""

import subprocess
import sys

import pytest

SHOW = """
import asyncio
import sys
from contextlib import aclosing

from ponder.rewards import Problem
from ponder.scaling import Budget, Journal, drive, replay, solve
from ponder.testing import ScriptedModel
import ponder.asks

sys.path.insert(0, "tests")
from scaling.step_search import Ones, StepBeam, best_of_n

PROBLEM = Problem("What is 6 * 7?", "42")


async def show(strategy):
    whole = await solve(strategy, PROBLEM, ScriptedModel(), Ones(), Budget(4))
    model, journal = ScriptedModel(), Journal()
    run = drive(strategy, PROBLEM, model, Ones(), Budget(4), journal=journal, progress_s=0)
    async with aclosing(run) as events:
        for _ in range(9):
            await anext(events)
    assert model.closed, "cancelled in the middle of a text"
    resumed = await solve(strategy, PROBLEM, model, Ones(), Budget(4), journal=journal)
    assert resumed.candidates == whole.candidates
    assert (resumed.chosen, resumed.scores, resumed.votes) == (whole.chosen, whole.scores, whole.votes)
    assert resumed.ledger.generated_tokens == whole.ledger.generated_tokens == model.usage.generated_tokens
    again = [event async for event in replay(strategy, PROBLEM, journal)][-1]
    assert again == resumed
    return again.candidate.text


for strategy in (best_of_n("weighted", {"max_tokens": 20}), StepBeam(2, 3, 3)):
    print(repr(asyncio.run(show(strategy))))
assert "torch" not in sys.modules, "torch"
"""


@pytest.mark.slow
def test_best_of_n_a_step_search_and_a_resumed_and_replayed_run_without_torch():
    shown = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == 2


@pytest.mark.slow
def test_nothing_above_the_model_imports_torch():
    imports = "import sys, ponder.asks, ponder.rewards, ponder.scaling, ponder.testing"
    check = f"{imports}; assert 'torch' not in sys.modules, 'torch'"
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0, shown.stderr
