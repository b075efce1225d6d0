"""Write vllm.json: which tokens vLLM's own sampler functions keep, and with what probabilities.

Needs vllm, neither a model nor ponder:

    python make_vllm.py vllm.json

The file has `version`; `rows` of logits; `texts`, one a row, of [prompt, output]; and `cases`: parameters,
which both systems call the same, and `results`: for each row the ids of the tokens that are left (null:
all) and their probabilities in units of 1e-7, by id. Logits lie on coarse grids, so that equal ones and
exact boundaries occur; a third is random.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

SIZES = (8, 8, 10, 16, 20, 24, 32)
ROWS = 200
CASES: list[dict] = [
    {"temperature": 0.5},
    {"temperature": 1.7},
    {"top_k": 1},
    {"top_k": 3},
    {"top_k": 8},
    {"top_p": 0.05},
    {"top_p": 0.5},
    {"top_p": 0.75},
    {"top_p": 0.9},
    {"top_p": 0.95},
    {"min_p": 0.05},
    {"min_p": 0.25},
    {"min_p": 0.5},
    {"min_p": 1.0},
    {"repetition_penalty": 1.25},
    {"frequency_penalty": 0.5},
    {"presence_penalty": -0.75},
    {"repetition_penalty": 0.5, "frequency_penalty": -0.25, "presence_penalty": 1.0},
    {"top_k": 5, "top_p": 0.75},
    {"min_p": 0.1, "top_k": 6, "top_p": 0.9},
    {"temperature": 0.7, "min_p": 0.05, "top_k": 10, "top_p": 0.8, "repetition_penalty": 1.5},
    {"temperature": 2.0, "top_k": 10, "top_p": 0.9, "frequency_penalty": 0.25, "presence_penalty": 0.5},
]


def make_rows(rng: np.random.Generator) -> list[list[float]]:
    rows = []
    for i in range(ROWS):
        size = SIZES[i % len(SIZES)]
        kind = ("level", "dyadic", "tenths", "halves", "random", "random")[rng.integers(6)]
        if kind == "level":
            row = np.full(size, -200.0)
            row[rng.permutation(size)[: rng.integers(1, size + 1)]] = 0.0
        elif kind == "dyadic":
            row = np.round(-rng.integers(0, 7, size) * math.log(2), 6)
        elif kind == "tenths":
            row = np.round(np.log(rng.integers(1, 11, size) / 10), 6)
        elif kind == "halves":
            row = rng.integers(-8, 9, size) / 2
        else:
            row = np.round(rng.normal(size=size) * rng.choice([0.5, 2, 4]), 3)
        rows.append([float(x) + 0.0 for x in row])
    return rows


def truncated(
    logits: torch.Tensor, params: dict, prompts: list[list[int]], outputs: list[list[int]]
) -> torch.Tensor:
    """vLLM's torch sampler up to the draw, in the order in which its Sampler calls these: [R, V] logits."""
    from vllm.v1.sample.logits_processor import MinPLogitsProcessor
    from vllm.v1.sample.ops.penalties import apply_all_penalties
    from vllm.v1.sample.ops.topk_topp_sampler import apply_top_k_top_p_pytorch
    from vllm.v1.sample.sampler import Sampler

    rows, size = logits.shape
    logits = logits.clone()

    def column(name: str, default: float) -> torch.Tensor:
        return torch.full((rows,), params.get(name, default), dtype=torch.float32)

    if any("penalty" in name for name in params):
        longest = max(map(len, prompts))
        padded = torch.tensor(
            [prompt + [size] * (longest - len(prompt)) for prompt in prompts], dtype=torch.int64
        )
        logits = apply_all_penalties(
            logits,
            padded.view(rows, longest),
            column("presence_penalty", 0.0),
            column("frequency_penalty", 0.0),
            column("repetition_penalty", 1.0),
            outputs,
        )
    logits = Sampler.apply_temperature(logits, column("temperature", 1.0), True)
    if "min_p" in params:
        config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=rows))
        processor = MinPLogitsProcessor(config, torch.device("cpu"), False)
        added = [(i, SimpleNamespace(min_p=params["min_p"]), None, []) for i in range(rows)]
        processor.update_state(SimpleNamespace(added=added, removed=[], moved=[], batch_size=rows))
        logits = processor.apply(logits)
    k = torch.full((rows,), min(params["top_k"], size)) if "top_k" in params else None
    p = column("top_p", 1.0) if "top_p" in params else None
    return apply_top_k_top_p_pytorch(logits, k, p, allow_cpu_sync=True)


def main(path: str) -> None:
    import vllm

    rng = np.random.default_rng(21)
    rows = make_rows(rng)
    texts = [
        [rng.integers(0, 6, rng.integers(0, 9)).tolist(), rng.integers(0, 8, rng.integers(0, 20)).tolist()]
        for _ in rows
    ]
    cases = []
    for params in CASES:
        results = []
        for pick in sorted(rng.permutation(ROWS)[: 80 if "top_p" in params else 40].tolist()):
            prompt, output = texts[pick]
            logits = truncated(torch.tensor([rows[pick]]), params, [prompt], [output])[0].double()
            probs = torch.softmax(logits, -1)
            ids = [token for token, p in enumerate(probs.tolist()) if p > 1e-30]
            kept = None if len(ids) == len(probs) else ids
            results.append([pick, kept, [round(p * 1e7) for p in probs[ids].tolist()]])
        cases.append({"params": params, "results": results})
    lines = [f'"version": {json.dumps(vllm.__version__)}']
    lines += [f'"rows": {listed(rows)}', f'"texts": {listed(texts)}', f'"cases": {listed(cases)}']
    Path(path).write_text("{" + ",\n".join(lines) + "}\n")


def listed(values: list) -> str:
    """JSON of a list, one item a line."""
    return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"


if __name__ == "__main__":
    main(sys.argv[1])
