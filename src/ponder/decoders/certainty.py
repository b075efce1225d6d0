"""How certain the model was of the tokens that a step grew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ponder.decoders.rows import Rows
from ponder.decoders.text import Growth
from ponder.sampling.softmax import certainties


def with_certainties(growths: Sequence[Growth], rows: Rows) -> list[Growth]:
    """Add to each trace the certainty of the row of logits that its token was chosen from.

    A token that takes the place of another, which its constraint refused, has none.
    """
    places = [
        [] if growth.back else [rows.place(growth.parent, node) for node in range(len(growth.traces))]
        for growth in growths
    ]
    wanted = sorted({place for own in places for place in own})
    found = dict(zip(wanted, certainties(rows.logits[wanted]).tolist(), strict=True)) if wanted else {}
    return [
        replace(
            growth,
            traces=tuple(
                replace(trace, certainty=found[place])
                for trace, place in zip(growth.traces, own, strict=True)
            ),
        )
        if own
        else growth
        for growth, own in zip(growths, places, strict=True)
    ]
