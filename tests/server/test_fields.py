"""The wire has a field for every sampling parameter and every setting of a decoder."""

from dataclasses import fields

from ponder.decoders.named import MIXTURE_SETTINGS, SETTINGS
from ponder.sampling import SamplingParams
from ponder.server.openai.protocol import GenerationBody


def test_every_sampling_parameter_can_be_sent():
    """Under its own name; `top_logprobs` and `logprobs` belong to the two endpoints."""
    names = {one.name for one in fields(SamplingParams)} - {"top_logprobs"}
    assert names <= set(GenerationBody.model_fields)


def test_every_decoder_setting_can_be_sent():
    """Under the name that the command line has for it."""
    assert {*SETTINGS, *MIXTURE_SETTINGS} <= set(GenerationBody.model_fields)
