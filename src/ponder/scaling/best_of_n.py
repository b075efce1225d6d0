"""Best-of-N: sample n texts from one prompt, keep one."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, get_args

from ponder.asks import Path, Completion, Grow as GenerationRequest, LanguageModel, TokenEvent
from ponder.errors import ParameterError, PonderError
from ponder.rewards import (
    AnswerEquality,
    Candidate,
    Problem,
    Reward,
    candidate_of,
    canonical,
    extract_answer,
    group_answers,
)
from ponder.sampling import resolve_params
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.ledger import Ledger, ledger_of
from ponder.scaling.strategy import Answer, Progress, Vote

Selection = Literal["plain", "weighted", "majority"]
SELECTIONS: tuple[Selection, ...] = get_args(Selection)

_TEMPERATURE = 0.8  # of several samples, as in search-and-learn (Hugging Face, 2024)
_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Best-of-N as in Snell et al., arXiv 2408.03314, section 5.

    All n texts are samples of one request, so the prompt is computed once.

    - "plain" keeps the candidate with the highest score, ties going to the first.
    - "weighted" adds up the scores of candidates with equal answers and keeps the heaviest answer. Scores
      that are logarithms count as probabilities relative to the best, exp(score - best score); note that
      sampling has already drawn texts in proportion to their probability, which then counts twice. Other
      scores must not be negative.
    - "majority" counts candidates with equal answers (self-consistency, Wang et al., arXiv 2203.11171).

    Where answers are grouped, texts without an answer have no vote, ties go to the answer seen first, and the
    candidate kept is the best-scored of the group. Without any answer it is the best-scored of all.

    Attributes
    ----------
    selection : how one is kept.
    sampling : fields of `SamplingParams`. If left out, the temperature is 0.8, or 0 for a single sample
        (greedy), and the seed 0; `problem_seed` makes of it one per problem. `n` is the budget's.
    equal : decides which answers are equal.
    """

    selection: Selection = "plain"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "best-of-n"

    def __post_init__(self) -> None:
        if self.selection not in SELECTIONS:
            raise ParameterError("selection", self.selection, "one of " + ", ".join(SELECTIONS))
        if self.sampling.get("n") is not None:
            raise ParameterError("n", self.sampling["n"], "set in the budget, not in the sampling parameters")
        resolve_params(self.sampling, {})

    async def stream(
        self, problem: Problem, model: LanguageModel, reward: Reward | None, budget: Budget
    ) -> AsyncGenerator[Progress | Answer]:
        if reward is None and self.selection != "majority":
            raise ParameterError("reward", None, f"a reward, which {self.selection} selection needs")
        start = time.perf_counter()
        drawn: Drawn | None = None
        request = self._request(problem, budget)
        async with aclosing(draw(request, model, budget)) as items:
            async for item in items:
                if isinstance(item, Drawn):
                    drawn = item
                else:
                    yield item
        assert drawn is not None
        scores, reward_tokens = await _score(reward, problem, drawn.candidates) if reward else (None, 0)
        chosen, votes = await asyncio.to_thread(self._select, drawn.candidates, scores, reward)
        seconds = time.perf_counter() - start
        ledger = replace(drawn.ledger, reward_tokens=reward_tokens, seconds=seconds)
        texts = tuple(candidate.text for candidate in drawn.candidates)
        yield Progress(texts, drawn.candidates[chosen], ledger)
        yield Answer(chosen, drawn.candidates, scores, votes, ledger, drawn.stopped, request.params)

    def _request(self, problem: Problem, budget: Budget) -> GenerationRequest:
        given = {name: value for name, value in self.sampling.items() if value is not None}
        defaults = {"temperature": _TEMPERATURE if budget.n > 1 else 0.0}
        fixed = {"n": budget.n, "seed": problem_seed(given.get("seed", 0), problem)}
        return GenerationRequest(Path(problem.prompt), {**defaults, **given, **fixed})

    def _select(
        self, candidates: Sequence[Candidate], scores: Sequence[float] | None, reward: Reward | None
    ) -> tuple[int, tuple[Vote, ...]]:
        ranks = scores or [0.0] * len(candidates)
        everyone = range(len(candidates))
        if self.selection == "plain":
            return _best(everyone, ranks), ()
        weights = [1.0] * len(candidates)
        if self.selection == "weighted" and scores is not None and reward is not None:
            weights = vote_weights(scores, logarithmic=reward.logarithmic)
        groups = group_answers([candidate.answer for candidate in candidates], self.equal)
        if not groups:
            return _best(everyone, ranks), ()
        votes = [
            Vote(
                canonical(candidates[group[0]].answer or ""),
                math.fsum(weights[i] for i in group),
                tuple(group),
            )
            for group in groups
        ]
        votes.sort(key=lambda vote: -vote.weight)  # stable: ties stay in the order seen
        return _best(votes[0].members, ranks), tuple(votes)


