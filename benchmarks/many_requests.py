"""Thirty-two requests at once against one at a time, and against transformers' padded batch.

    python benchmarks/many_requests.py [REPEATS]

Each request has a prompt of its own (about 16 tokens) and grows 32 tokens at temperature 0.8, top-p 0.9,
without an end token. ponder serves them as 32 separate requests, with plain and with row-invariant kernels;
transformers gets them as one left-padded batch. All in float32, in turn within one process, REPEATS times
over, the prefix cache emptied before every run. Needs `pip install 'ponder[test]'`.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from transformers import AutoModelForCausalLM

import ponder
from machine import write_result
from ponder.checkpoints import registry

REQUESTS, ALONE, NEW_TOKENS = 32, 6, 32
SAMPLING = {"temperature": 0.8, "top_p": 0.9}
PROMPTS = [f"Write a short story about the number {i} and a river:" for i in range(REQUESTS)]
OPTIONS = {"chat": False, "max_tokens": NEW_TOKENS, "ignore_eos": True, **SAMPLING}


def alone(lm: ponder.LM) -> int:
    """Answer a few prompts one after another; return the tokens generated."""
    return sum(
        lm(prompt, seed=i, **OPTIONS).usage.generated_tokens for i, prompt in enumerate(PROMPTS[:ALONE])
    )


def together(lm: ponder.LM) -> int:
    """Answer all prompts at once; return the tokens generated."""

    async def ask() -> list[ponder.Completion]:
        return await asyncio.gather(
            *(lm.generate(prompt, seed=i, **OPTIONS) for i, prompt in enumerate(PROMPTS))
        )

    return sum(answer.usage.generated_tokens for answer in asyncio.run(ask()))


def padded_batch(lm: ponder.LM) -> Callable[[], int]:
    """Return a run of transformers over the same weights and prompts."""
    path = registry.resolve(registry.DEFAULT_MODEL)
    peer = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    encoded = [lm.model.tokenizer.encode(prompt) for prompt in PROMPTS]
    width = max(map(len, encoded))
    ids = torch.tensor([[2] * (width - len(row)) + row for row in encoded])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in encoded])

    def run() -> int:
        with torch.inference_mode():
            out = peer.generate(
                ids,
                attention_mask=mask,
                do_sample=True,
                top_k=0,
                min_new_tokens=NEW_TOKENS,
                max_new_tokens=NEW_TOKENS,
                pad_token_id=2,
                **SAMPLING,
            )
        return (out.shape[1] - width) * out.shape[0]

    return run


def main(repeats: int) -> None:
    """Measure and write the results."""
    torch.set_num_threads(2)
    plain, invariant = ponder.load(device="cpu"), ponder.load(device="cpu", row_invariant=True)
    runs: dict[str, tuple[ponder.LM | None, Callable[[], int]]] = {
        "alone": (plain, lambda: alone(plain)),
        "together": (plain, lambda: together(plain)),
        "alone, row-invariant": (invariant, lambda: alone(invariant)),
        "together, row-invariant": (invariant, lambda: together(invariant)),
        "transformers, padded batch": (None, padded_batch(plain)),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):  # the first is a warm-up
        for name, (lm, run) in runs.items():
            if lm is not None:
                lm.model.engine.tree.evict(lm.model.engine.pool.num_pages)
            start = time.perf_counter()
            tokens = run()
            rates[name].append(tokens / (time.perf_counter() - start))
            assert tokens == NEW_TOKENS * (ALONE if name.startswith("alone") else REQUESTS)

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(rates[a][1:], rates[b][1:]))

    write_result(
        "many_requests",
        ("ponder", "torch", "transformers"),
        {
            "what": f"{REQUESTS} requests, {NEW_TOKENS} new tokens each, float32",
            "repeats": repeats,
            "tokens_per_second": {name: statistics.median(values[1:]) for name, values in rates.items()},
            "ratio": {
                "together / alone": ratio("together", "alone"),
                "together / alone, row-invariant": ratio("together, row-invariant", "alone, row-invariant"),
                "together / transformers": ratio("together", "transformers, padded batch"),
            },
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
