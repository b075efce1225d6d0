"""Pools that are made up."""

import random

import pytest

from ponder.lab.pool import Drawn, Pool, Provenance, Sample


def sample(group, right, logprob=-1.0, tokens=4, score=None, answer=None):
    if answer is None and group is not None:
        answer = str(group)
    return Sample(answer, group, right, logprob, 0.5, tokens, score)


def pool_of(problems, name="made"):
    drawn = tuple(Drawn(f"{name} {i}", f"q{i}", "0", tuple(samples)) for i, samples in enumerate(problems))
    return Pool(Provenance("none", name, 0, 0.8, len(problems[0]), None, {}), drawn)


@pytest.fixture
def chances():
    """Make a pool of problems with these chances of being right; wrong answers are spread over `wrong`."""

    def make(chances, samples=64, wrong=8, seed=0):
        rng = random.Random(seed)
        return pool_of(
            [
                [
                    sample(0, True) if rng.random() < chance else sample(rng.randint(1, wrong), False)
                    for _ in range(samples)
                ]
                for chance in chances
            ]
        )

    return make
