"""What happens to a request -> its trace, which grows a part at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ponder.asks import Completion, Grow, Output, TokenEvent, Told, TreeEvent
from ponder.asks.events import TreeNode
from ponder.asks.settling import Settling
from ponder.sampling import ResolvedParams
from ponder.sampling.distribution import TEMPERATURES, Distribution
from ponder.sampling.trace import TokenTrace
from ponder.text import Tokenizer
from ponder.traces.described import described_params
from ponder.traces.document import VERSION, Param, Reason, Row, Spelling, Step, Text, Token, Trace
from ponder.traces.form import plain

PROMPT = -1
STREAMED_DIGITS = 6  # of a number, which a page needs


@dataclass(frozen=True, slots=True)
class Head:
    """What a trace begins with; its fields are those of `Trace`."""

    version: int
    model: str
    vocab_size: int
    prompt: str
    prompt_tokens: int
    params: Mapping[str, Param]
    temperatures: tuple[float, ...] = TEMPERATURES


@dataclass(slots=True)
class Part:
    """What a trace grows by.

    Attributes
    ----------
    rows, tokens, texts : follow those that came before; indices count in the whole trace.
    vocabulary : the spellings of ids that have not occurred before.
    samples : of each token, the sample that it belongs to; None in a search, whose end tells the texts.
    """

    rows: list[Row] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    vocabulary: dict[str, Spelling] = field(default_factory=dict)
    texts: list[Text] = field(default_factory=list)
    samples: list[int | None] = field(default_factory=list)


def head_of(
    model: str, prompt: str, prompt_tokens: int, params: ResolvedParams, request: Grow, tokenizer: Tokenizer
) -> Head:
    """Return what the trace of a request begins with."""
    described = described_params(params, request)
    shown = {name: Param(one["value"], one["from"]) for name, one in described.items()}
    return Head(VERSION, model, tokenizer.vocab_size, prompt, prompt_tokens, shown)


class Recorder:
    """Watches one answer come, whose request had `trace` set. A token is in the trace once it is settled."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._settling = Settling()
        self._whole = Part()
        self._spelled: dict[str, Spelling] = {}  # just now
        self._rows: dict[int, int] = {}  # by the identity of a distribution, which is kept below
        self._kept: list[Distribution] = []
        self._nodes: dict[int, int] = {PROMPT: PROMPT}  # the engine's number of a node -> its token
        self._traces: dict[int, int] = {}  # by the identity of a trace -> its token in a search
        self._paths: dict[int, list[int]] = {}  # the tokens of each sample

    def take(self, event: Told) -> Part:
        """Take what happened; return what the trace grew by, which may be nothing."""
        whole, self._spelled = self._whole, {}
        rows, tokens, texts = len(whole.rows), len(whole.tokens), len(whole.texts)
        for settled in self._settling.take(event):
            match settled:
                case TokenEvent():
                    if settled.trace is not None:
                        self._add_sampled(settled.index, settled.trace, settled.finish_reason)
                case TreeEvent():
                    for node in settled.nodes:
                        self._add_node(node)
                case Completion():
                    for output in settled.outputs:
                        self._add_text(output)
        whole.vocabulary.update(self._spelled)
        return Part(
            whole.rows[rows:],
            whole.tokens[tokens:],
            self._spelled,
            whole.texts[texts:],
            whole.samples[tokens:],
        )

    def node_row(self, node: int) -> int | None:
        """Return the row of a node of a search that was taken; None where nothing was chosen."""
        token = self._nodes[node]
        return None if token == PROMPT else self._whole.tokens[token].row

    def trace(self, head: Head) -> Trace:
        """Return the whole trace."""
        whole = self._whole
        return Trace(
            VERSION,
            head.model,
            head.vocab_size,
            head.prompt,
            head.prompt_tokens,
            head.params,
            head.temperatures,
            whole.vocabulary,
            tuple(whole.rows),
            tuple(whole.tokens),
            tuple(whole.texts),
        )

    def _add_node(self, node: TreeNode) -> None:
        """Add a token of a search; a node without one is a dead end that nothing follows."""
        if node.trace is None:
            self._nodes[node.node] = self._nodes[node.parent]
            return
        added = self._add(node.trace, self._nodes[node.parent], None, node.score, node.finish_reason)
        self._nodes[node.node] = self._traces[id(node.trace)] = added

    def _add_sampled(self, sample: int, trace: TokenTrace, ended: Reason | None) -> None:
        path = self._paths.setdefault(sample, [])
        path.append(self._add(trace, path[-1] if path else PROMPT, sample, None, ended))

    def _add_text(self, output: Output) -> None:
        """Add a text, and its tokens if they were not told as they came."""
        found = self._traces.get(id(output.traces[-1])) if output.traces else None
        if found is None and len(self._paths.get(output.index, ())) != len(output.traces):
            self._paths[output.index] = []
            for left, trace in zip(reversed(range(len(output.traces))), output.traces, strict=True):
                self._add_sampled(output.index, trace, None if left else output.finish_reason)
        path = self._paths.get(output.index, []) if found is None else self._path(found)
        self._whole.texts.append(
            Text(output.text, tuple(path), output.finish_reason, output.logprob, output.score)
        )

    def _path(self, token: int) -> list[int]:
        """Return the tokens from the prompt to this one."""
        path = []
        while token != PROMPT:
            path.append(token)
            token = self._whole.tokens[token].parent
        return path[::-1]

    def _add(
        self, trace: TokenTrace, parent: int, sample: int | None, score: float | None, ended: Reason | None
    ) -> int:
        """Add a token; a row that several tokens were chosen from is there once."""
        distribution = trace.distribution
        assert distribution is not None, "the request asked for a trace"
        row = self._rows.setdefault(id(distribution), len(self._kept))
        if row == len(self._kept):
            self._kept.append(distribution)
            self._whole.rows.append(row_of(trace, distribution))
        for one in (*distribution.ids, trace.token_id):
            name = str(one)
            if name not in self._whole.vocabulary and name not in self._spelled:
                self._spelled[name] = spelling(one, self._tokenizer)
        self._whole.tokens.append(
            Token(
                trace.token_id,
                parent,
                row,
                trace.logprob,
                trace.tempered_logprob,
                trace.truncated_logprob,
                trace.rank,
                score,
                ended,
            )
        )
        self._whole.samples.append(sample)
        return len(self._whole.tokens) - 1


