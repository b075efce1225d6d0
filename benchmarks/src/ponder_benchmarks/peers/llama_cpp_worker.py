"""llama.cpp through the low-level interface of llama-cpp-python; see `serve.py`. Imports nothing of ponder.

A prompt is computed once and shared by its branches (`llama_memory_seq_cp` in a unified cache). A step is one
`llama_decode` over all branches, and numpy's argmax over each row of logits.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any


def load(model: str, threads: int, cache_tokens: int, sequence_tokens: int, branches: int) -> Llama:
    """Load a GGUF file, with room for so many tokens in all and in one sequence."""
    return Llama(model, threads, cache_tokens, sequence_tokens, branches)


class Llama:
    """A model and one context."""

    def __init__(
        self, model: str, threads: int, cache_tokens: int, sequence_tokens: int, branches: int
    ) -> None:
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
        options.n_ctx = cache_tokens
        options.n_batch = sequence_tokens  # cut into n_ubatch, which stays as it is
        options.n_seq_max = branches
        options.n_threads = options.n_threads_batch = threads
        options.kv_unified = True
        self.context = lib.llama_init_from_model(self.model, options)
        if not self.context:
            raise ValueError(f"llama.cpp makes no context of {cache_tokens} tokens and {branches} sequences")
        self.memory = lib.llama_get_memory(self.context)
        self.vocab_size = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {
            "versions": {"llama-cpp-python": self.lib.__version__},
            "vocab_size": self.vocab_size,
            "parameters": self.lib.llama_model_n_params(self.model),
            "threads": self.lib.llama_n_threads(self.context),
            "build": self.lib.llama_print_system_info().decode(),
        }

    def prefill(self, prompt: Sequence[int]) -> dict[str, Any]:
        """Time a prompt until the logits of its last token are there and their largest is found."""
        self.lib.llama_memory_clear(self.memory, True)
        batch = self._batch(len(prompt))
        self._set(batch, prompt, range(len(prompt)), [0] * len(prompt))
        batch.logits[len(prompt) - 1] = 1
        start = time.perf_counter()
        self._decode(batch)
        self._argmax(len(prompt) - 1)
        seconds = time.perf_counter() - start
        self.lib.llama_batch_free(batch)
        return {"seconds": seconds, "prompt_tokens": self._length(0)}

    def decode(self, prompt: Sequence[int], branches: int, new_tokens: int) -> dict[str, Any]:
        """Compute a prompt, then time `new_tokens` steps of so many branches."""
        self.prefill(prompt)
        start_length = self._length(0)
        tokens = [self._argmax(-1)] * branches
        for branch in range(1, branches):
            self.lib.llama_memory_seq_cp(self.memory, 0, branch, -1, -1)
        batch, rows = self._batch(branches), range(branches)
        self._set(batch, tokens, [0] * branches, rows)
        for row in rows:
            batch.logits[row] = 1
        start = time.perf_counter()
        for step in range(new_tokens):
            for row in rows:
                batch.token[row], batch.pos[row] = tokens[row], start_length + step
            self._decode(batch)
            tokens = [self._argmax(row) for row in rows]
        seconds = time.perf_counter() - start
        self.lib.llama_batch_free(batch)
        grown = sum(self._length(branch) - start_length for branch in rows)
        return {"seconds": seconds, "prompt_tokens": start_length, "tokens": grown}

    def sample(self, logits: str, temperature: float, top_p: float, calls: int) -> dict[str, Any]:
        """Time a chain of temperature, top-p and draw on the rows of a .npy file; a call is all of them."""
        numpy, lib = self.numpy, self.lib
        rows = numpy.load(logits)
        chain = lib.llama_sampler_chain_init(lib.llama_sampler_chain_default_params())
        for part in (
            lib.llama_sampler_init_temp(temperature),
            lib.llama_sampler_init_top_p(top_p, 1),
            lib.llama_sampler_init_dist(0),
        ):
            lib.llama_sampler_chain_add(chain, part)
        kind = numpy.dtype([("id", "i4"), ("logit", "f4"), ("p", "f4")])
        candidates = numpy.zeros(rows.shape[1], dtype=kind)
        ids = numpy.arange(rows.shape[1], dtype="i4")
        pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))

        def draw(row: Any) -> int:
            candidates["id"], candidates["logit"] = ids, row  # as llama.cpp's own tools fill them
            array = lib.llama_token_data_array(pointer, len(candidates), -1, False)
            lib.llama_sampler_apply(chain, ctypes.byref(array))
            return int(array.data[array.selected].id)

        start = time.perf_counter()
        drawn = [draw(row) for _ in range(calls) for row in rows]
        seconds = (time.perf_counter() - start) / calls
        lib.llama_sampler_free(chain)
        return {"seconds": seconds, "rows": len(drawn) // calls, "vocab_size": rows.shape[1]}

    def _batch(self, size: int) -> Any:
        batch = self.lib.llama_batch_init(size, 0, 1)
        batch.n_tokens = size
        return batch

    def _set(
        self, batch: Any, tokens: Sequence[int], positions: Sequence[int], sequences: Sequence[int]
    ) -> None:
        for i, (token, position, sequence) in enumerate(zip(tokens, positions, sequences, strict=True)):
            batch.token[i], batch.pos[i], batch.logits[i] = token, position, 0
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence

    def _decode(self, batch: Any) -> None:
        status = self.lib.llama_decode(self.context, batch)
        if status:
            raise RuntimeError(f"llama_decode returned {status}")

    def _argmax(self, row: int) -> int:
        logits = self.lib.llama_get_logits_ith(self.context, row)
        return int(self.numpy.ctypeslib.as_array(logits, (self.vocab_size,)).argmax())

    def _length(self, sequence: int) -> int:
        """Tokens of a sequence that are in the cache."""
        return int(self.lib.llama_memory_seq_pos_max(self.memory, sequence)) + 1
