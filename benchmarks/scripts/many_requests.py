"""Thirty-two requests at once against one at a time, and against transformers' padded batch.

    python benchmarks/scripts/many_requests.py [REPEATS]

Each request has a prompt of its own (about 16 tokens) and grows 32 tokens at temperature 0.8, top-p 0.9,
without an end token. ponder serves them as 32 separate requests, on native and on reference kernels;
transformers gets them as one left-padded batch in bfloat16. Each in a process of its own, in turn, REPEATS
times over, the prefix cache emptied before every run. Needs `pip install 'ponder[test]'`.
"""

import asyncio
import multiprocessing
import os
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

import ponder
from machine import write_result
from ponder.checkpoints import open_checkpoint
from ponder.hub import registry
from ponder.text import build_tokenizer

REQUESTS, ALONE, NEW_TOKENS = 32, 6, 32
SAMPLING = {"temperature": 0.8, "top_p": 0.9}
PROMPTS = [f"Write a short story about the number {i} and a river:" for i in range(REQUESTS)]
worker: Any = None  # of a worker process
OPTIONS = {"chat": False, "max_tokens": NEW_TOKENS, "ignore_eos": True, **SAMPLING}


class Ponder:
    """Our engine, in a process of its own."""

    def __init__(self, kernels: str) -> None:
        os.environ["PONDER_KERNELS"] = kernels
        self.lm = ponder.load(device="cpu")

    def alone(self) -> int:
        """Answer a few prompts one after another; return the tokens generated."""
        self.forget()
        answers = [self.lm(prompt, seed=i, **OPTIONS) for i, prompt in enumerate(PROMPTS[:ALONE])]
        return sum(answer.usage.generated_tokens for answer in answers)

    def together(self) -> int:
        """Answer all prompts at once; return the tokens generated."""
        self.forget()

        async def ask() -> list[ponder.Completion]:
            return await asyncio.gather(
                *(self.lm.generate(prompt, seed=i, **OPTIONS) for i, prompt in enumerate(PROMPTS))
            )

        return sum(answer.usage.generated_tokens for answer in asyncio.run(ask()))

    def forget(self) -> None:
        """Empty the prefix cache."""
        model = self.lm.model
        model.loop.call(lambda: model.engine.tree.evict(model.engine.pool.num_pages)).result()


class Transformers:
    """The same weights and prompts as one left-padded batch."""

    def __init__(self) -> None:
        from transformers import AutoModelForCausalLM

        path = registry.resolve(registry.DEFAULT_MODEL)
        self.model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.bfloat16
        )
        checkpoint = open_checkpoint(registry.DEFAULT_MODEL)
        tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
        encoded = [tokenizer.encode(prompt) for prompt in PROMPTS]
        width = max(map(len, encoded))
        self.ids = torch.tensor([[2] * (width - len(row)) + row for row in encoded])
        self.mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in encoded])

    def together(self) -> int:
        """Answer all prompts at once; return the tokens generated."""
        with torch.inference_mode():
            out = self.model.generate(
                self.ids,
                attention_mask=self.mask,
                do_sample=True,
                top_k=0,
                min_new_tokens=NEW_TOKENS,
                max_new_tokens=NEW_TOKENS,
                pad_token_id=2,
                **SAMPLING,
            )
        return (out.shape[1] - self.ids.shape[1]) * out.shape[0]


def start(system: type, *arguments: str) -> None:
    """Make a worker process's system."""
    global worker
    torch.set_num_threads(2)
    worker = system(*arguments)


def timed(method: str) -> float:
    """Run a worker's method; return tokens a second."""
    begin = time.perf_counter()
    tokens = getattr(worker, method)()
    assert tokens == NEW_TOKENS * (ALONE if method == "alone" else REQUESTS)
    return tokens / (time.perf_counter() - begin)


def main(repeats: int) -> None:
    """Measure and write the results, a process each: OpenMP is slow where several threads have used it."""
    context = multiprocessing.get_context("spawn")
    kernels = ("native", "reference")
    systems = {**{name: (Ponder, name) for name in kernels}, "transformers": (Transformers,)}
    pools = {name: ProcessPoolExecutor(1, context, start, arguments) for name, arguments in systems.items()}
    runs = [(name, method) for name in kernels for method in ("alone", "together")]
    rates: dict[str, list[float]] = {}
    for _ in range(repeats + 1):  # the first is a warm-up
        for name, method in (*runs, ("transformers", "together")):
            rate = pools[name].submit(timed, method).result()
            rates.setdefault(f"{name}, {method}", []).append(rate)

    def ratio(a: str, b: str) -> float:
        return statistics.median(x / y for x, y in zip(rates[a][1:], rates[b][1:]))

    write_result(
        "many_requests",
        ("ponder", "torch", "transformers"),
        {
            "what": f"{REQUESTS} requests, {NEW_TOKENS} new tokens each",
            "repeats": repeats,
            "tokens_per_second": {name: statistics.median(values[1:]) for name, values in rates.items()},
            "ratio": {
                "native, together / alone": ratio("native, together", "native, alone"),
                "reference, together / alone": ratio("reference, together", "reference, alone"),
                "native / reference, together": ratio("native, together", "reference, together"),
                "native / transformers, together": ratio("native, together", "transformers, together"),
            },
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
