"""A constraint as a reward: whether a text keeps to it, and whether a text that has begun still can."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ponder.asks import LanguageModel
from ponder.constraints import Automaton, AutomatonCache, Constraint, follow, is_dead
from ponder.errors import UnsupportedError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reward import Candidate, Problem
from ponder.text import Vocabulary

_SHOWN = 40  # characters before the place where a text breaks it
_BYTES = Vocabulary(tuple(bytes([byte]) for byte in range(256)))


@dataclass(frozen=True, slots=True)
class ConstraintReward:
    """1 for a text that keeps to a constraint, 0 for one that does not.

    Each step but the last has 1 if the text up to its end can still be completed; so has the last if the text
    paused there ("until"). Where a constraint is not exact (`Automaton.exact`), "can be" means: nothing is
    known against it. Feedback is where a text breaks it, if the text's bytes are read.

    Attributes
    ----------
    constraint : any of `ponder.constraints`, or what compiles as they do.
    model : None reads the text's bytes, and any text can be scored. Constraints on tokens (`TokenCount`,
        `OnlyTokens`, `Token`, `Thinking`) need the model whose tokens they mean; a text then has one score.
    """

    constraint: Constraint
    model: LanguageModel | None = None
    _compiled: AutomatonCache = field(default_factory=AutomatonCache, repr=False, compare=False)

    name: ClassVar[str] = "constraint"
    scale: ClassVar[Scale] = "probability"
    needs: ClassVar[frozenset[str]] = frozenset()

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return True

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        return await asyncio.to_thread(self._judge, candidates)

    def _judge(self, candidates: Sequence[Candidate]) -> Judgement:
        vocabulary = self._vocabulary()
        automaton = self._compiled.get(self.constraint, vocabulary)
        steps: list[tuple[float, ...]] = []
        feedback: list[str] = []
        for candidate in candidates:
            state: Any = automaton.start
            scores = []
            for part in self._parts(candidate, vocabulary):
                state = None if state is None else follow(automaton, state, part)
                scores.append(_can_go_on(automaton, state))
            if candidate.finish_reason != "until":
                scores[-1] = float(state is not None and automaton.may_end(state))
            steps.append(tuple(scores))
            feedback.append(
                "" if scores[-1] or self.model is not None else _broken(automaton, candidate.text)
            )
        return Judgement(tuple(steps), feedback=tuple(feedback))

    def _vocabulary(self) -> Vocabulary:
        if self.model is None:
            return _BYTES
        if self.model.offers.tokenizer is None:
            raise UnsupportedError(f"{self.model.name} cannot do this: tell how it cuts text into tokens")
        return self.model.offers.tokenizer.vocabulary

    def _parts(self, candidate: Candidate, vocabulary: Vocabulary) -> list[Iterable[int]]:
        """Return the tokens of each step; those of a model are one part, without the end."""
        if self.model is None:
            return [step.encode(errors="surrogatepass") for step in candidate.steps or (candidate.text,)]
        path = candidate.path
        if path is not None and not path.text and candidate.model == self.model.name:
            return [[token for token in path.tokens if token not in vocabulary.end_ids]]
        assert self.model.offers.tokenizer is not None
        return [self.model.offers.tokenizer.encode(candidate.text, add_bos=False)]


def _broken(automaton: Automaton[Any], text: str) -> str:
    """Return where a text breaks a constraint on its bytes."""
    state: Any = automaton.start
    for place, character in enumerate(text):
        state = follow(automaton, state, character.encode(errors="surrogatepass"))
        if state is None or is_dead(automaton, state):
            if place == 0:
                return f"The text may not begin with {character!r}."
            return (
                f"The text may not go on with {character!r} after {text[max(0, place - _SHOWN) : place]!r}."
            )
    return f"The text may not end after {text[-_SHOWN:]!r}."


def _can_go_on(automaton: Automaton[Any], state: Any) -> float:
    return float(state is not None and not is_dead(automaton, state))
