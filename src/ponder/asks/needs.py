"""What a decoder, a mixture or a parameter needs of the engine."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Replay = Literal["no", "masked", "traced"]
_REPLAYS: tuple[Replay, ...] = ("no", "masked", "traced")


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked for beyond one row of logits a text. Needs are joined by `|`.

    Attributes
    ----------
    prompts : further prompts, each with a row of logits.
    depths : after how many layers rows of logits are wanted besides (`ForwardBatch.logit_depths`).
    draft_rows : rows of the draft model.
    drafts : chains guessed by the draft model.
    chain : rows after guessed tokens.
    star : rows after tokens that are tried.
    states : what the model's head reads for each row.
    whole : the states of all tokens before, the prompt's included.
    residuals : what the entropy head tells of each position.
    replay : how a path's tokens are treated: given at once ("no"), or chosen again one by one, as if nothing
        else were allowed ("masked") or as if they had been drawn ("traced").
    """

    prompts: int = 0
    depths: tuple[int, ...] = ()
    draft_rows: bool = False
    drafts: bool = False
    chain: bool = False
    star: bool = False
    states: bool = False
    whole: bool = False
    residuals: bool = False
    replay: Replay = "no"

    def __or__(self, other: Needs) -> Needs:
        flags = {
            one.name: getattr(self, one.name) or getattr(other, one.name)
            for one in fields(self)
            if one.name != "replay"
        }
        return Needs(**flags, replay=max(self.replay, other.replay, key=_REPLAYS.index))


@dataclass(frozen=True, slots=True)
class Asker:
    """Who needs something, as a message names it.

    Attributes
    ----------
    field, value : the parameter by which it was asked for.
    instead : what is allowed where the need cannot be met.
    """

    field: str
    value: object
    instead: str
    needs: Needs
