"""Milliseconds to choose tokens for rows of logits, and the share of a step that this is."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ponder.errors import ParameterError
from ponder.sampling import SamplingParams
from ponder_benchmarks.figures.decode import decode_room, decode_turn
from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Quantity, Result
from ponder_benchmarks.figures.session import Case, Say, Turn, open_session
from ponder_benchmarks.figures.settings import RunSettings, check_counts
from ponder_benchmarks.figures.systems import PONDER, programs

CALLS = 5  # of the sampler in a turn
STEPS = 8  # of the model in a turn
DEVIATION = 3.0  # of the logits: perplexity at temperature 0.8 is then some tens, as a model's is


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """So many rows of logits, of the model's vocabulary and drawn from a normal distribution."""

    rows: int = 32
    temperature: float = 0.8
    top_p: float = 0.9
    prompt_tokens: int = 512

    def __post_init__(self) -> None:
        check_counts(self, {"rows": 1, "prompt_tokens": 1})
        SamplingParams(temperature=self.temperature, top_p=self.top_p, n=self.rows)
        if self.temperature == 0:
            raise ParameterError("temperature", self.temperature, "over 0: nothing is drawn at 0")


def measure_sample(run: RunSettings, settings: SampleSettings, say: Say) -> Result:
    """Measure samplers on the same logits, and ponder's step with as many branches.

    Raises
    ------
    ParameterError : a peer is asked for whose sampler cannot be called by itself.
    PonderError : a system is missing, failed, or did other work than the others.
    """
    if "vllm" in run.against:
        raise ParameterError("against", "vllm", "llama.cpp, transformers: its sampler has no call of its own")
    rows = settings.rows
    chosen = {"temperature": settings.temperature, "top_p": settings.top_p}
    room = decode_room(settings.prompt_tokens, rows, STEPS)
    with open_session(run, programs(run, room), say) as session, tempfile.TemporaryDirectory() as folder:
        shape, path = (rows, session.vocab_size), Path(folder) / "logits.npy"
        drawn = np.random.default_rng(run.seed).standard_normal(shape, dtype=np.float32)
        np.save(path, drawn * np.float32(DEVIATION))
        sampling = Turn(
            "sample",
            {"logits": str(path), "calls": CALLS, **chosen},
            work={"rows": rows, "vocab_size": session.vocab_size},
        )
        step = decode_turn(
            prompt_ids(session.vocab_size, settings.prompt_tokens, run.seed, 0), rows, STEPS, chosen
        )
        cases = [
            Case(f"sample, {rows} rows", "ms", False, lambda _: sampling, lambda a: 1000 * a["seconds"]),
            Case(
                f"step, {rows} rows",
                "ms",
                False,
                lambda _: step,
                lambda a: 1000 * a["seconds"] / STEPS,
                ponder_only=True,
            ),
        ]
        comparisons, _ = session.compare(cases, say)
        parts = zip(comparisons[0].samples[PONDER], comparisons[1].samples[PONDER], strict=True)
        share = Quantity("sampling: share of ponder's step", "", tuple(part / whole for part, whole in parts))
        return session.result("sample", settings, comparisons, [share])
