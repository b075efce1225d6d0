"""Rewards that ask the default model."""

import asyncio

import pytest

from ponder.asks import Grow, Path
from ponder.asks.fronts import ascore, generate
from ponder.errors import ParameterError
from ponder.rewards import (
    REWARD_NAMES,
    Candidate,
    Likelihood,
    Problem,
    candidate_of,
    extract_answer,
    reward_named,
)


def texts(*items):
    return [Candidate(text, extract_answer(text)) for text in items]


def scores(reward, problem, candidates):
    return asyncio.run(reward.judge(problem, candidates)).outcomes()


def test_rewards_by_name(local_model):
    for name in REWARD_NAMES:
        assert reward_named(name, local_model).name in name
    with pytest.raises(ParameterError, match="one of likelihood"):
        reward_named("judge", local_model)


def test_likelihood_of_what_the_model_wrote_is_free_and_is_what_scoring_finds(local_model):
    problem = Problem("What is the capital of France?")
    sampling = {"n": 3, "seed": 4, "max_tokens": 60, "temperature": 0.7}
    completion = generate(local_model, Grow(Path(problem.prompt), sampling))
    written = [candidate_of(output, completion.model) for output in completion.outputs]
    own = asyncio.run(Likelihood(local_model).judge(problem, written))
    assert own.computed_tokens == 0

    def is_read_as_written(output):
        """A text may be spelt in tokens that its reading does not choose."""
        read = local_model.tokenizer.encode(output.text)
        return list(output.token_ids[: len(read)]) == list(read)

    finished = [
        candidate
        for candidate, output in zip(written, completion.outputs, strict=True)
        if candidate.finish_reason == "stop" and is_read_as_written(output)
    ]
    assert finished
    strangers = [Candidate(candidate.text) for candidate in finished]
    scored = asyncio.run(Likelihood(local_model).judge(problem, strangers))
    expected = [candidate.logprob for candidate in finished]
    assert scored.outcomes() == pytest.approx(expected, rel=1e-3, abs=0.05)
    assert scored.computed_tokens > 0


def test_mean_likelihood_divides_by_the_tokens(local_model):
    problem = Problem("?", raw="The capital of France is")
    candidates = texts(" Paris", " Paris, and it is a city")
    total = Likelihood(local_model)
    mean = Likelihood(local_model, normalise="tokens")
    asked = asyncio.run(ascore(local_model, problem.prompt, [c.text for c in candidates]))
    lengths = [len(text.token_ids) for text in asked.texts]
    sums = scores(total, problem, candidates)
    expected = [value / n for value, n in zip(sums, lengths, strict=True)]
    assert scores(mean, problem, candidates) == pytest.approx(expected)
    assert sums[0] > sums[1]


def test_one_stranger_makes_all_candidates_scored_alike(local_model):
    problem = Problem("?", raw="The capital of France is")
    own = Candidate(" Paris", logprob=-123.0, tokens=1, model=local_model.name)
    stranger = Candidate(" Paris")
    a, b = scores(Likelihood(local_model), problem, [own, stranger])
    assert a == b


def test_likelihood_refuses_an_unknown_normalisation(local_model):
    with pytest.raises(ParameterError, match="sum or tokens"):
        Likelihood(local_model, normalise="bytes")
