"""`ponder run -m FILE` on every type of GGUF that llama-quantize makes.

    python benchmarks/scripts/quantized_types.py LIBLLAMA [TYPE ...] [--model NAME] [--pure]

LIBLLAMA is llama.cpp's shared library, with those that it needs beside it: `bins/linux-x64/libllama*.so` of
the npm package @node-llama-cpp/linux-x64, `llama_cpp_py_sync/libllama.so` of the wheel llama-cpp-py-sync, or
`llama_cpp/lib/libllama.so` of llama-cpp-python. The model, by default ponder's default one, is dequantised
into a file of float32, and every type is made of that. Of each type:

- `ponder run` answers a prompt in a process of its own, or refuses the file in one sentence;
- every value of every matrix is compared with what llama.cpp's own dequantiser makes of the same bytes, and
  so are random blocks of every type of tensor that ponder reads;
- log-probabilities, over the whole vocabulary after every token of four prompts, are compared with those of
  transformers in float32 on the values of llama.cpp's dequantiser. Kernels that keep weights as they are
  stored round activations to 8 bits; where that costs more than 0.02 nats a token, as in models that a type
  has destroyed, ponder's float32 kernels must tell the same as transformers'.

With `--pure` every matrix is of the type, where the length of its rows allows it; llama-quantize otherwise
mixes types. Types that are named join those that were measured before in
benchmarks/results/quantized_types.json. Ends with status 1 where a file neither loads nor is refused in a
sentence, or is computed wrongly. Needs `pip install 'ponder-benchmarks[transformers]'`.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from gguf import (
    GGML_QUANT_SIZES,
    MODEL_ARCH,
    GGMLQuantizationType,
    get_tensor_name_map,
)
from transformers import AutoConfig, AutoModelForCausalLM

from machine import write_result
from ponder.checkpoints import Checkpoint, open_checkpoint, tensor_shapes
from ponder.checkpoints.gguf_file import GgufFile, file_name, half_split_rows, read_header
from ponder.checkpoints.stored import TENSOR_TYPES, StoredTensor, dequantize
from ponder.errors import PonderError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.models import load_transformer
from ponder.text import build_tokenizer
from ponder_benchmarks.quality.transformer_logits import TransformerLogits
from quantize import TYPES, library_version, make

NAME = "quantized_types"
PROMPTS = (
    "The old lighthouse keeper climbed the stairs every evening before the fog rolled in from the bay.",
    "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
    "Question: If 3 apples cost $4.50, how much do 7 apples cost?\nAnswer: 3 apples cost 4.50, so one costs",
    "Les élèves étudient la géométrie; Straße und Fluß. Привет, мир! 今日は良い天気です。 😀👍🏽\n",
)
ROUNDING, IN_FLOAT32 = 0.02, 1e-6  # nats a token: what rounded activations may cost, and float32 arithmetic
EXACT = {"F32": "<f4", "F16": "<f2"}


def main() -> int:
    """Measure the types that are asked for, and write all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libllama", type=Path)
    parser.add_argument("types", nargs="*", metavar="TYPE", help=", ".join(TYPES))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument(
        "--pure", action="store_true", help="every matrix of the type, where its rows allow it"
    )
    asked = parser.parse_args()
    for name in asked.types:
        if name not in TYPES:
            parser.error(f"{name} is none of {', '.join(TYPES)}")
    found = before()
    wrong = []
    with TemporaryDirectory(prefix="ponder-types-") as folder:
        source = Path(folder) / "source.gguf"
        original = open_checkpoint(asked.model).path
        said = make(asked.libllama, original, source, TYPES["F32"], ())
        if said is not None:
            raise SystemExit(f"{original} cannot be dequantised: {said}")
        their = Reference(asked.libllama, source)
        same = their.same_values()
        wrong += [f"values of {kind}" for kind, alike in same.items() if not alike]
        for name in asked.types or TYPES:
            label = f"{name}, pure" if asked.pure else name
            one = measure(
                asked.libllama, source, Path(folder) / f"{name}.gguf", TYPES[name], asked.pure, their
            )
            print(label, json.dumps(one, ensure_ascii=False), file=sys.stderr, flush=True)
            found.setdefault(asked.model, {})[label] = one
            wrong += [label] if one.get("wrong") else []
            write_result(
                NAME,
                ("ponder", "torch", "transformers", "gguf", "numpy"),
                {
                    "llama.cpp": library_version(asked.libllama),
                    "random blocks mean the same as to ggml": same,
                    "models": found,
                },
            )
    if wrong:
        print(f"wrong: {', '.join(wrong)}", file=sys.stderr)
    return bool(wrong)


