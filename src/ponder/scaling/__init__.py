"""Spending a budget on a better answer: strategies, what they cost, how good they are."""

from ponder.scaling.best_of_n import BestOfN
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.dataset import LineError, ProblemReader
from ponder.scaling.drive import drive, replay, solve
from ponder.scaling.effects import (
    Choice,
    Effect,
    Extend,
    Extended,
    Judge,
    Note,
    Search,
    Text,
    Vote,
    extend,
    judge,
    note,
)
from ponder.scaling.evaluate import Result, Summary, solve_all, summarise
from ponder.scaling.journal import Journal
from ponder.scaling.ledger import Ledger
from ponder.scaling.seed import problem_seed
from ponder.scaling.selection import SELECTIONS, Selection, vote_weights
from ponder.scaling.statistics import (
    expected_maximum,
    expected_maximum_interval,
    pass_at_k,
    wilson_interval,
)
from ponder.scaling.strategies import STRATEGY_NAMES, strategy_named
from ponder.scaling.strategy import Answer, EffectDone, Node, Progress, Strategy

__all__ = [
    "SELECTIONS",
    "STRATEGY_NAMES",
    "Answer",
    "BestOfN",
    "Budget",
    "Choice",
    "Effect",
    "EffectDone",
    "Extend",
    "Extended",
    "Journal",
    "Judge",
    "Ledger",
    "LineError",
    "Node",
    "Note",
    "ProblemReader",
    "Progress",
    "Result",
    "Search",
    "Selection",
    "Stopped",
    "Strategy",
    "Summary",
    "Text",
    "Vote",
    "drive",
    "expected_maximum",
    "expected_maximum_interval",
    "extend",
    "judge",
    "note",
    "pass_at_k",
    "problem_seed",
    "replay",
    "solve",
    "solve_all",
    "strategy_named",
    "summarise",
    "vote_weights",
    "wilson_interval",
]
