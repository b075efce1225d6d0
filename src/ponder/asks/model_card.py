"""What a model is, for who chooses settings and compares answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A loaded model.

    Attributes
    ----------
    parameters : how many numbers its weights are.
    bits : the bits in memory of one of them, on average over its matrices.
    fingerprint : equal for models that were loaded from the same weights, configuration, vocabulary and chat
        template, in hexadecimal; None: nobody knows.
    system, tools : whether the chat template writes system messages and tools.
    """

    parameters: int
    bits: float
    fingerprint: str | None
    system: bool
    tools: bool