def problem_seed(seed: int, problem: Problem) -> int:
    """Return a seed for one problem.

    Random numbers depend on seed, sample and position alone. With one seed for a whole data set, sample i of
    every problem would draw the same ones, and an interval over problems would count as independent what is
    not.
    """
    digest = hashlib.blake2b(f"{seed}\n{problem.question}".encode(errors="surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big")


@dataclass(frozen=True, slots=True)
class Drawn:
    """The samples of one request, finished or cut off by the budget."""

    candidates: tuple[Candidate, ...]
    ledger: Ledger
    stopped: Stopped


async def draw(
    request: GenerationRequest, model: LanguageModel, budget: Budget
) -> AsyncGenerator[Progress | Drawn]:
    """Sample until all texts are finished or the budget is; the last item is what was drawn.

    What the budget cuts off ends as "cancelled".
    """
    start = shown = time.perf_counter()
    texts = [Growing() for _ in range(budget.n)]
    async with aclosing(model.run(request)) as events:
        async for event in events:
            now = time.perf_counter()
            if isinstance(event, Completion):
                candidates = tuple(candidate_of(output, model.name) for output in event.outputs)
                yield Drawn(candidates, replace(ledger_of(event.usage), seconds=now - start), "done")
                return
            if not isinstance(event, TokenEvent):
                continue
            texts[event.index].take(event)
            ledger = replace(ledger_of(event.usage), seconds=now - start)
            stopped = budget.exceeded(ledger.generated_tokens, ledger.seconds)
            if stopped != "done":
                yield Drawn(tuple(text.candidate(model.name) for text in texts), ledger, stopped)
                return
            if now - shown >= _PROGRESS_SECONDS:
                shown = now
                yield Progress(tuple(text.text for text in texts), None, ledger)


@dataclass(slots=True)
class Growing:
    """One sample so far."""

    text: str = ""
    tokens: int = 0
    logprob: float = 0.0
    finish_reason: str = "cancelled"

    def take(self, event: TokenEvent) -> None:
        """Add a token."""
        self.text += event.text
        if event.trace is not None:
            self.tokens += 1
            self.logprob += event.trace.logprob
        self.finish_reason = event.finish_reason or self.finish_reason

    def candidate(self, model: str) -> Candidate:
        """Return what there is."""
        answer = extract_answer(self.text)
        return Candidate(self.text, answer, self.tokens, self.logprob, model, self.finish_reason)


async def _score(
    reward: Reward, problem: Problem, candidates: Sequence[Candidate]
) -> tuple[tuple[float, ...], int]:
    scored = await reward.score(problem, candidates)
    if len(scored.scores) != len(candidates) or not all(map(math.isfinite, scored.scores)):
        raise PonderError(
            f"the reward {reward.name} gave {list(scored.scores)[:8]}: one finite score for each of the"
            f" {len(candidates)} candidates is allowed"
        )
    return scored.scores, scored.tokens


def _best(indices: Sequence[int], scores: Sequence[float]) -> int:
    return max(indices, key=lambda i: scores[i])  # max keeps the first of equals


def vote_weights(scores: Sequence[float], *, logarithmic: bool) -> list[float]:
    """Return the weight of each candidate's vote.

    Raises
    ------
    ParameterError : a score that is no logarithm is negative.
    """
    if logarithmic:
        best = max(scores)
        return [math.exp(score - best) for score in scores]
    for score in scores:
        if score < 0:
            raise ParameterError("score", score, "0 or more, for weighted selection")
    return list(scores)
