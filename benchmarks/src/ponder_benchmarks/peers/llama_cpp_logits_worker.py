"""llama.cpp's logits, by llama-cpp-python's low-level interface; see `serve.py`. Imports nothing of ponder.

Everything but the context's length and the threads is as llama.cpp sets it: its cache of keys and values is
half-precision, and its kernels round activations to 8 bits beside quantised weights.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Any


def load(model: str, threads: int, longest: int) -> LlamaLogits:
    """Load a GGUF file, with room for one sequence of `longest` tokens."""
    return LlamaLogits(model, threads, longest)


class LlamaLogits:
    """A model and one context."""

    def __init__(self, model: str, threads: int, longest: int) -> None:
        self.longest = longest
        self.numpy: Any = import_module("numpy")
        self.lib: Any = import_module("llama_cpp")
        if not os.path.isfile(model):
            raise ValueError("llama.cpp reads .gguf files only")
        lib = self.lib
        self._quiet = lib.llama_log_callback(lambda level, text, data: None)
        lib.llama_log_set(self._quiet, None)
        lib.llama_backend_init()
        self.model = lib.llama_model_load_from_file(os.fsencode(model), lib.llama_model_default_params())
        if not self.model:
            raise ValueError("llama.cpp cannot load the model")
        options = lib.llama_context_default_params()
        options.n_ctx = options.n_batch = longest
        options.n_threads = options.n_threads_batch = threads
        self.context = lib.llama_init_from_model(self.model, options)
        if not self.context:
            raise ValueError(f"llama.cpp makes no context of {longest} tokens")
        self.memory = lib.llama_get_memory(self.context)
        self.vocab_size = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))
        self.batch = lib.llama_batch_init(longest, 0, 1)

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {
            "versions": {"llama-cpp-python": metadata.version("llama-cpp-python")},
            "vocab_size": self.vocab_size,
            "threads": self.lib.llama_n_threads(self.context),
            "build": self.lib.llama_print_system_info().decode(),
        }

    def logits(self, tokens: Sequence[int], wanted: int, chunk: int, out: str) -> dict[str, Any]:
        """Read `tokens` as one sequence, `chunk` at a time.

        The file `out` (.npy) gets the logits after each of the last `wanted`, [wanted, V] float32.
        """
        if len(tokens) > self.longest:
            raise ValueError(f"a sequence of {len(tokens)} tokens is longer than {self.longest}")
        self.lib.llama_memory_clear(self.memory, True)
        rows = self.numpy.empty((wanted, self.vocab_size), "f4")
        first = len(tokens) - wanted
        for start in range(0, len(tokens), chunk):
            end = min(start + chunk, len(tokens))
            self._decode(tokens, start, end, first)
            for place in range(max(first, start), end):
                row = self.lib.llama_get_logits_ith(self.context, place - start)
                rows[place - first] = self.numpy.ctypeslib.as_array(row, (self.vocab_size,))
        self.numpy.save(out, rows)
        return {"rows": wanted}

    def _decode(self, tokens: Sequence[int], start: int, end: int, first: int) -> None:
        batch = self.batch
        batch.n_tokens = end - start
        for i, place in enumerate(range(start, end)):
            batch.token[i], batch.pos[i], batch.logits[i] = tokens[place], place, place >= first
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        status = self.lib.llama_decode(self.context, batch)
        if status:
            raise RuntimeError(f"llama_decode returned {status}")
