"""What is scored, and the role of whoever scores it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ponder.asks import LanguageModel, Output, Path, conversation
from ponder.errors import DataError, ParameterError
from ponder.rewards.answer import extract_answer
from ponder.rewards.code_tests import CodeTests
from ponder.rewards.judgement import Judgement, Scale, checked
from ponder.rewards.measure import Measure, measures_of
from ponder.text import Prompt

State = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Problem:
    """A question and, where it is known, the answer.

    The question is sent as a user's message, after `system` if that is given. With `raw`, the model is given
    that text instead and no chat template is applied (few-shot examples that end in the question).

    Attributes
    ----------
    question : what is asked.
    reference : the right answer, by itself ("42", not the worked solution).
    system : a system message.
    raw : raw text to continue; cannot be combined with `system`.
    id : what results call the problem.
    template_args : variables of the chat template's own; cannot be combined with `raw`.
    tests : what a program must do, where the answer is one.
    """

    question: str
    reference: str | None = None
    system: str | None = None
    raw: str | None = None
    id: str | None = None
    template_args: Mapping[str, Any] = field(default_factory=dict)
    tests: CodeTests | None = None

    def __post_init__(self) -> None:
        if self.reference is not None and (not isinstance(self.reference, str) or not self.reference.strip()):
            raise ParameterError("reference", self.reference, "text that is not empty")
        if self.raw is not None and self.system is not None:
            raise ParameterError("system", self.system, "left unset with a raw prompt, which has no roles")
        if self.raw is not None and self.template_args:
            allowed = "left unset with a raw prompt, which no template writes"
            raise ParameterError("template_args", self.template_args, allowed)

    @property
    def prompt(self) -> Prompt:
        """What the model is given."""
        if self.raw is not None:
            return self.raw
        return conversation(self.question, self.system, self.template_args)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may solve a problem.

    Attributes
    ----------
    text : all of it.
    answer : the final answer in it; None if there is none.
    tokens : how many tokens were generated for it.
    logprob : sum of the raw log-probabilities of those tokens under `model`, the end token or stop string
        included; None if unknown.
    model : the name of the model that wrote it.
    finish_reason : why it ended, or paused ("until"); "cancelled" if the budget ended it.
    steps : the text cut where it paused, in order, the whole if it grew in one go; empty if it is not known.
    path : its tokens after the prompt; None if unknown.
    measures : what the model said of each of its tokens; empty if unknown.
    state : [C] float32, what the model's head read to choose its last token; None if unknown.
    """

    text: str
    answer: str | None = None
    tokens: int = 0
    logprob: float | None = None
    model: str | None = None
    finish_reason: str | None = None
    steps: tuple[str, ...] = ()
    path: Path | None = None
    measures: tuple[Measure, ...] = ()
    state: State | None = field(default=None, compare=False, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return the fields that a reader of results wants."""
        return {
            "text": self.text,
            "answer": self.answer,
            "tokens": self.tokens,
            "logprob": self.logprob,
            "finish_reason": self.finish_reason,
        }


def candidate_of(output: Output, model: str) -> Candidate:
    """Return what a model wrote as a candidate."""
    return Candidate(
        output.text,
        extract_answer(output.text),
        len(output.token_ids),
        output.logprob,
        model,
        output.finish_reason,
        measures=measures_of(output),
        state=output.state,
    )


class Reward(Protocol):
    """Says how good candidates are.

    It may also have `free_for(policy, candidates)`, see `is_free`, or `plan(policy, problem, candidate)`, see
    `planned`: without them it is refused where the budget limits what is computed.
    """

    @property
    def name(self) -> str:
        """What the reward is called."""
        ...

    @property
    def scale(self) -> Scale:
        """What its scores are."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """What it uses: "reference", the problem's answer, or "tests", those of its program, without which it
        cannot score; "state", a candidate's, "certainty" and "confidence", of its `measures`, which are kept
        for it where the model can.
        """
        ...

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        """Score candidates for one problem.

        A candidate that cannot be scored is named in the judgement, and the others are scored all the same.

        Raises
        ------
        PonderError : for what the caller can mend.
        """
        ...


def is_free(reward: Reward, policy: LanguageModel, candidates: Sequence[Candidate] = ()) -> bool:
    """Whether a reward has no model compute anything for candidates that a run of `policy` has grown.

    A reward that has no `free_for` to say so is not free. Without candidates the answer is about those to
    which the strategy added nothing.
    """
    told = getattr(reward, "free_for", None)
    return told is not None and bool(told(policy, candidates))


def require(needs: frozenset[str], reward: str, problem: Problem) -> None:
    """Raise DataError if the problem lacks what a reward cannot do without."""
    if "reference" in needs and problem.reference is None:
        raise DataError(f"the reward {reward} compares with a reference answer, and the problem has none")
    if "tests" in needs and problem.tests is None:
        raise DataError(f"the reward {reward} runs tests, and the problem has none")


async def judged(reward: Reward, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
    """Ask a reward and check what it says: what is no score leaves its candidate unscored."""
    require(reward.needs, reward.name, problem)
    judgement = await reward.judge(problem, candidates)
    return replace(checked(judgement, len(candidates), reward.name), scale=reward.scale)
