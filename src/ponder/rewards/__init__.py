"""How good a text is: what is scored, who scores it, and when two answers are the same."""

from ponder.rewards.alarm import Alarm, Bounds, Pool, alarms
from ponder.rewards.answer import canonical, extract_answer
from ponder.rewards.arithmetic import arithmetic_verifier
from ponder.rewards.calibration import Calibrated, Calibration, calibrate
from ponder.rewards.catalogue import REWARD_NAMES, reward_named
from ponder.rewards.classifier import Classifier, load_classifier
from ponder.rewards.code import Trials, UnitTests, code_of, code_verifier
from ponder.rewards.code_tests import CodeTests
from ponder.rewards.composition import Product, Threshold, Veto, Weighted, Within
from ponder.rewards.confidence import CERTAINTIES, Certainty, Confidence
from ponder.rewards.constraint import ConstraintReward
from ponder.rewards.conventions import Convention, MathShepherd, QwenMath, RlhFlow, Skywork
from ponder.rewards.equality import AnswerEquality, group_answers
from ponder.rewards.feedback import MOST_FEEDBACK, Feedback
from ponder.rewards.head import Head, HeadReward
from ponder.rewards.judge import RatingJudge, YesNoJudge
from ponder.rewards.judgement import UNAFFORDABLE, Judgement, Scale, Unscored, last, lowest, mean, product
from ponder.rewards.likelihood import Likelihood
from ponder.rewards.measure import Measure, measure_of, measures_of, total_logprob
from ponder.rewards.order_statistics import best_of_weights, expected_of_best
from ponder.rewards.process import ProcessReward
from ponder.rewards.profanity import profanity_reward
from ponder.rewards.reading import Planned, planned
from ponder.rewards.reward import Candidate, Problem, Reward, State, candidate_of, is_free, judged, require
from ponder.rewards.sentiment import sentiment_reward
from ponder.rewards.trial import TestResult, TrialLimits
from ponder.rewards.value_head import ValueHead, load_value_head
from ponder.rewards.verifier import Verifier, callable_verifier, exact_verifier, math_verifier

__all__ = [
    "Alarm",
    "AnswerEquality",
    "Bounds",
    "CERTAINTIES",
    "Calibrated",
    "Calibration",
    "Candidate",
    "Certainty",
    "Classifier",
    "CodeTests",
    "Confidence",
    "ConstraintReward",
    "Convention",
    "Feedback",
    "Head",
    "HeadReward",
    "Judgement",
    "Likelihood",
    "MOST_FEEDBACK",
    "MathShepherd",
    "Measure",
    "Planned",
    "Pool",
    "Problem",
    "ProcessReward",
    "Product",
    "QwenMath",
    "REWARD_NAMES",
    "RatingJudge",
    "Reward",
    "RlhFlow",
    "Scale",
    "Skywork",
    "State",
    "TestResult",
    "Threshold",
    "TrialLimits",
    "Trials",
    "UNAFFORDABLE",
    "UnitTests",
    "Unscored",
    "ValueHead",
    "Verifier",
    "Veto",
    "Weighted",
    "Within",
    "YesNoJudge",
    "alarms",
    "arithmetic_verifier",
    "best_of_weights",
    "calibrate",
    "callable_verifier",
    "candidate_of",
    "canonical",
    "code_of",
    "code_verifier",
    "exact_verifier",
    "expected_of_best",
    "extract_answer",
    "group_answers",
    "is_free",
    "judged",
    "last",
    "load_classifier",
    "load_value_head",
    "lowest",
    "math_verifier",
    "mean",
    "measure_of",
    "measures_of",
    "planned",
    "product",
    "profanity_reward",
    "require",
    "reward_named",
    "sentiment_reward",
    "total_logprob",
]
