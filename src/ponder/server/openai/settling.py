"""Text that is streamed only once its decoder cannot take it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from ponder.server.openai.plan import Piece


@dataclass(slots=True)
class Settling:
    """Holds back the tokens of a streamed text that its decoder may yet give up.

    Attributes
    ----------
    told : how many tokens went out.
    waiting : the pieces after them, one for each token.
    """

    told: int = 0
    waiting: list[Piece] = field(default_factory=list)

    def add(self, piece: Piece, settled: int | None) -> list[Piece]:
        """Take a token's piece; return those that can go out. `settled` is as in `TokenEvent`."""
        self.waiting.append(piece)
        if settled is None or piece.finish_reason:
            return self._release(len(self.waiting))
        return self._release(settled - self.told)

    def go_back(self, tokens: int, settled: int) -> list[Piece]:
        """Give up all but so many tokens of the text; return the pieces that can go out."""
        del self.waiting[tokens - self.told :]
        return self._release(settled - self.told)

    def _release(self, count: int) -> list[Piece]:
        out, self.waiting = self.waiting[: max(0, count)], self.waiting[max(0, count) :]
        self.told += len(out)
        return out
