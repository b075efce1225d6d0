"""The default model computes what transformers computes on the same dequantised weights in float32.

Six prompts, and 16 tokens where it goes step by step; with PONDER_WHOLE_GRID=1 twenty, and 64 tokens.
"""

import os
import random

import pytest
import torch
import transformers

from asking import engine_ask
from forward import all_logits, grow, poisoned_pool
from ponder.asks.fronts import score as score_texts
from ponder.backends.local import load_local
from ponder.engine import FinishedEvent
from ponder.engine.runner import Runner
from ponder.sampling import SamplingParams
from ponder.scoring.choice import normalise
from ponder.text import Message
from ponder.tree import Branch, RadixTree

PROMPTS, STEPS = (20, 64) if os.environ.get("PONDER_WHOLE_GRID") == "1" else (6, 16)
POSITIONS = 64
PASSAGES = (
    "The old lighthouse keeper climbed the stairs every evening before the fog rolled in from the bay.",
    "def fibonacci(n):\n    a, b = 0, 1\n    for _ in range(n):\n        a, b = b, a + b\n    return a\n",
    "Question: If 3 apples cost $4.50, how much do 7 apples cost?\nAnswer: 3 apples cost 4.50, so one costs",
    '{"name": "Ada", "born": 1815, "fields": ["mathematics", "computing"], "alive": false}\n',
    "Les élèves étudient la géométrie; Straße und Fluß. Привет, мир! 今日は良い天気です。 😀👍🏽\n",
    "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
    "Water boils at 100 degrees Celsius at sea level, and at a lower temperature on a high mountain.",
    "1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181,",
    "# Shopping list\n\n- milk\n- bread\n- two dozen eggs\n\n## Later\n\n| item | price |\n|---|---|\n",
    "SELECT name, COUNT(*) FROM orders JOIN users ON orders.user_id = users.id GROUP BY name;\n",
    "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer the slings",
    "    \t\t  \n\n\n   ...!!! ???   --- *** ~~~ ^^^ ___ === +++ \\\\ // ||   \n \n",
)


@pytest.fixture(scope="module")
def local_model(checkpoint):
    """The default model in float32, as transformers has it."""
    model = load_local(checkpoint.name, device="cpu", kernels="reference")
    yield model
    model.close()


@pytest.fixture(scope="module")
def theirs(checkpoint):
    """transformers' model of the same file."""
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(checkpoint.path.parent),
        gguf_file=checkpoint.path.name,
        dtype=torch.float32,
        attn_implementation="eager",
    )
    return model.eval()


@pytest.fixture(scope="module")
def their_tokenizer(checkpoint):
    return transformers.AutoTokenizer.from_pretrained(
        str(checkpoint.path.parent), gguf_file=checkpoint.path.name
    )


@pytest.fixture(scope="module")
def prompts(tokenizer):
    """Passages of prose, code, numbers, markup and chat, in as many orders: [PROMPTS, 64] ids."""
    rng = random.Random(0)
    texts = ["".join(rng.sample(PASSAGES, 6)) for _ in range(PROMPTS)]
    ids = [tokenizer.encode(text, parse_special=True)[:POSITIONS] for text in texts]
    assert all(len(row) == POSITIONS for row in ids)
    return ids


@pytest.fixture(scope="module")
def their_logits(theirs, prompts):
    with torch.inference_mode():
        return theirs(torch.tensor(prompts)).logits


