"""Texts drawn without their constraint, and begun anew where that forbids them: exact samples.

A pass draws token by token. Where a token is not allowed the pass ends, and what it went through is learned:
how much of each row leads on. The next pass begins at the path, and draws every token in proportion to its
probability times what is known to lead on after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ponder.decoders.group import Group
from ponder.decoders.removed_mass import Prefix, Seen, learned
from ponder.decoders.rows import Rows
from ponder.decoders.target import RESAMPLING, fate, target_of
from ponder.decoders.text import Growth, Text
from ponder.sampling.rng import CHOICE, uniforms
from ponder.sampling.sampler import draw
from ponder.sampling.target import TargetRows


@dataclass(frozen=True, slots=True)
class Pass:
    """How a text stands: its note.

    Attributes
    ----------
    number : which pass this is, from 1 on.
    root : what the request's texts have learned so far.
    seen : the rows that this pass has drawn from.
    probability : of its last token, in the row it was drawn from; 1 where there is none.
    left : the share of that probability that was known to lead on when the token was drawn.
    """

    number: int = 1
    root: Prefix | None = None
    seen: tuple[Seen, ...] = ()
    probability: float = 1.0
    left: float = 1.0


@dataclass(frozen=True, slots=True)
class _Drawn:
    """What came of a row: a token, or None for a rejection; its probability, and what of it may lead on."""

    token: int | None
    probability: float = 0.0
    left: float = 1.0


def accepted(group: Group, rows: Rows, passes: int) -> list[Growth]:
    """Let each text grow by a token, or go back to the path's end to begin its next pass.

    The probability that a pass gives a text is p(text) / (what was left of the path when it began): a prefix
    that was chosen with a share `left` has just that to give to its row, and what other texts have found to
    be lost of it since is a rejection. So texts may learn from each other at any time.
    """
    target = target_of(group, rows)
    if group.grew:
        texts = [(text, place, text.index, text.note) for place, text in enumerate(group.live)]
    else:
        texts = [(group.live[0], 0, index, Pass()) for index in range(group.params.n)]
    root, growths = texts[0][3].root, []
    for text, place, index, note in texts:
        growth = _grown(group, target, text, place, index, replace(note, root=root), passes)
        root = growth.note.root
        growths.append(growth)
    return [replace(growth, note=replace(growth.note, root=root)) for growth in growths]


def _grown(
    group: Group, target: TargetRows, text: Text, place: int, index: int, note: Pass, passes: int
) -> Growth:
    tokens = text.output.since(len(group.begun))
    while True:
        drawn = _draw(group, target, text, place, index, note, tokens)
        last = tokens[-1] if tokens else -1
        seen = (*note.seen, Seen(last, note.probability, target.masses[place]))
        token = drawn.token
        ending = "refused" if token is None else fate(group, text, token)
        if token is not None and ending == "lives":
            if group.ends(token, text.depth + 1):
                note = replace(note, root=learned(note.root, seen))
            note = replace(note, seen=seen, probability=drawn.probability, left=drawn.left)
            return Growth(text, index, tuple(target.traces([place], [token])), note=note)
        if token is not None:
            seen = (*seen, Seen(token, drawn.probability, 0.0))
        root = learned(note.root, seen)
        assert root is not None, "a row was seen"
        if note.number == passes or root.left == 0:
            return Growth(text, index, back=len(tokens), note=replace(note, root=root), stuck=True)
        note = Pass(note.number + 1, root)
        if tokens:
            return Growth(text, index, back=len(tokens), note=note)


def _draw(
    group: Group, target: TargetRows, text: Text, place: int, index: int, note: Pass, tokens: list[int]
) -> _Drawn:
    purpose = CHOICE if note.number == 1 else RESAMPLING + note.number
    stream = group.stream(text, index)
    (number,) = uniforms(group.params.seed, [stream], [text.depth], purpose).tolist()
    free, allowed = target.free[place].double(), target.allowed[place].double()
    whole = float(free.sum())
    known = note.root.at(tokens) if note.root is not None else None
    if known is None:  # the constraint is asked afterwards
        token = _at(free, number)
        rejected = not float(allowed[token]) > 0
        return _Drawn(None) if rejected else _Drawn(token, float(free[token]) / whole)
    for after, (_, prefix) in known.after.items():
        allowed[after] *= prefix.left
    now = float(allowed.sum()) / whole
    given = note.left if tokens else now  # the path itself was not chosen
    if not number * given < now:
        return _Drawn(None)
    token = _at(allowed, number * given / now)
    left = known.after[token][1].left if token in known.after else 1.0
    return _Drawn(token, float(free[token]) / whole, left)


def _at(weights: torch.Tensor, number: float) -> int:
    """Return the token of weights [V] at a number from 0 to under 1."""
    return int(draw(weights[None], torch.tensor([number], dtype=torch.float64, device=weights.device)))
