"""What guidance, contrastive decoding, DoLa and contrastive search cost, against transformers.

    python benchmarks/scripts/contrast.py MODEL_DIR [--repeats N] [--old-transformers PYTHON]

One prompt grows 64 tokens greedily, without an end token: ponder on native kernels; transformers' `generate`
in bfloat16 from MODEL_DIR (benchmarks/scripts/export_hf.py makes it of the same weights). Contrastive search
and DoLa have left transformers with version 5: PYTHON is an interpreter whose transformers still has them,
such as 4.49. Each system is a process of its own with two threads; all settings are run in turn, N times
over. A "cost" is in the system's own plain runs; a ratio is of seconds. Prompts are in ponder's prefix cache
except for contrastive search, which reads the states of all their tokens; transformers computes the prompt
each time.
Needs `pip install 'ponder-benchmarks[transformers]'`.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch

import ponder
from machine import write_result
from ponder.decoders import Sample
from ponder.hub.registry import DEFAULT_MODEL
from ponder.text import TokenIds

THREADS, NEW_TOKENS, WARM_UP = 2, 64, 8
PROMPT, AGAINST = "Tell me about the history of the city of Paris.", "Tell me about yourself."
LAYERS = 15

# What ponder is asked, and what `generate` is.
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "plain": ({}, {}),
    "guidance": ({"mixture": ponder.Guidance(1.5)}, {"guidance_scale": 1.5}),
    "contrastive decoding, 15 layers": ({"mixture": ponder.Contrast(LAYERS)}, None),
    "DoLa, high": ({"mixture": ponder.DoLa("high")}, {"dola_layers": "high"}),
    "DoLa, low": ({"mixture": ponder.DoLa("low")}, {"dola_layers": "low"}),
    "contrastive search, 4": (
        {"decoder": ponder.ContrastiveSearch(4, 0.6)},
        {"penalty_alpha": 0.6, "top_k": 4},
    ),
    "contrastive search, 8": (
        {"decoder": ponder.ContrastiveSearch(8, 0.6)},
        {"penalty_alpha": 0.6, "top_k": 8},
    ),
}
OLD_ONLY = tuple(name for name in SETTINGS if name.startswith(("DoLa", "contrastive search")))
lm: Any = None  # of the worker process


def start() -> tuple[list[int], list[int]]:
    """Load ponder's model; return the tokens of the two prompts."""
    global lm
    torch.set_num_threads(THREADS)
    lm = ponder.load(device="cpu")
    prompts = (lm.model.encode(lm.prompt(text)).token_ids for text in (PROMPT, AGAINST))
    own, against = map(list, prompts)
    return own, against


def written(name: str, ids: list[int], against: list[int], tokens: int) -> tuple[float, list[int]]:
    """Return the seconds that ponder takes, and the text."""
    options = dict(SETTINGS[name][0])
    if name == "guidance":
        options["mixture"] = ponder.Guidance(1.5, TokenIds(tuple(against)))
    if isinstance(options.setdefault("decoder", Sample()), Sample):
        options["temperature"] = 0.0
    begin = time.perf_counter()
    answer = lm(TokenIds(tuple(ids)), max_tokens=tokens, ignore_eos=True, **options)
    return time.perf_counter() - begin, list(answer.outputs[0].token_ids)


class Peer:
    """A `generate` worker."""

    def __init__(self, python: str, folder: Path) -> None:
        command = [python, str(Path(__file__).with_name("generate_worker.py")), str(folder), str(THREADS)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.versions = self._read()

    def written(self, name: str, ids: list[int], against: list[int], tokens: int) -> tuple[float, list[int]]:
        """Return the seconds that `generate` takes, and the text."""
        options: dict[str, Any] = {**(SETTINGS[name][1] or {}), "max_new_tokens": tokens}
        if name == "guidance":
            options["negative_prompt_ids"] = against
        assert self.process.stdin is not None
        print(json.dumps({"ids": ids, "options": options}), file=self.process.stdin, flush=True)
        answer = self._read()
        return answer["seconds"], answer["ids"]

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker of transformers ended: {' '.join(map(str, self.process.args))}")
        return json.loads(line)


def main(folder: Path, repeats: int, old: str | None) -> None:
    """Measure and write the results."""
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    ids, against = pool.submit(start).result()
    peers = {"transformers": Peer(sys.executable, folder)}
    if old is not None:
        peers["old transformers"] = Peer(old, folder)
    runs: dict[tuple[str, str], list[float]] = {}
    for repeat in range(-1, repeats):
        tokens = WARM_UP if repeat < 0 else NEW_TOKENS
        for name, (_, theirs) in SETTINGS.items():
            asked = {"ponder": pool.submit(written, name, ids, against, tokens).result}
            for peer, worker in peers.items():
                if theirs is not None and (peer != "transformers" or name not in OLD_ONLY):
                    asked[peer] = lambda w=worker, n=name, t=tokens: w.written(n, ids, against, t)
            for system, ask in asked.items():
                seconds, text = ask()
                assert len(text) == tokens, (system, name, len(text))
                if repeat >= 0:
                    runs.setdefault((system, name), []).append(seconds)
    write_result(
        "contrast",
        ("ponder", "torch", "transformers"),
        {
            "what": f"{DEFAULT_MODEL}, one prompt of {len(ids)} tokens, {NEW_TOKENS} new tokens, greedy",
            "threads": THREADS,
            "repeats": repeats,
            "peers": {name: peer.versions for name, peer in peers.items()},
            "settings": {
                name: {
                    "ponder_ms_a_token": 1000 * statistics.median(runs["ponder", name]) / NEW_TOKENS,
                    "ponder_cost": _ratio(runs["ponder", name], runs["ponder", "plain"]),
                    **{
                        f"{peer} / ponder": _ratio(runs[peer, name], runs["ponder", name])
                        for peer in peers
                        if (peer, name) in runs
                    },
                    **{
                        f"{peer} cost": _ratio(runs[peer, name], runs[peer, "plain"])
                        for peer in peers
                        if (peer, name) in runs
                    },
                }
                for name in SETTINGS
            },
            "seconds": {f"{system}: {name}": values for (system, name), values in runs.items()},
        },
    )


def _ratio(some: list[float], others: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(some, others, strict=True))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--old-transformers", metavar="PYTHON")
    arguments = parser.parse_args()
    main(arguments.model_dir, arguments.repeats, arguments.old_transformers)
