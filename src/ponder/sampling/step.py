"""What describes a step of sampling. Nothing here needs torch; what a step does to tensors is its rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ponder.sampling.parameter import Parameter

if TYPE_CHECKING:
    import torch

    from ponder.sampling.params import SamplingParams
    from ponder.sampling.row import Row

Kind = Literal["penalty", "temperature", "truncation"]


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may look at besides the logits.

    `tempered` are the probabilities, [R, V], right after the temperature; before it, those of the input.
    """

    rows: Sequence[Row]
    params: SamplingParams
    tempered: torch.Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is done to logits. One module of `steps/` has one.

    Attributes
    ----------
    parameters : what turns it on, or steers it.
    rule : a function of tensors, which is given the parameters by name. By kind:

        - penalty: (logits [V], row, **parameters) changes the row in place;
        - truncation: (probs [R, V], context, **parameters) -> [R, V] bool, what it keeps;
        - temperature: (logits [R, V], context, **parameters) -> [R, V] logits.
    source : a paper, or the system that had it first.
    switches : the names of the parameters that turn it on where they are not at their default; by default
        the first parameter is one.
    of_logits : a truncation's rule is given logits instead of probabilities.
    kernel : the name of its kernel in csrc/; None: it has none, and torch does a request that has it on.
    """

    name: str
    kind: Kind
    parameters: tuple[Parameter, ...]
    rule: Callable[..., Any]
    source: str
    switches: tuple[str, ...] = ()
    of_logits: bool = False
    kernel: str | None = None

    def __post_init__(self) -> None:
        if not self.switches:
            object.__setattr__(self, "switches", (self.parameters[0].name,))

    @property
    def knobs(self) -> tuple[str, ...]:
        """The names of the parameters that steer it."""
        return tuple(one.name for one in self.parameters if one.name not in self.switches)
