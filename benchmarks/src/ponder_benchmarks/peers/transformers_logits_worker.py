"""transformers' logits in float32; see `serve.py`. Imports nothing of ponder.

Weights of a GGUF file are dequantised by transformers, with the `gguf` package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any


def load(model: str, threads: int) -> TransformersLogits:
    """Load a GGUF file (dequantised) or a directory."""
    return TransformersLogits(model, threads)


class TransformersLogits:
    """A causal model in float32."""

    def __init__(self, model: str, threads: int) -> None:
        self.numpy: Any = import_module("numpy")
        self.torch: Any = import_module("torch")
        self.transformers: Any = import_module("transformers")
        self.torch.set_num_threads(threads)
        folder, name = os.path.split(model)
        source = {"gguf_file": name} if os.path.isfile(model) else {}
        auto = self.transformers.AutoModelForCausalLM
        self.model = auto.from_pretrained(
            folder if source else model, dtype=self.torch.float32, attn_implementation="eager", **source
        ).eval()

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {
            "versions": {name: import_module(name).__version__ for name in ("transformers", "torch")},
            "vocab_size": self.model.get_input_embeddings().weight.shape[0],
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "threads": self.torch.get_num_threads(),
        }

    def logits(self, tokens: Sequence[int], wanted: int, chunk: int, out: str) -> dict[str, Any]:
        """Read `tokens` as one sequence, at once: `chunk` is how many there are.

        The file `out` (.npy) gets the logits after each of the last `wanted`, [wanted, V] float32.
        """
        if chunk != len(tokens):
            raise ValueError(f"transformers reads {len(tokens)} tokens at once, not {chunk} at a time")
        with self.torch.inference_mode():
            ids = self.torch.tensor([tokens])
            read = self.model(ids, use_cache=False, logits_to_keep=wanted)
        self.numpy.save(out, read.logits[0].numpy())
        return {"rows": wanted}
