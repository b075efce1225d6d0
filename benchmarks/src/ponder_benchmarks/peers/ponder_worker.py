"""ponder through its public engine; see `serve.py`. The one worker that imports ponder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import prod
from typing import Any

from ponder.asks import Completion, Grow, Path, Service, TokenEvent, fronts
from ponder.backends.local import LocalModel, load_local
from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.layout import tensor_shapes
from ponder.engine import EngineLimits
from ponder.kernels import native
from ponder.text import TokenIds
from ponder.tree import PAGE_SIZE
from ponder_benchmarks.peers import timed_steps

_LINEARS = ("q", "k", "v", "o", "gate", "up", "down")


def load(model: str, threads: int, cache_tokens: int, sequence_tokens: int, branches: int) -> Ponder:
    """Load a model on the CPU."""
    import torch

    torch.set_num_threads(threads)
    limits = EngineLimits(max_rows=max(branches, EngineLimits().max_rows))
    return Ponder(load_local(model, device="cpu", limits=limits), threads)


class Ponder:
    """A loaded model, asked for one thing at a time."""

    def __init__(self, model: LocalModel, threads: int) -> None:
        self._model, self._threads = model, threads
        self._salts = 0

    def describe(self) -> dict[str, Any]:
        """Say what was loaded, and what one step of it must read and multiply."""
        from importlib.metadata import version

        engine = self._model.engine
        config, transformer = engine.model.config, engine.model
        shapes = tensor_shapes(config)
        return {
            "versions": {name: version(name) for name in ("ponder", "torch")},
            "vocab_size": config.vocab_size,
            "parameters": sum(map(prod, shapes.values())),
            "threads": self._threads,
            "kernels": type(transformer.kernels).__name__,
            "instruction_set": native.instruction_set() if native.available() else None,
            "weight_bytes": transformer.weight_bytes,
            "linear_macs": _linear_macs(config),
            "kv_bytes_per_token": transformer.page_bytes / PAGE_SIZE,
        }

    def prefill(self, prompt: Sequence[int]) -> dict[str, Any]:
        """Time a prompt that is not in the cache until its first token."""
        self._salts += 1
        start = time.perf_counter()
        seconds = 0.0
        request = self._request(prompt, 1, 1, cache_salt=str(self._salts))
        for event in fronts.stream(self._model, request):
            if isinstance(event, TokenEvent):
                seconds = seconds or time.perf_counter() - start
            if isinstance(event, Completion):
                usage = event.usage
        return {"seconds": seconds, "prompt_tokens": usage.computed_tokens}

    def decode(
        self,
        prompt: Sequence[int],
        branches: int,
        new_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
    ) -> dict[str, Any]:
        """Compute a prompt unless it is cached; time how branches grow by `new_tokens` after their first.

        `tokens` are those that went through the model after the prompt; `operations_s` has the last of the
        prompt's tokens, too.
        """
        transformer = self._model.engine.model
        transformer.take_times()
        request = self._request(prompt, branches, new_tokens + 1, temperature=temperature, top_p=top_p)
        completion = fronts.generate(self._model, request)
        usage, timing = completion.usage, completion.timing
        grown = usage.computed_tokens - (usage.prompt_tokens - usage.hit_tokens)
        if usage.generated_tokens != grown + branches:
            raise RuntimeError(f"{usage.generated_tokens} tokens came of {grown} computed ones")
        return {
            "seconds": timing.total_s - timing.ttft_s,
            "prompt_tokens": usage.prompt_tokens,
            "tokens": grown,
            "operations_s": transformer.take_times(),
        }

    def sample(self, logits: str, temperature: float, top_p: float, calls: int) -> dict[str, Any]:
        """Time the sampler on the rows of a .npy file, all of them a call."""
        import numpy
        import torch

        from ponder.sampling import SamplingParams
        from ponder.sampling.row import Row
        from ponder.sampling.sampler import sample

        values = torch.from_numpy(numpy.load(logits))
        params = SamplingParams(temperature=temperature, top_p=top_p, n=len(values))
        rows = [Row(index, (), ()) for index in range(len(values))]
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(calls):
                traces = sample(values, rows, params)
            seconds = (time.perf_counter() - start) / calls
        return {"seconds": seconds, "rows": len(traces), "vocab_size": values.shape[1]}

    def profile_prompt(self, prompt: Sequence[int]) -> dict[str, Any]:
        """Time the operations of a prompt that is not in the cache, over all of its steps."""
        self._salts += 1
        return timed_steps.profile_prompt(self._model.engine, prompt, str(self._salts))

    def profile_rows(self, prompt: Sequence[int], rows: int, steps: int) -> dict[str, Any]:
        """Time the operations of a step in which so many texts grow after a prompt, as a mean of `steps`."""
        return timed_steps.profile_rows(self._model.engine, prompt, rows, steps)

    def probe(self) -> dict[str, float | None]:
        """Measure what the machine can do at the moment; None where there are no native kernels."""
        there = native.available()
        return {
            "read_gb_s": native.read_bandwidth(self._threads) if there else None,
            "int8_gmac_s": native.int8_peak(self._threads) if there else None,
        }

    def _request(
        self,
        prompt: Sequence[int],
        n: int,
        max_tokens: int,
        *,
        temperature: float = 0.0,
        top_p: float = 1.0,
        cache_salt: str | None = None,
    ) -> Grow:
        """Say everything, so that no recommendation of the checkpoint is added."""
        sampling = {
            "n": n,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": top_p,
            "top_k": 0,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "ignore_eos": True,
            "seed": 0,
        }
        return Grow(Path(TokenIds(tuple(prompt))), sampling, service=Service(cache_salt=cache_salt))


def _linear_macs(config: ModelConfig) -> int:
    """Multiply-accumulates of the matrices for one row, that of the logits included."""
    shapes = tensor_shapes(config)
    layers = sum(
        prod(shape)
        for name, shape in shapes.items()
        if name.endswith(".weight") and name.removesuffix(".weight").rpartition(".")[2] in _LINEARS
    )
    return layers + config.vocab_size * config.hidden_size
