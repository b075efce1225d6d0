"""The entropy head: its formula against plain arithmetic, its file against hostile ones."""

import json
import math
import os
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from ponder.errors import CheckpointError, ParameterError, PonderError
from ponder.models.entropy_head import (
    FORMAT,
    MAX_BYTES,
    MAX_WINDOW,
    PARAMETERS,
    EntropyHead,
    load_entropy_head,
    residual,
)
from tiny_models import random_entropy_head

ROWS = len(PARAMETERS)
SIZE = 6


def by_the_formula(logs, s):
    """e(s) - c as it is written down."""
    c, b, half, *a, f, g = map(math.exp, logs)
    x = max(1.0, f * (s - g))
    return (c + b * (half / math.sqrt(x) + sum(own / x**k for k, own in enumerate(a, start=1)))) - c


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.floats(-6, 4), min_size=ROWS, max_size=ROWS), st.floats(0.1, 30))
def test_the_formula(logs, log_size):
    """Up to rounding: c is added and taken away there."""
    logs = [-6.0, *logs[1:]]
    assert residual(logs, log_size) == pytest.approx(by_the_formula(logs, log_size), rel=1e-9, abs=1e-12)


def test_a_value_by_hand():
    """b = 2, a_0.5 = 3, a_2 = 5, f = 2, g = 1 and s = 3: x = 4, and 2 (3 / 2 + 5 / 16) is 3.625."""
    logs = dict.fromkeys(PARAMETERS, -1000.0) | {
        name: math.log(value) for name, value in {"b": 2, "a_0.5": 3, "a_2": 5, "f": 2, "g": 1}.items()
    }
    assert residual([logs[name] for name in PARAMETERS], 3.0) == pytest.approx(3.625, rel=1e-12)


def test_x_is_at_least_one():
    """For a size at g, under it, or so near that f (s - g) < 1, it is b times the sum of the a's."""
    for f, g in ((0.0, math.log(5)), (0.0, 100.0), (0.0, 1e9), (-50.0, 0.0), (-1e9, -1e9)):
        assert residual([0.0, *[0.0] * 12, f, g], 5.0) == pytest.approx(11.0)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(st.sampled_from([0.0, 1.0, -1.0, 700.0, -700.0, 1e30, -1e30]), min_size=ROWS, max_size=ROWS),
    st.sampled_from([0.0, -3.0, 20.0, 1e300]),
)
def test_huge_exponents_saturate(logs, log_size):
    """No overflow, no NaN, and not in the mean over the longest window either."""
    value = residual(logs, log_size)
    assert 0 <= value < math.inf
    head = random_entropy_head(SIZE, window=MAX_WINDOW)
    assert math.isfinite(head.over_window([value] * MAX_WINDOW))


def test_a_state_is_read_alike_in_any_company():
    """To the bit; and as the sums say."""
    head = random_entropy_head(576)
    states = np.random.default_rng(1).normal(size=(33, 576)).astype(np.float32)
    together = head.residuals(states)
    assert together.dtype == np.float64
    for i in range(33):
        assert head.residuals(states[i : i + 1]).tolist() == [together[i]]
        logs = [math.fsum(map(float, row * states[i].astype(float))) for row in head.weight.astype(float)]
        logs = [own + float(bias) for own, bias in zip(logs, head.bias, strict=True)]
        assert together[i] == pytest.approx(by_the_formula(logs, head.log_size), rel=1e-9)
    assert head.residuals(states[:0]).shape == (0,)


def test_the_window():
    """The last residuals, as many as there are; of none it is 0."""
    head = random_entropy_head(SIZE, window=3)
    assert head.over_window([]) == 0.0
    assert head.over_window([1.0, 2.0]) == 1.5
    assert head.over_window([100.0, 1.0, 2.0, 6.0]) == 3.0


def test_saved_and_read(tmp_path):
    """The same head, to the bit."""
    head = random_entropy_head(SIZE, window=40)
    path = tmp_path / "head.safetensors"
    head.save(path)
    found = load_entropy_head(path, SIZE)
    assert np.array_equal(found.weight, head.weight)
    assert np.array_equal(found.bias, head.bias)
    assert (found.log_size, found.window) == (head.log_size, head.window) == (6.0, 40)


WEIGHT, BIAS = np.zeros((ROWS, SIZE), np.float32), np.zeros(ROWS, np.float32)
METADATA = {"format": FORMAT, "log_size": "18.7", "window": "40"}


def with_one(array, value):
    changed = array.copy()
    changed.flat[3] = value
    return changed


