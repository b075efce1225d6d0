"""Write llamacpp.json: which tokens llama.cpp's own samplers keep, and with what probabilities.

Needs llama-cpp-python and numpy, neither a model nor ponder:

    python make_llamacpp.py llamacpp.json

The file has `versions`; `rows` of logits; `texts`, one a row, of tokens that came before; and `cases`. A
case is a list of samplers, in order, with ponder's names for their parameters, and `results`: for each row
the ids of the tokens that are left with a probability over 1e-30 (null: all), and the probabilities in
units of 1e-7, by id. A case of mirostat has `runs` instead: rows that follow one another, each with the
token drawn and the probability that it was drawn with, on which the next one's mu depends.

Logits lie on coarse grids, so that equal ones and exact boundaries occur: rows of 2^k equal logits, others
of which all but 2^k are too low for float32, multiples of log 2, half and whole numbers; a third is random.
Mirostat 1 is given no level rows: of these llama.cpp makes an infinite or undefined k a whole number, and
C++ does not say which.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import struct
import sys
import tempfile
from pathlib import Path

import llama_cpp as lc
import numpy as np

SIZES = (8, 8, 12, 16, 16, 24, 32, 64)
ROWS = 200
LOWEST = -200.0
LETTERS = "abcdefgh"
BREAKERS = (2, 3)  # in texts: "c" and "d"
SPECIAL = 3  # tokens of the vocabulary before the letters


def make_rows(rng: np.random.Generator) -> list[list[float]]:
    rows = []
    for i in range(ROWS):
        size = SIZES[i % len(SIZES)]
        kind = ("level", "dyadic", "halves", "wholes", "random", "random")[rng.integers(6)]
        if kind == "level":
            high = 2 ** int(rng.integers(0, int(math.log2(size)) + 1))
            row = np.full(size, LOWEST)
            row[rng.permutation(size)[:high]] = 0.0
        elif kind == "dyadic":
            row = np.round(-rng.integers(0, 7, size) * math.log(2), 6)
        elif kind == "halves":
            row = rng.integers(-8, 9, size) / 2
        elif kind == "wholes":
            row = rng.integers(-3, 4, size).astype(float)
        else:
            row = np.round(rng.normal(size=size) * rng.choice([0.5, 2, 4]), 3)
        rows.append([float(x) + 0.0 for x in row])
    return rows


def make_texts(rng: np.random.Generator) -> list[list[int]]:
    """Short texts of few kinds of tokens, and some of 100 tokens, of which a range of 64 is a part."""
    kinds = len(LETTERS)
    return [
        rng.integers(0, rng.integers(2, kinds + 1), rng.choice([0, 3, 20, 30, 100])).tolist()
        for _ in range(ROWS)
    ]


def candidates(logits: list[float]) -> tuple[lc.llama_token_data_array, ctypes.Array]:
    data = (lc.llama_token_data * len(logits))(*[(i, x, 0.0) for i, x in enumerate(logits)])
    return lc.llama_token_data_array(data, len(logits), -1, False), data


def left(array: lc.llama_token_data_array, offset: int = 0) -> tuple[list[int] | None, list[int]]:
    """The ids left with a probability over 0, rising, and their probabilities."""
    tokens = sorted((array.data[i].id - offset, array.data[i].logit) for i in range(array.size))
    logits = np.array([logit for _, logit in tokens], dtype=np.float64)
    weights = np.exp(logits - logits.max())
    probs = weights / weights.sum()
    kept = [(token, float(p)) for (token, _), p in zip(tokens, probs, strict=True) if p > 1e-30]
    return [token for token, _ in kept], [round(p * 1e7) for _, p in kept]


def vocabulary() -> lc.llama_vocab_p:
    """A vocabulary of `LETTERS`, by way of a model file without a model."""
    tokens = ["<unk>", "<s>", "</s>", *LETTERS]
    strings = [(b"general.architecture", b"llama"), (b"tokenizer.ggml.model", b"llama")]
    counts = [
        b"block_count",
        b"context_length",
        b"embedding_length",
        b"feed_forward_length",
        b"attention.head_count",
    ]

    def text(value: bytes) -> bytes:
        return struct.pack("<Q", len(value)) + value

    def listing(key: bytes, kind: int, values: list[bytes]) -> bytes:
        return text(key) + struct.pack("<IIQ", 9, kind, len(values)) + b"".join(values)

    pairs = [text(key) + struct.pack("<I", 8) + text(value) for key, value in strings]
    pairs += [text(b"llama." + key) + struct.pack("<II", 4, 1) for key in counts]
    pairs += [text(b"llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]
    pairs += [
        listing(b"tokenizer.ggml.tokens", 8, [text(token.encode()) for token in tokens]),
        listing(b"tokenizer.ggml.scores", 6, [struct.pack("<f", 0.0)] * len(tokens)),
        listing(
            b"tokenizer.ggml.token_type",
            5,
            [struct.pack("<i", kind) for kind in (2, 3, 3, *[1] * len(LETTERS))],
        ),
    ]
    header = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    handle, path = tempfile.mkstemp(suffix=".gguf")
    os.write(handle, header + b"".join(pairs) + bytes(64))
    os.close(handle)
    options = lc.llama_model_default_params()
    options.vocab_only = True
    model = lc.llama_model_load_from_file(path.encode(), options)
    os.unlink(path)
    return lc.llama_model_get_vocab(model)


class Samplers:
    """llama.cpp's samplers by ponder's parameters."""

    def __init__(self) -> None:
        self.vocab = vocabulary()

    def make(self, name: str, p: dict, size: int) -> lc.llama_sampler_p:
        if name == "penalties":
            return lc.llama_sampler_init_penalties(
                size,
                p.get("penalty_range", 64),
                p.get("repetition_penalty", 1.0),
                p.get("frequency_penalty", 0.0),
                p.get("presence_penalty", 0.0),
            )
        if name == "dry":
            letters = [LETTERS[token].encode() for token in p["breakers"]]
            breakers = (ctypes.c_char_p * len(letters))(*letters)
            return lc.llama_sampler_init_dry(
                self.vocab,
                p["dry_multiplier"],
                p.get("dry_base", 1.75),
                p.get("dry_allowed_length", 2),
                p.get("dry_range", 0) or 4096,
                breakers if letters else None,
                len(letters),
            )
        if name == "mirostat":
            tau, eta = p["mirostat_tau"], p["mirostat_eta"]
            if p["mirostat"] == 1:
                return lc.llama_sampler_init_mirostat(size, p["seed"], tau, eta, 100)
            return lc.llama_sampler_init_mirostat_v2(p["seed"], tau, eta)
        if name == "temperature":
            return lc.llama_sampler_init_temp_ext(
                p["temperature"], p.get("dynatemp_range", 0.0), p.get("dynatemp_exponent", 1.0)
            )
        if name == "xtc":
            return lc.llama_sampler_init_xtc(p["xtc_probability"], p["xtc_threshold"], 1, 0)
        if name in ("top_k", "top_n_sigma"):
            return getattr(lc, f"llama_sampler_init_{name}")(p[name])
        return getattr(lc, f"llama_sampler_init_{name}")(p["typical_p" if name == "typical" else name], 1)

    def chain(self, names: list[str], params: dict, size: int) -> lc.llama_sampler_p:
        chain = lc.llama_sampler_chain_init(lc.llama_sampler_chain_default_params())
        for name in names:
            lc.llama_sampler_chain_add(chain, self.make(name, params, size))
        return chain


PENALTIES = [
    {"repetition_penalty": 1.25},
    {"frequency_penalty": 0.5, "presence_penalty": 0.25},
    {"repetition_penalty": 1.5, "frequency_penalty": 0.125, "presence_penalty": -0.5, "penalty_range": 8},
    {"repetition_penalty": 0.5, "frequency_penalty": -0.25},
]
DRY = [
    {"dry_multiplier": 0.5, "breakers": []},
    {"dry_multiplier": 1.0, "dry_base": 1.5, "dry_allowed_length": 3, "breakers": BREAKERS},
    {"dry_multiplier": 0.25, "dry_base": 2.0, "dry_allowed_length": 1, "breakers": BREAKERS[:1]},
    {"dry_multiplier": 0.5, "dry_allowed_length": 2, "dry_range": 15, "breakers": BREAKERS[1:]},
    {"dry_multiplier": 2.0, "dry_base": 3.0, "breakers": BREAKERS[1:]},
]
XTC = [
    {"xtc_probability": 1.0, "xtc_threshold": threshold}
    for threshold in (0.01, 0.05, 0.1, 0.125, 0.25, 0.5, 0.6)
]
ALONE: dict[str, list[dict]] = {
    "top_k": [{"top_k": k} for k in (1, 2, 3, 5, 8, 16, 40)],
    "top_p": [{"top_p": p} for p in (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)],
    "min_p": [{"min_p": p} for p in (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)],
    "typical": [{"typical_p": p} for p in (0.1, 0.25, 0.5, 0.75, 0.9, 0.95)],
    "top_n_sigma": [{"top_n_sigma": n} for n in (0.5, 1.0, 1.5, 2.0, 3.0)],
    "xtc": [*XTC, {"xtc_probability": 0.0, "xtc_threshold": 0.1}],
    "temperature": [
        {"temperature": 0.0},
        {"temperature": 0.25},
        {"temperature": 1.7},
        {"temperature": 1.0, "dynatemp_range": 0.5},
        {"temperature": 0.75, "dynatemp_range": 1.0, "dynatemp_exponent": 2.0},
        {"temperature": 1.5, "dynatemp_range": 1.0, "dynatemp_exponent": 0.5},
    ],
    "penalties": PENALTIES,
    "dry": DRY,
}
DEFAULT = ["penalties", "dry", "top_n_sigma", "top_k", "typical", "top_p", "min_p", "xtc", "temperature"]
TOGETHER: list[dict] = [
    {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "temperature": 0.8},
    {"top_k": 5, "top_p": 0.75, "temperature": 0.8, **PENALTIES[0]},
    {"top_k": 12, "typical_p": 0.9, "top_p": 0.9, "min_p": 0.02, "temperature": 1.5},
    {"top_n_sigma": 1.5, "top_k": 12, "top_p": 0.95, "temperature": 2.0, **PENALTIES[1]},
    {"top_p": 0.9, "min_p": 0.1, **XTC[2], "temperature": 0.5, **DRY[1]},
    {"top_k": 8, "top_p": 0.5, "min_p": 0.1, **XTC[1], "temperature": 1.0, **DRY[2], **PENALTIES[2]},
    {"top_k": 20, "temperature": 0.0, **PENALTIES[3]},
    {"top_k": 20, "min_p": 0.05, "temperature": 1.0, "dynatemp_range": 0.5},
]
MIROSTAT = [
    {"mirostat": version, "mirostat_tau": tau, "mirostat_eta": eta, "temperature": temperature}
    for version in (1, 2)
    for tau, eta, temperature in ((5.0, 0.1, 1.0), (2.0, 0.3, 0.8), (1.0, 1.0, 1.5))
]
SWITCHES = {
    "penalties": ("repetition_penalty", "frequency_penalty", "presence_penalty"),
    "dry": ("dry_multiplier",),
    "xtc": ("xtc_probability",),
    "typical": ("typical_p",),
}


def is_on(sampler: str, params: dict) -> bool:
    return any(key in params for key in SWITCHES.get(sampler, (sampler,)))


def apply(samplers: Samplers, names: list[str], params: dict, logits: list[float], text: list[int]) -> list:
    """Every row has a chain of its own; with DRY the row's ids are those of the letters."""
    offset = SPECIAL if "dry" in names else 0
    chain = samplers.chain(names, params, len(logits) + offset)
    for token in text:
        lc.llama_sampler_accept(chain, token + offset)
    array, data = candidates(logits)
    for token in data:
        token.id += offset
    lc.llama_sampler_apply(chain, ctypes.byref(array))
    ids, probs = left(array, offset)
    lc.llama_sampler_free(chain)
    return [None if len(ids) == len(logits) else ids, probs]


