"""What an HTTP request comes to: requests for the model, and how their answers are to be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ponder.asks import Completion, FinishReason, Grow, Lineage, Output
from ponder.sampling import TokenTrace
from ponder.sampling.trace import PromptTrace
from ponder.server.openai.prefix import Prefix
from ponder.server.openai.tracing import Traced
from ponder.text import EncodedPrompt
from ponder.text.call_form import HERMES, CallForm


@dataclass(frozen=True, slots=True)
class Plan:
    """What to grow from each prompt, and the shape of the answer.

    Attributes
    ----------
    prefix, held : what every text begins with, and how many of its characters the answer begins with.
    n : texts answered for each prompt, of the possibly more that grow.
    beams : whether a search finds them, so that which they are is known at the end.
    echo : whether a text begins with its prompt.
    discard : whether what is generated is left out (max_tokens 0: one token is generated for its prompt).
    logprobs : alternatives told with each token; None: no log-probabilities at all.
    named : whether those are tokens that were asked for, which the chosen one then comes before.
    echo_logprobs, prompt_logprobs : the same for the prompt's tokens, in `echo` and outside.
    tokens_as_ids : whether log-probabilities call tokens by their ids.
    token_ids : whether the ids of prompt and text are told.
    tools : names of those that the model was told of; calls of them are read out of a chat's texts.
    call_form : how the model writes those.
    skip_special : whether control tokens spell nothing.
    own_ends : tokens that end a text as the model's own end does, and are not told of.
    stream, include_usage, continuous_usage, include_tree, include_progress : whether and how the answer is
        streamed.
    traced : what the trace of each prompt's answer begins with, if traces are told.
    reported : whether the end of a text tells what a constraint or faithful sampling says of the whole text,
        which is known once all texts of its prompt have ended.
    """

    prompts: tuple[EncodedPrompt, ...]
    requests: tuple[Grow, ...]
    prefix: Prefix
    held: int
    n: int
    beams: bool
    echo: bool
    discard: bool
    logprobs: int | None
    named: bool
    echo_logprobs: int | None
    prompt_logprobs: int | None
    tokens_as_ids: bool
    token_ids: bool
    skip_special: bool
    own_ends: tuple[int, ...]
    stream: bool
    include_usage: bool
    continuous_usage: bool
    include_tree: bool
    include_progress: bool
    traced: tuple[Traced, ...]
    reported: bool
    tools: frozenset[str] = frozenset()
    call_form: CallForm = HERMES


@dataclass(frozen=True, slots=True)
class Told:
    """A token as log-probabilities tell it: None where nothing came before; natural logs, raw."""

    token_id: int
    logprob: float | None
    rank: int
    top: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, or all of it: what choice `index`, of prompt number `prompt`, grew by.

    Attributes
    ----------
    text, token_ids : what was generated.
    told : its tokens, if log-probabilities are wanted.
    prompt_text, prompt_told : the same of an echoed prompt, which comes before it.
    finish_reason, stop_reason : OpenAI's, and vLLM's: what exactly ended the text.
    search : what a search, faithful sampling or a constraint says of its text.
    lineage : where the text branched off, as far as that is known.
    """

    prompt: int
    index: int
    text: str = ""
    told: tuple[Told, ...] = ()
    token_ids: tuple[int, ...] = ()
    prompt_text: str = ""
    prompt_told: tuple[Told, ...] = ()
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    search: Mapping[str, Any] = field(default_factory=dict)
    lineage: Lineage | None = None

    def ended(self, reason: FinishReason, by: str | int | None = None) -> Piece:
        """Return it as the end of its text; `by` is the stop string or token."""
        finish_reason, stop_reason = ENDINGS[reason]
        return replace(self, finish_reason=finish_reason, stop_reason=stop_reason or by)

    def open(self) -> Piece:
        """Return it without the end of its text."""
        return replace(self, finish_reason=None, stop_reason=None)

    def end(self) -> Piece:
        """Return only how its text ended, and what is said of that."""
        return replace(self, text="", told=(), token_ids=())

    def with_prompt_of(self, echo: Piece) -> Piece:
        """Return it with the prompt that another piece echoes."""
        return replace(self, prompt_text=echo.prompt_text, prompt_told=echo.prompt_told)


ENDINGS: dict[FinishReason, tuple[str, str | None]] = {
    "stop": ("stop", None),
    "length": ("length", None),
    "constraint": ("content_filter", "constraint"),
    "deadline": ("length", "deadline"),
}


def told(traces: Sequence[TokenTrace], plan: Plan) -> tuple[Told, ...]:
    """Return generated tokens as they are told."""
    if plan.logprobs is None:
        return ()
    return tuple(Told(t.token_id, t.logprob, t.rank, _top(t, plan)) for t in traces)


def _top(trace: TokenTrace, plan: Plan) -> tuple[tuple[int, float], ...]:
    if not plan.named:
        return trace.top[: plan.logprobs]
    asked = dict(trace.top) | {trace.token_id: trace.logprob}
    return tuple({trace.token_id: trace.logprob, **asked}.items())


def told_prompt(
    token_ids: Sequence[int], traces: Sequence[PromptTrace | None], alternatives: int
) -> tuple[Told, ...]:
    """Return a prompt's tokens as they are told; a trace is None where nothing came before."""
    return tuple(
        Told(token_id, None, 0, ())
        if trace is None
        else Told(token_id, trace.logprob, trace.rank, trace.top[:alternatives])
        for token_id, trace in zip(token_ids, traces, strict=True)
    )


def chosen(completion: Completion, plan: Plan) -> Sequence[Output]:
    """Return the texts to answer with: of more samples than were asked for, those of the largest mean
    log-probability per token, the best first."""
    outputs = completion.outputs
    if len(outputs) <= plan.n:
        return outputs
    return sorted(outputs, key=lambda output: -output.logprob / max(len(output.token_ids), 1))[: plan.n]
