"""An answer's events -> its trace."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ponder.asks import Completion, Output, Told, TreeEvent
from ponder.asks.events import TreeNode
from ponder.sampling.distribution import TEMPERATURES, Distribution
from ponder.sampling.trace import TokenTrace
from ponder.text import Tokenizer
from ponder.traces.document import VERSION, Param, Reason, Row, Spelling, Step, Text, Token, Trace

PROMPT = -1


class Recorder:
    """Watches an answer come, for its tree: pruned texts are in events alone."""

    def __init__(self) -> None:
        self._nodes: list[TreeNode] = []

    def watch(self, events: Iterable[Told]) -> Iterator[Told]:
        """Yield the events as they come."""
        for event in events:
            if isinstance(event, TreeEvent):
                self._nodes += event.nodes
            yield event

    def trace(self, completion: Completion, params: Mapping[str, Any], tokenizer: Tokenizer) -> Trace:
        """Return the trace of an answer whose request had `trace` set.

        Parameters
        ----------
        params : name -> {"value", "from"}, as `ponder run --json` has them.
        """
        tree = _Tree()
        for node in self._nodes:
            tree.add_node(node)
        texts = [
            Text(
                output.text,
                tree.path(output.traces) if self._nodes else tree.add_text(output),
                output.finish_reason,
                output.logprob,
                output.score,
            )
            for output in completion.outputs
        ]
        ids = {token.id for token in tree.tokens} | {token for row in tree.rows for token in row.ids}
        return Trace(
            VERSION,
            completion.model,
            tokenizer.vocab_size,
            completion.prompt,
            completion.usage.prompt_tokens,
            {name: Param(value["value"], value["from"]) for name, value in params.items()},
            TEMPERATURES,
            {str(token): spelling(token, tokenizer) for token in sorted(ids)},
            tuple(tree.rows),
            tuple(tree.tokens),
            tuple(texts),
        )


class _Tree:
    """Tokens and rows as they are added; a row that several tokens were chosen from is there once."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.rows: list[Row] = []
        self._rows: dict[int, int] = {}  # by the identity of a distribution
        self._nodes: dict[int, int] = {PROMPT: PROMPT}  # the engine's number of a node -> its token
        self._traces: dict[int, int] = {}  # by the identity of a trace

    def add_node(self, node: TreeNode) -> None:
        """Add a token of a search; a node without one is a dead end that nothing follows."""
        if node.trace is None:
            self._nodes[node.node] = self._nodes[node.parent]
            return
        added = self._add(node.trace, self._nodes[node.parent], node.score, node.finish_reason)
        self._nodes[node.node] = self._traces[id(node.trace)] = added

    def add_text(self, output: Output) -> tuple[int, ...]:
        """Add a sample and return its tokens."""
        path: list[int] = []
        for left, trace in zip(reversed(range(len(output.traces))), output.traces, strict=True):
            ended = None if left else output.finish_reason
            path.append(self._add(trace, path[-1] if path else PROMPT, None, ended))
        return tuple(path)

    def path(self, traces: tuple[TokenTrace, ...]) -> tuple[int, ...]:
        """Return the tokens of a search's answer."""
        path = []
        token = self._traces[id(traces[-1])] if traces else PROMPT
        while token != PROMPT:
            path.append(token)
            token = self.tokens[token].parent
        return tuple(reversed(path))

    def _add(self, trace: TokenTrace, parent: int, score: float | None, ended: Reason | None) -> int:
        distribution = trace.distribution
        assert distribution is not None, "the request asked for a trace"
        row = self._rows.setdefault(id(distribution), len(self.rows))
        if row == len(self.rows):
            self.rows.append(row_of(trace, distribution))
        self.tokens.append(
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
        return len(self.tokens) - 1


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
        tuple(Step(one.step, one.kind, one.removed, one.mass, one.changed) for one in distribution.steps),
    )


def spelling(token: int, tokenizer: Tokenizer) -> Spelling:
    """Return how a token is spelled, as a trace has it."""
    if token >= tokenizer.vocab_size:  # where a model pads its vocabulary
        return Spelling("", "")
    spelled = tokenizer.token_bytes(token, skip_special=False)
    return Spelling(spelled.decode("utf-8", "backslashreplace"), spelled.hex())
