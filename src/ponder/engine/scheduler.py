"""Which tokens of which sequences go into this step."""

from __future__ import annotations

from collections.abc import Iterable

from ponder.decoders import Group, Sequence
from ponder.engine.runner import BatchRow


def schedule(groups: Iterable[Group], token_budget: int) -> list[BatchRow]:
    """Give every sequence its uncomputed tokens: one-token rows first, then prompts in chunks.

    A step computes at most `token_budget` prompt tokens; decode rows always fit.
    """
    waiting = [(group, sequence, _uncomputed(group, sequence)) for group in groups for sequence in group.live]
    waiting.sort(key=lambda entry: len(entry[2]) > 1)
    rows = []
    for group, sequence, tokens in waiting:
        chunk = tokens if len(tokens) == 1 else tokens[:token_budget]
        if len(tokens) > 1:
            token_budget -= len(chunk)
        if chunk:
            rows.append(BatchRow(sequence.branch, chunk, group.reach, len(chunk) == len(tokens)))
    return rows


def _uncomputed(group: Group, sequence: Sequence) -> tuple[int, ...]:
    computed = sequence.branch.length
    prompt = group.prompt[computed:]
    return prompt + tuple(sequence.output[max(0, computed - len(group.prompt)) :])
