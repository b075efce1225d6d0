"""How good a text is: what is scored, who scores it, and when two answers are the same."""

from ponder.rewards.answer import canonical, extract_answer
from ponder.rewards.arithmetic import arithmetic_verifier
from ponder.rewards.catalogue import REWARD_NAMES, reward_named
from ponder.rewards.conventions import Convention, MathShepherd, QwenMath, RlhFlow, Skywork
from ponder.rewards.equality import AnswerEquality, group_answers
from ponder.rewards.judgement import Judgement, Scale, Unscored, last, lowest, mean, product
from ponder.rewards.likelihood import Likelihood
from ponder.rewards.process import ProcessReward
from ponder.rewards.reward import Candidate, Problem, Reward, candidate_of, judged
from ponder.rewards.value_head import ValueHead, load_value_head
from ponder.rewards.verifier import Verifier, callable_verifier, exact_verifier, math_verifier

__all__ = [
    "REWARD_NAMES",
    "AnswerEquality",
    "Candidate",
    "Convention",
    "Judgement",
    "Likelihood",
    "MathShepherd",
    "Problem",
    "ProcessReward",
    "QwenMath",
    "Reward",
    "RlhFlow",
    "Scale",
    "Skywork",
    "Unscored",
    "ValueHead",
    "Verifier",
    "arithmetic_verifier",
    "callable_verifier",
    "candidate_of",
    "canonical",
    "exact_verifier",
    "extract_answer",
    "group_answers",
    "judged",
    "last",
    "load_value_head",
    "lowest",
    "math_verifier",
    "mean",
    "product",
    "reward_named",
]
