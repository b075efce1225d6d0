"""A loaded model as a caller meets it: call it, let it choose, let it solve."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ponder.asks import (
    Completion,
    Grow,
    LanguageModel,
    Lineage,
    Path,
    Read,
    Record,
    Resolved,
    Resolver,
    Service,
    TextScore,
    Until,
    conversation,
    fronts,
)
from ponder.asks.apart import run_apart
from ponder.asks.grow import End, Method, Mixing
from ponder.asks.read import MAX_TEXTS
from ponder.asks.token_stream import AsyncTokenStream, TokenStream
from ponder.backends.local import load_local
from ponder.constraints import Ban, Constraint
from ponder.constraints.recent import Recent
from ponder.decoders import BeamSearch
from ponder.decoders.named import decoder_of
from ponder.engine import EngineLimits
from ponder.errors import ParameterError, TemplateError, UnsupportedError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.positions import Specification
from ponder.rewards import Problem, Reward, callable_verifier, reward_named
from ponder.sampling.distribution import TraceSettings
from ponder.scaling import Answer, Budget, Journal, Selection, Strategy, solve, strategy_named
from ponder.scoring.choice import Choice, normalise
from ponder.text import Conversation, Prompt, TokenIds, Tokenizer, as_prompt

BASELINES = 64


class LM:
    """A language model and everything ponder does with one.

    A prompt is a string, a list of `Message` or a `Conversation`. A string is sent as a user's message where
    the model has a chat template and as raw text where it has none; `chat=True` or `chat=False` says which.
    Methods that generate take the fields of `SamplingParams` as keyword arguments; what is not allowed
    raises a `PonderError` of one sentence.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        # Under path, choices, ends and join: the choices' log-probabilities after a baseline.
        self._baselines: Recent[tuple[Hashable, ...], tuple[float, ...]] = Recent(BASELINES)

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.model.name

    def close(self) -> None:
        """End all requests; nothing can be asked afterwards."""
        close = getattr(self.model, "close", None)  # a model elsewhere has nothing to end
        if close is not None:
            close()

    def request(
        self,
        prompt: Prompt | Path,
        *,
        system: str | None = None,
        chat: bool | None = None,
        template_args: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        continue_final_message: bool = False,
        prefix: str | Sequence[int] = "",
        lineage: Lineage = (),
        until: Until | None = None,
        ban: str | Sequence[str] | None = None,
        constraint: Constraint | None = None,
        decoder: Method | None = None,
        num_beams: int | None = None,
        faithful: str | None = None,
        priority: int = 0,
        deadline_s: float | None = None,
        cache_salt: str | None = None,
        prompt_logprobs: int | None = None,
        trace: TraceSettings | None = None,
        mixture: Mixing | None = None,
        add_special_tokens: bool | None = None,
        **sampling: Any,
    ) -> Grow:
        """Gather what was asked for; the other methods take the same arguments.

        Parameters
        ----------
        prompt : what the model is given; or a `Path`, such as `completion.path()`, to go on with.
        system : a system message, for a prompt that is sent as a message.
        template_args : variables of the chat template's own, such as `{"enable_thinking": False}`.
        tools : functions that the model may call, as in `Conversation`; for templates that write them.
        continue_final_message : whether the last message, the assistant's, is what the answer begins with.
        prefix : what the answer begins with, as text or as token ids. It counts as output: `max_tokens`,
            penalties, stop strings and constraints take it in, and the answer goes on from it.
        lineage : where the text branched off, as an `Output` says; with it the random numbers go on.
        until : when to pause: `Boundary(...)` or `Tokens(...)` of `ponder.asks`.
        ban : strings that the text may not contain.
        decoder : how texts grow; `Speculative()` gives what sampling gives, often sooner.
        num_beams : beam search of this width; `decoder=BeamSearch(...)` sets its other rules.
        faithful : "weights", "smc" or "exact": samples that stand for what the model says, given that the
            constraint allows it; as in `Faithful`.
        priority, deadline_s, cache_salt : as in `ponder.asks.Service`.
        prompt_logprobs, trace : as in `ponder.asks.Record`.
        mixture : what else bears on each token: `Guidance`, `Contrast` or `DoLa`. A string to be guided away
            from is sent as the prompt is.
        add_special_tokens : false leaves out the beginning-of-text token that the model puts before raw text.
        """
        if ban is not None and ban != ():
            if constraint is not None:
                raise ParameterError("ban", ban, "used alone, or given as constraint=Ban(...)")
            constraint = Ban(ban)
        _check_constraint(constraint)
        _check_role("decoder", decoder, "advance", "a decoder, such as ponder.BeamSearch(4)")
        _check_role("mixture", mixture, "mix", "a mixture, such as ponder.Guidance(1.5)")
        if num_beams is not None:
            if decoder is not None:
                raise ParameterError("num_beams", num_beams, "left unset when a decoder is given")
            decoder = BeamSearch(num_beams)
        if faithful is not None:
            if decoder is not None:
                raise ParameterError("faithful", faithful, f"left unset with {decoder.name}")
            decoder = decoder_of({"faithful": faithful})
        written: dict[str, Any] = {"template_args": template_args, "tools": tools}
        if mixture is not None:
            mixture = mixture.converted(lambda other: self._like(other, system, chat, written))
        if add_special_tokens is not None:
            prompt = self._begun(prompt, system, chat, add_special_tokens)
            chat = None if isinstance(prompt, TokenIds) else chat
        goes_on = {"continue_final_message": continue_final_message}
        path = self._path(prompt, system, chat, written | goes_on, prefix, lineage)
        record, service = Record(prompt_logprobs, trace), Service(priority, deadline_s, cache_salt)
        return Grow(
            path, sampling, decoder, mixture, constraint, End() if until is None else until, record, service
        )

    def _like(
        self, other: Prompt, system: str | None, chat: bool | None, written: Mapping[str, Any]
    ) -> Prompt:
        """Return another prompt as one that is sent in the same way."""
        return self.prompt(other, system, chat, **written) if isinstance(other, str) else other

    def _begun(
        self, prompt: Prompt | Path, system: str | None, chat: bool | None, add_special_tokens: bool
    ) -> Prompt | Path:
        """Return raw text as token ids without what the model puts before it, unless that is wanted."""
        if not isinstance(add_special_tokens, bool):
            raise ParameterError("add_special_tokens", add_special_tokens, "true, false or unset")
        asked = prompt if isinstance(prompt, Path) else self.prompt(prompt, system, chat)
        if not isinstance(asked, str):
            allowed = "unset for messages, token ids and paths: it is for raw text, which chat=False sends"
            raise ParameterError("add_special_tokens", add_special_tokens, allowed)
        if add_special_tokens:
            return prompt
        return TokenIds(
            tuple(self.tokenizer.encode(asked, add_bos=False, parse_special=True, field="prompt"))
        )

    def _path(
        self,
        prompt: Prompt | Path,
        system: str | None,
        chat: bool | None,
        written: Mapping[str, Any],
        prefix: str | Sequence[int],
        lineage: Lineage,
    ) -> Path:
        if isinstance(prompt, Path):
            given = {"system": system, "chat": chat, "lineage": lineage or None}
            for name, value in (given | {name: value or None for name, value in written.items()}).items():
                if value is not None:
                    raise ParameterError(name, value, "unset for a path, which has its own")
            if isinstance(prefix, str):
                return replace(prompt, text=prompt.text + prefix)
            raise ParameterError("prefix", prefix, "text, after a path")
        asked = self.prompt(prompt, system, chat, **written)
        if isinstance(asked, Conversation) and asked.continue_final_message:
            if prefix:
                raise ParameterError("prefix", prefix, "left out with continue_final_message")
            prefix = asked.begun
        if isinstance(prefix, str):
            return Path(asked, (), prefix, lineage)
        if not isinstance(prefix, list | tuple):
            raise ParameterError("prefix", prefix, "text, or a list of token ids")
        return Path(asked, tuple(prefix), "", lineage)

    def resolve(self, request: Grow) -> Resolved:
        """Say how a request would apply, without running it.

        Raises
        ------
        UnsupportedError : the model's backend cannot tell.
        """
        if not isinstance(self.model, Resolver):
            raise UnsupportedError(f"{self.name} cannot tell how a request would apply without running it")
        return self.model.resolve(request)

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer. Raises UnsupportedError where its backend does not know it."""
        tokenizer = self.model.offers.tokenizer
        if tokenizer is None:
            raise UnsupportedError(f"the tokenizer of {self.name} is not known here")
        return tokenizer

    def __call__(self, prompt: Prompt | Path, **options: Any) -> Completion:
        """Answer a prompt, or go on with a path."""
        return fronts.generate(self.model, self.request(prompt, **options))

    def continue_(self, completion: Completion, index: int = 0, **options: Any) -> Completion:
        """Go on with an output of a completion, in the way that it was grown but for what is said here.

        With nothing said, and a text that was cut off or paused, the rest is what it would have been.
        """
        before = completion.request
        request = self.request(completion.path(index), **options)
        assert isinstance(request.params, Mapping), "it names what is set"
        method = request.method or before.method
        unused = method.unused if method is not None else frozenset()
        known = completion.params.set_by_caller().items()
        kept = {"n": 1} | {name: value for name, value in known if name not in unused and name != "n"}
        return fronts.generate(
            self.model,
            replace(
                request,
                params={**kept, **request.params},
                method=method,
                mixture=request.mixture or before.mixture,
                constraint=request.constraint or before.constraint,
                record=before.record if request.record == Record() else request.record,
                service=before.service if request.service == Service() else request.service,
            ),
        )

    def stream(self, prompt: Prompt | Path, **options: Any) -> TokenStream:
        """Answer a prompt token by token; the stream's `completion` is the whole answer, after the last one.

        What else there is to see, such as a search's tree, is in
        `ponder.asks.fronts.stream(lm.model, lm.request(...))`.
        """
        request = self.request(prompt, **options)
        if isinstance(self.model, Resolver):
            self.model.resolve(request)  # what is wrong is said now, and not when the first token is read
        return TokenStream(fronts.stream(self.model, request))

    async def agenerate(self, prompt: Prompt | Path, **options: Any) -> Completion:
        """Answer a prompt without blocking the event loop; concurrent calls share batches."""
        return await fronts.agenerate(self.model, self.request(prompt, **options))

    def astream(self, prompt: Prompt | Path, **options: Any) -> AsyncTokenStream:
        """Like `stream`, for an event loop."""
        return AsyncTokenStream(self.model.run(self.request(prompt, **options)))

    def choose(self, prompt: Prompt, choices: Sequence[str], **options: Any) -> Choice:
        """Return how the model's probability divides over whole answers; takes the options of `achoose_many`.

        A choice's log-probability is the sum over its tokens and is not divided by their number.
        """
        (choice,) = self.choose_many((prompt,), choices, **options)
        return choice

    def choose_many(
        self, prompts: Sequence[Prompt], choices: Sequence[str], **options: Any
    ) -> tuple[Choice, ...]:
        """Like `achoose_many`, for callers without an event loop."""
        return run_apart(self.achoose_many(prompts, choices, **options))

    async def achoose_many(
        self,
        prompts: Sequence[Prompt],
        choices: Sequence[str],
        *,
        system: str | None = None,
        chat: bool | None = None,
        template_args: Mapping[str, Any] | None = None,
        join: str | None = None,
        ends: bool | None = None,
        baseline: Prompt | None = None,
    ) -> tuple[Choice, ...]:
        """Let the model choose after each of several prompts, which share batches.

        Parameters
        ----------
        join : put between prompt and choice; by default one space where neither the prompt (raw, or as the
            chat template writes it) ends nor the choice begins with white space.
        ends : whether the end token after a choice is part of it; by default it is in a chat, where the
            choice is the whole reply, and not in raw text.
        baseline : a prompt that says nothing of the case at hand; the choices' shares are then also given
            relative to theirs after it (`calibrated`; contextual calibration, arXiv 2102.09690). It is read
            once: the scores after the last `BASELINES` baselines are kept.

        Raises
        ------
        ParameterError : no choices, an empty one, or the same one twice.
        """
        _check_choices(choices)
        if not isinstance(prompts, list | tuple):
            raise ParameterError("prompts", prompts, "a list of prompts")

        def asks(after: Prompt) -> Read:
            asked = self.prompt(after, system, chat, template_args)
            end = not isinstance(asked, str | TokenIds) if ends is None else ends
            begun = asked.begun if isinstance(asked, Conversation) else ""
            return Read(Path(asked, text=begun), tuple(choices), ends=end, join=join)

        async def scores(reads: Sequence[Read]) -> list[tuple[TextScore, ...]]:
            found = [reading.texts for reading in await fronts.aread_many(self.model, reads)]
            for texts in found:
                _refuse_repeated(choices, [text.token_ids for text in texts])
            return found

        reads = [asks(prompt) for prompt in prompts]
        prior = None
        if baseline is not None:
            read = asks(baseline)
            key = (repr(read.path), read.texts, read.ends, join)
            prior = self._baselines.find(key)
            if prior is None:
                prior = _logprobs(*await scores([read]))
                self._baselines.keep(key, prior)
        return tuple(
            normalise(choices, [one.token_ids for one in found], _logprobs(found), prior).of(found)
            for found in await scores(reads)
        )

    async def asolve(
        self,
        question: str,
        *,
        strategy: Strategy | str = "best-of-n",
        n: int = 8,
        reward: Reward | Callable[[Problem, str], float | tuple[float, str]] | str | None = None,
        select: Selection | None = None,
        settings: Mapping[str, Any] | None = None,
        constraint: Constraint | None = None,
        reference: str | None = None,
        system: str | None = None,
        chat: bool | None = None,
        template_args: Mapping[str, Any] | None = None,
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
        select : how one is kept, as in `BestOfN`; None: as the strategy does it.
        settings : the strategy's fields by name, where it is given by name (`strategy_named`).
        constraint : what every candidate keeps to.
        reference : the right answer, for rewards that compare with it.
        journal : what is written to as it happens; a run that it holds a part of is gone on with.
        """
        scored_by = self._reward(reward)
        _check_role("budget", budget, "limit_passed", "a ponder.scaling.Budget")
        _check_constraint(constraint)
        if isinstance(strategy, str):
            strategy = strategy_named(
                strategy,
                {"selection": select, **(settings or {})},
                sampling,
            )
        elif select or settings or sampling:
            allowed = "a name, where select, settings or sampling parameters are given"
            raise ParameterError("strategy", strategy, allowed)
        problem = self.problem(
            question, reference=reference, system=system, chat=chat, template_args=template_args
        )
        return await solve(
            strategy,
            problem,
            self.model,
            scored_by,
            budget or Budget(n),
            journal=journal,
            constraint=constraint,
        )

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
        template_args: Mapping[str, Any] | None = None,
    ) -> Problem:
        """Return a question as strategies take it."""
        asked = self.prompt(question, system, chat, template_args)
        raw = asked if isinstance(asked, str) else None
        return Problem(question, reference, system, raw, template_args=template_args or {})

    def solve(self, question: str, **options: Any) -> Answer:
        """Like `asolve`, for callers without an event loop."""
        return run_apart(self.asolve(question, **options))

    def prompt(
        self,
        prompt: Prompt,
        system: str | None = None,
        chat: bool | None = None,
        template_args: Mapping[str, Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        continue_final_message: bool = False,
    ) -> Prompt:
        """Return what the model is sent: raw text, or a conversation."""
        has_template = self.model.offers.chat
        if not isinstance(chat, bool | None):
            raise ParameterError("chat", chat, "true, false or unset")
        if isinstance(prompt, str) and not prompt:
            raise ParameterError("prompt", prompt, "text that is not empty")
        prompt = as_prompt(prompt)
        written = {
            "template_args": template_args or None,
            "tools": tools or None,
            "continue_final_message": continue_final_message or None,
        }
        if not isinstance(prompt, str):
            if system is not None or chat is False:
                raise ParameterError(
                    "system" if system is not None else "chat",
                    system or chat,
                    "unset for messages and token ids",
                )
            return _written(prompt, written, "a Conversation, which has its own, and for token ids")
        if chat and not has_template:
            raise TemplateError(f"chat = True is not allowed: {self.name} has no chat template")
        if chat is False or not has_template:
            if system is not None:
                raise ParameterError("system", system, "unset for raw text, which has no system message")
            return _written(prompt, written, "raw text, which no template writes")
        return _written(conversation(prompt, system), written, "")


def _check_constraint(constraint: Constraint | None) -> None:
    _check_role("constraint", constraint, "compile", "a constraint, such as ponder.Ban(['#'])")


def _written(prompt: Prompt, written: Mapping[str, Any], what: str) -> Prompt:
    """Return messages with what their template gets besides; `what` it is that has no such thing."""
    given = {name: value for name, value in written.items() if value is not None}
    if not given:
        return prompt
    if isinstance(prompt, str | Conversation | TokenIds):
        name, value = next(iter(given.items()))
        raise ParameterError(name, value, f"unset for {what}")
    return Conversation(tuple(prompt), **given)


def _check_role(name: str, value: object, method: str, allowed: str) -> None:
    if value is not None and (isinstance(value, type) or not hasattr(value, method)):
        raise ParameterError(name, value, allowed)


def _logprobs(scores: Sequence[TextScore]) -> tuple[float, ...]:
    return tuple(score.logprob for score in scores)


def _check_choices(choices: Sequence[str]) -> None:
    if not isinstance(choices, list | tuple) or not 1 <= len(choices) <= MAX_TEXTS:
        raise ParameterError("choices", choices, f"a list of 1 to {MAX_TEXTS} texts")
    for choice in choices:
        if not isinstance(choice, str) or not choice.strip():
            raise ParameterError("choices", choice, "texts that are not empty or blank")
    _refuse_repeated(choices, choices)


def _refuse_repeated(choices: Sequence[str], as_read: Sequence[object]) -> None:
    """Refuse a choice that is read as an earlier one is."""
    seen = set()
    for choice, read in zip(choices, as_read, strict=True):
        if read in seen:
            raise ParameterError("choices", choice, "texts that differ: this one is given twice")
        seen.add(read)


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
    positions: Specification | None = None,
    context: int | None = None,
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
    positions : other positions than the checkpoint's: "none", "alibi", or a value (docs/positions.md).
    context : the most tokens of a text, prompt and answer together; by default what the checkpoint says.

    Raises
    ------
    CheckpointError : a model is unknown, not downloaded, damaged, not supported, or quantised already; the
        entropy head is not one, or for another hidden size.
    ParameterError : the draft model has other tokens; the positions do not fit the model; the memory holds no
        text of `context` tokens.
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
            positions=positions,
            context=context,
        )
    )
