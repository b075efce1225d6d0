"""Beam search on the default model is transformers' `generate`, token for token, in float32.

Each length penalty and each rule of early stopping is tried once, on one prompt; with PONDER_WHOLE_GRID=1 all
with all, at two widths and on all thirty. Tiny models have all of them in `decoders/test_beam_search.py`.
"""

import os
from itertools import product

import pytest

from asking import face_ask
from decoders.hf_twin import hf_beams, hf_twin
from ponder.asks import conversation
from ponder.asks.fronts import generate
from ponder.backends.local import load_local
from ponder.decoders import BeamSearch

MAX_TOKENS, RETURNED = 10, 3
QUESTIONS = (
    "What is the capital of France?",
    "Say hello in Spanish.",
    "Name three colours.",
    "What is 2 + 3?",
    "Who wrote Hamlet?",
    "Answer with one word: is water wet?",
    "Spell the word cat.",
    "What day comes after Monday?",
    "Write one word that rhymes with moon.",
    "How many legs has a spider?",
    "Is the earth round? Yes or no.",
    "Translate 'thank you' into French.",
    "What is the opposite of hot?",
    "Give me a number under ten.",
    "What colour is the sky?",
)
BEGINNINGS = (
    "The old lighthouse keeper climbed the",
    "def fibonacci(n):\n    ",
    "Question: 7 * 6?\nAnswer:",
    '{"name": "Ada", "born": ',
    "Les élèves étudient la",
    "1, 1, 2, 3, 5, 8,",
    "# Shopping list\n\n- milk\n-",
    "SELECT name, COUNT(*) FROM",
    "To be, or not to be,",
    "Water boils at",
    "Once upon a time",
    "The best thing about rain is",
    "Dear Sir or Madam,\n\n",
    "In 1969, the first",
    "Roses are red,",
)
WHOLE = os.environ.get("PONDER_WHOLE_GRID") == "1"
GRID = list(product((4, 8), (0.6, 1.0, 2.0), (True, False, "never")))
GRID = GRID if WHOLE else [(4, 0.6, True), (8, 1.0, False), (4, 2.0, "never")]


@pytest.fixture(scope="module")
def model_and_twin(checkpoint):
    """The default model on reference kernels, and transformers' with the same weights."""
    model = load_local(checkpoint.name, device="cpu", kernels="reference")
    yield model, hf_twin(model.engine.model)
    model.close()


def test_there_are_thirty_prompts():
    """All different."""
    assert len({*QUESTIONS, *BEGINNINGS}) == 30


@pytest.mark.slow
@pytest.mark.parametrize(("num_beams", "length_penalty", "early_stopping"), GRID)
def test_the_answers_are_those_of_generate(model_and_twin, num_beams, length_penalty, early_stopping):
    """Token ids, order and scores of the best texts, for questions and for beginnings of texts."""
    model, twin = model_and_twin
    place = GRID.index((num_beams, length_penalty, early_stopping))
    texts = [*map(conversation, QUESTIONS), *BEGINNINGS] if WHOLE else [conversation(QUESTIONS[place % 15])]
    eos = model.tokenizer.eos_ids
    for text in texts:
        request = face_ask(
            text,
            {"max_tokens": MAX_TOKENS, "n": RETURNED},
            decoder=BeamSearch(num_beams, length_penalty, early_stopping),
        )
        expected, scores = hf_beams(
            twin,
            model.resolve(request).token_ids,
            eos,
            MAX_TOKENS,
            num_beams=num_beams,
            num_return_sequences=RETURNED,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
        )
        outputs = generate(model, request).outputs
        assert [output.token_ids for output in outputs] == expected, text
        assert [output.score for output in outputs] == pytest.approx(scores, abs=1e-3)
