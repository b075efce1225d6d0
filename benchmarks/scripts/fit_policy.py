"""Fits the policy of `auto` to pools of samples; compares it with fixed numbers of samples and plain rules.

    python benchmarks/scripts/fit_policy.py POOL.jsonl ... [--power P] [--policy FILE]

Each file is a pool that `ponder lab` drew: a family of problems and a model. Votes grow on shuffled samples.
The policy that decides on a problem was fitted without it: in ten folds of problems, and without the whole
task, of whichever model. What is fitted on everything is written to FILE.

Compared are a majority of n samples, and votes weighted as `auto` weighs them, for n = 4 to 64; the Beta
rule, the learned prior and a share that the leader must have, looking after the same waves, with `auto`'s
weights; and a router that knows how often each n is right on each problem, and pays `auto`'s price.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from machine import write_result
from ponder.lab.pool import Pool
from ponder.scaling import AnswerPrior, BetaRule, Learned, Policy, StopRule, paired_bootstrap
from ponder.scaling.fit_policy import LOSS, PRICES, WAVES, Ints, Walks, at, fit, follow, walk

FOLDS = 10
SHUFFLES = 8
THRESHOLDS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.98)


def apart(walks: Walks, groups: Sequence[Any], fitted: Callable[[Walks], Policy]) -> Ints:
    """Return at which wave each walk stops under a policy that was fitted on the other groups' walks."""
    last = np.zeros(len(walks.right), np.intp)
    for group in sorted(set(groups)):
        mine = np.array([one == group for one in groups])
        last[mine] = follow(fitted(walks.of(~mine)), walks.of(mine))
    return last


def stops(pools: Sequence[Pool], rules: Sequence[StopRule], seed: int) -> Ints:
    """Return after which wave each pool's rule stops on the same walks."""
    numbers, last = random.Random(seed), []
    for pool, rule in zip(pools, rules):
        for problem in pool.problems:
            for _ in range(SHUFFLES):
                labels = [one.group for one in numbers.sample(problem.samples, len(problem.samples))]
                stopped = (w for w, n in enumerate(WAVES) if rule.stops(labels[:n]))
                last.append(next(stopped, len(WAVES) - 1))
    return np.array(last)


def priors(pools: Sequence[Pool]) -> list[AnswerPrior]:
    """Return for each pool the prior that 8 samples of each of the other tasks' problems teach."""
    found = []
    for pool in pools:
        others = [one for other in pools if other.name != pool.name for one in other.problems]
        counts = [list(Counter(one.groups[:8]).values()) for one in others if None not in one.groups[:8]]
        found.append(AnswerPrior.fit(counts))
    return found


def clear(walks: Walks, share: float) -> Ints:
    """Return after which wave the leader first has such a share of the weighted votes."""
    reached = walks.share >= share
    reached[:, -1] = True
    return reached.argmax(axis=1)


def told(walks: Walks, last: Ints) -> dict[str, Any]:
    """Return accuracy, samples and tokens of stopping there, by family and in their mean."""
    right, samples = at(walks.right, last), np.asarray(walks.waves)[last]
    tokens = at(walks.tokens, last)
    found = {}
    for family in sorted(set(walks.families)):
        mine = walks.families == family
        found[str(family)] = {
            "right": round(float(right[mine].mean()), 4),
            "samples": round(float(samples[mine].mean()), 2),
            "tokens": round(float(tokens[mine].mean()), 1),
        }
    keys = ("right", "samples", "tokens")
    means = {key: round(float(np.mean([one[key] for one in found.values()])), 4) for key in keys}
    return {"mean": means, **found}


def against(walks: Walks, last: Ints, other: Walks, fixed: Ints) -> dict[str, Any]:
    """Return by how much stopping there is better than another way, with intervals over problems."""
    found = {}
    for family in ("all", *sorted(set(walks.families))):
        mine = np.full(len(last), True) if family == "all" else walks.families == family
        gap = paired_bootstrap(
            at(walks.right, last)[mine].tolist(),
            at(other.right, fixed)[mine].tolist(),
            walks.problems[mine].tolist(),
            resamples=2000,
        )
        cost = at(walks.tokens, last)[mine].mean() / at(other.tokens, fixed)[mine].mean()
        found[str(family)] = {
            "gap": round(gap.mean, 4),
            "interval": [round(gap.low, 4), round(gap.high, 4)],
            "share_of_tokens": round(float(cost), 3),
        }
    return found


