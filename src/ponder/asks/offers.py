"""What a backend can do."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.asks.cost import Cost
from ponder.asks.grow import Grow
from ponder.asks.read import Read
from ponder.errors import UnsupportedError
from ponder.text import Tokenizer


@dataclass(frozen=True, slots=True)
class Offers:
    """What a backend can do; `refuse` names what is asked for beyond it.

    Attributes
    ----------
    chat : whether a prompt may be a conversation.
    paths : whether a text can be gone on with: exactly, as "tokens"; as "text", which is cut anew; or "none".
    methods, mixtures : names of those it knows; None: any.
    constraints : whether it has them.
    seeds : whether a seed makes a text repeatable.
    reads : the kinds of `Read.of` it has, by the names of their classes.
    texts : whether it reads texts after a path.
    context : the most tokens that a text may have, with its prompt; None: nobody knows.
    draft, entropy_head : whether a draft model and an entropy head are loaded.
    tokenizer : how it cuts text; None: nobody knows that.
    cost : what its forward passes cost; None: nobody knows that.
    """

    chat: bool = True
    paths: str = "tokens"
    methods: frozenset[str] | None = None
    mixtures: frozenset[str] | None = None
    constraints: bool = True
    seeds: bool = True
    reads: frozenset[str] = frozenset({"Given", "These", "Likeliest", "Logits", "States"})
    texts: bool = True
    context: int | None = None
    draft: bool = False
    entropy_head: bool = False
    tokenizer: Tokenizer | None = None
    cost: Cost | None = None

    def refuse(self, ask: Grow | Read, backend: str) -> None:
        """Raise UnsupportedError for what a backend of this name does not have."""
        for lacking, what in self._lacks(ask):
            if lacking:
                raise UnsupportedError(f"{backend} cannot do this: {what}")

    def _lacks(self, ask: Grow | Read) -> list[tuple[bool, str]]:
        goes_on = bool(ask.path.tokens or ask.path.text)
        common = [(goes_on and self.paths == "none", "go on with a text that has begun")]
        if isinstance(ask, Read):
            kind = type(ask.of).__name__
            return [
                *common,
                (kind not in self.reads, f"read {kind}"),
                (bool(ask.texts) and not self.texts, "read texts after a path"),
            ]
        method, mixture = ask.method, ask.mixture
        return [
            *common,
            (
                method is not None and self.methods is not None and method.name not in self.methods,
                f"grow texts by {method.name if method else ''}",
            ),
            (
                mixture is not None and self.mixtures is not None and mixture.name not in self.mixtures,
                f"mix distributions by {mixture.name if mixture else ''}",
            ),
            (ask.constraint is not None and not self.constraints, "keep a text to a constraint"),
            (ask.record.state and "States" not in self.reads, "keep what its head read"),
            (ask.record.certainty and "Logits" not in self.reads, "tell how certain it is of a token"),
        ]
