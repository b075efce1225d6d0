"""transformers: a forward pass a step over its own cache; see `serve.py`. Imports nothing of ponder.

The prompt is computed once and its cache repeated for the branches. Each step ends with an argmax over each
row, without the generality of `generate()`, which costs more.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any


def load(
    model: str, threads: int, cache_tokens: int, sequence_tokens: int, branches: int, dtype: str
) -> Transformers:
    """Load a GGUF file (dequantised) or a directory; the cache grows as it must."""
    return Transformers(model, threads, dtype)


class Transformers:
    """A causal model."""

    def __init__(self, path: str, threads: int, dtype: str) -> None:
        self.torch: Any = import_module("torch")
        self.transformers: Any = import_module("transformers")
        self.torch.set_num_threads(threads)
        kind = getattr(self.torch, dtype)
        folder, name = os.path.split(path)
        source = {"gguf_file": name} if os.path.isfile(path) else {}
        auto = self.transformers.AutoModelForCausalLM
        self.model = auto.from_pretrained(folder if source else path, dtype=kind, **source).eval()

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {
            "versions": {name: import_module(name).__version__ for name in ("transformers", "torch")},
            "vocab_size": self.model.get_input_embeddings().weight.shape[0],
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "threads": self.torch.get_num_threads(),
        }

    def prefill(self, prompt: Sequence[int]) -> dict[str, Any]:
        """Time a prompt until the largest of its last token's logits is found."""
        with self.torch.inference_mode():
            start = time.perf_counter()
            cache, _ = self._prompt(prompt)
            return {"seconds": time.perf_counter() - start, "prompt_tokens": cache.get_seq_length()}

    def decode(self, prompt: Sequence[int], branches: int, new_tokens: int) -> dict[str, Any]:
        """Compute a prompt, then time `new_tokens` steps of so many branches."""
        with self.torch.inference_mode():
            cache, token = self._prompt(prompt)
            prompt_tokens = cache.get_seq_length()
            cache.batch_repeat_interleave(branches)
            tokens = token.repeat(branches)
            start = time.perf_counter()
            for _ in range(new_tokens):
                tokens = self._step(tokens[:, None], cache)
            tokens.tolist()
            seconds = time.perf_counter() - start
        grown = (cache.get_seq_length() - prompt_tokens) * tokens.shape[0]
        return {"seconds": seconds, "prompt_tokens": prompt_tokens, "tokens": grown}

    def sample(self, logits: str, temperature: float, top_p: float, calls: int) -> dict[str, Any]:
        """Time the warpers of `generate()` and the draw on the rows of a .npy file, all of them a call."""
        torch, transformers = self.torch, self.transformers
        rows = torch.from_numpy(import_module("numpy").load(logits))
        warpers = (transformers.TemperatureLogitsWarper(temperature), transformers.TopPLogitsWarper(top_p))
        torch.manual_seed(0)
        with torch.inference_mode():
            start = time.perf_counter()
            for _ in range(calls):
                scores = rows
                for warper in warpers:
                    scores = warper(None, scores)
                drawn = torch.multinomial(scores.softmax(-1), 1).squeeze(-1).tolist()
            seconds = (time.perf_counter() - start) / calls
        return {"seconds": seconds, "rows": len(drawn), "vocab_size": rows.shape[1]}

    def _prompt(self, prompt: Sequence[int]) -> tuple[Any, Any]:
        """Return a prompt's cache, and the likeliest token after it, [1]."""
        cache = self.transformers.DynamicCache(config=self.model.config)
        return cache, self._step(self.torch.tensor([list(prompt)]), cache)

    def _step(self, tokens: Any, cache: Any) -> Any:
        out = self.model(input_ids=tokens, past_key_values=cache, use_cache=True, logits_to_keep=1)
        return out.logits[:, -1].argmax(-1)
