"""Perplexity of files of llama-quantize's types on ponder and on llama.cpp, over the same text.

    python benchmarks/scripts/type_quality.py LLAMA_PYTHON [TYPE ...] [--model NAME] [--tokens N]

LLAMA_PYTHON is an interpreter that has llama-cpp-python, whose library makes the files, too: the model is
dequantised, and every type is made of that. `ponder bench quality` then lets both systems read the text. A
third reads it, ponder in float32 with the same weights: the KL of both is measured from its distributions.
Types that are named join those that were measured before in benchmarks/results/type_quality.json. Ends with
status 1 where a perplexity is more than LIMIT above llama.cpp's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from machine import write_result
from ponder.checkpoints import open_checkpoint
from ponder.hub.registry import DEFAULT_MODEL
from quantize import TYPES, library_version, make

NAME = "type_quality"
LIMIT = 0.005  # of llama.cpp's perplexity
MEASURED = (
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K_S", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M"),
    *("Q5_K_S", "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS", "F16", "BF16"),
)
ROOT = Path(__file__).parents[1]


def main() -> int:
    """Measure the types that are asked for, and write all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("llama_python", type=Path)
    parser.add_argument("types", nargs="*", metavar="TYPE", help=", ".join(TYPES))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--tokens", type=int, default=2048, help="how many of the text are read")
    asked = parser.parse_args()
    for name in asked.types:
        if name not in TYPES:
            parser.error(f"{name} is none of {', '.join(TYPES)}")
    library = llama_library(asked.llama_python)
    path = ROOT / "results" / f"{NAME}.json"
    found: dict[str, Any] = json.loads(path.read_text())["models"] if path.is_file() else {}
    with TemporaryDirectory(prefix="ponder-types-") as folder:
        source = Path(folder) / "source.gguf"
        said = make(library, open_checkpoint(asked.model).path, source, TYPES["F16"])
        if said is not None:
            raise SystemExit(f"{asked.model} cannot be dequantised: {said}")
        for name in asked.types or MEASURED:
            file = Path(folder) / f"{name}.gguf"
            said = make(library, source, file, TYPES[name])
            if said is not None:  # some types are not made without
                said = make(library, source, file, TYPES[name], ["importance"])
            if said is not None:
                raise SystemExit(f"no {name} is made: {said}")
            one = compared(file, asked.llama_python, asked.tokens)
            file.unlink()
            print(asked.model, name, json.dumps(one), file=sys.stderr, flush=True)
            found.setdefault(asked.model, {})[name] = one
            result = {"llama.cpp": library_version(library), "limit": LIMIT, "models": found}
            write_result(NAME, ("ponder", "torch", "gguf"), result, show=False)
    types = {f"{model}, {name}": one for model, types in found.items() for name, one in types.items()}
    far = [name for name, one in types.items() if one["perplexity over llama.cpp's"] > 1 + LIMIT]
    if far:
        print(f"beyond {LIMIT:.1%}: {', '.join(far)}", file=sys.stderr)
    return bool(far)


def llama_library(python: Path) -> Path:
    """Return the shared library of an interpreter's llama-cpp-python."""
    code = "import llama_cpp, pathlib; print(pathlib.Path(llama_cpp.__file__).parent / 'lib' / 'libllama.so')"
    return Path(
        subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()
    )


def compared(file: Path, llama_python: Path, tokens: int) -> dict[str, Any]:
    """Let ponder and llama.cpp read the text with a file's weights."""
    with TemporaryDirectory() as folder:
        out = Path(folder) / "quality.json"
        command = [sys.executable, "-m", "ponder", "bench", "quality", str(ROOT / "data" / "alice.txt")]
        command += ["-m", str(file), "--tokens", str(tokens), "--against", "llama.cpp", "--out", str(out)]
        command += ["--peer-python", f"llama.cpp={llama_python}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        results = json.loads(out.read_text())["results"]
    exact, ponder, llama = results
    return {
        "tokens": exact["tokens"],
        "perplexity": {one["system"]: one["perplexity"] for one in results},
        "perplexity over llama.cpp's": ponder["perplexity"] / llama["perplexity"],
        "mean KL from float32": {one["system"]: one["divergence"]["mean_kl"] for one in (ponder, llama)},
        "same likeliest token": {
            one["system"]: one["divergence"]["top1_agreement"] for one in (ponder, llama)
        },
    }


if __name__ == "__main__":
    sys.exit(main())
