"""How likely the model finds a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ponder.asks import LanguageModel
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.reward import Candidate, Problem, RewardScores


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The raw log-probability of a candidate under `model`.

    The sum over its tokens by default: that is the probability of the text, what sampling draws from and beam
    search maximises, and it prefers short texts. `normalise="tokens"` gives the mean per token, which does
    not (Wu et al., arXiv 1609.08144, section 7, divide by a power of the length for this), and which prefers
    texts that go on repeating what is easy to predict.

    Candidates that `model` wrote carry their log-probability and cost nothing. If one of them does not, all
    are scored, so that all are measured alike: in a conversation with the end token, after a raw prompt
    without.
    """

    model: LanguageModel
    normalise: Literal["sum", "tokens"] = "sum"

    name: ClassVar[str] = "likelihood"
    logarithmic: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.normalise not in ("sum", "tokens"):
            raise ParameterError("normalise", self.normalise, "sum or tokens")

    async def score(self, problem: Problem, candidates: Sequence[Candidate]) -> RewardScores:
        own = [c.logprob for c in candidates if c.logprob is not None and c.model == self.model.name]
        if len(own) == len(candidates):
            lengths = [candidate.tokens for candidate in candidates]
            return RewardScores(self._normalised(own, lengths))
        if not self.model.capabilities().score:
            raise UnsupportedError(f"{self.model.name} cannot score a text that it did not write")
        texts = [candidate.text for candidate in candidates]
        scored = await self.model.score(problem.prompt, texts, ends=problem.raw is None)
        sums = [text.logprob for text in scored.texts]
        lengths = [len(text.token_ids) for text in scored.texts]
        return RewardScores(self._normalised(sums, lengths), scored.usage.prompt_tokens)

    def _normalised(self, sums: Sequence[float], lengths: Sequence[int]) -> tuple[float, ...]:
        if self.normalise == "sum":
            return tuple(sums)
        return tuple(total / max(1, length) for total, length in zip(sums, lengths, strict=True))