def mirostat(samplers: Samplers, params: dict, rows: list[list[float]], picks: list[int]) -> list[list]:
    chain = samplers.chain(["temperature", "mirostat"], params, len(rows[picks[0]]))
    steps = []
    for pick in picks:
        array, _ = candidates(rows[pick])
        lc.llama_sampler_apply(chain, ctypes.byref(array))
        ids, probs = left(array)
        chosen = array.data[array.selected]
        lc.llama_sampler_accept(chain, chosen.id)
        steps.append([pick, ids, probs, chosen.id, round(float(chosen.p), 9)])
    lc.llama_sampler_free(chain)
    return steps


def versions() -> dict[str, str]:
    folder = Path(lc.__file__).parent / "lib"
    found = {"llama-cpp-python": lc.__version__}
    for name, library, function in (
        ("llama.cpp", "libllama.so", "llama_version"),
        ("ggml", "libggml-base.so", "ggml_version"),
        ("commit", "libggml-base.so", "ggml_commit"),
    ):
        call = getattr(ctypes.CDLL(str(folder / library)), function)
        call.restype = ctypes.c_char_p
        found[name] = call().decode().removesuffix("-dirty")
    return found


def main(path: str) -> None:
    lc.llama_log_set(silent := lc.llama_log_callback(lambda *_: None), ctypes.c_void_p(0))
    lc.llama_backend_init()
    samplers, rng = Samplers(), np.random.default_rng(20)
    rows, texts = make_rows(rng), make_texts(rng)
    cases = []
    for name, settings in [*ALONE.items(), ("chain", TOGETHER)]:
        order = rng.permutation(ROWS).tolist()
        order = order[:100] if name == "temperature" else order  # where nothing is cut off
        for i, params in enumerate(settings):
            names = [name] if name != "chain" else [part for part in DEFAULT if is_on(part, params)]
            picks = sorted(order[i :: len(settings)])
            results = [[pick, *apply(samplers, names, params, rows[pick], texts[pick])] for pick in picks]
            cases.append({"name": name, "samplers": names, "params": params, "results": results})
    for i, params in enumerate(MIROSTAT):
        runs = []
        for k, size in enumerate((8, 16, 24, 64)):
            picks = [pick for pick in range(ROWS) if len(rows[pick]) == size]
            if params["mirostat"] == 1:
                picks = [pick for pick in picks if LOWEST not in rows[pick] and len(set(rows[pick])) > 2]
            picks = rng.permutation(picks)[:7].tolist()
            runs.append(mirostat(samplers, {**params, "seed": 10 * i + k}, rows, picks))
        cases.append(
            {"name": "mirostat", "samplers": ["temperature", "mirostat"], "params": params, "runs": runs}
        )
    lines = [f'"versions": {json.dumps(versions())}']
    lines += [f'"rows": {listed(rows)}', f'"texts": {listed(texts)}', f'"cases": {listed(cases)}']
    Path(path).write_text("{" + ",\n".join(lines) + "}\n")
    del silent


def listed(values: list) -> str:
    """JSON of a list, one item a line."""
    return "[\n" + ",\n".join(json.dumps(value, separators=(",", ":")) for value in values) + "\n]"


if __name__ == "__main__":
    main(sys.argv[1])
