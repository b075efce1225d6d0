"""Which tokens of which sequences go into this step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ponder.decoders import Group, Sequence


@dataclass(frozen=True, slots=True)
class ScheduledRow:
    """`new_tokens` of a sequence are computed; with the last of them its next-token logits."""

    group: Group
    sequence: Sequence
    new_tokens: tuple[int, ...]
    wants_logits: bool


def schedule(groups: Iterable[Group], token_budget: int) -> list[ScheduledRow]:
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
            rows.append(ScheduledRow(group, sequence, chunk, len(chunk) == len(tokens)))
    return rows


def _uncomputed(group: Group, sequence: Sequence) -> tuple[int, ...]:
    computed = sequence.branch.length
    prompt = group.prompt[computed:]
    return prompt + tuple(sequence.output[max(0, computed - len(group.prompt)) :])
