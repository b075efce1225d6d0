"""`semantics="vllm"` against what vLLM's own sampler functions did (`golden/make_vllm.py`).

Which of equal tokens stay at the end of a top-p is left to torch's sort in vLLM, so tokens whose logits are
equal after the penalties may stand for one another (`golden_files.assert_same`). Where vLLM is installed,
`parity/test_vllm_sampler.py` compares many more rows.
"""

import pytest

from golden_files import assert_same, load, named
from ponder.sampling import SamplingParams
from ponder.sampling.row import Row

GOLDEN = load("vllm.json")


@pytest.mark.parametrize("case", named(GOLDEN["cases"]))
def test_samplers(case):
    """Each control alone, and all together in vLLM's order."""
    params = SamplingParams(semantics="vllm", **case["params"])
    for pick, ids, probs in case["results"]:
        assert_same(params, GOLDEN["rows"][pick], Row(0, *GOLDEN["texts"][pick]), ids, probs)


def test_every_step_is_compared():
    """Of the steps of vLLM only the bias, which adds, is not in the file."""
    settings = [SamplingParams(semantics="vllm", **case["params"]) for case in GOLDEN["cases"]]
    assert {step for params in settings for step in params.steps()} == {
        *("repetition_penalty", "occurrence_penalties", "temperature", "min_p", "top_k", "top_p")
    }
