"""What a request means where it says nothing, and what its sampling parameters need."""

from __future__ import annotations

from typing import cast

from ponder.asks.grow import Method
from ponder.asks.needs import Asker, Needs
from ponder.decoders.decoder import Decoder
from ponder.decoders.sample import Sample
from ponder.sampling.params import SamplingParams
from ponder.text import Tokenizer

SENTENCE_ENDS = (".", "!", "?", "\n")
"""A token with one of these ends a sentence, at which `top_p_decay` begins anew."""


def decoder_for(method: Method | None) -> Decoder:
    """Return how texts grow: by sampling, unless something else is asked for."""
    return Sample() if method is None else cast(Decoder, method)


def asked_by(params: SamplingParams) -> list[Asker]:
    """Return what parameters need of the engine."""
    askers = []
    if params.real_temperature:
        needs = Needs(states=True, residuals=True, replay="traced")
        askers.append(Asker("real_temperature", params.real_temperature, "0", needs))
    if params.mirostat:  # its state follows from how each token was drawn
        askers.append(Asker("mirostat", params.mirostat, "0", Needs(replay="traced")))
    if params.min_allowed_mass:
        askers.append(Asker("min_allowed_mass", params.min_allowed_mass, "0", Needs()))
    return askers


def breakers_of(params: SamplingParams, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that end a repetition, where that matters."""
    return tokenizer.containing(params.dry_sequence_breakers if params.dry_multiplier else ())


def sentence_ends_of(params: SamplingParams, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that end a sentence, where that matters."""
    return tokenizer.containing(SENTENCE_ENDS if params.top_p_decay < 1 else ())
