"""Spending a budget on a better answer: strategies, what they cost, how good they are."""

from ponder.scaling.ab_mcts import AbMcts
from ponder.scaling.answer_prior import AnswerPrior
from ponder.scaling.best_of_n import BestOfN
from ponder.scaling.beta_binomial import BetaBinomial
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.budget_forcing import BudgetForcing
from ponder.scaling.dataset import LineError, ProblemReader
from ponder.scaling.deep_conf import DeepConf
from ponder.scaling.drive import drive, replay, solve
from ponder.scaling.dvts import DVTS
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
from ponder.scaling.lookahead import look_ahead
from ponder.scaling.mcts import Mcts
from ponder.scaling.particles import Particles
from ponder.scaling.posterior import Beta, Gaussian
from ponder.scaling.power import PowerSampling
from ponder.scaling.rebase import Rebase
from ponder.scaling.revision import Revision
from ponder.scaling.scored import Scored, choose, score
from ponder.scaling.seed import problem_seed
from ponder.scaling.selection import SELECTIONS, Selection, vote_weights
from ponder.scaling.self_consistency import SelfConsistency
from ponder.scaling.short_m import ShortM
from ponder.scaling.speculative_rejection import SpeculativeRejection
from ponder.scaling.statistics import (
    Difference,
    Difficulty,
    difficulty,
    mcnemar_test,
    paired_bootstrap,
    pass_at_k,
    problems_needed,
    wilson_interval,
)
from ponder.scaling.step_beam import StepBeam
from ponder.scaling.stopping import BetaRule, Doubling, Learned, Never, StopRule, Unanimous
from ponder.scaling.strategies import STRATEGY_NAMES, strategy_named
from ponder.scaling.strategy import Answer, EffectDone, Node, Progress, Strategy

__all__ = [
    "AnswerPrior",
    "BetaBinomial",
    "DeepConf",
    "SelfConsistency",
    "ShortM",
    "BetaRule",
    "Doubling",
    "Learned",
    "Never",
    "StopRule",
    "Unanimous",
    "Difference",
    "Difficulty",
    "difficulty",
    "mcnemar_test",
    "paired_bootstrap",
    "problems_needed",
    "DVTS",
    "SELECTIONS",
    "STRATEGY_NAMES",
    "AbMcts",
    "Answer",
    "BestOfN",
    "Beta",
    "Budget",
    "BudgetForcing",
    "Choice",
    "Effect",
    "EffectDone",
    "Extend",
    "Extended",
    "Gaussian",
    "Journal",
    "Judge",
    "Ledger",
    "LineError",
    "Mcts",
    "Node",
    "Note",
    "Particles",
    "PowerSampling",
    "ProblemReader",
    "Progress",
    "Rebase",
    "Result",
    "Revision",
    "Scored",
    "Search",
    "Selection",
    "SpeculativeRejection",
    "StepBeam",
    "Stopped",
    "Strategy",
    "Summary",
    "Text",
    "Vote",
    "choose",
    "drive",
    "extend",
    "judge",
    "look_ahead",
    "note",
    "pass_at_k",
    "problem_seed",
    "replay",
    "score",
    "solve",
    "solve_all",
    "strategy_named",
    "summarise",
    "vote_weights",
    "wilson_interval",
]
