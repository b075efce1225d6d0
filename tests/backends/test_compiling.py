"""Constraints that take long to compile hold up only requests with constraints."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from asking import face_ask
from ponder.asks import Completion, fronts
from ponder.backends.local.compiling import NICENESS, WORKERS, compiling_threads
from ponder.constraints import Automaton, Ban
from ponder.text import Vocabulary
from stepping import assert_model_at_rest
from tiny_models import tiny_local_model


@dataclass(frozen=True, eq=False)
class Slow:
    """A ban that compiles only once it may."""

    may: threading.Event
    begun: list[str] = field(default_factory=list)

    def compile(self, vocabulary: Vocabulary) -> Automaton[Any]:
        self.begun.append(threading.current_thread().name)
        assert self.may.wait(30)
        return Ban("e").compile(vocabulary)


@pytest.mark.slow
def test_requests_without_constraints_do_not_wait_for_compiling() -> None:
    """However many constraints wait to be compiled; these come one after another in a few threads."""
    model, may = tiny_local_model(seed=4), threading.Event()
    slow = [Slow(may) for _ in range(40)]

    async def ask() -> tuple[Completion, list[Completion]]:
        drawn = {"max_tokens": 8, "temperature": 1.0, "seed": 1}
        held = [asyncio.create_task(fronts.agenerate(model, face_ask("so", drawn, one))) for one in slow]
        async with asyncio.timeout(20):
            free = await fronts.agenerate(model, face_ask("so", drawn))
        assert not any(task.done() for task in held)
        assert sum(bool(one.begun) for one in slow) <= WORKERS
        may.set()
        return free, await asyncio.gather(*held)

    free, kept = asyncio.run(ask())
    assert len(free.outputs[0].token_ids) > 0
    assert all("e" not in one.outputs[0].text for one in kept)
    assert all(one.begun[0].startswith("ponder-compile") for one in slow)
    assert_model_at_rest(model)
    model.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own elsewhere")
def test_they_give_way() -> None:
    """Their threads have a low priority, and this one keeps its own."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with compiling_threads() as threads:
        told = threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert told == max(NICENESS, before)
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
