"""Random numbers for each problem."""

from __future__ import annotations

import hashlib

from ponder.rewards import Problem


def problem_seed(seed: int, problem: Problem) -> int:
    """Return a seed for one problem.

    Random numbers depend on seed, lineage and position alone. With one seed for a whole data set, sample i of
    every problem would draw the same ones, and an interval over problems would count as independent what is
    not.
    """
    digest = hashlib.blake2b(f"{seed}\n{problem.question}".encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")
