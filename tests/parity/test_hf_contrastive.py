"""Contrastive search, DoLa and guidance are transformers', token for token, in float32.

What transformers 4.49 answers is in a golden file (tests/golden/make_hf_contrastive.py): later versions have
guidance alone. Every setting is tried on one of eight prompts, for 16 tokens; with PONDER_WHOLE_GRID=1 on
all, to their ends.
"""

import os

import pytest

import golden_files
from asking import face_ask
from ponder.asks.fronts import generate
from ponder.backends.local import load_local
from ponder.decoders import ContrastiveSearch, Sample
from ponder.mixtures import DoLa, Guidance
from ponder.text import TokenIds

GOLDEN = golden_files.load("hf_contrastive.json")
WHOLE = os.environ.get("PONDER_WHOLE_GRID") == "1"
TOKENS = 16
NEAR = 1e-4  # of scores in log-probabilities: float32 of two programs may differ by that much


@pytest.fixture(scope="module")
def model(checkpoint):
    """The default model on reference kernels."""
    model = load_local(checkpoint.name, device="cpu", kernels="reference")
    yield model
    model.close()


def request_for(case, prompt):
    """What `generate` was asked, as a request."""
    options = dict(case["options"])
    sampling = {"max_tokens": prompt["max_tokens"] if WHOLE else TOKENS, "temperature": 0.0}
    penalty = options.pop("repetition_penalty", 1.0)
    if penalty != 1:
        sampling["repetition_penalty"] = penalty
    decoder, mixture = Sample(), None
    if case["name"] == "contrastive":
        decoder = ContrastiveSearch(options.pop("top_k"), options.pop("penalty_alpha"))
        del sampling["temperature"]
    elif case["name"] == "dola":
        mixture = DoLa(options.pop("dola_layers"))
    else:
        against = TokenIds(tuple(prompt["negative"])) if options.pop("negative", False) else None
        mixture = Guidance(options.pop("guidance_scale"), against)
    assert not options
    return face_ask(TokenIds(tuple(prompt["ids"])), sampling, decoder=decoder, mixture=mixture)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "case"),
    list(enumerate(GOLDEN["cases"])),
    ids=[f"{case['name']} {case['options']}" for case in GOLDEN["cases"]],
)
def test_the_tokens_are_those_of_generate(model, place, case):
    """Up to a place where two choices are as good as equal, if there is one."""
    assert set(GOLDEN["eos"]) == set(model.tokenizer.eos_ids)
    compared, pairs = 0, list(zip(GOLDEN["prompts"], case["results"], strict=True))
    for prompt, result in pairs if WHOLE else [pairs[place % 8]]:
        (output,) = generate(model, request_for(case, prompt)).outputs
        close = (
            min(abs(values[i]) for name in ("gaps", "edges", "leads") if (values := result.get(name)))
            for i in range(len(result["ids"]))
        )
        sure = next((i for i, margin in enumerate(close) if margin < NEAR), None)
        wanted = result["ids"][: None if WHOLE else TOKENS][:sure]
        assert list(output.token_ids[:sure]) == wanted
        compared += len(wanted)
    assert compared > (150 if WHOLE else 12)
