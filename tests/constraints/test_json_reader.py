"""The reader of JSON text, against `json` and in pieces of every length."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ponder.constraints.json_schema import Mode, Reader

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def values(value, path=()):
    """All values inside a value, itself last, each with its path, in the order in which they close."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from values(inner, (*path, place))
    yield value, path


@pytest.mark.slow
@given(JSON, st.booleans(), st.integers(0, 2**32), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_it_reads_what_json_reads(value, is_spaced, cuts, size):
    text = json.dumps(value, indent=2 if is_spaced else None, ensure_ascii=cuts % 2 == 0).encode() + b" "
    reader, closed = Reader(), []
    for begin in range(0, len(text), size):
        reading = reader.read(text[begin : begin + size])
        reader = reading.reader
        closed += [one for one in reading.closed if not one.is_key]
    assert reader.mode is Mode.DONE
    assert reader.depth == 0
    assert [json.loads(text[one.began : one.ended]) for one in closed] == [
        inner for inner, _ in values(value)
    ]
    assert Reader().read(text).reader == reader
    assert hash(Reader().read(text).reader) == hash(reader)


@pytest.mark.slow
@given(JSON)
@settings(max_examples=30, deadline=None)
def test_it_knows_the_path_of_the_present_value(value):
    text = json.dumps(value).encode()
    wanted = {path for _, path in values(value)}
    reader, paths = Reader(), set()
    for place, byte in enumerate(text):
        if reader.mode in (Mode.VALUE, Mode.FIRST_ITEM) and byte not in b" ]":
            paths.add(reader.path)
        reader = reader.read(text[place : place + 1]).reader
    assert paths == wanted
