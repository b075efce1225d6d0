"""Prompts follow the seed, share what they should, and have the length asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponder.bench.workload import dataset_texts, read_dataset, synthetic_ids, synthetic_texts
from ponder.errors import DataError

VOCABULARY = range(1000, 1400)


@given(st.integers(0, 2**64), st.integers(1, 200), st.data())
def test_lengths_prefix_and_seed(seed, count, data):
    shared = data.draw(st.integers(0, count))
    prompts = synthetic_ids(VOCABULARY, count, shared, seed)
    first, second = prompts(0), prompts(1)
    assert len(first) == len(second) == count
    assert first[:shared] == second[:shared]
    assert set(first) <= set(VOCABULARY)
    assert prompts(1) == synthetic_ids(VOCABULARY, count, shared, seed)(1)


def test_the_rest_and_other_seeds_differ():
    prompts = synthetic_ids(VOCABULARY, 64, 32, seed=0)
    rests = {tuple(prompts(index)[32:]) for index in range(200)}
    assert len(rests) == 200
    assert synthetic_ids(VOCABULARY, 64, 32, seed=1)(0) != prompts(0)


def test_texts_are_words():
    prompts = synthetic_texts(50, 20, seed=0)
    assert len(prompts(0).split()) == 50
    assert prompts(0).split()[:20] == prompts(1).split()[:20]
    assert prompts(0) != prompts(1)


def test_a_dataset_is_read_in_order_and_again(tmp_path):
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps({"q": "ä"}) + "\n\n" + json.dumps({"q": "b", "prompt": "c"}) + "\n")
    texts = read_dataset(file, "q")
    assert texts == ("ä", "b")
    assert [dataset_texts(texts)(index) for index in range(3)] == ["ä", "b", "ä"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no prompt"),
        (b"\n\n", "no prompt"),
        (b'{"prompt": "a"}\nnope\n', "line 2 is not JSON"),
        (b'{"prompt": "\xff"}\n', "line 1 is not JSON in UTF-8"),
        (b'{"text": "a"}', "line 1 has no text in a field 'prompt'"),
        (b'{"prompt": 3}', "line 1 has no text"),
        (b'["prompt"]', "line 1 has no text"),
        (b'{"prompt": "\\ud800"}', "surrogate"),
        (b"[" * 100_000, "line 1 is not JSON"),
    ],
)
def test_bad_lines_are_named(tmp_path, content, message):
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_dataset(file, "prompt")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing\.jsonl cannot be read"):
        read_dataset(tmp_path / "nothing.jsonl", "prompt")
