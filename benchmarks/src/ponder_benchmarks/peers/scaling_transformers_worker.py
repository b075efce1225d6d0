"""Best-of-n and step beam as a loop over transformers' `generate`; see `serve.py` and
scripts/scaling_peers.py.

Each step sends whole texts again, as `generate` has no prefix cache. Imports ponder's arithmetic verifier
alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from ponder.rewards.arithmetic import arithmetic_share


def load(model: str, threads: int, settings: Mapping[str, Any], dtype: str) -> Loop:
    """Load a Hugging Face directory."""
    return Loop(model, threads, settings, dtype)


class Loop:
    """A model and its tokenizer."""

    def __init__(self, path: str, threads: int, settings: Mapping[str, Any], dtype: str) -> None:
        self._torch, library = import_module("torch"), import_module("transformers")
        self._torch.set_num_threads(threads)
        self._settings = settings
        self._tokenizer = library.AutoTokenizer.from_pretrained(path, padding_side="left")
        self._tokenizer.pad_token = self._tokenizer.eos_token
        kind = getattr(self._torch, dtype)
        self._model = library.AutoModelForCausalLM.from_pretrained(path, dtype=kind).eval()
        self._pieces: list[tuple[str, str, int]] = []

    def describe(self) -> dict[str, Any]:
        """Say what was loaded."""
        return {"versions": {name: import_module(name).__version__ for name in ("transformers", "torch")}}

    def search(self, strategy: str, problem: Mapping[str, Any]) -> dict[str, Any]:
        """Solve a problem; return its seconds, candidates and pieces."""
        self._pieces = []
        start = time.perf_counter()
        search = {"best-of-n": self._best_of_n, "step beam": self._step_beam}[strategy]
        candidates = search(problem["raw"])
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "candidates": candidates, "pieces": self._pieces}

    def _best_of_n(self, prompt: str) -> list[str]:
        return self._grown(prompt, [""], self._settings["n"], self._settings["stop"])

    def _step_beam(self, prompt: str) -> list[str]:
        settings, texts = self._settings, [""]
        finished: list[str] = []
        for step in range(1, settings["max_steps"] + 1):
            last = step == settings["max_steps"]
            each = settings["keep"] * settings["expand"] // len(texts)
            grown = self._grown(prompt, texts, each, settings["stop" if last else "step"])
            finished += [text for text in grown if last or text.endswith(settings["stop"])]
            texts = [text for text in grown if not text.endswith(settings["stop"])]
            texts = sorted(texts, key=arithmetic_share, reverse=True)[: settings["keep"]]
            if not texts:
                break
        return finished

    def _ended(self, stop: str, ids: Any, scores: Any, **options: Any) -> Any:
        """Say which rows end with a string; `stop_strings` reads the vocabulary at each call."""
        texts = self._tokenizer.batch_decode(ids[:, -len(stop) :])
        return self._torch.tensor([text.endswith(stop) for text in texts])

    def _grown(self, prompt: str, texts: Sequence[str], each: int, stop: str) -> list[str]:
        """Return so many continued texts of each, to the end of a step or of the text."""
        inputs = self._tokenizer([prompt + text for text in texts], padding=True, return_tensors="pt")
        with self._torch.inference_mode():
            rows = self._model.generate(
                **inputs,
                do_sample=True,
                temperature=self._settings["temperature"],
                top_k=0,
                num_return_sequences=each,
                max_new_tokens=self._settings["max_tokens"],
                stopping_criteria=[partial(self._ended, stop)],
                pad_token_id=self._tokenizer.pad_token_id,
            )
        grown = []
        for number, row in enumerate(rows[:, inputs["input_ids"].shape[1] :]):
            before = texts[number // each]
            text = self._tokenizer.decode(row, skip_special_tokens=True)
            self._pieces.append((before, text, int((row != self._tokenizer.pad_token_id).sum())))
            grown.append(before + text)
        return grown