FILES = {
    "no weight": ({"bias": BIAS}, {}, "weight and bias"),
    "no bias": ({"weight": WEIGHT}, {}, "weight and bias"),
    "one more": ({"weight": WEIGHT, "bias": BIAS, "x": BIAS}, {}, "weight and bias"),
    "rows": ({"weight": WEIGHT[:-1], "bias": BIAS}, {}, "[14, 6]"),
    "hidden size": ({"weight": np.zeros((ROWS, 7), np.float32), "bias": BIAS}, {}, "a hidden size of 6"),
    "dimensions": ({"weight": WEIGHT[None], "bias": BIAS}, {}, "[1, 15, 6]"),
    "bias": ({"weight": WEIGHT, "bias": BIAS[:-1]}, {}, "[14]"),
    "half": ({"weight": WEIGHT.astype(np.float16), "bias": BIAS}, {}, "F16"),
    "double": ({"weight": WEIGHT, "bias": BIAS.astype(np.float64)}, {}, "F64"),
    "NaN": ({"weight": with_one(WEIGHT, np.nan), "bias": BIAS}, {}, "finite"),
    "infinite": ({"weight": WEIGHT, "bias": with_one(BIAS, -np.inf)}, {}, "finite"),
    "format": (None, {"format": "ponder.entropy_head.v2"}, FORMAT),
    "no format": (None, {"format": None}, FORMAT),
    "no size": (None, {"log_size": None}, "log_size"),
    "size": (None, {"log_size": "large"}, "log_size"),
    "size NaN": (None, {"log_size": "nan"}, "log_size"),
    "size infinite": (None, {"log_size": "1e999"}, "finite"),
    "long size": (None, {"log_size": "1" * 100_000}, "log_size"),
    "no window": (None, {"window": None}, "window"),
    "window": (None, {"window": "4.5"}, "window"),
    "window zero": (None, {"window": "0"}, "1 to 1000"),
    "long window": (None, {"window": "1001"}, "1 to 1000"),
    "other digits": (None, {"window": "٤٠"}, "window"),
    "two lines": (None, {"format": "a\nb"}, FORMAT),
}


@pytest.mark.parametrize(("tensors", "metadata", "said"), FILES.values(), ids=FILES.keys())
def test_other_files_are_refused(tmp_path, tensors, metadata, said):
    """In one sentence that names the file and what is wrong with it."""
    path = tmp_path / "head.safetensors"
    values = {name: value for name, value in (METADATA | metadata).items() if value is not None}
    save_file(tensors or {"weight": WEIGHT, "bias": BIAS}, path, values)
    assert said in refused(path)


def refused(path):
    with pytest.raises(CheckpointError) as caught:
        load_entropy_head(path, SIZE)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    assert len(said) < 400
    assert "head.safetensors" in said
    return said


def header(fields, data=b""):
    text = json.dumps(fields).encode()
    return struct.pack("<Q", len(text)) + text + data


BYTES = {
    "nothing": b"",
    "text": b"not a tensor in sight",
    "a pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",
    "a long header": struct.pack("<Q", 2**60) + b"{}",
    "no JSON": struct.pack("<Q", 4) + b"{{{{",
    "past the end": header({"weight": {"dtype": "F32", "shape": [15, 6], "data_offsets": [0, 360]}}),
    "no metadata": header({}),
    "metadata of numbers": header({"__metadata__": {"format": 1}}),
}


@pytest.mark.parametrize("data", BYTES.values(), ids=BYTES.keys())
def test_other_bytes_are_refused(tmp_path, data):
    """What is no safetensors file, or lies about what it has."""
    path = tmp_path / "head.safetensors"
    path.write_bytes(data)
    refused(path)


def test_what_is_no_file_is_refused(tmp_path):
    """A large file is not read, a pipe not waited for."""
    path = tmp_path / "head.safetensors"
    assert "there is no entropy head" in refused(path)
    path.mkdir()
    refused(path)
    path.rmdir()
    os.mkfifo(path)
    refused(path)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert f"at most {MAX_BYTES}" in refused(path)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory, data):
    """A changed byte is one of the numbers', or it is found."""
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    random_entropy_head(SIZE).save(path)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), place]))])
    try:
        head = load_entropy_head(path, SIZE)
    except PonderError:
        return
    assert np.isfinite(head.residuals(np.ones((1, SIZE), np.float32))).all()


@pytest.mark.parametrize(
    "values", [{"log_size": math.nan}, {"log_size": None}, {"window": 0}, {"window": 4.0}, {"weight": BIAS}]
)
def test_a_head_is_checked(values):
    """Not only one from a file."""
    with pytest.raises(ParameterError):
        EntropyHead(**{"weight": WEIGHT, "bias": BIAS, "log_size": 1.0} | values)
