"""The fewest tokens that spell a text."""

from __future__ import annotations

from ponder.text.vocabulary import Vocabulary


class Spelling:
    """Spells bytes with the tokens of a vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tokens = vocabulary.tokens
        self._ids: dict[bytes, int] = {}
        self._longest: dict[bytes, int] = {}  # the longest token that begins with these two bytes
        for token, is_text in enumerate(vocabulary.is_text.tolist()):
            if is_text:
                text = self._tokens[token]
                self._ids.setdefault(text, token)
                self._longest[text[:2]] = max(self._longest.get(text[:2], 0), len(text))

    def fewest(self, text: bytes) -> tuple[int, ...] | None:
        """Return the fewest tokens that spell a text; None: no tokens do."""
        unknown = len(text) + 1
        fewest = [0] + [unknown] * len(text)  # for each number of bytes
        last = [-1] * (len(text) + 1)
        ids, longest = self._ids, self._longest
        for begin in range(len(text)):
            count = fewest[begin] + 1
            if count > unknown:
                continue
            for end in range(begin + 1, min(len(text), begin + longest.get(text[begin : begin + 2], 1)) + 1):
                if count < fewest[end]:
                    token = ids.get(text[begin:end])
                    if token is not None:
                        fewest[end], last[end] = count, token
        if fewest[-1] == unknown:
            return None
        tokens, end = [], len(text)
        while end:
            tokens.append(last[end])
            end -= len(self._tokens[last[end]])
        return tuple(reversed(tokens))
