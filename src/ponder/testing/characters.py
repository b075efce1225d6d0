"""A vocabulary of all characters, and of pieces of several where a test needs them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.text import Conversation, Prompt, TokenIds

END = 0x110000
"""The end token; smaller ids are characters' code points, larger ones pieces."""


@dataclass(frozen=True, slots=True)
class Characters:
    """Text <-> token ids. A token is a character, or one of the pieces, the longest first."""

    pieces: tuple[str, ...] = ()

    def token(self, text: str) -> int:
        """Return the id of one token, the empty text being the end."""
        if not text:
            return END
        if text in self.pieces:
            return END + 1 + self.pieces.index(text)
        if len(text) > 1:
            raise ParameterError("pieces", list(self.pieces), f"with {text!r}, which the script writes")
        return ord(text)

    def text(self, token: int) -> str:
        """Return a token's text; the end token has none."""
        if token < END:
            return chr(token)
        return self.pieces[token - END - 1] if token > END else ""

    def encode(self, text: str) -> tuple[int, ...]:
        """Cut a text into tokens."""
        longest_first = sorted(self.pieces, key=len, reverse=True)
        tokens, place = [], 0
        while place < len(text):
            found = next((piece for piece in longest_first if text.startswith(piece, place)), text[place])
            tokens.append(self.token(found))
            place += len(found)
        return tuple(tokens)

    def decode(self, tokens: Iterable[int]) -> str:
        """Join the texts of tokens."""
        return "".join(map(self.text, tokens))

    def prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """Cut a prompt into tokens; each message of a conversation is a line, "role: content"."""
        if isinstance(prompt, TokenIds):
            return prompt.ids
        if isinstance(prompt, str):
            return self.encode(prompt)
        messages = prompt.messages if isinstance(prompt, Conversation) else prompt
        return self.encode("".join(f"{message.role}: {message.content or ''}\n" for message in messages))
