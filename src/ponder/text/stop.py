"""Stop strings in streamed text."""

from __future__ import annotations

from ponder.errors import ParameterError


class StopMatcher:
    """Finds the first stop string in a text that arrives in pieces.

    The first is the one that *ends* first, because generation stops the moment a stop string is complete;
    of several that end together, the longest. The answer does not depend on how the text is cut. Only the
    longest suffix that could begin a stop string is held back.

    Parameters
    ----------
    stops
        The stop strings; none may be empty.
    include_stop
        Whether the stop string itself is emitted.

    Raises
    ------
    ParameterError
        A stop string is empty.
    """

    __slots__ = ("_include_stop", "_matched", "_pending", "_stops")

    def __init__(self, stops: tuple[str, ...], *, include_stop: bool = False) -> None:
        if "" in stops:
            raise ParameterError("stop", stops, "a stop string has at least one character")
        self._stops = stops
        self._include_stop = include_stop
        self._pending = ""
        self._matched: str | None = None

    def push(self, text: str, *, may_stop: bool = True) -> tuple[str, str | None]:
        """Add text; return what is now safe to emit and the stop string found, if any.

        Without `may_stop`, stop strings that end in `text` do not count; those that only begin in it do
        when a later push completes them. After a match the text is over: what follows the stop string is
        dropped, and so are later pushes.
        """
        if self._matched is not None:
            return "", self._matched
        if not self._stops:
            return text, None
        before = len(self._pending)
        text = self._pending + text
        found = [
            (start + len(stop), start, stop)
            for stop in self._stops
            if (start := text.find(stop, max(0, before - len(stop) + 1))) >= 0
        ]
        if found and may_stop:
            end, start, self._matched = min(found)
            self._pending = ""
            return text[: end if self._include_stop else start], self._matched
        safe = len(text) - self._held_back(text)
        self._pending = text[safe:]
        return text[:safe], None

    def _held_back(self, text: str) -> int:
        longest = 0
        for stop in self._stops:
            for length in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def flush(self) -> str:
        """End the text; return what was held back."""
        rest, self._pending = self._pending, ""
        return rest

    def fork(self) -> StopMatcher:
        """Return a matcher that goes on from here on its own."""
        other = StopMatcher(self._stops, include_stop=self._include_stop)
        other._pending, other._matched = self._pending, self._matched
        return other
