"""How likely the model finds a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from ponder.asks import LanguageModel
from ponder.asks.fronts import ascore
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reward import Candidate, Problem


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
    scale: ClassVar[Scale] = "logarithm"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if self.normalise not in ("sum", "tokens"):
            raise ParameterError("normalise", self.normalise, "sum or tokens")

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return policy.name == self.model.name and all(one.logprob is not None for one in candidates)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        own = [c.logprob for c in candidates if c.logprob is not None and c.model == self.model.name]
        if len(own) == len(candidates):
            return Judgement.of(self._normalised(own, [candidate.tokens for candidate in candidates]))
        offers = self.model.offers
        if not offers.texts or "Given" not in offers.reads:
            raise UnsupportedError(f"{self.model.name} cannot score a text that it did not write")
        texts = [candidate.text for candidate in candidates]
        read = await ascore(self.model, problem.prompt, texts, ends=problem.raw is None)
        sums = [text.logprob for text in read.texts]
        lengths = [len(text.token_ids) for text in read.texts]
        return Judgement.of(self._normalised(sums, lengths), requests=(read.usage,))

    def _normalised(self, sums: Sequence[float], lengths: Sequence[int]) -> tuple[float, ...]:
        if self.normalise == "sum":
            return tuple(sums)
        return tuple(total / max(1, length) for total, length in zip(sums, lengths, strict=True))
