"""Decoders and mixtures by named settings: what the command line and the server call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ponder.decoders.beam import BeamSearch
from ponder.decoders.beam_sample import BeamSample
from ponder.decoders.contrastive_search import ContrastiveSearch
from ponder.decoders.decoder import Decoder
from ponder.decoders.diverse_beam import DiverseBeamSearch
from ponder.decoders.faithful import Faithful
from ponder.decoders.speculative import DraftModel, PromptLookup, Speculative
from ponder.decoders.stochastic_beam import StochasticBeamSearch
from ponder.errors import ParameterError
from ponder.mixtures.contrast import Contrast
from ponder.mixtures.dola import DoLa
from ponder.mixtures.guidance import Guidance
from ponder.mixtures.mixture import Mixture


@dataclass(frozen=True, slots=True)
class Kind:
    """What a setting makes, of which others: `fields` maps their names to those of `make`'s parameters."""

    setting: str
    make: Callable[..., Any]
    fields: Mapping[str, str]

    @property
    def settings(self) -> frozenset[str]:
        """The names of all that go together in it."""
        return frozenset({self.setting, *self.fields})


_RANKING = {name: name for name in ("num_beams", "length_penalty", "early_stopping")}

# In the order in which they say what the others mean: num_beams has a part in three of them.
DECODERS = (
    Kind("stochastic_beams", StochasticBeamSearch, {"stochastic_beams": "num_beams"}),
    Kind(
        "num_beam_groups",
        DiverseBeamSearch,
        {**_RANKING, "num_beam_groups": "num_beam_groups", "diversity_penalty": "diversity_penalty"},
    ),
    Kind("beam_sample", BeamSample, _RANKING),
    Kind("num_beams", BeamSearch, {**_RANKING, "beam_semantics": "semantics"}),
    Kind(
        "contrastive_search",
        ContrastiveSearch,
        {"contrastive_search": "top_k", "penalty_alpha": "alpha"},
    ),
    Kind("draft", DraftModel, {"draft_tokens": "tokens"}),
    Kind(
        "prompt_lookup",
        PromptLookup,
        {"prompt_lookup": "tokens", "max_ngram": "max_ngram", "min_ngram": "min_ngram"},
    ),
    Kind("faithful", Faithful, {"faithful": "kind", "faithful_passes": "passes"}),
)

# Setting -> the one without which it means nothing.
NEEDED = {
    "length_penalty": "num_beams",
    "early_stopping": "num_beams",
    "beam_semantics": "num_beams",
    "beam_sample": "num_beams",
    "num_beam_groups": "num_beams",
    "diversity_penalty": "num_beam_groups",
    "penalty_alpha": "contrastive_search",
    "draft_tokens": "draft",
    "max_ngram": "prompt_lookup",
    "min_ngram": "prompt_lookup",
    "faithful_passes": "faithful",
    "negative_prompt": "guidance_scale",
    **dict.fromkeys(
        ("contrast_alpha", "contrast_expert", "contrast_amateur", "contrast_temperature"), "contrast"
    ),
    **dict.fromkeys(("dola_alpha", "dola_norm"), "dola_layers"),
}

MIXTURES = (
    Kind("guidance_scale", Guidance, {"guidance_scale": "scale", "negative_prompt": "against"}),
    Kind(
        "contrast",
        Contrast,
        {
            "contrast": "against",
            "contrast_alpha": "alpha",
            "contrast_expert": "expert",
            "contrast_amateur": "amateur",
            "contrast_temperature": "temperature",
        },
    ),
    Kind("dola_layers", DoLa, {"dola_layers": "layers", "dola_alpha": "alpha", "dola_norm": "norm"}),
)


def _settings(kinds: tuple[Kind, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for kind in kinds for name in (kind.setting, *kind.fields)))


SETTINGS, MIXTURE_SETTINGS = _settings(DECODERS), _settings(MIXTURES)


def decoder_of(settings: Mapping[str, Any]) -> Decoder | None:
    """Return the decoder that named settings describe; None where none of them is set.

    Parameters
    ----------
    settings : by their names in `SETTINGS`; None and False are unset. `num_beams` makes a `BeamSearch`, with
        `beam_sample` a `BeamSample`, with `num_beam_groups` a `DiverseBeamSearch`; `stochastic_beams` a
        `StochasticBeamSearch`; `contrastive_search`, which is how many tokens are tried, a
        `ContrastiveSearch`; `prompt_lookup`, how many tokens are guessed, or `draft` a `Speculative`;
        `faithful`, its kind, a `Faithful`.

    Raises
    ------
    ParameterError : one of them has a wrong value, or means nothing beside the others; by its name here.
    """
    made = _made(DECODERS, settings)
    return Speculative(made) if isinstance(made, DraftModel | PromptLookup) else made


def mixture_of(settings: Mapping[str, Any]) -> Mixture | None:
    """Return the mixture that named settings describe; None where none of them is set.

    Parameters
    ----------
    settings : by their names in `MIXTURE_SETTINGS`. `guidance_scale` makes `Guidance`, `contrast` a
        `Contrast`, `dola_layers` a `DoLa`.

    Raises
    ------
    ParameterError : as `decoder_of`.
    """
    made: Mixture | None = _made(MIXTURES, settings)
    return made


def _made(kinds: tuple[Kind, ...], settings: Mapping[str, Any]) -> Any:
    given = {name: value for name, value in settings.items() if value is not None and value is not False}
    for name, value in given.items():
        if name in NEEDED and NEEDED[name] not in given:
            raise ParameterError(name, value, f"set only together with {NEEDED[name]}")
    kind = next((kind for kind in kinds if kind.setting in given), None)
    if kind is None:
        return None
    for name, value in given.items():
        if name != kind.setting and name not in kind.fields:
            raise ParameterError(name, value, f"left unset with {kind.setting}")
    try:
        return kind.make(**{own: given[name] for name, own in kind.fields.items() if name in given})
    except ParameterError as error:
        names = {own: name for name, own in kind.fields.items()}
        raise ParameterError(names[error.field], error.value, error.allowed) from None
