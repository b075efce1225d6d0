"""Spending a budget on a better answer: strategies, what they cost, how good they are."""

from ponder.scaling.ab_mcts import AbMcts
from ponder.scaling.allocation import Allocation, Share
from ponder.scaling.answer_prior import AnswerPrior
from ponder.scaling.auto import Auto
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
    Claim,
    Effect,
    Extend,
    Extended,
    Judge,
    Note,
    Search,
    Text,
    Vote,
    claim,
    extend,
    judge,
    note,
)
from ponder.scaling.evaluate import Result, Summary, solve_all, summarise
from ponder.scaling.journal import Journal
from ponder.scaling.label_tree import Label, LabelTree, labels, tree_for
from ponder.scaling.ledger import Ledger
from ponder.scaling.lookahead import look_ahead
from ponder.scaling.mcts import Mcts
from ponder.scaling.particles import Particles
from ponder.scaling.policy import Advice, Failing, Policy, Standing
from ponder.scaling.posterior import Beta, Gaussian
from ponder.scaling.power import PowerSampling
from ponder.scaling.rebase import Rebase
from ponder.scaling.replayed import Replayed, replayed
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
    expected_maximum,
    expected_maximum_interval,
    mcnemar_test,
    paired_bootstrap,
    pass_at_k,
    problems_needed,
    wilson_interval,
)
from ponder.scaling.step_beam import StepBeam
from ponder.scaling.stopping import BetaRule, Doubling, Learned, Never, StopRule, Unanimous
from ponder.scaling.strategies import STOP_RULES, STRATEGY_NAMES, settings_of, strategy_named
from ponder.scaling.strategy import Answer, EffectDone, Node, Progress, Strategy
from ponder.scaling.train_reward import LabelledSteps, label, train

__all__ = [
    "AbMcts",
    "Advice",
    "Allocation",
    "Answer",
    "AnswerPrior",
    "Auto",
    "BestOfN",
    "Beta",
    "BetaBinomial",
    "BetaRule",
    "Budget",
    "BudgetForcing",
    "Choice",
    "Claim",
    "DVTS",
    "DeepConf",
    "Difference",
    "Difficulty",
    "Doubling",
    "Effect",
    "EffectDone",
    "Extend",
    "Extended",
    "Failing",
    "Gaussian",
    "Journal",
    "Label",
    "LabelTree",
    "LabelledSteps",
    "Judge",
    "Learned",
    "Ledger",
    "LineError",
    "Mcts",
    "Never",
    "Node",
    "Note",
    "Particles",
    "Policy",
    "PowerSampling",
    "ProblemReader",
    "Progress",
    "Rebase",
    "Replayed",
    "Result",
    "Revision",
    "SELECTIONS",
    "STOP_RULES",
    "STRATEGY_NAMES",
    "Scored",
    "Search",
    "Selection",
    "SelfConsistency",
    "Share",
    "ShortM",
    "SpeculativeRejection",
    "Standing",
    "StepBeam",
    "StopRule",
    "Stopped",
    "Strategy",
    "Summary",
    "Text",
    "Unanimous",
    "Vote",
    "choose",
    "claim",
    "difficulty",
    "drive",
    "expected_maximum",
    "expected_maximum_interval",
    "extend",
    "judge",
    "label",
    "labels",
    "look_ahead",
    "mcnemar_test",
    "note",
    "paired_bootstrap",
    "pass_at_k",
    "problem_seed",
    "problems_needed",
    "replay",
    "replayed",
    "score",
    "settings_of",
    "solve",
    "solve_all",
    "strategy_named",
    "summarise",
    "train",
    "tree_for",
    "vote_weights",
    "wilson_interval",
]
