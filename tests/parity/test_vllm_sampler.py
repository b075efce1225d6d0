"""`semantics="vllm"` against vLLM's own sampler functions, 10,000 rows for each setting.

Runs where vLLM is installed. `parity` can be called by itself, for the figures.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from ponder.sampling import SamplingParams
from ponder.sampling.row import Row
from ponder.sampling.sampler import distributions

ROWS, VOCABULARY, BATCH = 10_000, 200, 1_000
CASES = {
    "temperature": {"temperature": 0.7},
    "top_k": {"top_k": 7},
    "top_p": {"top_p": 0.9},
    "top_p small": {"top_p": 0.05},
    "min_p": {"min_p": 0.1},
    "repetition": {"repetition_penalty": 1.3},
    "frequency": {"frequency_penalty": 0.7},
    "presence": {"presence_penalty": 1.1},
    "penalties": {"repetition_penalty": 0.8, "frequency_penalty": -0.4, "presence_penalty": 0.3},
    "top_k, top_p": {"top_k": 40, "top_p": 0.9},
    "all, in order": {
        "repetition_penalty": 1.2,
        "frequency_penalty": 0.3,
        "presence_penalty": 0.2,
        "temperature": 1.3,
        "min_p": 0.02,
        "top_k": 30,
        "top_p": 0.95,
    },
}


@dataclass
class Figures:
    """What a comparison found.

    `exchanged` are rows where other tokens are left, but as likely ones: which of equal logits stay at the
    end of a top-p is left to torch's unstable sort. `mismatches` are those where tokens are left that are
    not as likely, or another number of them. `largest` is the largest difference of a probability, rank for
    rank.
    """

    rows: int = 0
    exchanged: int = 0
    mismatches: int = 0
    largest: float = 0.0

    def add(self, ours: torch.Tensor, theirs: torch.Tensor) -> None:
        """Count rows [R, V] of probabilities."""
        others = ((ours > 0) != (theirs > 0)).any(-1)
        ours, theirs = (probs.sort(-1, descending=True).values for probs in (ours, theirs))
        same = ((ours > 0) == (theirs > 0)).all(-1) & torch.isclose(ours, theirs, rtol=1e-4, atol=0).all(-1)
        self.rows += len(ours)
        self.exchanged += int((others & same).sum())
        self.mismatches += int((~same).sum())
        self.largest = max(self.largest, float((ours - theirs).abs().max()))


def random_logits(rows: int, generator: torch.Generator) -> torch.Tensor:
    """Rows of several shapes: flat and peaked, some on a grid so that logits are equal, a few forbidden."""
    logits = torch.randn(rows, VOCABULARY, generator=generator) * torch.rand(rows, 1, generator=generator) * 8
    gridded = torch.rand(rows, generator=generator) < 0.3
    logits[gridded] = (logits[gridded] * 2).round() / 2
    forbidden = torch.rand(rows, VOCABULARY, generator=generator) < 0.02
    forbidden[:, 0] = False
    return logits.masked_fill(forbidden, -torch.inf)


def parity(values: dict, rows: int = ROWS) -> Figures:
    """Compare rows whose texts repeat a few tokens."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
    try:
        from make_vllm import truncated
    finally:
        sys.path.pop(0)
    generator, figures = torch.Generator().manual_seed(3), Figures()
    for _ in range(rows // BATCH):
        logits = random_logits(BATCH, generator)
        texts = torch.randint(0, 12, (BATCH, 20), generator=generator).tolist()
        prompts, outputs = [text[:6] for text in texts], [text[6:] for text in texts]
        theirs = torch.softmax(truncated(logits, values, prompts, outputs), -1)
        where = [Row(0, *text) for text in zip(prompts, outputs, strict=True)]
        _, ours, possible = distributions(logits, where, SamplingParams(semantics="vllm", **values))
        assert possible.all()
        figures.add(ours, theirs)
    return figures


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_vllm_keeps_the_same_tokens(values):
    """The same kept sets, and probabilities but for a few roundings of the penalties."""
    pytest.importorskip("vllm")
    figures = parity(values)
    assert figures.rows == ROWS
    assert figures.mismatches == 0
    assert figures.exchanged == 0 or {"top_k", "top_p"} <= set(values)
    assert figures.largest < 2e-6
