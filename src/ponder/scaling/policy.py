"""What more samples of a problem are worth, as earlier problems showed.

After 4, 8, 16 and 32 samples the leading answer has some share of the votes. A table says for each bucket of
that share how often the leader was right, and what going on was worth: the greatest price of a sample at
which drawing more, and then deciding again, raised the share of right answers by more than it cost. That
is an index in the sense of Gittins (1979): `Auto` goes on while it is above a price, and under a common
budget (`Allocation`) those problems go on where it is highest.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from ponder.errors import DataError, ParameterError
from ponder.scaling.effects import Vote
from ponder.scaling.parameters import check_choice, check_count, check_number

More = Literal["sample", "search", "revise"]
MORE: tuple[More, ...] = get_args(More)

FORMAT = "ponder policy 1"
_SHIPPED = "policy.json"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a vote stands.

    Attributes
    ----------
    n : how many samples there are.
    share : of the leading answer, in the weight of all votes; a sample without an answer takes its part away.
    lead : by how much that is more than the runner-up's share.
    answers : how many different answers there are.
    logprob : the mean log-probability of a token in the leader's texts, in nats; None where it is not known.
    tokens : the mean length.
    """

    n: int
    share: float
    lead: float
    answers: int
    logprob: float | None
    tokens: float

    @staticmethod
    def of(votes: Sequence[Vote], logprobs: Sequence[float | None], lengths: Sequence[int]) -> Standing:
        """Return how votes stand, the heaviest first, of texts with these log-probabilities and lengths."""
        n, whole = len(lengths), sum(vote.weight for vote in votes)
        voters = sum(len(vote.members) for vote in votes)
        tokens = sum(lengths) / n
        if not whole:
            return Standing(n, 0.0, 0.0, len(votes), None, tokens)
        first, second = votes[0].weight, votes[1].weight if len(votes) > 1 else 0.0
        part = voters / n / whole
        told = [one for i in votes[0].members if (one := logprobs[i]) is not None]
        logprob = sum(told) / len(told) if told else None
        return Standing(n, first * part, (first - second) * part, len(votes), logprob, tokens)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a policy says of a standing.

    Attributes
    ----------
    worth : what another sample is worth: the rise of the chance of a right answer that it brings.
    right : how often the leader was right there.
    more : what to do with further samples, if there are any: "sample" draws them, "search" grows the
        rest step by step, "revise" rewrites the best ones.
    problems : how many problems of the fit came there; 0 where it was not fitted.
    """

    worth: float
    right: float
    more: More = "sample"
    problems: int = 0

    def __post_init__(self) -> None:
        check_number("worth", self.worth, over=-1e-12)
        check_number("right", self.right, over=-1e-12, below=1 + 1e-12)
        check_choice("more", self.more, MORE)
        check_count("problems", self.problems, 0)


@dataclass(frozen=True, slots=True)
class Failing:
    """What more attempts are worth after some that all failed their tests.

    The chances of problems to be solved by one attempt are Beta(right, wrong) distributed (`BetaBinomial`),
    so after n failures the next attempt passes with a probability of right / (right + wrong + n).
    """

    right: float
    wrong: float
    more: More = "sample"

    def __post_init__(self) -> None:
        check_number("right", self.right, over=0)
        check_number("wrong", self.wrong, over=0)
        check_choice("more", self.more, MORE)

    def advice(self, failed: int) -> Advice:
        """Return what the next attempt is worth: the chance that it is the first to pass."""
        return Advice(self.right / (self.right + self.wrong + failed), 0.0, self.more)


@dataclass(frozen=True, slots=True)
class Policy:
    """Says after each wave of samples what more of them are worth.

    Attributes
    ----------
    waves : after how many samples to look: the first is the probes, after the last nothing more is drawn.
    cuts : where the buckets of the leader's share begin, but for the first.
    table : for each wave but the last an advice for each bucket.
    price : of a sample, for which `Auto` goes on: in the chance of a right answer.
    power : without a reward a vote weighs p^power, p the geometric mean of its text's token probabilities.
    failing : for problems with tests.
    made_of : what it was fitted on.
    """

    waves: tuple[int, ...]
    cuts: tuple[float, ...]
    table: tuple[tuple[Advice, ...], ...]
    price: float
    power: float = 0.0
    failing: Failing = Failing(0.5, 0.5)
    made_of: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.waves, self.waves[1:], strict=False))
        if not rising or not self.waves or self.waves[0] < 1:
            raise ParameterError("waves", list(self.waves), "rising whole numbers, 1 or more")
        if list(self.cuts) != sorted(set(self.cuts)):
            raise ParameterError("cuts", list(self.cuts), "rising numbers")
        if len(self.table) != len(self.waves) - 1:
            raise ParameterError("table", len(self.table), f"a row for each of {len(self.waves) - 1} waves")
        for row in self.table:
            if len(row) != len(self.cuts) + 1:
                raise ParameterError("table", len(row), f"rows of {len(self.cuts) + 1} buckets")
        check_number("price", self.price, over=-1e-12)
        check_number("power", self.power, over=-1e-12)

    def wave(self, drawn: int, most: int) -> int:
        """Return how many samples come next, after some, of so many at most."""
        return min(next((wave for wave in self.waves if wave > drawn), drawn), most) - drawn

    def advice(self, standing: Standing) -> Advice:
        """Return what is said of a standing; between waves it is that of the wave before."""
        row = max(0, bisect_right(self.waves, standing.n) - 1)
        if row >= len(self.table):  # nobody has looked further
            row = len(self.table) - 1
            return Advice(0.0, self.table[row][self.bucket(standing)].right if self.table else 0.0)
        return self.table[row][self.bucket(standing)]

    def bucket(self, standing: Standing) -> int:
        """Return the number of the bucket in which a standing is."""
        return bisect_right(self.cuts, standing.share)

    def save(self, path: str | Path) -> None:
        """Write it to a JSON file."""
        Path(path).write_text(json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n")

    @staticmethod
    def load(path: str | Path) -> Policy:
        """Read it from a file. Raises DataError for one that `save` did not write."""
        try:
            return Policy._parse(Path(path).read_text("utf-8"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ParameterError) as error:
            raise DataError(f"{Path(path).name} cannot be read as a policy: {error}") from None

    @staticmethod
    @cache
    def shipped() -> Policy:
        """Return the policy that comes with the package; its `made_of` says from what it was fitted."""
        return Policy._parse(resources.files("ponder.scaling").joinpath(_SHIPPED).read_text("utf-8"))

    @staticmethod
    def _parse(text: str) -> Policy:
        told = json.loads(text)
        if not isinstance(told, dict) or told.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        return Policy(
            tuple(map(int, told["waves"])),
            tuple(map(float, told["cuts"])),
            tuple(tuple(Advice(**one) for one in row) for row in told["table"]),
            float(told["price"]),
            float(told["power"]),
            Failing(**told["failing"]),
            dict(told["made_of"]),
        )