def streamed(part: Part) -> dict[str, Any]:
    """Return what a part holds, as a stream has it: members that are empty are left out."""
    tokens = [
        token if sample is None else {**token, "index": sample}
        for token, sample in zip(plain(part.tokens, STREAMED_DIGITS), part.samples, strict=True)
    ]
    members = {
        "rows": plain(part.rows, STREAMED_DIGITS),
        "tokens": tokens,
        "vocabulary": plain(part.vocabulary),
        "texts": plain(part.texts, STREAMED_DIGITS),
    }
    return {name: value for name, value in members.items() if value}


def row_of(trace: TokenTrace, distribution: Distribution) -> Row:
    """Return what a token was chosen from, as a trace has it."""
    return Row(
        trace.entropy,
        trace.kept,
        trace.kept_mass,
        distribution.ids,
        distribution.logits,
        distribution.tempered,
        distribution.truncated,
        tuple(tail if math.isfinite(tail) else None for tail in distribution.tails),
        tuple(
            Step(one.step, one.kind, one.removed, one.mass, one.changed, one.left)
            for one in distribution.steps
        ),
        trace.allowed_mass,
    )


def spelling(token: int, tokenizer: Tokenizer) -> Spelling:
    """Return a token's text and bytes."""
    if token >= tokenizer.vocab_size:  # where a model pads its vocabulary
        return Spelling("", "")
    spelled = tokenizer.token_bytes(token, skip_special=False)
    return Spelling(spelled.decode("utf-8", "backslashreplace"), spelled.hex())
