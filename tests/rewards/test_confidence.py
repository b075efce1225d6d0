"""Numbers of certainty, against the papers' formulas written again, on random distributions."""

import asyncio
import math

import numpy as np
import pytest

from ponder.errors import ParameterError
from ponder.rewards import CERTAINTIES, Candidate, Confidence, Measure, Problem
from ponder.rewards.measure import measure_of
from ponder.sampling import TokenTrace

V, K, N = 40, 6, 37


def written(seed):
    """A text of N tokens: its raw log-probabilities [N, V], and the candidate with its measures."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (N, V))
    logprobs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    measures = []
    for row in logprobs:
        top = tuple((int(i), float(row[i])) for i in np.argsort(-row)[:K])
        entropy = float(-(np.exp(row) * row).sum())
        certainty = float(-row.mean() - math.log(V))
        trace = TokenTrace(0, float(row[0]), 0.0, 0.0, entropy, 1, 1, 1.0, 1.0, top, None, certainty)
        measures.append(measure_of(trace))
    return logprobs, Candidate("a", tokens=N, measures=tuple(measures))


def scored(reward, *candidates):
    judgement = asyncio.run(reward.judge(Problem("?"), candidates))
    return [steps[0] if steps else None for steps in judgement.steps], judgement.unscored


def groups(logprobs, window):
    """DeepConf's group confidences, a loop over tokens."""
    tokens = [-sum(sorted(row)[-K:]) / K for row in logprobs]
    return tokens, [sum(tokens[t - window + 1 : t + 1]) / window for t in range(window - 1, len(tokens))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("window", [1, 5, 0.2, N, 500])
def test_they_are_the_papers_formulas(seed, window):
    logprobs, candidate = written(seed)
    width = min(N, window if isinstance(window, int) else round(window * N))
    tokens, means = groups(logprobs, width)
    lowest = sorted(means)[: max(1, len(means) // 10)]
    expected = {
        "entropy": np.mean((np.exp(logprobs) * logprobs).sum(-1)),
        "total-entropy": (np.exp(logprobs) * logprobs).sum(),
        "self-certainty": -sum(math.log(V * math.exp(p)) for row in logprobs for p in row) / (N * V),
        "mean": sum(tokens) / N,
        "bottom": sum(lowest) / len(lowest),
        "lowest": min(means),
        "tail": means[-1],
    }
    assert set(expected) == set(CERTAINTIES)
    for of, value in expected.items():
        (score,), _ = scored(Confidence(of, window), candidate)
        assert score == pytest.approx(value, abs=1e-6)


def test_a_peak_is_more_certain():
    """A token that the model is sure of has a higher score under each of them."""

    def candidate(peak):
        row = np.full(V, math.log((1 - peak) / (V - 1)))
        row[3] = math.log(peak)
        entropy, certainty = -(np.exp(row) * row).sum(), -row.mean() - math.log(V)
        measure = Measure(row[3], None, entropy, -np.sort(row)[-K:].mean(), certainty)
        return Candidate("a", measures=(measure,) * 4)

    for of in CERTAINTIES:
        (sure, unsure), _ = scored(Confidence(of), candidate(0.95), candidate(0.2))
        assert sure > unsure


def test_what_the_model_did_not_tell_is_unscored_and_said():
    _, known = written(0)
    bare = Candidate("a", measures=(Measure(-0.5),))
    for of in CERTAINTIES:
        scores, unscored = scored(Confidence(of), bare, known, Candidate("b"))
        assert [score is None for score in scores] == [True, False, True]
        assert "did not tell" in unscored[0].why
        assert "no tokens" in unscored[1].why


@pytest.mark.parametrize("window", [0, 0.0, 1.5, -1, True, "all", float("nan")])
def test_a_bad_window_is_refused(window):
    with pytest.raises(ParameterError, match="window"):
        Confidence("tail", window)


def test_a_bad_name_is_refused():
    with pytest.raises(ParameterError, match="self-certainty"):
        Confidence("certain")
