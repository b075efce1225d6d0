"""Texts drawn without their constraint, and begun anew where that forbids them: exact samples.

A pass draws token by token. Where a token is not allowed the pass ends, and what it went through is learned:
how much of each row leads on. The next pass begins at the path, and draws every token in proportion to its
probability times what is known to lead on after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ponder.decoders.draw import Spot, tally_of
from ponder.decoders.group import Group
from ponder.decoders.removed_mass import Prefix, Seen, learned
from ponder.decoders.rows import Rows
from ponder.decoders.target import RESAMPLING, fate, target_of
from ponder.decoders.text import Growth, Text
from ponder.sampling.rng import CHOICE, uniforms
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
    given_up : whether this was the last pass, and it failed.
    """

    number: int = 1
    root: Prefix | None = None
    seen: tuple[Seen, ...] = ()
    probability: float = 1.0
    left: float = 1.0
    given_up: bool = False


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
        texts = [_Drawing(group, target, text, place, text.index) for place, text in enumerate(group.live)]
    else:
        texts = [_Drawing(group, target, group.live[0], 0, index) for index in range(group.params.n)]
    root, drawn = texts[0].before.root, []
    for text in texts:
        token, note = text.next(root, passes)
        root = note.root
        drawn.append((text, token, note))
    grown = [(text.place, token) for text, token, _ in drawn if token is not None]
    traces = iter(target.traces([place for place, _ in grown], [token for _, token in grown]))
    growths = []
    for text, token, note in drawn:
        note = replace(note, root=root)
        if token is not None:
            trace = next(traces)
            tally = tally_of(group, target.logits[text.place], Spot(text.text, text.index), trace, set())
            growths.append(Growth(text.text, text.index, (trace,), note=note, tally=tally))
        else:
            back = len(text.tokens)
            growths.append(Growth(text.text, text.index, back=back, note=note, stuck=note.given_up))
    return growths


class _Drawing:
    """A text that draws from its row of a step."""

    def __init__(self, group: Group, target: TargetRows, text: Text, place: int, index: int) -> None:
        self.text, self.place, self.index = text, place, index
        self.tokens = text.output.since(len(group.begun))
        self.before: Pass = text.note or Pass()
        self._group = group
        self._stream = group.stream(text, index)
        self._free, self._allowed = target.weights(place)
        self._mass = target.masses[place]

    def next(self, root: Prefix | None, passes: int) -> tuple[int | None, Pass]:
        """Return a token to grow by, or None to go back; and how the text stands then.

        Where nothing has grown since the path's end, passes follow one another here.
        """
        note = replace(self.before, root=root)
        while True:
            drawn = self._draw(note)
            last = self.tokens[-1] if self.tokens else -1
            seen = (*note.seen, Seen(last, note.probability, self._mass))
            if drawn.token is not None:
                if fate(self._group, self.text, drawn.token) == "lives":
                    if self._group.ends(drawn.token, self.text.depth + 1):
                        note = replace(note, root=learned(note.root, seen))
                    note = replace(note, seen=seen, probability=drawn.probability, left=drawn.left)
                    return drawn.token, note
                seen = (*seen, Seen(drawn.token, drawn.probability, 0.0))
            after = learned(note.root, seen)
            if note.number == passes or after.left == 0:
                return None, replace(note, root=after, given_up=True)
            note = Pass(note.number + 1, after)
            if self.tokens:
                return None, note

    def _draw(self, note: Pass) -> _Drawn:
        purpose = CHOICE if note.number == 1 else RESAMPLING + note.number
        seed = self._group.params.seed
        (number,) = uniforms(seed, [self._stream], [self.text.depth], purpose).tolist()
        free, whole = self._free, float(self._free.sum())
        known = note.root.at(self.tokens) if note.root is not None else None
        if known is None:  # the constraint is asked afterwards
            token = _at(free, number)
            return _Drawn(token, float(free[token]) / whole) if self._allowed[token] > 0 else _Drawn(None)
        allowed = self._allowed.copy()
        for after, (_, prefix) in known.after.items():
            allowed[after] *= prefix.left
        now = float(allowed.sum()) / whole
        given = note.left if self.tokens else now  # the path itself was not chosen
        if not number * given < now:
            return _Drawn(None)
        token = _at(allowed, number * given / now)
        left = known.after[token][1].left if token in known.after else 1.0
        return _Drawn(token, float(free[token]) / whole, left)


def _at(weights: npt.NDArray[np.float64], number: float) -> int:
    """Return the token of weights [V], in the order of ids, at a number from 0 to under 1."""
    ends = weights.cumsum()
    return int(np.searchsorted(ends, min(number * ends[-1], np.nextafter(ends[-1], 0.0)), side="right"))
