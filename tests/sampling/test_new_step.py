"""A new step is one module and its place in the list: all else follows from its description."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ponder

MODULE = '''
"""Keep tokens of even ids, with a probability of at least a floor."""

from ponder.sampling.parameter import ANY_SHARE, WHOLE_OFF_OR_MORE, number, whole
from ponder.sampling.step import Step


def keep(probs, context, toy_floor, toy_stride):
    kept = probs >= toy_floor
    kept[:, 1::2] = False
    return kept


STEP = Step(
    "toy",
    "truncation",
    (
        number("toy_floor", 0.0, ANY_SHARE, "keep even tokens of at least this probability"),
        whole("toy_stride", 2, WHOLE_OFF_OR_MORE, "changes nothing"),
    ),
    keep,
    "nowhere",
)
'''
CHECK = """
import json, pickle, sys
# An editable installation would find the package itself before its copy.
sys.meta_path[:] = [one for one in sys.meta_path if "ponder" not in getattr(one, "known_source_files", {})]
from dataclasses import replace
from ponder.errors import ParameterError
from ponder.sampling.params import SamplingParams, resolve_params
from ponder.sampling.semantics import SEMANTICS
found = {"torch": "torch" in sys.modules}
from ponder.cli.options import SAMPLING
from ponder.server.openai.protocol import CompletionBody
found["torch"] |= "torch" in sys.modules
params = SamplingParams(toy_floor=0.1, seed=1)
found["steps"] = params.steps()
found["equal"] = params == replace(pickle.loads(pickle.dumps(params)), toy_stride=2)
found["option"] = str(SAMPLING["toy_floor"].__metadata__[0].help)
body = CompletionBody.model_validate_json('{"prompt": "", "toy_floor": 0.5, "toy_stride": 3}')
found["body"] = body.toy_floor
found["errors"] = []
for values in ({"toy_floor": 2}, {"toy_stride": 3}, {"toy_floor": 0.5, "semantics": "hf"}, {"toy_flor": 1}):
    try:
        resolve_params(values, {})
    except ParameterError as error:
        found["errors"].append(str(error))
import torch
from ponder.sampling.native import usable
from ponder.sampling.row import Row
from ponder.sampling.sampler import sample
logits = torch.zeros(200, 6)
rows = [Row(i, (), ()) for i in range(200)]
found["usable"] = usable(logits, params)
found["drawn"] = sorted({trace.token_id for trace in sample(logits, rows, params)})
found["off"] = sorted({trace.token_id for trace in sample(logits, rows, SamplingParams(seed=1))})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a copy of the package says that has the module and two words more in the list of steps."""
    folder = tmp_path_factory.mktemp("toy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(ponder.__file__).parent, folder / "ponder", ignore=ignored)
    steps = folder / "ponder" / "sampling" / "steps"
    (steps / "toy.py").write_text(MODULE, encoding="utf-8")
    listed = (steps / "__init__.py").read_text(encoding="utf-8")
    for line in ("    top_a,\n", "        top_a,\n"):
        assert listed.count("\n" + line) == 1
        listed = listed.replace("\n" + line, "\n" + line + line.replace("top_a", "toy"))
    (steps / "__init__.py").write_text(listed, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-c", CHECK],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert answer.returncode == 0, answer.stderr
    parsed: dict[str, object] = json.loads(answer.stdout)
    return parsed


@pytest.mark.slow
def test_it_is_a_parameter(found: dict[str, object]) -> None:
    """Of SamplingParams, the command line and the server, without torch."""
    assert found["torch"] is False
    assert found["equal"] is True
    assert found["option"] == "Keep even tokens of at least this probability."
    assert found["body"] == 0.5


@pytest.mark.slow
def test_it_is_checked(found: dict[str, object]) -> None:
    """As every parameter is."""
    outside, alone, foreign, misspelt = found["errors"]  # type: ignore[misc]
    assert "toy_floor" in outside
    assert "a number from 0 to 1" in outside
    assert "set only together with toy_floor" in alone
    assert "no such step" in foreign
    assert "did you mean toy_floor" in misspelt


@pytest.mark.slow
def test_it_is_done(found: dict[str, object]) -> None:
    """In ponder's order, in torch: it has no kernel. Switched off it stands in nobody's way."""
    assert found["steps"] == ["temperature", "toy"]
    assert found["usable"] is False
    assert found["drawn"] == [0, 2, 4]
    assert found["off"] == [0, 1, 2, 3, 4, 5]
