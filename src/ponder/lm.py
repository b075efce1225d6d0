"""A loaded model as a caller meets it: call it, let it choose, let it solve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ponder.backends import Completion, GenerationRequest, TokenEvent, conversation
from ponder.backends.local import LocalModel, load_local
from ponder.checkpoints.registry import DEFAULT_MODEL
from ponder.constraints import Ban, Constraint
from ponder.constraints.choice import Choice, normalise
from ponder.decoders import BeamSearch, Sample
from ponder.errors import ParameterError, TemplateError
from ponder.rewards import Problem, Reward, reward_named
from ponder.scaling import Answer, Budget, Selection, Strategy, solve, strategy_named
from ponder.text import Message, Prompt


class LM:
    """A language model and everything ponder does with one.

    A prompt is a string or a list of `Message`. A string is sent as a user's message where the model
    has a chat template and as raw text where it has none; `chat=True` or `chat=False` says which.
    Every method takes the fields of `SamplingParams` as keyword arguments and raises `PonderError` for
    a value that is not allowed.
    """

    def __init__(self, model: LocalModel) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.name

    def request(
        self,
        prompt: Prompt,
        *,
        system: str | None = None,
        chat: bool | None = None,
        ban: str | Sequence[str] = (),
        constraint: Constraint | None = None,
        decoder: Sample | BeamSearch | None = None,
        num_beams: int | None = None,
        **sampling: Any,
    ) -> GenerationRequest:
        """Gather what was asked for; the other methods take the same arguments.

        Parameters
        ----------
        system : a system message, for a prompt that is sent as a message.
        ban : strings that the text may not contain.
        num_beams : beam search of this width; `decoder=BeamSearch(...)` sets its other rules.
        """
        if ban:
            if constraint is not None:
                raise ParameterError("ban", ban, "used alone, or given as constraint=Ban(...)")
            constraint = Ban((ban,) if isinstance(ban, str) else tuple(ban))
        if num_beams is not None:
            if decoder is not None:
                raise ParameterError("num_beams", num_beams, "left unset when a decoder is given")
            decoder = BeamSearch(num_beams)
        return GenerationRequest(self.prompt(prompt, system, chat), sampling, constraint, decoder or Sample())

    def __call__(self, prompt: Prompt, **options: Any) -> Completion:
        """Answer a prompt."""
        return self.model.generate_sync(self.request(prompt, **options))

    def stream(self, prompt: Prompt, **options: Any) -> Iterator[TokenEvent | Completion]:
        """Answer a prompt token by token; the last item is the `Completion`."""
        return self.model.stream_sync(self.request(prompt, **options))

    async def generate(self, prompt: Prompt, **options: Any) -> Completion:
        """Answer a prompt without blocking the event loop; concurrent calls share batches."""
        return await self.model.generate(self.request(prompt, **options))

    def astream(self, prompt: Prompt, **options: Any) -> AsyncGenerator[TokenEvent | Completion]:
        """Like `stream`, for an event loop."""
        return self.model.stream(self.request(prompt, **options))

    def choose(
        self,
        prompt: Prompt,
        choices: Sequence[str],
        *,
        system: str | None = None,
        chat: bool | None = None,
        join: str | None = None,
        ends: bool | None = None,
        baseline: Prompt | None = None,
    ) -> Choice:
        """Return how the model's probability divides over whole answers.

        All choices are scored in one pass; a choice's log-probability is the sum over its tokens and is
        not divided by their number.

        Parameters
        ----------
        join : put between prompt and choice; by default one space where neither the prompt (raw, or as the
            chat template writes it) ends nor the choice begins with white space.
        ends : whether the end token after a choice is part of it; by default it is in a chat, where the
            choice is the whole reply, and not in raw text.
        baseline : a prompt that says nothing of the case at hand; the choices' shares are then also given
            relative to theirs after it (`calibrated`; contextual calibration, arXiv 2102.09690).

        Raises
        ------
        ParameterError : no choices, an empty one, or the same one twice.
        """
        _check_choices(choices)

        def logprobs(after: Prompt) -> list[float]:
            asked = self.prompt(after, system, chat)
            before = asked if isinstance(asked, str) else self.model.encode(asked).text
            texts = [_joint(before, choice, join) + choice for choice in choices]
            end = not isinstance(asked, str) if ends is None else ends
            return [score.logprob for score in self.model.score_sync(asked, texts, ends=end).texts]

        return normalise(choices, logprobs(prompt), None if baseline is None else logprobs(baseline))

    async def asolve(
        self,
        question: str,
        *,
        strategy: Strategy | str = "best-of-n",
        n: int = 8,
        reward: Reward | str | None = None,
        select: Selection | None = None,
        reference: str | None = None,
        system: str | None = None,
        chat: bool | None = None,
        budget: Budget | None = None,
        **sampling: Any,
    ) -> Answer:
        """Spend a budget on a better answer to a question.

        Parameters
        ----------
        strategy : how the budget is spent, by name or as a value.
        n : how many texts to sample, unless `budget` says.
        reward : a `Reward` or the name of one, of `ponder.rewards.REWARD_NAMES`.
        select : "plain", "weighted" or "majority"; by default plain with a reward and majority without.
        reference : the right answer, for rewards that compare with it.
        """
        scored_by = reward_named(reward, self.model) if isinstance(reward, str) else reward
        if isinstance(strategy, str):
            strategy = strategy_named(
                strategy, selection=select, rewarded=scored_by is not None, sampling=sampling
            )
        elif select or sampling:
            raise ParameterError(
                "strategy", strategy, "a name, where select or sampling parameters are given"
            )
        problem = self.problem(question, reference=reference, system=system, chat=chat)
        return await solve(strategy, problem, self.model, scored_by, budget or Budget(n))

    def problem(
        self,
        question: str,
        *,
        reference: str | None = None,
        system: str | None = None,
        chat: bool | None = None,
    ) -> Problem:
        """Return a question as strategies take it."""
        asked = self.prompt(question, system, chat)
        return Problem(question, reference, system, raw=asked if isinstance(asked, str) else None)

    def solve(self, question: str, **options: Any) -> Answer:
        """Like `asolve`, for callers without an event loop."""
        with ThreadPoolExecutor(1) as pool:  # asyncio.run refuses a thread that has a loop, as notebooks do
            return pool.submit(asyncio.run, self.asolve(question, **options)).result()

    def prompt(self, prompt: Prompt, system: str | None = None, chat: bool | None = None) -> Prompt:
        """Return what the model is sent: raw text, or a conversation."""
        has_template = self.model.template is not None
        if not isinstance(prompt, str):
            if system is not None or chat is False:
                raise ParameterError(
                    "system" if system is not None else "chat", system or chat, "unset for messages"
                )
            return [_message(message) for message in prompt]
        if chat and not has_template:
            raise TemplateError(f"chat = True is not allowed: {self.name} has no chat template")
        if chat is False or not has_template:
            if system is not None:
                raise ParameterError("system", system, "unset for raw text, which has no system message")
            return prompt
        return conversation(prompt, system)


def _message(value: Any) -> Message:
    if isinstance(value, Message):
        return value
    if not isinstance(value, Mapping) or set(value) != {"role", "content"}:
        raise ParameterError("message", value, "a Message, or a mapping of role and content")
    return Message(**value)


def _check_choices(choices: Sequence[str]) -> None:
    if isinstance(choices, str) or not choices:
        raise ParameterError("choices", choices, "at least one text")
    for i, choice in enumerate(choices):
        if not isinstance(choice, str) or not choice.strip():
            raise ParameterError("choices", choice, "texts that are not empty")
        if choice in choices[:i]:
            raise ParameterError("choices", choice, "texts that differ: this one is given twice")


def _joint(before: str, choice: str, join: str | None) -> str:
    if join is not None:
        return join
    return "" if before[-1:].isspace() or choice[0].isspace() or not before else " "


def load(model: str = DEFAULT_MODEL, *, device: str | None = None) -> LM:
    """Load a model: a name from `ponder models list`, a .gguf file, a Hugging Face directory.

    Nothing is downloaded; `ponder models pull` does that.

    Raises
    ------
    CheckpointError : the model is unknown, not downloaded, damaged or not supported.
    """
    return LM(load_local(model, device=device))
