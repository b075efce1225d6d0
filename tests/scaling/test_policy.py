"""Policies: what they say of a standing, files, and how the fit compares with what could be known."""

import json
import math
import random
from dataclasses import dataclass, replace

import numpy as np
import pytest

from ponder.errors import DataError, ParameterError
from ponder.scaling import Advice, Auto, Failing, Policy, Standing, Vote
from ponder.scaling.fit_policy import PRICES, WAVES, at, fit, follow, stand, walk
from scaling.policies import clear_at


@dataclass(frozen=True)
class Drawn:
    """A sample of a pool."""

    group: int | None
    right: bool
    logprob: float = -1.0
    tokens: int = 1


def family(numbers, chances, n=64):
    """Return problems whose samples have answer 0, the right one, with these chances, else one of three."""
    return [
        [Drawn(group, group == 0) for group in numbers.choices(range(4), [p, *[(1 - p) / 3] * 3], k=n)]
        for p in chances
    ]


def test_how_votes_stand():
    votes = (Vote("7", 3.0, (0, 3)), Vote("8", 1.0, (1,)))
    standing = Standing.of(votes, [-1.0, -5.0, -2.0, -3.0], [2, 4, 6, 8])
    assert standing == Standing(4, 0.5625, 0.375, 2, -2.0, 5.0)  # 3/4 of 3 of 4
    assert Standing.of((), [None], [3]) == Standing(1, 0.0, 0.0, 0, None, 3.0)
    assert Standing.of((Vote("7", 0.0, (0,)),), [None], [3]).share == 0.0


def test_a_leader_is_the_heaviest():
    samples = [Drawn(1, False, -3.0), Drawn(0, True, -1.0), Drawn(1, False, -3.0), Drawn(None, False)]
    assert not stand(samples)[0]
    right, standing = stand(samples, 1.0)
    assert right
    assert standing.share == pytest.approx(0.75 / (1 + 2 * math.exp(-2)))
    assert stand([Drawn(None, False)] * 2) == (False, Standing(2, 0.0, 0.0, 0, None, 1.0))


def test_waves_and_advice():
    policy = clear_at(0.7, (4, 8, 16))
    assert [policy.wave(n, 100) for n in (0, 4, 5, 8, 16, 40)] == [4, 4, 3, 8, 0, 0]
    assert [policy.wave(n, 6) for n in (0, 4, 6)] == [4, 2, 0]
    said = [policy.advice(Standing(n, share, 0, 2, None, 1)).worth for n in (2, 4, 9) for share in (0.6, 0.7)]
    assert said == [0.5, 0.0] * 3
    last = policy.advice(Standing(16, 0.6, 0, 2, None, 1))
    assert (last.worth, last.right) == (0.0, 0.3), "nobody has looked further"
    assert Policy((4,), (), (), 0.1).advice(Standing(4, 0.5, 0, 1, None, 1)) == Advice(0.0, 0.0)
    assert Failing(1, 3).advice(4).worth == 1 / 8


def test_a_policy_is_a_file(tmp_path):
    path = tmp_path / "policy.json"
    policy = replace(clear_at(0.7), made_of={"models": ["m"]})
    policy.save(path)
    assert Policy.load(path) == policy
    told = json.loads(path.read_text())
    wrong = {"format": "other", "waves": [4, 2], "cuts": [0.5, 0.5], "price": -1, "table": []}
    for name, value in wrong.items():
        path.write_text(json.dumps({**told, name: value}))
        with pytest.raises(DataError, match=r"policy.json cannot be read as a policy: .*" + name):
            Policy.load(path)
    path.write_text("[]")
    with pytest.raises(DataError, match="format"):
        Policy.load(path)
    with pytest.raises(DataError, match="cannot be read"):
        Policy.load(tmp_path)


def test_the_shipped_policy_says_what_it_was_fitted_on():
    policy = Policy.shipped()
    assert policy.waves == WAVES
    assert Auto().policy is policy
    assert {"families", "problems", "samples", "seed"} <= set(policy.made_of)
    assert all(advice.problems >= 30 for row in policy.table for advice in row)
    assert all(advice.more == "sample" for row in policy.table for advice in row), "no figure says otherwise"
    assert policy.price in PRICES


def test_worth_is_the_price_at_which_going_on_and_stopping_are_the_same():
    """One wave more: of 100 problems each leader is right in 10 now and 20 later, 4 samples later."""
    early, late = [Drawn(1, False)] * 4, [Drawn(0, True)] * 9
    same = [Drawn(1, False)] * 13
    walks = walk({"f": [[*early, *late]] * 10 + [same] * 90}, (4, 13), shuffles=1)
    right = np.array([[0.0, 1.0]] * 10 + [[0.0, 0.0]] * 90)
    walks = replace(walks, right=right, share=np.full((100, 2), 0.5))
    policy = fit(walks, {}, cuts=())
    (row,) = policy.table
    expected = max(price for price in PRICES if price < 0.1 / 9)
    assert row[0].worth == pytest.approx(expected)


def test_a_fit_is_near_a_router_that_knows_each_problem():
    """On other problems: what all 64 samples reach for fewer, not far below who knows the best number."""
    numbers = random.Random(3)

    def drawn():
        mixed = [numbers.uniform(0.2, 0.8) for _ in range(60)]
        chances = {"easy": [0.9] * 30, "hopeless": [0.02] * 30, "mixed": mixed}
        return {name: family(numbers, those) for name, those in chances.items()}

    policy = fit(walk(drawn(), shuffles=2), {}, loss=0.02)
    for row in policy.table:
        assert sorted((advice.worth for advice in row), reverse=True) == [advice.worth for advice in row]
    others = walk(drawn(), shuffles=2, seed=1)
    last = follow(policy, others)
    right, samples = at(others.right, last), np.asarray(others.waves)[last]
    assert right.mean() >= others.right[:, -1].mean() - 0.02
    assert samples.mean() <= 0.8 * 64
    assert samples[others.families == "easy"].mean() < 24
    values = others.right - policy.price * np.asarray(others.waves)
    known = np.array([values[others.problems == one].mean(axis=0) for one in range(120)])
    assert 0 <= known.max(axis=1).mean() - at(values, last).mean() <= 0.1
    assert at(others.tokens, last).sum() == samples.sum(), "a sample is a token here"


def test_bad_pools_are_refused():
    with pytest.raises(ParameterError, match="one problem or more"):
        walk({})
    with pytest.raises(ParameterError, match="64 or more"):
        walk({"f": [[Drawn(0, True)] * 63]})
    with pytest.raises(ParameterError, match="loss"):
        fit(walk({"f": [[Drawn(0, True)] * 64]}), {}, loss=0)
