"""vLLM's engine, stepped in this process; see `serve.py`. Imports nothing of ponder.

vLLM cannot fork a cached prompt: branches are so many greedy requests with the same prompt, which share its
whole blocks through the prefix cache and compute the rest of it each. Decoding is timed in the engine's own
steps: from the one after which every branch has its first token to the last.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

_BLOCK = 128  # tokens: what a branch may compute of a cached prompt


def load(model: str, threads: int, cache_tokens: int, sequence_tokens: int, branches: int, mode: str) -> Vllm:
    """Load a Hugging Face directory in bfloat16; `mode` is "eager" or "compiled"."""
    if not os.path.isdir(model):
        raise ValueError("vLLM reads Hugging Face directories only")
    return Vllm(model, sequence_tokens, branches, eager=mode == "eager")


class Vllm:
    """One engine, its scheduler and its model in this process: nothing of it runs between turns."""

    def __init__(self, path: str, sequence_tokens: int, branches: int, *, eager: bool) -> None:
        library: Any = import_module("vllm")
        self.sampling: Any = import_module("vllm.sampling_params")
        llm = library.LLM(
            path,
            dtype="bfloat16",
            enforce_eager=eager,
            enable_prefix_caching=True,
            max_model_len=sequence_tokens,
            max_num_seqs=branches,
            max_num_batched_tokens=max(2048, sequence_tokens, branches * _BLOCK),
        )
        self.path, self.llm, self.engine = Path(path), llm, llm.llm_engine
        self._requests = 0

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {
            "versions": {name: import_module(name).__version__ for name in ("vllm", "torch")},
            "vocab_size": self.engine.model_config.get_vocab_size(),
            "parameters": sum(map(_stored, self.path.glob("*.safetensors"))),
            "threads": import_module("torch").get_num_threads(),
        }

    def prefill(self, prompt: Sequence[int]) -> dict[str, Any]:
        """Time a prompt that is not in the cache until its first token."""
        self.llm.reset_prefix_cache()
        start = time.perf_counter()
        *_, last = self._steps(prompt, 1, 1)
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "prompt_tokens": len(prompt) - last["cached"]}

    def decode(self, prompt: Sequence[int], branches: int, new_tokens: int) -> dict[str, Any]:
        """Compute a prompt, then time how so many branches grow by `new_tokens` after their first."""
        list(self._steps(prompt, 1, 1))
        start, counted = 0.0, 0
        for grown in self._steps(prompt, branches, new_tokens + 1):
            if len(grown["tokens"]) == branches:
                total = sum(grown["tokens"].values())
                start, counted = start or time.perf_counter(), counted or total
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "prompt_tokens": len(prompt), "tokens": total - counted}

    def _steps(self, prompt: Sequence[int], branches: int, max_tokens: int) -> Iterator[dict[str, Any]]:
        """Run requests; yield, after each step, the tokens of each and how many of the prompt were cached."""
        params = self.sampling.SamplingParams(
            temperature=0.0,
            max_tokens=max_tokens,
            ignore_eos=True,
            detokenize=False,
            output_kind=self.sampling.RequestOutputKind.DELTA,
        )
        for _ in range(branches):
            self._requests += 1
            self.engine.add_request(str(self._requests), {"prompt_token_ids": list(prompt)}, params)
        tokens: dict[str, int] = {}
        cached = 0
        while self.engine.has_unfinished_requests():
            for output in self.engine.step():
                grown = sum(len(choice.token_ids) for choice in output.outputs)
                tokens[output.request_id] = tokens.get(output.request_id, 0) + grown
                cached = output.num_cached_tokens or 0
            yield {"tokens": tokens, "cached": cached}


def _stored(path: Path) -> int:
    """Count the parameters in a safetensors file by its header."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    count = 0
    for name, tensor in header.items():
        if name != "__metadata__":
            size = 1
            for length in tensor["shape"]:
                size *= length
            count += size
    return count
