"""A language model as everything above it sees it, and its answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

from ponder.asks.events import BackEvent, Output, ProgressEvent, TokenEvent, TreeEvent, Usage
from ponder.asks.grow import Grow
from ponder.asks.offers import Offers
from ponder.asks.path import Path
from ponder.asks.read import Read, Reading
from ponder.asks.weights import effective_sample_size
from ponder.sampling.params import ResolvedParams
from ponder.sampling.trace import PromptTrace
from ponder.text import Conversation, Message, Prompt


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds to load, to the first token and in all; tokens a second after the first (None: none came)."""

    load_s: float
    ttft_s: float
    total_s: float
    decode_tok_s: float | None

    def as_json(self) -> dict[str, float | None]:
        """Return the fields, rounded to a tenth of a millisecond."""
        return {name: None if value is None else round(value, 4) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request as it applies.

    Attributes
    ----------
    prompt, token_ids : what the model is given, as text and as tokens.
    begun : the tokens of the path, of which some may have been given as text.
    params : the sampling parameters, and where each came from.
    """

    prompt: str
    token_ids: tuple[int, ...]
    begun: tuple[int, ...]
    params: ResolvedParams


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to a `Grow`: outputs in order, the parameters as they applied, what it cost.

    `prompt` is the text the model saw, `request` what was asked, and `begun` the tokens of its path, of which
    some may have been given as text. `prompt_traces` are there if they were asked for: one for each prompt
    token, None for the first, which follows nothing.
    """

    model: str
    prompt: str
    params: ResolvedParams
    request: Grow
    outputs: tuple[Output, ...]
    usage: Usage
    timing: Timing
    prompt_traces: tuple[PromptTrace | None, ...] = ()
    begun: tuple[int, ...] = ()

    @property
    def text(self) -> str:
        """The text of the first output."""
        return self.outputs[0].text

    @property
    def texts(self) -> list[str]:
        """The texts of all outputs."""
        return [output.text for output in self.outputs]

    @property
    def effective_sample_size(self) -> float | None:
        """How many texts of equal weight would say as much as these; None where they have no weights."""
        weights = [output.log_weight for output in self.outputs]
        known = [weight for weight in weights if weight is not None]
        return effective_sample_size(known) if known else None

    def path(self, index: int = 0, tokens: int | None = None) -> Path:
        """Return an output as a path to go on from; with `tokens`, cut after so many of those it grew."""
        output = self.outputs[index]
        grown = output.token_ids if tokens is None else output.token_ids[:tokens]
        held = (*self.begun, *grown)
        lineage = tuple(pair for pair in output.lineage if pair[0] <= len(held))
        return Path(self.request.path.prompt, held, lineage=lineage)


Told = ProgressEvent | TokenEvent | BackEvent | TreeEvent | Completion | Reading


class LanguageModel(Protocol):
    """A model that grows and reads texts. Everything above is written against this and nothing below it."""

    @property
    def name(self) -> str:
        """What the model is called."""
        ...

    @property
    def offers(self) -> Offers:
        """What it can do."""
        ...

    def run(self, ask: Grow | Read, *, stream: bool = True) -> AsyncGenerator[Told]:
        """Do what is asked and tell what happens; the last item is the `Completion` or the `Reading`.

        Closing the generator cancels. Without `stream` only the last item comes. Texts that a search may yet
        drop come as `TreeEvent`s.

        Raises
        ------
        PonderError : for what the caller can mend.
        """
        ...


@runtime_checkable
class Resolver(Protocol):
    """A language model that can say how a request would apply, without running it."""

    def resolve(self, ask: Grow) -> Resolved:
        """Say how a request would apply. Raises PonderError for whatever would be refused when it runs."""
        ...


def conversation(
    prompt: str, system: str | None = None, template_args: Mapping[str, Any] | None = None
) -> Prompt:
    """Return a user's message, after a system message if there is one, with variables of the template's."""
    user = Message("user", prompt)
    messages = (user,) if system is None else (Message("system", system), user)
    return Conversation(messages, template_args=template_args) if template_args else messages
