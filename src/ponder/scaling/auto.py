"""Auto: as many samples as a problem is worth.

    draw 4 samples, the probes
    repeat:
        count votes, weighted by the reward, or by the texts' probabilities where there is none
        look up in a table what going on was worth in earlier problems whose votes stood like that
        stop if it is worth less than it costs: the answer is clear, or more samples do not make it clearer
        draw as many samples again (or search for the rest step by step, or revise, if the table says so)
    answer = the one with the heaviest vote

The table is a `Policy`. Snell et al., arXiv 2408.03314, section 3.2, estimate how difficult a problem is and
choose by it, and do not count what the estimate costs; here the probes are candidates, and charged. Auto
never makes a text think longer than it does by itself (`BudgetForcing`): nothing here shows that it helps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal

from ponder.asks import Boundary, Grow, Path
from ponder.asks.path import branched
from ponder.errors import ParameterError
from ponder.rewards import AnswerEquality, Problem, total_logprob
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Choice, Effect, Note, Search, Text, claim, extend, note
from ponder.scaling.parameters import check_number, check_sampling, sampling_for
from ponder.scaling.policy import Advice, More, Policy, Standing
from ponder.scaling.revision_prompt import REVISE, check_revise, revision_prompt
from ponder.scaling.samples import draw
from ponder.scaling.scored import Scored, choose, ranked, score
from ponder.scaling.selection import Selection
from ponder.scaling.step_beam import StepBeam

Action = Literal[More, "stop", "give up"]

_ROOM = 2  # times the longest text so far: how many tokens a claim asks for each of the next ones
_EXPAND = 4  # of the search


@dataclass(frozen=True, slots=True)
class Auto:
    """Draw samples in waves until more are not worth their price, or there are n, the budget's.

    What counts is the chance of being right. Votes tell of it, without a reward or with one whose scale is a
    probability or a logarithm. Of a problem with tests a text that passes them all (a score of 1) is taken
    at once. A score that is just a number tells nothing of being right: then all n samples are drawn.

    Attributes
    ----------
    policy : the table; by default the one that comes with the package.
    price : of a sample, in the chance of a right answer; None for the policy's. The higher, the fewer.
    step : what ends a reasoning step, for a policy that searches where there is a reward.
    revise : what asks for another attempt, for a policy that has failed programs revised.
    sampling, equal : as in `BestOfN`.
    """

    policy: Policy = field(default_factory=Policy.shipped)
    price: float | None = None
    step: Boundary | None = None
    revise: str = REVISE
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "auto"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise ParameterError("policy", self.policy, "a Policy")
        if self.price is not None:
            check_number("price", self.price, over=-1e-12)
        check_revise(self.revise)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        sampling = sampling_for(self.sampling, problem, budget.n)
        texts: list[Scored] = []
        action: Action = "sample"
        rewarded = False
        while True:
            wave = self.policy.wave(len(texts), budget.n)
            extended = yield from extend(*self._grows(action, problem, sampling, texts, wave))
            judged = yield from score(extended.texts)
            texts += self._weighed(judged)
            rewarded |= any(one.score is not None for one in judged)
            choice = choose(texts, self._selection(problem, rewarded), self.equal, sampling)
            standing = standing_of(choice)
            advice = self._advice(problem, choice, standing, rewarded)
            wave = self.policy.wave(len(texts), budget.n) if extended.stopped == "done" else 0
            action = yield from self._decision(advice, wave, extended.texts, self._can(problem, rewarded))
            told = {"worth": advice.worth, "right": advice.right, "action": action}
            yield from note(choice.texts[choice.chosen], **asdict(standing), **told)
            if action == "search":
                texts += yield from self._searched(problem, budget.n - len(texts))
                return choose(texts, "hybrid", self.equal, sampling)
            if action in ("stop", "give up"):
                return choice

    def _grows(
        self,
        action: Action,
        problem: Problem,
        sampling: Mapping[str, Any],
        texts: Sequence[Scored],
        wave: int,
    ) -> list[Grow]:
        """Return the asks of a wave: new samples, or revisions of the best texts, each of another one."""
        if action != "revise":
            return draw(problem, sampling, len(texts), wave)
        attempts = ranked(texts)
        return [
            Grow(
                Path(
                    revision_prompt(problem, [attempts[i % len(attempts)]], self.revise),
                    lineage=branched((), 0, len(texts) + i),
                ),
                {**sampling, "n": 1},
            )
            for i in range(wave)
        ]

    def _weighed(self, texts: Sequence[Scored]) -> Sequence[Scored]:
        """Return texts that no reward judged with what their votes weigh, as a logarithm."""
        if not self.policy.power or any(one.score is not None or one.why for one in texts):
            return texts
        weights = [self.policy.power * (token_logprob(one.text) or 0.0) for one in texts]
        return [
            Scored(one.text, weight, (weight,), scale="logarithm")
            for one, weight in zip(texts, weights, strict=True)
        ]

    def _selection(self, problem: Problem, rewarded: bool) -> Selection:
        return "plain" if rewarded and problem.tests is not None else "hybrid"

    def _advice(self, problem: Problem, choice: Choice, standing: Standing, rewarded: bool) -> Advice:
        """Return what the policy says; that no sample is worth more where a text passes all tests."""
        if rewarded and problem.tests is not None:
            passed = choice.scores is not None and (choice.scores[choice.chosen] or 0.0) >= 1
            return Advice(0.0, 1.0) if passed else self.policy.failing.advice(standing.n)
        if rewarded and choice.judgement is not None and choice.judgement.scale == "number":
            return Advice(1.0, 0.0)
        return self.policy.advice(standing)

    def _can(self, problem: Problem, rewarded: bool) -> frozenset[More]:
        """Return what there is besides drawing samples."""
        search = rewarded and self.step is not None and problem.tests is None
        revise = rewarded and problem.tests is not None
        ways: dict[More, bool] = {"sample": True, "search": search, "revise": revise}
        return frozenset(way for way, there in ways.items() if there)

    def _decision(
        self, advice: Advice, wave: int, grown: Sequence[Text], ways: frozenset[More]
    ) -> Generator[Effect, Any, Action]:
        """Decide what comes next; under a common budget that is asked for."""
        if not wave:
            return "stop"
        goes_on = False
        if advice.worth:
            lengths = [len(text.path.tokens) for text in grown]
            mean = max(1.0, sum(lengths) / len(lengths))
            granted = yield from claim(advice.worth / mean, wave * _ROOM * max(1, *lengths))
            price = self.policy.price if self.price is None else self.price
            goes_on = advice.worth > price if granted is None else granted > 0
        if goes_on:
            return advice.more if advice.more in ways else "sample"
        return "stop" if advice.right >= 0.5 else "give up"

    def _searched(self, problem: Problem, n: int) -> Generator[Effect, Any, list[Scored]]:
        """Search step by step for n texts with other random numbers than the samples'."""
        assert self.step is not None
        sampling = {**self.sampling, "seed": (self.sampling.get("seed") or 0) + 1}
        beam = StepBeam(expand=min(_EXPAND, n), step=self.step, sampling=sampling, equal=self.equal)
        found = yield from _without_notes(beam.search(problem, Budget(n)))
        assert found.judgement is not None, "a step beam needs a reward"
        return [
            Scored(text, steps[-1] if steps else None, steps, scale=found.judgement.scale)
            for text, steps in zip(found.texts, found.judgement.steps, strict=True)
        ]


def standing_of(choice: Choice) -> Standing:
    """Return how the votes of a choice stand."""
    lengths = [len(text.path.tokens) for text in choice.texts]
    return Standing.of(choice.votes, [token_logprob(text) for text in choice.texts], lengths)


def token_logprob(text: Text) -> float | None:
    """Return the mean log-probability of a text's tokens, in nats; None where it is not known."""
    if text.measures is None or not text.path.tokens:
        return None
    return total_logprob(text.measures) / len(text.path.tokens)


def _without_notes(search: Search) -> Search:
    """Run a strategy within another: what it notes says nothing of the whole."""
    result: Any = None
    while True:
        try:
            effect = search.send(result)
        except StopIteration as end:
            choice: Choice = end.value
            return choice
        result = None if isinstance(effect, Note) else (yield effect)
