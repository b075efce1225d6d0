r"""How published process reward models are asked: the marked-up text, where it is read, what is read there.

    Math-Shepherd (arXiv 2312.08935)
        <question> <step 1> ки\n<step 2> ки         at each ки: "+" against "-"
    RLHFlow (Xiong et al. 2024, RLHF-Reward-Modeling/math-rm)
        chat: user <question> <step 1>, assistant +, user <step 2>, assistant +
                                                    before each "+": "+" against "-"
    Skywork-o1-Open-PRM (Skywork 2024)
        <bos><question>\n<step 1>\n<step 2>\n       at each \n after a step: a value head
    Qwen2.5-Math-PRM (arXiv 2501.07301)
        chat: system, user <question>, assistant <step 1><extra_0><step 2><extra_0>
                                                    at each <extra_0>: a head of two classes

The formats are those of the models' own examples. Steps lose the white space around them, as there.
Only a convention puts markers into the text: those that a step spells are plain text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, Protocol

from ponder.asks import Grow, LanguageModel, Path, Reading, Resolver
from ponder.asks.read import Of, States, These
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.logistic import logistic
from ponder.rewards.reward import Problem
from ponder.rewards.value_head import ValueHead
from ponder.text import Conversation, Message, Tokenizer

Ids = tuple[int, ...]

_STEP_TAG = "ки"
_EXTRA = "<extra_0>"
_QWEN_SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."


class Convention(Protocol):
    """How a process reward model is asked."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    def paths(self, model: LanguageModel, problem: Problem, steps: Sequence[str]) -> list[Ids]:
        """Return for each step the token ids up to the place where its score is read.

        Raises
        ------
        ParameterError : the tokenizer does not have the markers. UnsupportedError : the model cannot encode.
        """
        ...

    def of(self, model: LanguageModel) -> Of:
        """Return what is read at the last of these tokens."""
        ...

    def score(self, reading: Reading) -> float:
        """Return the probability that the step is right."""
        ...


@dataclass(frozen=True, slots=True)
class MathShepherd:
    """`peiyi9979/math-shepherd-mistral-7b-prm` and models trained like it."""

    name: ClassVar[str] = "math-shepherd"

    def paths(self, model: LanguageModel, problem: Problem, steps: Sequence[str]) -> list[Ids]:
        tokenizer = _tokenizer(model)
        tag = tokenizer.encode(_STEP_TAG, add_bos=False)[-1:]
        marked = [f"{step} {_STEP_TAG}" for step in steps]
        texts = [f"{problem.question} " + "\n".join(marked[: i + 1]) for i in range(len(steps))]
        paths = [tuple(tokenizer.encode(text)) for text in texts]
        if any(list(path[-1:]) != tag for path in paths):
            raise _without_marker(model, _STEP_TAG)
        return paths

    def of(self, model: LanguageModel) -> Of:
        signs = tuple(_tokenizer(model).encode("+ -", add_bos=False))
        if len(signs) != 2:
            raise _without_marker(model, "+ and -")
        return These(signs)

    def score(self, reading: Reading) -> float:
        return _first_of_two(*reading.logprobs[0])


@dataclass(frozen=True, slots=True)
class RlhFlow:
    """`RLHFlow/Llama3.1-8B-PRM-Deepseek-Data` and `-Mistral-Data`."""

    name: ClassVar[str] = "rlhflow"

    def paths(self, model: LanguageModel, problem: Problem, steps: Sequence[str]) -> list[Ids]:
        said = (f"{problem.question} {steps[0]}", *steps[1:])
        turns = [(Message("user", step), Message("assistant", "+")) for step in said]
        before = accumulate(turns, initial=())
        return [_rendered(model, (*past, turn[0])) for past, turn in zip(before, turns, strict=False)]

    def of(self, model: LanguageModel) -> Of:
        tokenizer = _tokenizer(model)
        return These((*tokenizer.encode("+", add_bos=False)[-1:], *tokenizer.encode("-", add_bos=False)[-1:]))

    def score(self, reading: Reading) -> float:
        return _first_of_two(*reading.logprobs[0])


@dataclass(frozen=True, slots=True)
class Skywork:
    """`Skywork/Skywork-o1-Open-PRM-Qwen-2.5-1.5B` and `-7B`; `load_value_head` reads their head.

    A step is a line there: pause at "\\n" for the same.
    """

    head: ValueHead

    name: ClassVar[str] = "skywork"

    def __post_init__(self) -> None:
        _check_head(self.head, 1)

    def paths(self, model: LanguageModel, problem: Problem, steps: Sequence[str]) -> list[Ids]:
        tokenizer = _tokenizer(model)
        bos = () if tokenizer.bos_id is None else (tokenizer.bos_id,)
        newline = tuple(tokenizer.encode("\n", add_bos=False)[-1:])
        question = (*bos, *tokenizer.encode(f"{problem.question}\n", add_bos=False))
        return _extended(question, [(*tokenizer.encode(step, add_bos=False), *newline) for step in steps])

    def of(self, model: LanguageModel) -> Of:
        return States()

    def score(self, reading: Reading) -> float:
        assert reading.rows is not None
        return logistic(self.head(reading.rows[0])[0])


@dataclass(frozen=True, slots=True)
class QwenMath:
    """`Qwen/Qwen2.5-Math-PRM-7B` and `-72B`; `load_value_head` reads their head."""

    head: ValueHead
    system: str = _QWEN_SYSTEM

    name: ClassVar[str] = "qwen-math"

    def __post_init__(self) -> None:
        _check_head(self.head, 2)

    def paths(self, model: LanguageModel, problem: Problem, steps: Sequence[str]) -> list[Ids]:
        tokenizer = _tokenizer(model)
        extra = tokenizer.id_of(_EXTRA)
        if extra is None:
            raise _without_marker(model, _EXTRA)
        asked = _rendered(model, (Message("system", self.system), Message("user", problem.question)))
        return _extended(asked, [(*tokenizer.encode(step, add_bos=False), extra) for step in steps])

    def of(self, model: LanguageModel) -> Of:
        return States()

    def score(self, reading: Reading) -> float:
        assert reading.rows is not None
        wrong, right = self.head(reading.rows[0])
        return logistic(right - wrong)


def _extended(start: Ids, parts: Sequence[Ids]) -> list[Ids]:
    """Return `start` with the first part, with the first two, and so on."""
    return list(accumulate(parts, lambda path, part: (*path, *part), initial=start))[1:]


def _rendered(model: LanguageModel, messages: tuple[Message, ...]) -> Ids:
    """Return the tokens of a conversation up to where the assistant begins."""
    if not isinstance(model, Resolver):
        raise UnsupportedError(f"{model.name} cannot do this: tell the tokens of a conversation")
    return model.resolve(Grow(Path(Conversation(messages)))).token_ids


def _tokenizer(model: LanguageModel) -> Tokenizer:
    tokenizer = model.offers.tokenizer
    if tokenizer is None:
        raise UnsupportedError(f"{model.name} cannot do this: tell how it cuts text into tokens")
    return tokenizer


def _without_marker(model: LanguageModel, marker: str) -> ParameterError:
    return ParameterError(
        "model", model.name, f"one whose tokenizer has the marker {marker} as tokens of its own"
    )


def _check_head(head: ValueHead, gives: int) -> None:
    if not isinstance(head, ValueHead) or head.gives != gives:
        raise ParameterError("head", head, f"a ValueHead that gives {gives} for each state")


def _first_of_two(first: float, second: float) -> float:
    """Return the probability of the first of two, from their logarithms."""
    return logistic(first - second)
