"""Power sampling: a text drawn from p^alpha, the model's own distribution sharpened, by Metropolis-Hastings.

    x = "", L = 0
    repeat until L = max_tokens:
        L = L + `block`, or max_tokens if x has ended
        x = x, and tokens drawn from q until the text ends or has L tokens
        repeat `moves` times:
            t  = uniform in 0 .. |x| - 1
            x' = x[:t], and tokens drawn from q until the text ends or has L tokens
            A  = (p(x') / p(x))^alpha * q(x[t:]) / q(x'[t:]) * |x| / |x'|
            x  = x' with probability min(1, A)

p is the model and q the proposal, the model at temperature 1 / alpha, each given the text before.
Karan and Du, arXiv 2510.14901, algorithm 1.

Why |x| / |x'|: cut t and the tokens after it lead from x to x' with probability 1/|x| * q(x'[t:]), and back
with 1/|x'| * q(x[t:]). With A, p(x)^alpha P(x -> x') = p(x')^alpha P(x' -> x) for each t, so that p^alpha
stays what it is. Lengths differ where texts end; the end token counts. The authors' code leaves the factor
out, which draws from |x| p(x)^alpha and so prefers long texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, ClassVar

from ponder.asks import End, Grow, Tokens
from ponder.asks.path import branched
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import AnswerEquality, Measure, Problem, total_logprob
from ponder.sampling import SamplingParams
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.dice import dice
from ponder.scaling.effects import Effect, Search, Text, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_number, check_sampling, sampling_for
from ponder.scaling.samples import draw, go_on
from ponder.scaling.scored import choose, score
from ponder.scaling.selection import SELECTIONS, Selection


@dataclass(frozen=True, slots=True)
class PowerSampling:
    """Run n chains, the budget's n, each of which ends at a text from p^alpha; then choose as best-of-n.

    A chain needs no reward. It generates about `moves` half texts for each block: of a text that it cuts only
    what comes after the cut. With more moves it comes closer to p^alpha. Truncation (top-k, top-p) in
    `sampling` limits the texts to those that can be drawn with it.

    Attributes
    ----------
    alpha : over 0; the paper has 4. 1 is plain sampling.
    block : tokens by which texts grow between moves; the paper has a 16th of `max_tokens`.
    moves : after each block.
    selection, equal : as in `BestOfN`.
    sampling : as in `BestOfN`, but that the temperature is 1 / alpha if left out. Any other over 0 is correct
        too, and slower.
    """

    alpha: float = 4.0
    block: int = 192
    moves: int = 10
    selection: Selection = "hybrid"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "power-sampling"

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, over=0)
        check_count("block", self.block)
        check_count("moves", self.moves)
        check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)
        if self.sampling.get("temperature") == 0:
            raise ParameterError("temperature", 0, "over 0, since texts are drawn anew")

    @property
    def needs(self) -> frozenset[str]:
        return frozenset() if self.selection in ("majority", "hybrid") else frozenset({"reward"})

    def search(self, problem: Problem, budget: Budget) -> Search:
        defaults = {"max_tokens": SamplingParams().max_tokens, "temperature": 1 / self.alpha}
        given = {name: value for name, value in self.sampling.items() if value is not None}
        sampling = sampling_for({**defaults, **given}, problem, budget.n)
        most, numbers = sampling["max_tokens"], count()
        length = min(self.block, most)
        until = End() if length == most else Tokens(length)
        extended = yield from extend(*draw(problem, sampling, 0, budget.n, until))
        texts, stopped = list(extended.texts), extended.stopped
        best = likeliest(texts)
        yield from note(best, texts=[text.node for text in texts])
        lengths, moving = [length] * budget.n, [i for i, text in enumerate(texts) if text.path.tokens]
        while moving and stopped == "done":
            for _ in range(self.moves):
                stopped, accepted = yield from self._move(texts, moving, lengths, sampling, next(numbers))
                best = likeliest([best, *texts])
                yield from note(best, texts=[text.node for text in texts], accepted=accepted)
                if stopped != "done":
                    break
            moving = [i for i in moving if lengths[i] < most]
            live = [i for i in moving if texts[i].live]
            lengths = [min(lengths[i] + self.block, most) if texts[i].live else most for i in range(budget.n)]
            if live and stopped == "done":
                length = lengths[live[0]]  # they have grown together
                until = End() if length == most else Tokens(self.block)
                stopped = yield from go_on(texts, live, sampling, until)
        scored = yield from score(texts)
        return choose(scored, self.selection, self.equal, sampling)

    def _move(
        self,
        texts: list[Text],
        moving: Sequence[int],
        lengths: Sequence[int],
        sampling: Mapping[str, Any],
        number: int,
    ) -> Generator[Effect, Any, tuple[Stopped, list[int]]]:
        """Make a move, in place, in each of some chains; return how the budget stands and who accepted it."""
        n = len(texts)
        sources = {i: dice(sampling["seed"], number * n + i) for i in moving}
        cuts = {i: int(sources[i].integers(len(texts[i].path.tokens))) for i in moving}
        grows = []
        for i, cut in cuts.items():
            until = End() if lengths[i] == sampling["max_tokens"] else Tokens(lengths[i] - cut)
            path = texts[i].first(cut)
            lineage = branched(path.lineage, cut, n * (number + 1) + i)  # with random numbers of its own
            grows.append(Grow(replace(path, lineage=lineage), {**sampling, "n": 1}, until=until))
        extended = yield from extend(*grows)
        accepted = []
        for (i, cut), new in zip(cuts.items(), extended.texts, strict=True):
            if new.finish_reason == "cancelled" or not new.grown:  # by the budget; by a constraint
                continue
            ratio = log_acceptance(measured(texts[i])[cut:], measured(new)[cut:], cut, self.alpha)
            if sources[i].random() < math.exp(min(0.0, ratio)):
                texts[i] = new
                accepted.append(i)
        return extended.stopped, accepted


def log_acceptance(old: Sequence[Measure], new: Sequence[Measure], cut: int, alpha: float) -> float:
    """Return log A for two texts that are the same up to a cut, of what comes after it."""

    def weight(rest: Sequence[Measure]) -> float:
        drawn = math.fsum(one.drawn_logprob or 0.0 for one in rest)
        return alpha * total_logprob(rest) - drawn - math.log(cut + len(rest))

    return weight(new) - weight(old)


def measured(text: Text) -> tuple[Measure, ...]:
    """Return a measure for each token of a text.

    Raises
    ------
    UnsupportedError : there are none.
    """
    measures = text.measures or ()
    told = len(measures) == len(text.path.tokens) and all(one.drawn_logprob is not None for one in measures)
    if not told or text.offsets is None:
        raise UnsupportedError("power sampling needs a model that tells each token's log-probabilities")
    return measures


def likeliest(texts: Sequence[Text]) -> Text:
    """Return the likeliest of the finished texts, or of all where none is finished."""
    return max(texts, key=lambda text: (text.finished, total_logprob(text.measures or ())))