def test_logits_of_one_prefill(local_model, prompts, their_logits, record_property):
    """All PROMPTS x 64 rows of one ragged batch differ by at most 1e-3, and so do the runner's last rows."""
    model = local_model.engine.model
    ours = torch.stack(all_logits(model, prompts))
    difference = (ours - their_logits).abs().max().item()
    record_property("max_abs_logit_difference", difference)
    assert difference <= 1e-3
    pool = poisoned_pool(model, PROMPTS * POSITIONS // 16)
    tree = RadixTree(pool)
    rows = [grow(Branch(tree), ids, 2 * POSITIONS, 1) for ids in prompts]
    last = Runner(model, pool).forward(rows)
    assert (last - their_logits[:, -1]).abs().max() <= 1e-3


def test_logits_token_by_token(local_model, prompts, their_logits, record_property):
    """The same when the runner sees one token of each prompt at a time and the rest is in the cache."""
    pool = poisoned_pool(local_model.engine.model, PROMPTS * POSITIONS // 16)
    runner = Runner(local_model.engine.model, pool)
    tree = RadixTree(pool)
    branches = [Branch(tree) for _ in prompts]
    largest = 0.0
    for position in range(STEPS):
        rows = [
            grow(branch, [ids[position]], POSITIONS, 1) for branch, ids in zip(branches, prompts, strict=True)
        ]
        difference = (runner.forward(rows) - their_logits[:, position]).abs().max().item()
        largest = max(largest, difference)
    record_property("max_abs_logit_difference", largest)
    assert largest <= 1e-3


def test_greedy_text(default_engine, theirs, prompts, record_property):
    """The greedy tokens are identical on all prompts but one (a near tie may fall either way)."""
    engine, starts = default_engine, [tuple(ids[:24]) for ids in prompts]
    theirs.generation_config.eos_token_id = None
    with torch.inference_mode():
        expected = theirs.generate(
            torch.tensor(starts), max_new_tokens=STEPS, do_sample=False, pad_token_id=0
        )
    params = SamplingParams(temperature=0, max_tokens=STEPS, ignore_eos=True, seed=0)
    requests = [engine.submit(engine_ask(start, params)) for start in starts]
    texts = {}
    while len(texts) < len(requests):
        for event in engine.step():
            if isinstance(event, FinishedEvent):
                texts[event.request_id] = event.outputs[0].token_ids
    same = sum(
        list(texts[request]) == row[24:].tolist() for request, row in zip(requests, expected, strict=True)
    )
    record_property("identical_texts", same)
    assert same >= PROMPTS - 1


QUESTION = (Message("user", "Is the sky blue on a clear day? Answer yes or no."),)
TURNS = (
    Message("system", "You label reviews."),
    Message("user", "Great film"),
    Message("assistant", "positive"),
    Message("user", "I fell asleep."),
)


@pytest.mark.parametrize("ends", [False, True])
@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("The capital of France is", [" Paris", " London", " a city", " Paris, of course", " Par"]),
        ("2 + 2 =", [" 4", " 5", " 22", " four", " 4.", " 4.0"]),
        # The texts end a word that the prompt begins, so the cut lies before the prompt's end.
        ("She said hel", ["lo", "p", "met", "lo there", "icopter"]),
        (QUESTION, ["Yes", "No", "yes", "Yes, it is.", "Yes, it is", "😀"]),
        (TURNS, ["positive", "negative", "neutral", "negative review"]),
    ],
    ids=["prose", "sum", "broken word", "chat", "turns"],
)
def test_choice_probabilities(local_model, theirs, their_tokenizer, prompt, texts, ends, record_property):
    """Scores equal a forward pass per text, though ours shares the prompt and all common beginnings.

    The choice's probabilities (whatever part of a text is counted as prompt cancels there) and the
    probability of each text's own tokens, both within 1e-4.
    """
    if isinstance(prompt, str):
        wholes = [their_tokenizer(prompt + text).input_ids for text in texts]
    else:
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
        rendered = their_tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        wholes = [their_tokenizer(rendered).input_ids + their_tokenizer(text).input_ids for text in texts]
    wholes = [ids + [their_tokenizer.eos_token_id] * ends for ids in wholes]
    scores = score_texts(local_model, prompt, texts, ends=ends).texts
    totals, own = [], []
    for ids, score in zip(wholes, scores, strict=True):
        assert ids[-len(score.token_ids) :] == list(score.token_ids)
        with torch.inference_mode():
            logprobs = theirs(torch.tensor([ids[:-1]])).logits[0].log_softmax(-1)
        each = logprobs.gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        totals.append(each.sum().item())
        own.append(each[-len(score.token_ids) :].sum().item())
    expected = torch.tensor(totals, dtype=torch.float64).softmax(0).tolist()
    ours = normalise(texts, [score.token_ids for score in scores], [score.logprob for score in scores])
    assert [choice.probability for choice in ours.choices] == pytest.approx(expected, abs=1e-4)
    ours_own, theirs_own = (torch.tensor(x).exp().tolist() for x in ([s.logprob for s in scores], own))
    assert ours_own == pytest.approx(theirs_own, abs=1e-4)
    record_property(
        "max_probability_difference",
        max(abs(c.probability - e) for c, e in zip(ours.choices, expected, strict=True)),
    )