def before() -> dict[str, dict[str, Any]]:
    """Return what was measured earlier, by model and type."""
    path = Path(__file__).parents[1] / "results" / f"{NAME}.json"
    return dict(json.loads(path.read_text())["models"]) if path.is_file() else {}


def measure(
    library: Path, source: Path, file: Path, ftype: int, pure: bool, their: Reference
) -> dict[str, Any]:
    """Make a type, run it, and compare it; the file is removed."""
    options = ("pure",) * pure
    importance, said = False, make(library, source, file, ftype, options)
    if said is not None:
        importance, without = True, said
        said = make(library, source, file, ftype, (*options, "importance"))
        if said is not None:
            return {"made": False, "llama.cpp says": said, "and without importance": without}
    one = {"made": True, "importance of ones": importance, "bytes": file.stat().st_size}
    try:
        return one | answered(file) | compared(file, their)
    finally:
        file.unlink()


def answered(file: Path) -> dict[str, Any]:
    """Run `ponder run`; return its answer, or the sentence in which it refuses."""
    options = ["--temperature", "0", "--max-tokens", "8"]
    command = [sys.executable, "-m", "ponder", "run", "-m", str(file), "What is 6 times 7?", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return {"loads": True, "answer": done.stdout.strip()}
    sentence = done.stderr.strip().replace(str(file), file.name)
    refused = {"loads": False, "refusal": sentence, "status": done.returncode}
    in_a_sentence = done.returncode == 2 and "\n" not in sentence and "Traceback" not in sentence
    return refused if in_a_sentence else refused | {"wrong": "neither loads nor refuses in a sentence"}


def compared(file: Path, their: Reference) -> dict[str, Any]:
    """Compare values with llama.cpp's dequantiser, and log-probabilities with transformers'."""
    try:
        checkpoint = open_checkpoint(str(file))
    except PonderError:
        return {}
    header = read_header(file)
    kinds = Counter(info.type.name for info in header.tensors.values() if len(info.shape) == 2)
    values = their.load(header, checkpoint)
    found: dict[str, Any] = {
        "matrices": dict(kinds.most_common()),
        "largest difference of a value": values,
    }
    wrong = ["values"] if values != 0 else []
    tokenizer = build_tokenizer(checkpoint.vocabulary, checkpoint.special)
    prompts = [tokenizer.encode(prompt) for prompt in PROMPTS]
    truth = [their.logprobs(prompt) for prompt in prompts]
    found |= distance(checkpoint, prompts, truth, None)
    if not found["mean KL"] <= ROUNDING:
        exact = distance(checkpoint, prompts, truth, "reference")
        found["in float32"] = exact
        wrong += ["log-probabilities"] if not exact["mean KL"] <= IN_FLOAT32 else []
    return found | ({"wrong": ", ".join(wrong)} if wrong else {})


def distance(
    checkpoint: Checkpoint, prompts: list[list[int]], truth: list[torch.Tensor], kernels: str | None
) -> dict[str, float]:
    """Say how far a model's log-probabilities on these kernels are from the true ones."""
    model = load_transformer(checkpoint, torch.device("cpu"), kernels=kernels)
    system = TransformerLogits(model.kernels.name, model, max(map(len, prompts)))
    found = torch.cat([system.logits(one, len(one)).double().log_softmax(-1) for one in prompts])
    true = torch.cat(truth)
    return {
        "largest difference of a log-probability": (found - true).abs().max().item(),
        "mean KL": (true.exp() * (true - found)).sum(-1).mean().item(),
        "same likeliest token": (found.argmax(-1) == true.argmax(-1)).double().mean().item(),
    }


class Reference:
    """transformers' model in float32, which takes the values of one file after another."""

    def __init__(self, library: Path, source: Path) -> None:
        base = next(library.parent.glob("libggml-base.*"))
        ctypes.CDLL(str(library)).llama_backend_init()  # it finds the libraries beside it
        self._ggml = ctypes.CDLL(str(base))
        self._config = AutoConfig.from_pretrained(source.parent, gguf_file=source.name)
        auto: Any = AutoModelForCausalLM
        self._model = auto.from_config(self._config, dtype=torch.float32, attn_implementation="eager").eval()
        architecture = open_checkpoint(str(source)).config.architecture
        arch = MODEL_ARCH[architecture.upper()]
        self._names = get_tensor_name_map(arch, self._config.num_hidden_layers)

    def load(self, header: GgufFile, checkpoint: Checkpoint) -> float:
        """Take a file's values as llama.cpp dequantises them; return how far ponder's are from those."""
        config, largest = checkpoint.config, 0.0
        state: dict[str, torch.Tensor] = {}
        by_file_name = {file_name(name): name for name in tensor_shapes(config)}
        for name in self._model.state_dict():
            stem, _, suffix = name.rpartition(".")
            if stem == "lm_head" and config.tie_embeddings:
                continue
            stored = f"{self._names.get_name(stem)}.{suffix}"
            values = self.values(header, stored)
            kind = by_file_name[stored].split(".")[-2]
            if kind in ("q", "k") and config.architecture == "llama":
                heads = config.num_heads if kind == "q" else config.num_kv_heads
                values = values[half_split_rows(heads, config.head_dim, config.rope.rotary_dim)]
            ours = checkpoint.tensors.tensor(by_file_name[stored]).numpy()
            if not np.array_equal(ours, values, equal_nan=True):
                with np.errstate(all="ignore"):
                    largest = max(largest, float(np.nanmax(np.abs(ours - values))))
            state[name] = torch.from_numpy(values)
        if config.tie_embeddings:
            state["lm_head.weight"] = state["model.embed_tokens.weight"]
        self._model.load_state_dict(state, assign=True)
        return largest

    def values(self, header: GgufFile, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a tensor dequantised by ggml, float32."""
        info = header.tensors[name]
        data = np.frombuffer(info.data, np.uint8, info.size, info.start)
        return self.dequantised(info.type.name, data, info.shape)

    def dequantised(
        self, kind: str, data: np.ndarray[Any, np.dtype[np.uint8]], shape: tuple[int, ...]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return what ggml makes of bytes, float32."""
        if kind in EXACT:
            return data.view(EXACT[kind]).astype(np.float32).reshape(shape)
        if kind == "BF16":
            return (data.view("<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
        values = np.empty(shape, np.float32)
        lower = kind[:-1].lower() + "K" if kind.endswith("_K") else kind.lower()  # q4_K, but iq4_nl
        dequantise = getattr(self._ggml, f"dequantize_row_{lower}")
        dequantise.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
        dequantise.restype = None
        dequantise(data.ctypes.data, values.ctypes.data, values.size)
        return values

    def same_values(self) -> dict[str, bool]:
        """Say of each type of tensor whether 300 random blocks mean to ponder what they do to ggml."""
        random, same = np.random.default_rng(0), {}
        for kind in TENSOR_TYPES:
            block, size = GGML_QUANT_SIZES[GGMLQuantizationType[kind]]
            data = random.integers(0, 256, 300 * size, dtype=np.uint8)
            ours = dequantize(StoredTensor(kind, (300, block), data))
            same[kind] = np.array_equal(ours, self.dequantised(kind, data, (300, block)), equal_nan=True)
        return same

    def logprobs(self, tokens: list[int]) -> torch.Tensor:
        """Return the log-probabilities after every token, [n, V] float64."""
        with torch.inference_mode():
            logits: torch.Tensor = self._model(torch.tensor([tokens]), use_cache=False).logits[0]
        return logits.double().log_softmax(-1)


if __name__ == "__main__":
    sys.exit(main())
