"""How good a text is: what is scored, who scores it, and when two answers are the same."""

from ponder.rewards.answer import canonical, extract_answer
from ponder.rewards.arithmetic import arithmetic_verifier
from ponder.rewards.catalogue import REWARD_NAMES, reward_named
from ponder.rewards.code import Trials, UnitTests, code_of, code_verifier
from ponder.rewards.code_tests import CodeTests
from ponder.rewards.confidence import CERTAINTIES, Certainty, Confidence
from ponder.rewards.equality import AnswerEquality, group_answers
from ponder.rewards.judgement import Judgement, Scale, Unscored, last, lowest, mean, product
from ponder.rewards.likelihood import Likelihood
from ponder.rewards.measure import Measure, measure_of, measures_of, total_logprob
from ponder.rewards.reward import Candidate, Problem, Reward, State, candidate_of, judged, require
from ponder.rewards.trial import TestResult, TrialLimits
from ponder.rewards.verifier import Verifier, callable_verifier, exact_verifier, math_verifier

__all__ = [
    "CERTAINTIES",
    "Certainty",
    "Confidence",
    "REWARD_NAMES",
    "AnswerEquality",
    "Candidate",
    "CodeTests",
    "Judgement",
    "Likelihood",
    "Measure",
    "Problem",
    "Reward",
    "Scale",
    "State",
    "TestResult",
    "TrialLimits",
    "Trials",
    "UnitTests",
    "Unscored",
    "Verifier",
    "arithmetic_verifier",
    "callable_verifier",
    "candidate_of",
    "canonical",
    "code_of",
    "code_verifier",
    "exact_verifier",
    "extract_answer",
    "group_answers",
    "judged",
    "last",
    "lowest",
    "math_verifier",
    "mean",
    "measure_of",
    "measures_of",
    "product",
    "require",
    "reward_named",
    "total_logprob",
]
