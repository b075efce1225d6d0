"""Beam search at width 50 against transformers, and at 200 and 400 by itself.

    python benchmarks/scripts/beam.py [REPEATS]

One prompt of about 45 tokens grows 32 tokens, without an end token, and the best text comes back: ponder on
native kernels, transformers' `generate` in bfloat16 and in float32, two threads each, each in a process of
its own, in turn, REPEATS times over. The prefix cache is emptied before every run. Also says what share of
ponder's time its decoder takes (all that is done with the logits), and how long ponder takes at widths 200
and 400, and for the other searches at 50.
Needs `pip install 'ponder[test]'`.
"""

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

WIDTH, WIDE, NEW_TOKENS, THREADS = 50, (200, 400), 32, 2
WARM_UP = 3  # tokens
PROMPT = (
    "The old lighthouse keeper climbed the stairs every evening before the fog rolled in from the bay. "
    "He lit the lamp, wound the clock, and wrote one line in his book about what he had seen that day."
)
SEARCHES: dict[str, Any] = {
    "beam search": lambda width: ponder.BeamSearch(width, early_stopping="never"),
    "beam search, fairseq": lambda width: ponder.BeamSearch(width, semantics="fairseq"),
    "beam search, vllm": lambda width: ponder.BeamSearch(width, semantics="vllm"),
    "beam sample": ponder.BeamSample,
    "diverse beams, 5 groups": lambda width: ponder.DiverseBeamSearch(width, 5),
    "stochastic beams": ponder.StochasticBeamSearch,
}
worker: Any = None  # of a worker process


class Ponder:
    """Our engine, in a process of its own."""

    def __init__(self) -> None:
        self.lm = ponder.load(device="cpu", cache_bytes=4 * 2**30)

    def search(
        self, tokens: int, width: int, kind: str = "beam search"
    ) -> tuple[float, float, tuple[int, ...]]:
        """Return the seconds a search takes, those of them in the decoder, and the best text's tokens."""
        decoder = SEARCHES[kind](width)
        model = self.lm.model
        model.loop.call(lambda: model.engine.tree.evict(model.engine.pool.num_pages)).result()
        own, advance = 0.0, type(decoder).advance

        def timed(*arguments: Any) -> Any:
            nonlocal own
            begin = time.perf_counter()
            try:
                return advance(*arguments)
            finally:
                own += time.perf_counter() - begin

        type(decoder).advance = timed
        try:
            begin = time.perf_counter()
            seed = {} if "seed" in decoder.unused else {"seed": 0}
            options = {"max_tokens": tokens, "ignore_eos": True, **seed}
            answer = self.lm(PROMPT, chat=False, decoder=decoder, **options)
            return time.perf_counter() - begin, own, answer.outputs[0].token_ids
        finally:
            type(decoder).advance = advance


class Transformers:
    """The same weights and prompt."""

    def __init__(self, dtype: str) -> None:
        from transformers import AutoModelForCausalLM

        path = registry.resolve(registry.DEFAULT_MODEL)
        self.model = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=getattr(torch, dtype)
        )
        checkpoint = open_checkpoint(registry.DEFAULT_MODEL)
        tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
        self.ids = torch.tensor([tokenizer.encode(PROMPT)])

    def search(self, tokens: int, width: int) -> tuple[float, float, tuple[int, ...]]:
        """Return the seconds a search takes, zero, and the best text's tokens."""
        begin = time.perf_counter()
        with torch.inference_mode():
            out = self.model.generate(
                self.ids,
                attention_mask=torch.ones_like(self.ids),
                num_beams=width,
                do_sample=False,
                early_stopping="never",
                max_new_tokens=tokens,
                eos_token_id=None,
                pad_token_id=2,
            )
        return time.perf_counter() - begin, 0.0, tuple(out[0, self.ids.shape[1] :].tolist())


def start(system: type, *arguments: str) -> None:
    """Make a worker process's system."""
    global worker
    torch.set_num_threads(THREADS)
    worker = system(*arguments)


def searched(*arguments: Any) -> tuple[float, float, tuple[int, ...]]:
    """Run the worker's search."""
    return worker.search(*arguments)


def main(repeats: int) -> None:
    """Measure and write the results, a process each: OpenMP is slow where several threads have used it."""
    context = multiprocessing.get_context("spawn")
    systems = {
        "ponder": (Ponder,),
        "transformers, bfloat16": (Transformers, "bfloat16"),
        "transformers, float32": (Transformers, "float32"),
    }
    pools = {name: ProcessPoolExecutor(1, context, start, arguments) for name, arguments in systems.items()}
    runs: dict[str, list[tuple[float, float, tuple[int, ...]]]] = {name: [] for name in systems}
    for pool in pools.values():
        pool.submit(searched, WARM_UP, WIDTH).result()
    for _ in range(repeats):
        for name, pool in pools.items():
            runs[name].append(pool.submit(searched, NEW_TOKENS, WIDTH).result())
            assert len(runs[name][-1][2]) == NEW_TOKENS
    alone = {}
    for kind in SEARCHES:
        for width in (WIDTH, *WIDE) if kind == "beam search" else (WIDTH,):
            pools["ponder"].submit(searched, WARM_UP, width, kind).result()
            alone[f"{kind}, {width}"] = pools["ponder"].submit(searched, NEW_TOKENS, width, kind).result()
    seconds = {name: [run[0] for run in found] for name, found in runs.items()}
    write_result(
        "beam",
        ("ponder", "torch", "transformers"),
        {
            "what": f"{registry.DEFAULT_MODEL}, one prompt, {NEW_TOKENS} new tokens, best text",
            "threads": THREADS,
            "repeats": repeats,
            "width": WIDTH,
            "seconds": {name: statistics.median(values) for name, values in seconds.items()},
            "all_seconds": seconds,
            "ratio": {
                f"{name} / ponder": statistics.median(
                    theirs / ours for theirs, ours in zip(seconds[name], seconds["ponder"])
                )
                for name in list(systems)[1:]
            },
            "decoder_share": statistics.median(own / total for total, own, _ in runs["ponder"]),
            "ponder_alone": {
                name: {"seconds": total, "decoder_share": own / total}
                for name, (total, own, _) in alone.items()
            },
        },
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
