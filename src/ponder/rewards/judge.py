"""A language model as a judge: it is shown question and answer, and its own next words are the score."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from string import Formatter
from typing import Any, ClassVar

from ponder.asks import Completion, Grow, LanguageModel, Path, Read, Reading, conversation
from ponder.asks.fronts import agenerate, aread
from ponder.asks.read import These
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards.attempts import attempted
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.reading import Planned, tokens_of
from ponder.rewards.reward import Candidate, Problem
from ponder.sampling import resolve_params
from ponder.text import Prompt, TokenIds, Tokenizer

YES_NO = (
    "Question: {question}\n\nProposed answer: {answer}\n\n"
    "Is the proposed answer correct? Answer with Yes or No only."
)
RATING = (
    "Question: {question}\n\nProposed answer: {answer}\n\n"
    "How good is the proposed answer, from 0 (wrong) to 10 (right)? "
    'Think about it in a few sentences, then end with a line of the form "Rating: 7".'
)
HIGHEST = 10

_FIELDS = frozenset({"question", "answer", "reference"})
_RATED = re.compile(
    r"\brating\b\W{0,8}?(-?\d{1,4}(?:\.\d{1,4})?)(?![\d.]*\d)(?:\s*/\s*(\d+))?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class YesNoJudge:
    """The probability of "Yes" against "No" as a model's next word (Zhang et al., arXiv 2408.15240).

    One read a candidate. The two probabilities are shares of each other, whatever else the model would say;
    calibrate (`Calibrated`) before they are multiplied or counted as votes.

    Attributes
    ----------
    model : the judge, the policy itself or another.
    template : what it is shown; has {question}, {answer} (all of the text) and perhaps {reference}.
    words : the two words, the one for a right answer first.
    """

    model: LanguageModel
    template: str = YES_NO
    words: tuple[str, str] = ("Yes", "No")

    name: ClassVar[str] = "judge"
    scale: ClassVar[Scale] = "probability"

    def __post_init__(self) -> None:
        _check_template(self.template)

    @property
    def needs(self) -> frozenset[str]:
        return _needs(self.template)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        tokenizer = self.model.offers.tokenizer
        if tokenizer is not None and "These" in self.model.offers.reads:
            sides = _tokens_of(self.words, tokenizer, self.model.name)
            of = These((*sides[0], *sides[1]))
            asks = [Read(Path(prompt), at="last", of=of) for prompt in self._prompts(problem, candidates)]
        elif self.model.offers.texts:
            sides, texts = ([0], [1]), tuple(self.words)
            prompts = self._prompts(problem, candidates)
            asks = [Read(Path(prompt), texts, join=None) for prompt in prompts]
        else:
            raise UnsupportedError(f"{self.model.name} cannot do this: read what may follow a prompt")
        readings = await attempted(partial(aread, self.model), asks)
        scores = [
            _share(reading, len(sides[0])) if isinstance(reading, Reading) else str(reading)
            for reading in readings
        ]
        spent = tuple(reading.usage for reading in readings if isinstance(reading, Reading))
        return Judgement.of(scores, requests=spent)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        if self.model.offers.tokenizer is None or "These" not in self.model.offers.reads:
            return None
        tokens = tokens_of(self.model, _prompt(self.model, self.template, problem, candidate))
        return None if tokens is None else (Planned(tokens, self.model),)

    def _prompts(self, problem: Problem, candidates: Sequence[Candidate]) -> list[Prompt]:
        return [_prompt(self.model, self.template, problem, candidate) for candidate in candidates]


@dataclass(frozen=True, slots=True)
class RatingJudge:
    """The mean of a model's ratings from 0 to 10, each read from the last "Rating: 7" of what it wrote.

    A reply without such a line, or with a number outside the range, does not count; a candidate without a
    reply that counts is unscored.

    Attributes
    ----------
    model, template : as in `YesNoJudge`.
    repeats : how many replies are drawn for each candidate.
    sampling : fields of `SamplingParams`. If left out, the temperature is 0.7, or 0 for a single reply, the
        seed 0 and `max_tokens` 512. `n` is `repeats`.
    """

    model: LanguageModel
    template: str = RATING
    repeats: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)

    name: ClassVar[str] = "rating"
    scale: ClassVar[Scale] = "number"

    def __post_init__(self) -> None:
        _check_template(self.template)
        if type(self.repeats) is not int or self.repeats < 1:
            raise ParameterError("repeats", self.repeats, "a whole number, 1 or more")
        if self.sampling.get("n") is not None:
            raise ParameterError("n", self.sampling["n"], "set as repeats, not in the sampling parameters")
        resolve_params(self.sampling, {})

    @property
    def needs(self) -> frozenset[str]:
        return _needs(self.template)

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        sampling = self._sampling()
        prompts = [_prompt(self.model, self.template, problem, candidate) for candidate in candidates]
        asks = [Grow(Path(prompt), sampling) for prompt in prompts]
        replies = await attempted(partial(agenerate, self.model), asks)
        scores = [_rating(reply) if isinstance(reply, Completion) else str(reply) for reply in replies]
        spent = tuple(reply.usage for reply in replies if isinstance(reply, Completion))
        return Judgement.of(scores, requests=spent)

    def plan(
        self, policy: LanguageModel, problem: Problem, candidate: Candidate
    ) -> tuple[Planned, ...] | None:
        tokens = tokens_of(self.model, _prompt(self.model, self.template, problem, candidate))
        most = int(self._sampling()["max_tokens"])
        return None if tokens is None else (Planned(tokens, self.model, replies=self.repeats, most=most),)

    def _sampling(self) -> dict[str, Any]:
        defaults = {"temperature": 0.7 if self.repeats > 1 else 0.0, "seed": 0, "max_tokens": 512}
        given = {name: value for name, value in self.sampling.items() if value is not None}
        return {**defaults, **given, "n": self.repeats}


def rating_in(text: str) -> float | None:
    """Return the last rating from 0 to 10 that a text states, or None where it states none in that range."""
    found = _RATED.findall(text)
    if not found:
        return None
    number, out_of = found[-1]
    value = float(number)
    return value if 0 <= value <= HIGHEST and out_of in ("", str(HIGHEST)) else None


def _rating(reply: Completion) -> float | str:
    ratings = [rating for text in reply.texts if (rating := rating_in(text)) is not None]
    if not ratings:
        return f"none of the judge's {len(reply.texts)} replies has a rating from 0 to {HIGHEST}"
    return math.fsum(ratings) / len(ratings)


def _share(reading: Reading, first: int) -> float:
    """Return the probability of the first words against all."""
    logs = reading.logprobs[0] if reading.logprobs else [text.logprob for text in reading.texts]
    most = max(logs)
    weights = [math.exp(value - most) for value in logs]
    return math.fsum(weights[:first]) / math.fsum(weights)


def _tokens_of(words: tuple[str, str], tokenizer: Tokenizer, model: str) -> tuple[list[int], list[int]]:
    """Return the tokens that are each word, with a space before it or not."""
    sides = []
    for word in words:
        spelled = [tokenizer.encode(form, add_bos=False) for form in (word, f" {word}")]
        sides.append(sorted({ids[0] for ids in spelled if len(ids) == 1}) or [spelled[0][0]])
    if set(sides[0]) & set(sides[1]):
        raise ParameterError("words", words, f"words that {model} begins with different tokens")
    return sides[0], sides[1]


def _prompt(model: LanguageModel, template: str, problem: Problem, candidate: Candidate) -> Prompt:
    said = {"question": problem.question, "answer": candidate.text, "reference": problem.reference or ""}
    text = template.format_map(said)
    if model.offers.chat:
        return conversation(text)
    tokenizer = model.offers.tokenizer
    # As token ids, in which a control token that the answer spells is text.
    return text if tokenizer is None else TokenIds(tuple(tokenizer.encode(text)))


def _fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def _needs(template: str) -> frozenset[str]:
    return frozenset({"reference"}) if "reference" in _fields(template) else frozenset()


def _check_template(template: str) -> None:
    allowed = "text with {answer}, and perhaps {question} and {reference}; braces of its own are doubled"
    try:
        found = _fields(template)
        template.format_map(dict.fromkeys(_FIELDS, ""))
    except (ValueError, KeyError, IndexError, AttributeError, TypeError):
        raise ParameterError("template", template, allowed) from None
    if "answer" not in found or not found <= _FIELDS:
        raise ParameterError("template", template, allowed)
