"""Spending a budget on a better answer: strategies, what they cost, how good they are."""

from ponder.scaling.best_of_n import SELECTIONS, BestOfN, Selection
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.dataset import LineError, ProblemReader
from ponder.scaling.evaluate import Result, Summary, solve_all, summarise
from ponder.scaling.ledger import Ledger
from ponder.scaling.statistics import pass_at_k, wilson_interval
from ponder.scaling.strategies import STRATEGY_NAMES, strategy_named
from ponder.scaling.strategy import Answer, Progress, Strategy, Vote, solve

__all__ = [
    "SELECTIONS",
    "STRATEGY_NAMES",
    "Answer",
    "BestOfN",
    "Budget",
    "Ledger",
    "LineError",
    "ProblemReader",
    "Progress",
    "Result",
    "Selection",
    "Stopped",
    "Strategy",
    "Summary",
    "Vote",
    "pass_at_k",
    "solve",
    "solve_all",
    "strategy_named",
    "summarise",
    "wilson_interval",
]