def regret(walks: Walks, last: Ints, price: float) -> dict[str, float]:
    """Return by how much a router that knows each problem's chances is better, price paid."""
    values = walks.right - price * np.asarray(walks.waves)
    known = np.array([values[walks.problems == one].mean(axis=0) for one in sorted(set(walks.problems))])
    best = known.argmax(axis=1)
    right = np.array([walks.right[walks.problems == one].mean(axis=0) for one in sorted(set(walks.problems))])
    return {
        "price": price,
        "oracle_right": round(float(at(right, best).mean()), 4),
        "oracle_samples": round(float(np.asarray(walks.waves)[best].mean()), 2),
        "regret": round(float(known.max(axis=1).mean() - at(values, last).mean()), 4),
    }


def main() -> None:
    """Fit, compare, write benchmarks/results/auto.json, and the policy if a file is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("pools", nargs="+")
    parser.add_argument("--power", type=float, default=4.0)
    parser.add_argument("--loss", type=float, default=LOSS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policy", help="a file to write what was fitted on all pools to")
    asked = parser.parse_args()
    pools = [Pool.read(path) for path in asked.pools]
    families = {
        f"{pool.name}, {pool.provenance.model}": [problem.samples for problem in pool.problems]
        for pool in pools
    }
    walks = walk(families, power=asked.power, shuffles=SHUFFLES, seed=asked.seed)
    counted = walk(families, power=0.0, shuffles=SHUFFLES, seed=asked.seed)
    made_of = {
        "families": {name: len(problems) for name, problems in families.items()},
        "problems": sum(map(len, families.values())),
        "samples": WAVES[-1],
        "shuffles": SHUFFLES,
        "seed": asked.seed,
        "loss": asked.loss,
        "temperature": sorted({pool.provenance.temperature for pool in pools}),
        "seeds_of_pools": sorted({pool.provenance.seed for pool in pools}),
    }

    def fitted(some: Walks) -> Policy:
        return fit(some, made_of, power=asked.power, loss=asked.loss)

    policy = fitted(walks)
    tasks = [family.partition(",")[0] for family in walks.families]
    ways = {
        "auto, in folds of problems": apart(walks, [one % FOLDS for one in walks.problems.tolist()], fitted),
        "auto, without its task": apart(walks, tasks, fitted),
        "auto, fitted on all": follow(policy, walks),
    }
    found: dict[str, Any] = {"made_of": made_of, "power": asked.power, "price": policy.price}
    fixed = {f"weighted votes of {n}": (walks, np.full(len(tasks), w)) for w, n in enumerate(WAVES)}
    fixed |= {f"a majority of {n}": (counted, np.full(len(tasks), w)) for w, n in enumerate(WAVES)}
    found["fixed"] = {name: told(those, last) for name, (those, last) in fixed.items()}
    found["auto"] = {name: told(walks, last) for name, last in ways.items()}
    best = max(fixed, key=lambda name: found["fixed"][name]["mean"]["right"])
    found["best_fixed"] = best
    found["against_best_fixed"] = {name: against(walks, last, *fixed[best]) for name, last in ways.items()}
    most = f"a majority of {WAVES[-1]}"
    found["against_" + most.replace(" ", "_")] = {
        name: against(walks, last, *fixed[most]) for name, last in ways.items()
    }
    found["against_weighted_votes_of_16"] = {
        name: against(walks, last, *fixed["weighted votes of 16"]) for name, last in ways.items()
    }
    found["regret"] = {name: regret(walks, last, policy.price) for name, last in ways.items()}
    known = priors(pools)
    found["rules"] = {
        f"{name} {threshold}": told(walks, last)
        for threshold in THRESHOLDS
        for name, last in (
            ("beta", stops(pools, [BetaRule(threshold)] * len(pools), asked.seed)),
            ("learned prior", stops(pools, [Learned(one, threshold) for one in known], asked.seed)),
            ("weighted share", clear(walks, threshold)),
        )
    }
    found["prices"] = {
        f"{price:.2g}": told(walks, follow(replace(policy, price=price), walks))["mean"]
        for price in PRICES[::3]
    }
    write_result("auto", ("ponder", "numpy"), found, show=False)
    for kind in ("fixed", "auto", "rules"):
        for name, one in found[kind].items():
            print(name, one["mean"], file=sys.stderr)
    print(best, found["against_best_fixed"], found["regret"], file=sys.stderr)
    if asked.policy:
        policy.save(asked.policy)


if __name__ == "__main__":
    main()
