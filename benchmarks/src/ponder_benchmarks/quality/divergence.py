"""How near a system's arithmetic is to a reference's, on a text both read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ponder.errors import ParameterError, PonderError

Say = Callable[[str], None]

WINDOW = 512
_ROWS = 64  # rows at a time: float64 temporaries of 25 MB, 2.5 times as fast as a window's 255 at once


class LogitSource(Protocol):
    """A system that reads tokens."""

    @property
    def name(self) -> str:
        """What it is called in a table."""
        ...

    def logits(self, tokens: Sequence[int], wanted: int) -> torch.Tensor:
        """Read `tokens` as one sequence from its start; return [wanted, V] float32 after each of the last."""
        ...


@dataclass(frozen=True, slots=True)
class Divergence:
    """How far a system is from the reference, over the scored tokens. Natural logs.

    Attributes
    ----------
    mean_kl, p99_kl, max_kl : of KL(reference || system) over the whole vocabulary, in nats a token.
    top1_agreement : the share of tokens before which both have the same likeliest token.
    max_logprob_difference : the largest difference in the log-probability of a token of the text.
    """

    mean_kl: float
    p99_kl: float
    max_kl: float
    top1_agreement: float
    max_logprob_difference: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What came of one system; `divergence` is None for the reference itself."""

    system: str
    tokens: int
    perplexity: float
    divergence: Divergence | None


@dataclass(frozen=True, slots=True)
class Scores:
    """One window's scored tokens, each [n] float64: of the reference, then of a system against it."""

    logprobs: torch.Tensor
    divergences: torch.Tensor
    agreements: torch.Tensor


def windows(token_ids: Sequence[int], window: int, limit: int | None, begin: int | None) -> list[list[int]]:
    """Cut a text into windows of `window` tokens; what is left at the end is not read.

    Parameters
    ----------
    limit : how many tokens of the text are used; None: all.
    begin : the token a text begins with, where the model has one: it takes the place of each window's first
        (as in llama.cpp's perplexity tool).

    Raises
    ------
    ParameterError : a window is too short to score a token of, or the text is shorter than one.
    """
    if window < 4:
        raise ParameterError("window", window, "4 tokens or more")
    if limit is not None and limit < window:
        raise ParameterError("tokens", limit, f"at least {window}, one window")
    ids = list(token_ids[:limit])
    if len(ids) < window:
        raise ParameterError("text", f"{len(ids)} tokens", f"at least {window} tokens, one window")
    cut = [ids[start : start + window] for start in range(0, len(ids) - window + 1, window)]
    return cut if begin is None else [[begin, *piece[1:]] for piece in cut]


class Kept:
    """The `LogitSource` of a system that has read all windows: it may end, so that another has its memory.

    The files take 4 bytes a logit: for a window of 512 tokens and 151,936 logits 155 MB.

    Parameters
    ----------
    source : the system, which reads each window now.
    pieces : windows of equal length, from `windows`.
    folder : gets a .npy file for each window.
    say : gets a line of progress before each.
    """

    def __init__(self, source: LogitSource, pieces: Sequence[Sequence[int]], folder: Path, say: Say) -> None:
        self.name = source.name
        self._files: dict[tuple[int, ...], Path] = {}
        for number, piece in enumerate(pieces, start=1):
            say(f"{source.name}: window {number} of {len(pieces)}")
            file = folder / f"{number}.npy"
            np.save(file, source.logits(piece[:-1], scored(len(piece))).numpy())
            self._files[tuple(piece[:-1])] = file

    def logits(self, tokens: Sequence[int], wanted: int) -> torch.Tensor:
        """Return what the system computed for one of the windows: its last `wanted` rows."""
        return torch.from_numpy(np.load(self._files[tuple(tokens)]))[-wanted:]


def scored(window: int) -> int:
    """How many tokens of a window are scored: its second half but the first, as llama.cpp's tool counts."""
    return window - window // 2 - 1


def measure(
    reference: LogitSource, systems: Sequence[LogitSource], pieces: Sequence[Sequence[int]], say: Say
) -> list[Quality]:
    """Let every system read every window, and compare each with the reference.

    The first half of a window is context. One window's logits are held at a time.

    Parameters
    ----------
    pieces : windows of equal length, from `windows`.
    say : gets a line of progress before each window.

    Raises
    ------
    PonderError : a system's logits are not finite or not over the reference's vocabulary.
    """
    wanted = scored(len(pieces[0]))
    own: list[torch.Tensor] = []
    others: list[list[Scores]] = [[] for _ in systems]
    for number, piece in enumerate(pieces, start=1):
        say(f"window {number} of {len(pieces)}")
        targets = torch.tensor(piece[-wanted:])
        truth = log_probabilities(_checked(reference, piece, wanted, None))
        own.append(of_tokens(truth, targets))
        for system, scores in zip(systems, others, strict=True):
            logits = _checked(system, piece, wanted, truth.shape[-1])
            scores.append(compare(truth, log_probabilities(logits), targets))
    baseline = torch.cat(own)
    return [
        Quality(reference.name, len(baseline), perplexity(baseline), None),
        *(_quality(system.name, baseline, scores) for system, scores in zip(systems, others, strict=True)),
    ]


def _checked(source: LogitSource, piece: Sequence[int], wanted: int, vocab_size: int | None) -> torch.Tensor:
    logits = source.logits(piece[:-1], wanted).cpu()
    if vocab_size is not None and logits.shape[-1] != vocab_size:
        raise PonderError(f"{source.name} has {logits.shape[-1]} logits and the reference {vocab_size}")
    if not logits.isfinite().all():
        raise PonderError(f"{source.name} computed logits that are not finite")
    return logits


def log_probabilities(logits: torch.Tensor) -> torch.Tensor:
    """Return the log-softmax of rows, [n, V] float64."""
    return torch.cat([rows.double().log_softmax(-1) for rows in torch.split(logits, _ROWS)])


def of_tokens(logprobs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return each row's log-probability of its token, [n]."""
    return logprobs.gather(1, targets[:, None])[:, 0]


def compare(truth: torch.Tensor, found: torch.Tensor, targets: torch.Tensor) -> Scores:
    """Compare log-probabilities [n, V] float64 with the reference's; `targets` [n] are the text's tokens."""
    pairs = zip(torch.split(truth, _ROWS), torch.split(found, _ROWS), strict=True)
    divergences = torch.cat([(p.exp() * (p - q)).sum(-1) for p, q in pairs])
    return Scores(of_tokens(found, targets), divergences, truth.argmax(-1) == found.argmax(-1))


def perplexity(logprobs: torch.Tensor) -> float:
    """Return exp of the mean negative log-probability."""
    return math.exp(-logprobs.mean().item())


def _quality(name: str, baseline: torch.Tensor, scores: Sequence[Scores]) -> Quality:
    logprobs = torch.cat([part.logprobs for part in scores])
    divergences = torch.cat([part.divergences for part in scores])
    agreements = torch.cat([part.agreements for part in scores])
    divergence = Divergence(
        mean_kl=divergences.mean().item(),
        p99_kl=divergences.quantile(0.99).item(),
        max_kl=divergences.max().item(),
        top1_agreement=agreements.double().mean().item(),
        max_logprob_difference=(logprobs - baseline).abs().max().item(),
    )
    return Quality(name, len(logprobs), perplexity(logprobs), divergence)
