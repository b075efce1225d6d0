"""`semantics="llamacpp"` against what llama.cpp's own samplers did (`golden/make_llamacpp.py`).

Where tokens have equal logits and only some of them stay, llama.cpp's choice is its sort's whim. So kept sets
and probabilities are compared up to the exchange of tokens whose logits are equal after the penalties
(`golden_files.assert_same`).
"""

import math
from dataclasses import fields

import pytest

from golden_files import assert_same, load, named
from ponder.sampling import SamplingParams
from ponder.sampling.params import resolve_params
from ponder.sampling.row import Row
from ponder.sampling.trace import TokenTrace

GOLDEN = load("llamacpp.json")
ROWS, TEXTS, CASES = GOLDEN["rows"], GOLDEN["texts"], GOLDEN["cases"]


def split(text):
    """A text in prompt and output: llama.cpp does not tell them apart."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def parameters(case):
    """A case's parameters, with llama.cpp's range of penalties where it names none."""
    values = {key: value for key, value in case["params"].items() if key != "breakers"}
    if not values.get("xtc_probability"):  # never: its threshold says nothing then, and ponder refuses it
        values.pop("xtc_threshold", None)
    return resolve_params({"semantics": "llamacpp", **values}, {}).params


@pytest.mark.parametrize("case", named(case for case in CASES if "results" in case))
def test_samplers(case):
    """Each sampler alone, and llama.cpp's default chain of them."""
    params = parameters(case)
    breakers = frozenset(case["params"].get("breakers", ()))
    for pick, ids, probs in case["results"]:
        row = Row(0, *split(TEXTS[pick]), breakers=breakers)
        assert_same(params, ROWS[pick], row, ids, probs)


@pytest.mark.parametrize("case", named(case for case in CASES if "runs" in case))
def test_mirostat(case):
    """Steps that follow one another: mu moves by the probability that the token was drawn with."""
    params = parameters(case)
    for run in case["runs"]:
        traces = []
        for pick, ids, probs, chosen, p in run:
            row = Row(0, (), tuple(trace.token_id for trace in traces), traces=tuple(traces))
            assert_same(params, ROWS[pick], row, ids, probs)
            traces.append(TokenTrace(chosen, 0.0, 0.0, math.log(p), 0.0, 1, 1, 1.0))


def test_every_step_is_compared():
    """Of the steps of llama.cpp only the bias, which adds, is not in the file."""
    steps = {step for case in CASES for step in parameters(case).steps()}
    assert steps == {
        *("repetition_penalty", "occurrence_penalties", "dry", "top_n_sigma", "top_k", "typical", "top_p"),
        *("min_p", "xtc", "temperature", "mirostat"),
    }
    assert {key for case in CASES for key in case["params"]} - {"breakers"} <= {
        one.name for one in fields(SamplingParams)
    }
