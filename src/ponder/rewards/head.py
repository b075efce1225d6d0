"""A process reward that reads what the policy knew as it wrote: a linear head, a few kilobytes, no model.

    x = the state [C], and of the tokens' log-probabilities the sum, the mean and the least      [C + 3]
    score = sigmoid(weights . (x - mean) / scale + bias)

The state is what the model's head read to choose the last token of a reasoning step. All of it was computed
when the step was generated, so that a score costs no token (MetaStone's SPRM, arXiv 2507.01951, and ReProbe,
arXiv 2511.06209, read such states as well, after one more token).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ponder.asks import LanguageModel, Read, States
from ponder.asks import Path as AskPath
from ponder.asks.fronts import aread_many
from ponder.errors import CheckpointError, UnsupportedError
from ponder.rewards.judgement import Judgement, Scale
from ponder.rewards.logistic import logistics
from ponder.rewards.reward import Candidate, Problem, State

Floats = npt.NDArray[np.float32]

MAX_BYTES = 16 * 2**20
OF_TOKENS = 3  # what a head reads besides the state
_FORMAT = "ponder reward head 2"
_TENSORS = ("mean", "scale", "weights", "bias")


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A linear head over what `head_input` makes of texts.

    Attributes
    ----------
    mean, scale, weights : [C + 3] float32.
    bias : a number.
    provenance : what it was made of: model, tasks, seed, and how well it tells right from wrong.
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def scores(self, inputs: Floats) -> npt.NDArray[np.float64]:
        """Return the probabilities [N] that texts with these inputs [N, C + 3] end right."""
        standardised = ((inputs - self.mean) / self.scale).astype(np.float64)
        return logistics(standardised @ self.weights + self.bias)

    def save(self, file: str | PathLike[str]) -> None:
        """Write it as safetensors; equal heads are equal bytes."""
        tensors = {
            "mean": self.mean,
            "scale": self.scale,
            "weights": self.weights,
            "bias": np.array([self.bias], dtype=np.float32),
        }
        told = {_FORMAT: json.dumps(self.provenance, sort_keys=True)}  # one entry: their order is random
        save_file(tensors, file, metadata=told)

    @classmethod
    def load(cls, file: str | PathLike[str]) -> Head:
        """Read it from a file.

        Raises
        ------
        CheckpointError : the file cannot be read, or is none that `save` writes.
        """
        try:
            if Path(file).stat().st_size > MAX_BYTES:
                raise CheckpointError(f"{file} has more than {MAX_BYTES} bytes: it is no reward head")
            with safe_open(file, framework="numpy") as tensors:
                told = tensors.metadata() or {}
                mean, scale, weights, bias = (tensors.get_tensor(name) for name in _TENSORS)
                provenance = json.loads(told[_FORMAT])
        except OSError as error:
            raise CheckpointError(f"{file} cannot be read: {error.strerror or error}") from error
        except (SafetensorError, KeyError, ValueError) as error:
            raise CheckpointError(f"{file} is no reward head: {error}") from error
        shapes = [array.shape for array in (mean, scale, weights)]
        same = len(set(shapes)) == 1 and mean.ndim == 1 and len(mean) > OF_TOKENS and bias.shape == (1,)
        arrays = (mean, scale, weights, bias)
        if not same or not all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays):
            raise CheckpointError(f"{file} is no reward head: its tensors are not as they should be")
        if not (scale > 0).all():
            raise CheckpointError(f"{file} is no reward head: a scale is not over 0")
        return cls(mean, scale, weights, float(bias[0]), provenance)


def head_input(state: State, logprobs: Sequence[float]) -> Floats:
    """Return what a head reads of a text [C + 3]: its state, and its tokens' log-probabilities as above."""
    return np.append(state, (sum(logprobs), sum(logprobs) / len(logprobs), min(logprobs))).astype(np.float32)


@dataclass(frozen=True, slots=True)
class HeadReward:
    """Scores a candidate by what the model knew at the end of its last reasoning step.

    Of a candidate that comes without its state or its tokens' log-probabilities these are read from `model`,
    at the cost of the tokens that the cache does not have.
    """

    head: Head
    model: LanguageModel

    name: ClassVar[str] = "head"
    scale: ClassVar[Scale] = "probability"
    needs: ClassVar[frozenset[str]] = frozenset({"state"})

    def free_for(self, policy: LanguageModel, candidates: Sequence[Candidate]) -> bool:
        return "States" in policy.offers.reads

    async def judge(self, problem: Problem, candidates: Sequence[Candidate]) -> Judgement:
        paths = [one.path if one.path is not None and one.path.tokens else None for one in candidates]
        states = [candidate.state for candidate in candidates]
        logprobs = [[measure.logprob for measure in candidate.measures] for candidate in candidates]
        stateless = {i: path for i, path in enumerate(paths) if path is not None and states[i] is None}
        unmeasured = {i: path for i, path in enumerate(paths) if path is not None and not logprobs[i]}
        reads = [*map(_of_state, stateless.values()), *map(_of_tokens, unmeasured.values())]
        readings = await aread_many(self.model, reads)
        for i, reading in zip(stateless, readings, strict=False):
            states[i] = None if reading.rows is None else reading.rows[-1]
        for (i, path), reading in zip(unmeasured.items(), readings[len(stateless) :], strict=True):
            logprobs[i] = list(reading.texts[0].token_logprobs[-len(path.tokens) :])
        scores = [
            "its tokens are not known" if state is None or not told else self._score(state, told)
            for state, told in zip(states, logprobs, strict=True)
        ]
        return Judgement.of(scores, requests=tuple(reading.usage for reading in readings))

    def _score(self, state: State, logprobs: Sequence[float]) -> float:
        wanted = len(self.head.mean) - OF_TOKENS
        if len(state) != wanted:
            said = f"the head reads states of {wanted} numbers"
            raise UnsupportedError(f"{said}, and those of {self.model.name} have {len(state)}")
        return float(self.head.scores(head_input(state, logprobs)[None])[0])


def _of_state(path: AskPath) -> Read:
    """Ask for what the model's head read to choose the last token of a path."""
    return Read(AskPath(path.prompt, path.tokens[:-1]), at="last", of=States())


def _of_tokens(path: AskPath) -> Read:
    """Ask for the log-probabilities of a path's tokens."""
    return Read(AskPath(path.prompt, path.tokens))
