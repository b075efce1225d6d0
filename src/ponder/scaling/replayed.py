"""Runs told again from their journal alone, and whether they are what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, Literal

from ponder.errors import DataError, PonderError, UnsupportedError
from ponder.rewards import Problem
from ponder.rewards.code_tests import CodeTests
from ponder.scaling.drive import replay
from ponder.scaling.journal import Journal, UnfinishedError
from ponder.scaling.ledger import Ledger
from ponder.scaling.strategies import strategy_described
from ponder.scaling.strategy import Answer, EffectDone, Node, Strategy

Status = Literal["verified", "unfinished", "failed", "foreign", "different"]
_NAMED = ("strategy", "problem", "budget", "model", "reward", "constraint")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A run as its journal tells it.

    Attributes
    ----------
    run : its name.
    begun : what its first line says: "strategy", "problem", "budget", "model", "reward", "constraint".
    status : "verified": each line is as it was written, and the strategy asks, notes, chooses and spends what
        the journal has. "unfinished": so far it does, and the journal ends before the run. "failed": the
        same, and the run ended with an error of its own. "foreign": the strategy or a setting of it is not
        ponder's, and cannot be made from the journal. "different": a line is not what it must be.
    why : one sentence, where it is not verified.
    effects : how many effects were told again.
    nodes : the texts of its tree, as far as they were.
    answer : None where there is none.
    chosen : the node of the chosen text.
    ledger : what was spent by then.
    """

    run: str
    begun: Mapping[str, Any]
    status: Status
    why: str | None
    effects: int
    nodes: tuple[Node, ...]
    answer: Answer | None
    chosen: int | None
    ledger: Ledger

    def as_json(self, *, tree: bool = False) -> dict[str, Any]:
        """Return all of it as plain data, and with `tree` each node."""
        told: dict[str, Any] = {"run": self.run, "status": self.status, "why": self.why}
        told |= {name: self.begun.get(name) for name in _NAMED}
        told |= {"effects": self.effects, "nodes": len(self.nodes), "chosen_node": self.chosen}
        if tree:
            told["tree"] = [asdict(node) for node in self.nodes]
        return told | (self.answer.as_json() if self.answer else {"ledger": self.ledger.as_json()})


async def replayed(journal: Journal, run: str = "") -> Replayed:
    """Tell a run again, without model and reward, and check each line.

    What they said is taken from the journal; of a constraint it has no more than a description.
    """
    record = journal.run(run, only_read=True)
    begun: Mapping[str, Any] = {}
    status: Status = "verified"
    why, effects, answer, ledger = None, 0, None, Ledger()
    nodes: dict[int, Node] = {}
    try:
        first = record.begin()
        begun = record.reading(lambda: json.loads(json.dumps(first, allow_nan=False)))
        strategy, problem = record.reading(lambda: _read(begun))
        async with aclosing(replay(strategy, problem, journal, run)) as events:
            async for event in events:
                ledger = event.ledger
                if isinstance(event, EffectDone):
                    effects += 1
                    nodes |= {node.node: node for node in event.nodes}
                elif isinstance(event, Answer):
                    answer = event
    except UnfinishedError:
        status, why = "unfinished", f"ends {f'after effect {effects - 1}' if effects else 'in effect 0'}"
    except DataError as error:
        status, why = "different", str(error)
    except UnsupportedError as error:
        status, why = "failed" if effects else "foreign", str(error)
    except PonderError as error:
        status, why = "failed", str(error)
    told = record.end()["answer"] if answer else None
    chosen = told["texts"][told["chosen"]] if told else None
    return Replayed(run, begun, status, why, effects, tuple(nodes.values()), answer, chosen, ledger)


def _read(begun: Mapping[str, Any]) -> tuple[Strategy, Problem]:
    """Return the strategy and the problem of a run's first line."""
    told = {name: value for name, value in begun["problem"].items() if name != "is"}
    if told["tests"] is not None:
        tests = {name: value for name, value in told["tests"].items() if name != "is"}
        told["tests"] = CodeTests(tuple(tests.pop("public")), tuple(tests.pop("hidden")), **tests)
    return strategy_described(begun["strategy"]), Problem(**told)
