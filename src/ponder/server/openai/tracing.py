"""`include_trace`: how each token was chosen, whole or as it comes (docs/traces.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ponder.asks import Grow, Told
from ponder.constraints.tokens import TokenCount
from ponder.errors import ParameterError
from ponder.sampling.distribution import TraceSettings
from ponder.server.openai.protocol import GenerationBody, TraceOptions
from ponder.server.served import Served
from ponder.text import Tokenizer
from ponder.traces.form import plain
from ponder.traces.record import STREAMED_DIGITS, Head, Recorder, head_of, streamed

MOST = 256
DEFAULTS = TraceSettings(top=20, mass=0.995, max_top=MOST)
MAX_KEPT = 2**20  # likeliest tokens of all rows of an answer: some 130 MB


@dataclass(frozen=True, slots=True)
class Traced:
    """What the trace of a prompt's answer begins with, besides its head: what only a stream tells."""

    head: Head
    seed: int | None
    fingerprint: str | None
    prompt_token_ids: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the first part of a stream's trace."""
        own = {"seed": self.seed, "fingerprint": self.fingerprint}
        return {**plain(self.head), **own, "prompt_token_ids": list(self.prompt_token_ids)}


class Tracing:
    """The trace of one prompt's answer."""

    def __init__(self, traced: Traced, tokenizer: Tokenizer) -> None:
        self._traced = traced
        self._recorder = Recorder(tokenizer)
        self._begun = False

    def take(self, event: Told) -> Iterator[dict[str, Any]]:
        """Take what happened; yield what the trace grew by, as a stream has it, and before that its head."""
        part = streamed(self._recorder.take(event))
        if part and not self._begun:
            self._begun = True
            yield self._traced.as_json()
        if part:
            yield part

    def row_of(self, node: int) -> int | None:
        """Return the row of a node of a search."""
        return self._recorder.node_row(node)

    def whole(self) -> dict[str, Any]:
        """Return the whole trace."""
        shown: dict[str, Any] = plain(self._recorder.trace(self._traced.head), STREAMED_DIGITS)
        return self._traced.as_json() | shown


def read_trace(body: GenerationBody) -> TraceSettings | None:
    """Return how much of each distribution a request wants to see; None: nothing.

    Raises
    ------
    ParameterError : a value is not allowed; `trace_names` tells what the request calls it.
    """
    given = _given(body)
    if given is None or given is False:
        return None
    if given is True:
        return DEFAULTS
    if given.prompt:
        raise ParameterError("trace_prompt", True, "left out or false: only what is generated has rows")
    top = DEFAULTS.top if given.top is None else given.top
    mass = DEFAULTS.mass if given.mass is None else given.mass
    most = max(top, MOST) if given.max_top is None else given.max_top
    return TraceSettings(top, mass, most)


def trace_names(body: GenerationBody) -> dict[str, str]:
    """Return what a request calls the settings of its trace."""
    where = "stream_options.include_trace" if body.stream else "include_trace"
    return {"trace": where, **{f"trace_{name}": f"{where}.{name}" for name in TraceOptions.model_fields}}


def _given(body: GenerationBody) -> bool | TraceOptions | None:
    if not body.stream:
        return body.include_trace
    if body.include_trace is not None:
        raise ParameterError("include_trace", body.include_trace, "within stream_options, in a stream")
    return body.stream_options.include_trace if body.stream_options else None


def check_kept(settings: TraceSettings, grown: int) -> None:
    """Bound the memory of an answer whose texts may grow by so many tokens. Raises ParameterError."""
    kept = grown * (settings.max_top or settings.top)
    if kept > MAX_KEPT:
        allowed = f"at most {MAX_KEPT} tokens kept: fewer texts, or a smaller max_tokens or max_top"
        raise ParameterError("trace", f"{kept} tokens kept", allowed)


def begin_trace(ask: Grow, model: Served) -> tuple[Grow, Traced]:
    """Return a request with the seed that it will have, if it draws, and what its trace begins with.

    The constraint is compiled when the request runs, which may take long. Here one stands for it that allows
    everything, since some parameters mean something only where there is one.
    """
    constraint = None if ask.constraint is None else TokenCount()
    resolved = model.resolve(replace(ask, constraint=constraint))
    params, tokens = resolved.params, len(resolved.token_ids) + len(resolved.begun)
    head = head_of(model.name, resolved.prompt, tokens, params, ask, model.tokenizer)
    draws = ask.method is None or "seed" not in ask.method.unused
    seed = params.params.seed if draws else None
    about = Traced(head, seed, model.card().fingerprint, resolved.token_ids)
    assert isinstance(ask.params, Mapping), "those that the request set"
    return replace(ask, params={**ask.params, "seed": seed}), about
