"""A loaded model as a caller meets it: call it, let it choose, let it solve."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any

from ponder.backends import (
    Completion,
    GenerationEvent,
    GenerationRequest,
    TextScore,
    TokenEvent,
    conversation,
)
from ponder.backends.local import LocalModel, load_local
from ponder.constraints import Ban, Constraint
from ponder.decoders import BeamSearch, Decoder, Sample
from ponder.engine import EngineLimits
from ponder.errors import ParameterError, TemplateError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.mixtures import Guidance, Mixture
from ponder.rewards import Problem, Reward, callable_verifier, reward_named
from ponder.sampling.distribution import TraceSettings
from ponder.scaling import Answer, Budget, Journal, Selection, Strategy, solve, strategy_named
from ponder.scoring.choice import Choice, normalise
from ponder.text import Prompt, TokenIds, as_prompt

MAX_CHOICES = 1000


class LM:
    """A language model and everything ponder does with one.

    A prompt is a string or a list of `Message`. A string is sent as a user's message where the model
    has a chat template and as raw text where it has none; `chat=True` or `chat=False` says which.
    Methods that generate take the fields of `SamplingParams` as keyword arguments; what is not allowed
    raises a `PonderError` of one sentence.
    """

    def __init__(self, model: LocalModel) -> None:
        self.model = model

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.name

    def close(self) -> None:
        """End all requests; nothing can be asked afterwards."""
        self.model.close()

    def request(
        self,
        prompt: Prompt,
        *,
        system: str | None = None,
        chat: bool | None = None,
        ban: str | Sequence[str] | None = None,
        constraint: Constraint | None = None,
        decoder: Decoder | None = None,
        num_beams: int | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        cache_salt: str | None = None,
        prompt_logprobs: int | None = None,
        trace: TraceSettings | None = None,
        mixture: Mixture | None = None,
        **sampling: Any,
    ) -> GenerationRequest:
        """Gather what was asked for; the other methods take the same arguments.

        Parameters
        ----------
        system : a system message, for a prompt that is sent as a message.
        ban : strings that the text may not contain.
        decoder : how texts grow; `Speculative()` gives what sampling gives, often sooner.
        num_beams : beam search of this width; `decoder=BeamSearch(...)` sets its other rules.
        priority, deadline_s, cache_salt, prompt_logprobs, trace : as in `GenerationRequest`.
        mixture : what else bears on each token: `Guidance`, `Contrast` or `DoLa`. A string to be guided away
            from is sent as the prompt is.
        """
        if ban is not None and ban != ():
            if constraint is not None:
                raise ParameterError("ban", ban, "used alone, or given as constraint=Ban(...)")
            constraint = Ban(ban)
        _check_role("constraint", constraint, "compile", "a constraint, such as ponder.Ban(['#'])")
        _check_role("decoder", decoder, "advance", "a decoder, such as ponder.BeamSearch(4)")
        _check_role("mixture", mixture, "mix", "a mixture, such as ponder.Guidance(1.5)")
        if num_beams is not None:
            if decoder is not None:
                raise ParameterError("num_beams", num_beams, "left unset when a decoder is given")
            decoder = BeamSearch(num_beams)
        if isinstance(mixture, Guidance) and isinstance(mixture.against, str):
            mixture = replace(mixture, against=self.prompt(mixture.against, system, chat))
        return GenerationRequest(
            self.prompt(prompt, system, chat),
            sampling,
            constraint,
            decoder or Sample(),
            priority=priority,
            deadline_s=deadline_s,
            cache_salt=cache_salt,
            prompt_logprobs=prompt_logprobs,
            trace=trace,
            mixture=mixture,
        )

    def __call__(self, prompt: Prompt, **options: Any) -> Completion:
        """Answer a prompt."""
        return self.model.generate_sync(self.request(prompt, **options))

    def stream(self, prompt: Prompt, **options: Any) -> Iterator[TokenEvent | Completion]:
        """Answer a prompt token by token; the last item is the `Completion`.

        What else there is to see, such as a search's tree, is in `lm.model.stream_sync(lm.request(...))`.
        """
        return _tokens(self.model.stream_sync(self.request(prompt, **options)))

    async def generate(self, prompt: Prompt, **options: Any) -> Completion:
        """Answer a prompt without blocking the event loop; concurrent calls share batches."""
        return await self.model.generate(self.request(prompt, **options))

    def astream(self, prompt: Prompt, **options: Any) -> AsyncGenerator[TokenEvent | Completion]:
        """Like `stream`, for an event loop."""
        return _atokens(self.model.stream(self.request(prompt, **options)))

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
        if not isinstance(join, str | None):
            raise ParameterError("join", join, "text, or unset")

        def scores(after: Prompt) -> tuple[TextScore, ...]:
            asked = self.prompt(after, system, chat)
            before = asked if isinstance(asked, str) else self.model.encode(asked).text
            texts = [_joint(before, choice, join) + choice for choice in choices]
            _refuse_repeated(texts)
            end = not isinstance(asked, str | TokenIds) if ends is None else ends
            return self.model.score_sync(asked, texts, ends=end).texts

        found = scores(prompt)
        prior = None if baseline is None else [score.logprob for score in scores(baseline)]
        return normalise(
            choices, [score.token_ids for score in found], [score.logprob for score in found], prior
        )

    async def asolve(
        self,
        question: str,
        *,
        strategy: Strategy | str = "best-of-n",
        n: int = 8,
        reward: Reward | Callable[[Problem, str], float] | str | None = None,
        select: Selection | None = None,
        reference: str | None = None,
        system: str | None = None,
        chat: bool | None = None,
        budget: Budget | None = None,
        journal: Journal | None = None,
        **sampling: Any,
    ) -> Answer:
        """Spend a budget on a better answer to a question.

        Parameters
        ----------
        strategy : how the budget is spent, by name or as a value.
        n : how many texts to sample, unless `budget` says.
        reward : a `Reward`, the name of one (`ponder.rewards.REWARD_NAMES`), or a function of the problem
            and a candidate's text.
        select : "plain", "weighted" or "majority"; by default plain with a reward and majority without.
        reference : the right answer, for rewards that compare with it.
        journal : what is written to as it happens; a run that it holds a part of is gone on with.
        """
        scored_by = self._reward(reward)
        _check_role("budget", budget, "exceeded", "a ponder.scaling.Budget")
        if isinstance(strategy, str):
            strategy = strategy_named(
                strategy, selection=select, rewarded=scored_by is not None, sampling=sampling
            )
        elif select or sampling:
            raise ParameterError(
                "strategy", strategy, "a name, where select or sampling parameters are given"
            )
        problem = self.problem(question, reference=reference, system=system, chat=chat)
        return await solve(strategy, problem, self.model, scored_by, budget or Budget(n), journal=journal)

    def _reward(self, reward: Any) -> Reward | None:
        if isinstance(reward, str):
            return reward_named(reward, self.model)
        if callable(reward) and not hasattr(reward, "judge"):
            return callable_verifier(reward)
        _check_role("reward", reward, "judge", "a Reward, the name of one, or a function")
        named: Reward | None = reward
        return named

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
        if not isinstance(chat, bool | None):
            raise ParameterError("chat", chat, "true, false or unset")
        if isinstance(prompt, str) and not prompt:
            raise ParameterError("prompt", prompt, "text that is not empty")
        prompt = as_prompt(prompt)
        if not isinstance(prompt, str):
            if system is not None or chat is False:
                raise ParameterError(
                    "system" if system is not None else "chat",
                    system or chat,
                    "unset for messages and token ids",
                )
            return prompt
        if chat and not has_template:
            raise TemplateError(f"chat = True is not allowed: {self.name} has no chat template")
        if chat is False or not has_template:
            if system is not None:
                raise ParameterError("system", system, "unset for raw text, which has no system message")
            return prompt
        return conversation(prompt, system)


def _tokens(events: Generator[GenerationEvent]) -> Generator[TokenEvent | Completion]:
    with closing(events):
        for event in events:
            if isinstance(event, TokenEvent | Completion):
                yield event


async def _atokens(events: AsyncGenerator[GenerationEvent]) -> AsyncGenerator[TokenEvent | Completion]:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, TokenEvent | Completion):
                yield event


def _check_role(name: str, value: object, method: str, allowed: str) -> None:
    if value is not None and (isinstance(value, type) or not hasattr(value, method)):
        raise ParameterError(name, value, allowed)


def _check_choices(choices: Sequence[str]) -> None:
    if not isinstance(choices, list | tuple) or not 1 <= len(choices) <= MAX_CHOICES:
        raise ParameterError("choices", choices, f"a list of 1 to {MAX_CHOICES} texts")
    for choice in choices:
        if not isinstance(choice, str) or not choice.strip():
            raise ParameterError("choices", choice, "texts that are not empty or blank")
    _refuse_repeated(choices)


def _refuse_repeated(texts: Sequence[str]) -> None:
    seen = set()
    for text in texts:
        if text in seen:
            raise ParameterError("choices", text, "texts that differ: this one is given twice")
        seen.add(text)


def _joint(before: str, choice: str, join: str | None) -> str:
    if join is not None:
        return join
    return "" if before[-1:].isspace() or choice[0].isspace() or not before else " "


def load(
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    *,
    device: str | None = None,
    cache_bytes: int | None = None,
    limits: EngineLimits | None = None,
    row_invariant: bool = False,
    quantize: str | None = None,
    draft: str | os.PathLike[str] | None = None,
    entropy_head: str | os.PathLike[str] | None = None,
) -> LM:
    """Load a model: a name from `ponder models list`, a .gguf file, a Hugging Face directory.

    Nothing is downloaded; `ponder models pull` does that.

    Parameters
    ----------
    device : a torch device; by default CUDA where there is one.
    cache_bytes : memory for keys and values; by default a share of what is free.
    limits : how many requests, texts and tokens at once.
    row_invariant : compute each text bit for bit as if it were alone, at some cost in speed.
    quantize : "q8_0" or "q4_1": round the matrices of an F32, F16 or BF16 model to 8 or 4 bits at load.
    draft : a second, smaller model with the same vocabulary, for `decoder=Speculative(DraftModel())`.
    entropy_head : a head's file, for `real_temperature` (docs/sampling.md).

    Raises
    ------
    CheckpointError : a model is unknown, not downloaded, damaged, not supported, or quantised already; the
        entropy head is not one, or for another hidden size.
    ParameterError : the draft model has other tokens.
    """
    for name, value in (("model", model), ("draft", draft), ("entropy_head", entropy_head)):
        if not isinstance(value, str | os.PathLike) and (name == "model" or value is not None):
            raise ParameterError(name, value, "a name or a path")
    return LM(
        load_local(
            os.fspath(model),
            device=device,
            cache_bytes=cache_bytes,
            limits=limits,
            row_invariant=row_invariant,
            quantize=quantize,
            draft=None if draft is None else os.fspath(draft),
            entropy_head=None if entropy_head is None else os.fspath(entropy_head),
        )
    )
