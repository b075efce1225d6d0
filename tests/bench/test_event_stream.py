"""Events are the same however the bytes are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.bench.event_stream import EventParser, StreamError

texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)


def parse(pieces):
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.slow
@given(
    st.lists(st.lists(texts, min_size=1, max_size=3)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 400)),
)
def test_any_cut_gives_the_same_events(events, line_end, cuts):
    """Any line end, any number of data lines, comments between events, cut at any bytes."""
    lines = [": comment", "event: x"]
    for event in events:
        lines += [*(f"data: {line}" for line in event), "", ": keep-alive", ""]
    stream = "".join(line + line_end for line in lines).encode() + b"\n"
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(bounds)]
    assert parse(pieces) == ["\n".join(event) for event in events]


def test_an_event_comes_with_its_last_byte_and_not_before():
    parser = EventParser()
    assert parser.feed(b"data: {}\n") == []
    assert parser.feed(b"\n") == ["{}"]


def test_one_space_belongs_to_the_format():
    assert parse([b"data:a\n\ndata:  b\n\n"]) == ["a", " b"]


@pytest.mark.slow
@pytest.mark.parametrize("line", [b"data: " + b"x" * 2**20, b"data: " + b"x" * 2**20 + b"\n"])
def test_an_endless_event_is_refused(line):
    parser = EventParser()
    for _ in range(15):
        parser.feed(line)
    with pytest.raises(StreamError, match="larger than"):
        parser.feed(line * 2)
