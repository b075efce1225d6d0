"""Token ids to text as they arrive, byte-exact."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


def spell(begun: bytes, added: bytes) -> tuple[str, bytes]:
    """Return the characters that `added` completes after the bytes of a character that has begun.

    Also the bytes of a character that has begun now. What is no UTF-8 becomes U+FFFD.
    """
    if not begun and added.isascii():
        return added.decode("ascii"), b""
    whole = begun + added
    text, read = codecs.utf_8_decode(whole, "replace", False)
    return text, whole[read:]


def breaks(begun: bytes, added: bytes) -> bool:
    """Return whether bytes end a character that has begun without being part of it: it becomes U+FFFD."""
    if not begun or not added:
        return False
    try:
        codecs.utf_8_decode(begun + added[:1], "strict", False)
    except UnicodeDecodeError:
        return True
    return False


class Detokenizer:
    """Turns a stream of tokens into a stream of whole characters.

    All pushes and the flush joined equal `b"".join(token bytes).decode("utf-8", "replace")`, however the
    characters fall on tokens.
    """

    __slots__ = ("_begun", "_bytes_table")

    def __init__(self, bytes_table: Sequence[bytes]) -> None:
        self._bytes_table = bytes_table
        self._begun = b""

    def push(self, token_id: int) -> str:
        """Add a token; return the characters it completes. Ids beyond the table are padding: no text."""
        if token_id >= len(self._bytes_table):
            return ""
        text, self._begun = spell(self._begun, self._bytes_table[token_id])
        return text

    def flush(self) -> str:
        """End the text; return what is pending, an unfinished character as U+FFFD."""
        rest, self._begun = self._begun, b""
        return rest.decode("utf-8", "replace")

    def fork(self) -> Detokenizer:
        """Return a detokenizer that goes on from here on its own."""
        other = Detokenizer(self._bytes_table)
        other._begun = self._begun
        return other
