"""What golden files of other systems' samplers record, against ponder."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from ponder.sampling.sampler import distributions, process

CLOSE, LEAST = 1e-6, 1e-30


def load(name):
    """A golden file."""
    return json.loads((Path(__file__).parent / "golden" / name).read_text())


def named(cases):
    """Cases as pytest wants them, with their parameters as names."""
    return [pytest.param(case, id=" ".join(f"{k}={v}" for k, v in case["params"].items())) for case in cases]


def assert_same(params, logits, row, ids, probs):
    """Compare with the ids that were left and their probabilities in units of 1e-7; None: all were left.

    Tokens are compared by their logits after the penalties: as many with each must be left, all with the
    probability that was recorded for that logit. So tokens with equal logits may stand for one another.
    """
    logits = torch.tensor([logits])
    _, truncated, possible = distributions(logits, [row], params)
    assert possible.all()
    classes = process(logits, [row], params)[0].tolist()
    kept = {token: p for token, p in enumerate(truncated[0].tolist()) if p > LEAST}
    ids = range(len(classes)) if ids is None else ids
    assert Counter(classes[token] for token in kept) == Counter(classes[token] for token in ids)
    expected = {classes[token]: p * 1e-7 for token, p in zip(ids, probs, strict=True)}
    for token, p in kept.items():
        assert p == pytest.approx(expected[classes[token]], abs=CLOSE)
