"""Streaming search finds what `str.find` finds on the whole text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.errors import ParameterError
from ponder.text import StopMatcher

SHORT = st.text("ab\n", max_size=30)
STOPS = st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=4).map(tuple)


def whole(text: str, stops: tuple[str, ...], include_stop: bool) -> tuple[str, str | None]:
    """The definition: the stop string that ends first, of those the longest."""
    ends = {stop: text.find(stop) + len(stop) for stop in stops if stop in text}
    if not ends:
        return text, None
    stop = min(ends, key=lambda stop: (ends[stop], -len(stop)))
    return text[: ends[stop] - (0 if include_stop else len(stop))], stop


def run(matcher: StopMatcher, chunks: list[str]) -> tuple[str, str | None]:
    emitted, found = "", None
    for chunk in chunks:
        safe, found = matcher.push(chunk)
        emitted += safe
    return emitted + matcher.flush(), found


@pytest.mark.slow
@given(st.lists(SHORT), STOPS, st.booleans())
def test_chunks_do_not_matter(chunks, stops, include_stop):
    matcher = StopMatcher(stops, include_stop=include_stop)
    assert run(matcher, chunks) == whole("".join(chunks), stops, include_stop)


@given(SHORT, STOPS)
def test_nothing_is_held_back_without_reason(text, stops):
    matcher = StopMatcher(stops)
    emitted = ""
    for position, letter in enumerate(text, start=1):
        safe, found = matcher.push(letter)
        if found:
            return
        emitted += safe
        begun = [
            size for size in range(position) if any(stop.startswith(text[size:position]) for stop in stops)
        ]
        assert emitted == text[: min(begun, default=position)]


@pytest.mark.slow
@given(st.lists(SHORT), st.lists(SHORT), st.lists(SHORT), STOPS)
def test_a_fork_goes_on_alone(before, one, other, stops):
    matcher = StopMatcher(stops)
    common = "".join(matcher.push(chunk)[0] for chunk in before)
    branch = matcher.fork()
    for each, chunks in ((matcher, one), (branch, other)):
        emitted, found = run(each, [*chunks, ""])
        assert (common + emitted, found) == whole("".join(before + chunks), stops, False)


def test_a_stop_string_over_three_pieces():
    matcher = StopMatcher(("\nUser:",))
    assert matcher.push("Yes.\nUs") == ("Yes.", None)
    assert matcher.push("e") == ("", None)
    assert matcher.push("r: more") == ("", "\nUser:")
    assert matcher.push("still more") == ("", "\nUser:")
    assert matcher.flush() == ""


def test_an_empty_stop_string_is_refused():
    with pytest.raises(ParameterError, match="stop"):
        StopMatcher(("a", ""))
