"""When a vote is clear: against enumeration, against scipy, and on streams of answers."""

import itertools
import random
from collections import Counter

import pytest
from scipy.stats import beta, dirichlet_multinomial

from ponder.errors import ParameterError
from ponder.scaling import AnswerPrior, BetaRule, Doubling, Learned, Never, Unanimous
from ponder.scaling.dirichlet import fit_dirichlet
from ponder.scaling.stopping import least_to_stop, majority_chance, shape

RULES = [
    Never(),
    BetaRule(),
    BetaRule(0.8),
    Unanimous(3),
    Doubling(),
    Learned(AnswerPrior(3.0, 1.0, 1.0, 2.0)),
]


def test_the_beta_rule_is_the_posterior_that_more_than_half_agree():
    for v1, v2 in itertools.product(range(30), range(30)):
        assert majority_chance(v1, v2) == pytest.approx(beta.sf(0.5, v1 + 1, v2 + 1), abs=1e-12)


def test_the_beta_rule_stops_first_at_four_to_none():
    rule = BetaRule()
    assert [rule.stops([7] * n) for n in range(5)] == [False] * 4 + [True]
    assert majority_chance(4, 0) == 0.96875
    assert not rule.stops([1, 1, 1, 2, 1])
    assert not rule.stops([None] * 9)


def test_a_window_must_be_unanimous_and_whole():
    rule = Unanimous(3)
    assert rule.stops([1, 2, 1, 5, 5, 5])
    assert not rule.stops([1, 2, 5, 5, 5])
    assert not rule.stops([5, 5, None])
    assert not rule.stops([None] * 3)


def test_doubling_looks_at_powers_of_two_and_counts_who_has_no_answer():
    rule = Doubling()
    assert [n for n in range(1, 33) if rule.stops([1] * n)] == [2, 4, 8, 16, 32]
    assert rule.stops([1, 1, 1, 2])
    assert not rule.stops([1, None])


@pytest.mark.parametrize("rule", RULES)
def test_no_samples_are_drawn_in_vain(rule):
    """Drawing as many as the rule needs at least ends at the same sample as drawing one by one."""
    rng = random.Random(5)
    for _ in range(60):
        stream = rng.choices([0, 1, 2, None], [rng.random() for _ in range(4)], k=24)
        alone = next((n for n in range(1, 25) if rule.stops(stream[:n])), 24)
        n = 0
        while n < 24 and not (n and rule.stops(stream[:n])):
            n += least_to_stop(rule, stream[:n], 24 - n)
        assert n == alone


def streams(problems, n, rng):
    """Answers to problems that are between hopeless and certain; answer 0 is right."""
    for _ in range(problems):
        right = rng.betavariate(0.7, 0.9)
        wrong = [rng.gammavariate(0.5, 1) for _ in range(6)]
        shares = [right, *((1 - right) * w / sum(wrong) for w in wrong)]
        yield rng.choices(range(7), shares, k=n)


def used(rule, n, problems=150):
    """The share of samples that a rule draws, and by how much it loses accuracy."""
    drawn = lost = 0
    for stream in streams(problems, n, random.Random(11)):
        stop = next((k for k in range(1, n + 1) if rule.stops(stream[:k])), n)
        top, whole = (Counter(stream[:k]).most_common(1)[0][0] for k in (stop, n))
        drawn += stop
        lost += (whole == 0) - (top == 0)
    return drawn / problems / n, lost / problems


@pytest.mark.slow
def test_the_beta_rule_saves_more_the_more_samples_there_are():
    """At 8 it cannot save much, since it takes four to none."""
    eight, thirty, sixty = (used(BetaRule(), n) for n in (8, 32, 64))
    assert eight[0] > 0.85
    assert thirty[0] <= 0.7
    assert sixty[0] <= 0.6
    assert max(abs(lost) for _, lost in (eight, thirty, sixty)) <= 0.02


@pytest.mark.slow
def test_a_prior_learned_on_other_problems_saves_more():
    earlier = streams(100, 32, random.Random(12))
    rule = Learned(AnswerPrior.fit([list(Counter(stream).values()) for stream in earlier]))
    share, lost = used(rule, 32)
    assert share <= 0.55
    assert share < used(BetaRule(), 32)[0]
    assert abs(lost) <= 0.03


def test_a_prior_is_bayes_rule_over_all_roles():
    """Against enumeration: who the seen answers are, and the probability of one order of the votes."""
    prior, spread = AnswerPrior(2.5, 1.0, 1.5, 3), 3
    alphas = (prior.top, prior.second, prior.others)
    for v1, v2, others in [(1, 0, 0), (4, 0, 0), (3, 2, 0), (5, 3, 2)]:
        weights = {}
        names = ["top", "second", *(f"other {i}" for i in range(spread))]
        for leader, runner_up in itertools.permutations(names, 2):
            counts, same = [0, 0, others], 0
            for name, votes in ((leader, v1), (runner_up, v2)):
                counts[min(names.index(name), 2)] += votes
                same += votes if name.startswith("other") else 0
            # A Dirichlet-multinomial without its coefficient is the probability of one order.
            n = sum(counts)
            orders = dirichlet_multinomial.pmf(counts, alphas, n) / _arrangements(counts)
            weights[leader, runner_up] = orders / spread**same
        expected = sum(w for (leader, _), w in weights.items() if leader == "top") / sum(weights.values())
        assert prior.leader_chance(v1, v2, others) == pytest.approx(expected, abs=1e-10)
    assert prior.leader_chance(1, 0, 0) == pytest.approx(2.5 / 5)


def _arrangements(counts):
    total, result = 0, 1
    for count in counts:
        for i in range(1, count + 1):
            total += 1
            result = result * total // i
    return result


def test_a_dirichlet_fit_is_the_likeliest():
    """No step in any direction is likelier; and it finds the parameters that made the counts."""
    rng = random.Random(3)
    true, rows = (3.0, 1.0, 0.5), []
    for _ in range(1500):
        shares = [rng.gammavariate(alpha, 1) for alpha in true]
        drawn = Counter(rng.choices(range(3), shares, k=20))
        rows.append([drawn[k] for k in range(3)])
    found = fit_dirichlet(rows)
    assert found == pytest.approx(true, rel=0.15)
    best = dirichlet_multinomial.logpmf(rows, found, 20).sum()
    for k, factor in itertools.product(range(3), (0.99, 1.01)):
        moved = [alpha * (factor if i == k else 1) for i, alpha in enumerate(found)]
        assert dirichlet_multinomial.logpmf(rows, moved, 20).sum() < best


def test_counts_where_an_answer_never_came_have_a_fit():
    prior = AnswerPrior.fit([[5], [4], [3]])
    assert prior.leader_chance(1, 0, 0) > 0.999
    with pytest.raises(ParameterError, match="problems"):
        AnswerPrior.fit([[], [0]])


def test_the_shape_of_a_vote():
    assert shape([]) == (0, 0, 0)
    assert shape([1, 2, None, 2, 3, 4, 2, 3]) == (3, 2, 2)
