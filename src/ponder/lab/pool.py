"""A pool: many samples of each of many problems, drawn once, from which curves are computed without a model.

The file is JSON lines. The first says what was drawn from what (`Provenance`); each other is a problem:

    {"id": ..., "question": ..., "reference": ...,
     "outcomes": [[answer, group, right, logprob, entropy, tokens(, score)], ...],
     "samples": [0, 0, 1, 0, 2, ...]}

An outcome is what a sample came to, told once however many samples came to it; `samples` has the index of
each sample's outcome, in the order in which they were drawn. Equal answers have the same `group`; it is null
where there is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ponder.errors import DataError
from ponder.scaling.journal import json_object

FORMAT = "ponder pool 1"

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a pool was drawn from.

    Attributes
    ----------
    model, task : their names.
    seed : of the problems and of the samples.
    temperature : at which samples were drawn.
    samples : how many of each problem.
    reward : whose scores the samples have; None if they have none.
    versions : of the packages that decide what is drawn.
    """

    model: str
    task: str
    seed: int
    temperature: float
    samples: int
    reward: str | None
    versions: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the first line of a pool's file."""
        return {"format": FORMAT, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample came to.

    Attributes
    ----------
    answer : its final answer; None if there is none.
    group : a number that it shares with equal answers to this problem; None where there is no answer.
    right : whether that is the reference.
    logprob : the sum of its tokens' raw log-probabilities, natural.
    entropy : the mean entropy of what they were drawn from, raw, in nats; None if the model does not tell it.
    tokens : how many were generated.
    score : what the pool's reward said; None if there is none.
    """

    answer: str | None
    group: int | None
    right: bool
    logprob: float
    entropy: float | None
    tokens: int
    score: float | None = None

    @property
    def mean_logprob(self) -> float:
        """The mean log-probability of its tokens."""
        return self.logprob / max(1, self.tokens)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A problem and its samples, in the order in which they were drawn."""

    id: str
    question: str
    reference: str
    samples: tuple[Sample, ...]

    @property
    def right(self) -> Bools:
        """Whether each sample is right, [n]."""
        return np.array([sample.right for sample in self.samples])

    @property
    def groups(self) -> tuple[int | None, ...]:
        """The group of each sample's answer, as stopping rules take it."""
        return tuple(sample.group for sample in self.samples)

    @property
    def tokens(self) -> npt.NDArray[np.int64]:
        """How many tokens each sample has, [n]."""
        return np.array([sample.tokens for sample in self.samples])

    def as_json(self) -> dict[str, Any]:
        """Return a problem's line."""
        places: dict[Sample, int] = {}
        samples = [places.setdefault(sample, len(places)) for sample in self.samples]
        outcomes = [
            [one.answer, one.group, int(one.right), one.logprob, one.entropy, one.tokens]
            + ([] if one.score is None else [one.score])
            for one in places
        ]
        told = {"id": self.id, "question": self.question, "reference": self.reference}
        return {**told, "outcomes": outcomes, "samples": samples}


@dataclass(frozen=True, slots=True)
class Pool:
    """Problems with their samples, all as many."""

    provenance: Provenance
    problems: tuple[Drawn, ...]

    @property
    def samples(self) -> int:
        """How many samples each problem has."""
        return self.provenance.samples

    @property
    def name(self) -> str:
        """The task's name."""
        return self.provenance.task

    @staticmethod
    def read(path: str | PathLike[str]) -> Pool:
        """Read a pool's file. A last line that was cut off counts as not written.

        Raises
        ------
        DataError : it cannot be read, or a line is not a pool's; names the line.
        """
        try:
            content = Path(path).read_bytes()
            lines = content[: content.rfind(b"\n") + 1].decode().splitlines()
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 at byte {error.start}") from None
        if not lines:
            raise DataError(f"{path} is no pool: it is empty")
        provenance = _provenance(json_object(lines[0], f"{path}, line 1"), f"{path}, line 1")
        problems = [
            _drawn(json_object(line, where), provenance.samples, where)
            for line, where in ((line, f"{path}, line {i}") for i, line in enumerate(lines[1:], 2))
        ]
        return Pool(provenance, tuple(problems))


def _provenance(line: Mapping[str, Any], where: str) -> Provenance:
    if line.get("format") != FORMAT:
        raise DataError(f"{where}: no pool, which begins with its format, {FORMAT!r}")
    try:
        return Provenance(**{name: value for name, value in line.items() if name != "format"})
    except TypeError:
        wanted = ", ".join(Provenance.__slots__)
        raise DataError(f"{where}: a pool's first line has {wanted}, not {', '.join(line)}") from None


def _drawn(line: Mapping[str, Any], count: int, where: str) -> Drawn:
    try:
        outcomes = [_sample(*one) for one in line["outcomes"]]
        samples = tuple(outcomes[index] for index in line["samples"])
        drawn = Drawn(line["id"], line["question"], line["reference"], samples)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{where}: not a problem of a pool: {type(error).__name__}: {error}") from None
    if len(samples) != count:
        raise DataError(f"{where}: {len(samples)} samples, where the pool has {count} of each problem")
    return drawn


def _sample(answer: Any, group: Any, right: Any, *numbers: Any) -> Sample:
    logprob, entropy, tokens, score = (*numbers, None)[:4]
    return Sample(answer, group, bool(right), logprob, entropy, tokens, score)
