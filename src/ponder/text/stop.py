"""Stop strings in streamed text."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.errors import ParameterError


@dataclass(frozen=True, slots=True)
class StopStrings:
    """Finds the first stop string in a text that arrives in pieces. It keeps nothing: what is held is given.

    The first is the one that *ends* first, because generation stops the moment a stop string is complete;
    of several that end together, the longest. The answer does not depend on how the text is cut. Only the
    longest suffix that could begin a stop string is held back.

    Attributes
    ----------
    strings : none may be empty.
    include : whether the stop string itself is emitted.

    Raises
    ------
    ParameterError
        A stop string is empty.
    """

    strings: tuple[str, ...]
    include: bool = False

    def __post_init__(self) -> None:
        if "" in self.strings:
            raise ParameterError("stop", self.strings, "a stop string has at least one character")

    def read(self, held: str, added: str, *, may_stop: bool = True) -> tuple[str, str, str | None]:
        """Return what of `held` and `added` is safe to emit, what is held now, and the stop string found.

        Without `may_stop`, stop strings that end in `added` do not count; those that only begin in it do
        when a later piece completes them.
        """
        if not self.strings:
            return added, "", None
        text = held + added
        found = [
            (start + len(stop), start, stop)
            for stop in self.strings
            if (start := text.find(stop, max(0, len(held) - len(stop) + 1))) >= 0
        ]
        if found and may_stop:
            end, start, matched = min(found)
            return text[: end if self.include else start], "", matched
        safe = len(text) - self.held_back(text)
        return text[:safe], text[safe:], None

    def held_back(self, text: str) -> int:
        """Return how many characters at the end of a text that goes on are held back."""
        longest = 0
        for stop in self.strings:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest


class StopMatcher:
    """`StopStrings` with what is held between two pieces."""

    __slots__ = ("_held", "_matched", "_stops")

    def __init__(self, stops: tuple[str, ...], *, include_stop: bool = False) -> None:
        self._stops = StopStrings(stops, include_stop)
        self._held = ""
        self._matched: str | None = None

    def push(self, text: str, *, may_stop: bool = True) -> tuple[str, str | None]:
        """Add text; return what is now safe to emit and the stop string found, if any.

        After a match the text is over: what follows the stop string is dropped, and so are later pushes.
        """
        if self._matched is not None:
            return "", self._matched
        safe, self._held, self._matched = self._stops.read(self._held, text, may_stop=may_stop)
        return safe, self._matched

    def flush(self) -> str:
        """End the text; return what was held back."""
        rest, self._held = self._held, ""
        return rest

    def fork(self) -> StopMatcher:
        """Return a matcher that goes on from here on its own."""
        other = StopMatcher(self._stops.strings, include_stop=self._stops.include)
        other._held, other._matched = self._held, self._matched
        return other
