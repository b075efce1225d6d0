"""The stream of characters is the decoding of the stream of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.text import Detokenizer

TABLE = tuple(
    [bytes([byte]) for byte in range(256)]
    + [b"", "é".encode(), "😀".encode()[:2], "😀".encode()[2:], b"\xff ok \xe2\x82", b"\xed\xa0\x80"]
)
IDS = st.lists(st.sampled_from(range(len(TABLE)))) | st.text().map(lambda text: list(text.encode()))


def decoded(ids: list[int]) -> str:
    return b"".join(TABLE[i] for i in ids).decode("utf-8", "replace")


@given(IDS)
def test_pushes_and_flush_join_to_the_whole(ids):
    stream = Detokenizer(TABLE)
    assert "".join(stream.push(i) for i in ids) + stream.flush() == decoded(ids)
    assert stream.flush() == ""


@pytest.mark.slow
@given(IDS, IDS, IDS)
def test_a_fork_goes_on_alone(before, one, other):
    stream = Detokenizer(TABLE)
    common = "".join(stream.push(i) for i in before)
    branch = stream.fork()
    ends = ["".join(s.push(i) for i in ids) + s.flush() for s, ids in ((stream, one), (branch, other))]
    assert [common + end for end in ends] == [decoded(before + one), decoded(before + other)]


@given(st.text())
def test_valid_text_never_shows_a_replacement(text):
    stream = Detokenizer(TABLE)
    shown = [stream.push(byte) for byte in text.encode()]
    assert "".join(shown) == text
    assert stream.flush() == ""


def test_padding_ids_have_no_text():
    assert Detokenizer(TABLE).push(len(TABLE)) == ""
