"""What the engine is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from ponder.constraints import Constraint
from ponder.decoders import Decoder, Sample
from ponder.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt as token ids and how to go on from it."""

    prompt: tuple[int, ...]
    params: SamplingParams
    constraint: Constraint | None = None
    decoder: Decoder = field(default_factory=Sample)
