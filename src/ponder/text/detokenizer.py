"""Token ids to text as they arrive, byte-exact."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class Detokenizer:
    """Turns a stream of tokens into a stream of whole characters.

    All pushes and the flush joined equal `b"".join(token bytes).decode("utf-8", "replace")`, however the
    characters fall on tokens.
    """

    __slots__ = ("_bytes_table", "_decoder")

    def __init__(self, bytes_table: Sequence[bytes]) -> None:
        self._bytes_table = bytes_table
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, token_id: int) -> str:
        """Add a token; return the characters it completes. Ids beyond the table are padding: no text."""
        if token_id >= len(self._bytes_table):
            return ""
        return self._decoder.decode(self._bytes_table[token_id])

    def flush(self) -> str:
        """End the text; return what is pending, an unfinished character as U+FFFD."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest

    def fork(self) -> Detokenizer:
        """Return a detokenizer that goes on from here on its own."""
        other = Detokenizer(self._bytes_table)
        other._decoder.setstate(self._decoder.getstate())
        return other
