"""A sequence's logits do not depend on how it was cut, batched, cached or forked."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import engine_ask, score
from forward import all_logits, grow, poisoned_pool
from ponder.asks import ProgressEvent
from ponder.asks.choice_trie import ChoiceTrie
from ponder.checkpoints.config import DynamicScaling, LongRopeScaling, RopeConfig
from ponder.engine import EngineLimits, FinishedEvent
from ponder.engine.runner import Runner
from ponder.kernels.reference.pointwise import rms_norm
from ponder.models import Transformer
from ponder.positions import Rope, T5Bias
from ponder.sampling import SamplingParams
from ponder.tree import Branch, RadixTree
from stepping import assert_at_rest, forget, run
from tiny_models import tiny_config, tiny_engine, tiny_transformer

TOKEN_BUDGET = EngineLimits().token_budget

LONGROPE = LongRopeScaling((1.0, 1.2, 1.4, 2.0), (2.0, 3.0, 5.0, 9.0), original_context=32, factor=4.0)
MODELS = {
    "plain": tiny_transformer(),
    "window": tiny_transformer(tiny_config(sliding_windows=(7, None))),
    "nope": tiny_transformer(tiny_config(rope_layers=(True, False))),
    "partial": tiny_transformer(tiny_config(rope=RopeConfig(1000.0, 4))),
    "qk norm, biases": tiny_transformer(tiny_config(qk_norm=True, qkv_bias=True, o_bias=True, mlp_bias=True)),
    "tied": tiny_transformer(tiny_config(tie_embeddings=True)),
    "dynamic": tiny_transformer(tiny_config(rope=RopeConfig(1000.0, 8, DynamicScaling(2.0, 32)))),
    "longrope": tiny_transformer(tiny_config(rope=RopeConfig(1000.0, 8, LONGROPE))),
    "none": tiny_transformer(positions="none"),
    "alibi, window": tiny_transformer(tiny_config(sliding_windows=(7, None)), positions="alibi"),
    "t5": tiny_transformer(
        positions=T5Bias(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), 20)
    ),
    "t5, reference": tiny_transformer(
        positions=T5Bias(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), 20),
        kernels="reference",
    ),
    "rotated when read": tiny_transformer(
        positions=Rope(RopeConfig(1000.0, 8, LONGROPE), 8, torch.device("cpu"), "read"), kernels="reference"
    ),
}
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
tokens = st.lists(st.integers(0, 63), min_size=1, max_size=70)


@every_model
@settings(max_examples=15)
@given(
    sequences=st.lists(st.tuples(tokens, st.integers(0, 40)), min_size=1, max_size=4),
    chunks=st.lists(st.integers(1, 40), max_size=6),
)
def test_chunks_and_company_change_nothing(model, sequences, chunks):
    """Chunked prefill in a batch of sequences of several reaches equals each alone in one pass."""
    ids = [sequence for sequence, _ in sequences]
    reaches = [len(sequence) + later for sequence, later in sequences]
    together = all_logits(model, ids, reaches, chunks)
    for sequence, reach, logits in zip(ids, reaches, together, strict=True):
        alone = all_logits(model, [sequence], [reach])[0]
        torch.testing.assert_close(logits, alone, rtol=0, atol=1e-5 * max(1.0, alone.abs().max().item()))


@every_model
@settings(max_examples=15)
@given(
    prompt=tokens, texts=st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=6)
)
def test_a_trie_in_one_pass_is_its_paths_one_by_one(model, prompt, texts):
    """Nodes see the prompt and their own path only, windows included."""
    trie, reach = ChoiceTrie.build(texts), len(prompt) + max(map(len, texts))
    pool = poisoned_pool(model, 16)
    runner, branch = Runner(model, pool), Branch(RadixTree(pool))
    runner.forward([grow(branch, prompt, reach, 0)])
    row = grow(branch, trie.token_ids, reach, len(trie.token_ids))
    ours = runner.forward([replace(row, trie=trie)])
    for path, text in zip(trie.paths, texts, strict=True):
        alone = all_logits(model, [prompt + text], [reach])[0][len(prompt) :]
        torch.testing.assert_close(ours[list(path)], alone, rtol=1e-5, atol=1e-4)


@every_model
@settings(max_examples=15)
@given(prompt=tokens, texts=st.lists(tokens, min_size=2, max_size=4))
def test_forks_grow_as_if_alone(model, prompt, texts):
    """Branches forked in the middle of a page and grown in one batch equal separate sequences."""
    pool = poisoned_pool(model, 40)
    runner, root, reach = Runner(model, pool), Branch(RadixTree(pool)), len(prompt) + 70
    runner.forward([grow(root, prompt, reach, 1)])
    rows = [grow(root.fork(), text, reach, len(text)) for text in texts]
    root.drop()
    parts = runner.forward(rows).split([len(text) for text in texts])
    for logits, text in zip(parts, texts, strict=True):
        alone = all_logits(model, [prompt + text], [reach])[0][len(prompt) :]
        torch.testing.assert_close(logits, alone, rtol=1e-5, atol=1e-4)


@every_model
@settings(max_examples=15)
@given(texts=st.lists(tokens, min_size=1, max_size=3), depths=st.lists(st.integers(1, 2), max_size=4))
def test_logits_after_fewer_layers_are_a_shallower_model_s(model, texts, depths):
    """Besides those after all layers; and the head reads the states that it is said to."""
    pool = poisoned_pool(model, 20)
    tree, reach = RadixTree(pool), 200
    rows = [replace(grow(Branch(tree), text, reach, 1), depths=tuple(depths)) for text in texts]
    runner = Runner(model, pool)
    states = runner.new_states(rows)
    parts = runner.forward(rows, states).split([row.num_logits for row in rows])
    for text, part in zip(texts, parts, strict=True):
        for logits, depth in zip(part, (2, *depths), strict=True):
            alone = all_logits(_cut(model, depth), [text], [reach])[0][-1]
            torch.testing.assert_close(logits, alone, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(states @ _head(model).T, torch.cat(parts), rtol=1e-4, atol=1e-3)


def test_the_head_reads_states_with_or_without_the_last_norm():
    """After d layers, and after ~d the same without the norm."""
    for model in MODELS.values():
        pool = poisoned_pool(model, 1)
        row = replace(grow(Branch(RadixTree(pool)), [5, 3, 8], 9, 1), depths=(1, ~1, ~2))
        runner = Runner(model, pool)
        states = runner.new_states([row])
        logits = runner.forward([row], states)
        for normed, bare in ((1, 2), (0, 3)):
            norm = model.weights.norm
            torch.testing.assert_close(rms_norm(states[bare], norm.weight, norm.eps), states[normed])
        torch.testing.assert_close(states @ _head(model).T, logits, rtol=1e-4, atol=1e-3)


def _head(model):
    head = model.weights.lm_head
    if isinstance(head, torch.Tensor):
        return head
    rows = torch.empty(head.shape)
    for i, row in enumerate(rows):
        head.read_row(i, row)
    return rows


def _cut(model, layers):
    """The model without its last layers."""
    config = replace(
        model.config,
        num_layers=layers,
        rope_layers=model.config.rope_layers[:layers],
        sliding_windows=model.config.sliding_windows[:layers],
    )
    weights = replace(model.weights, layers=model.weights.layers[:layers])
    return Transformer(config, weights, model.kernels, model.device, model.positions)


def test_only_wanted_rows_are_returned():
    """Each row gets the logits after as many of its last tokens as it wants, which may be none."""
    model, ids, wanted = MODELS["plain"], [[5, 3], [8], [1, 2, 3]], (1, 0, 2)
    pool = poisoned_pool(model, 4)
    tree = RadixTree(pool)
    rows = [grow(Branch(tree), s, 9, count) for s, count in zip(ids, wanted, strict=True)]
    parts = Runner(model, pool).forward(rows).split(wanted)
    for logits, s, count in zip(parts, ids, wanted, strict=True):
        torch.testing.assert_close(logits, all_logits(model, [s])[0][len(s) - count :])


def test_a_prompt_longer_than_the_token_budget():
    """It is computed over several steps, others decoding meanwhile, and goes on like one computed at once."""
    engine = tiny_engine(context_length=2048)
    model = engine.model
    prompt = torch.randint(
        0, 61, (2 * TOKEN_BUDGET + 77,), generator=torch.Generator().manual_seed(0)
    ).tolist()
    params = SamplingParams(temperature=0, max_tokens=8, ignore_eos=True, seed=0)
    wanted = {
        engine.submit(engine_ask(tuple(ids), params)): ids
        for ids in (prompt[:5], prompt, prompt[:TOKEN_BUDGET])
    }
    events = [event for _ in range(30) for event in engine.step()]
    outputs = {e.request_id: list(e.outputs[0].token_ids) for e in events if isinstance(e, FinishedEvent)}
    assert set(outputs) == set(wanted)
    for request, ids in wanted.items():
        logits = all_logits(model, [ids + outputs[request]])[0][len(ids) - 1 : -1]
        assert logits.argmax(-1).tolist() == outputs[request]
    steps = [(e.request_id, e.done) for e in events if isinstance(e, ProgressEvent) and e.state == "prefill"]
    assert sum(request == 2 for request, _ in steps) == 3, "the long prompt was to take three steps"
    assert_at_rest(engine)
    trie = ChoiceTrie.build([[1, 2], [1, 3]])
    expected = [
        all_logits(model, [prompt + text])[0][len(prompt) - 1 : -1].log_softmax(-1)[[0, 1], text].tolist()
        for text in ([1, 2], [1, 3])
    ]
    for known in (len(prompt) - 1, 0):
        scored, hits = score(engine, tuple(prompt), trie)
        assert hits == known
        assert scored == [pytest.approx(logprobs, abs=1e-4) for logprobs in expected]
        assert_at_rest(engine)
        forget(engine)


def test_reach_decides_the_frequencies():
    """Where frequencies depend on length, a sequence that may grow longer has other logits from the start."""
    ids = list(range(20))
    for name in ("dynamic", "longrope"):
        short, long = (all_logits(MODELS[name], [ids], [reach])[0] for reach in (32, 33))
        assert (short - long).abs().max() > 1e-3
    short, long = (all_logits(MODELS["plain"], [ids], [reach])[0] for reach in (32, 33))
    assert torch.equal(short, long)


@pytest.mark.parametrize("name", ["dynamic", "longrope"])
def test_the_engine_fixes_the_reach_at_the_start(name):
    """Texts that cross the original context of 32 have one set of frequencies from their first token on."""
    engine = tiny_engine(rope=MODELS[name].config.rope)
    model, prompt = engine.model, list(range(25))
    # What a request of another reach leaves in the cache has other frequencies and must not be found.
    list(run(engine, engine_ask(tuple(prompt), SamplingParams(temperature=0, max_tokens=2, ignore_eos=True))))
    params = SamplingParams(temperature=0, max_tokens=20, ignore_eos=True, seed=0)
    *_, last = run(engine, engine_ask(tuple(prompt), params))
    assert last.usage.hit_tokens == 0
    output = list(last.outputs[0].token_ids)
    logits = all_logits(model, [prompt + output], [len(prompt) + 20])[0][len(prompt) - 1 : -1]
    assert logits.argmax(-1).tolist() == output
    texts = [[5] * 3, [5] * 12]
    scored, _ = score(engine, tuple(prompt), ChoiceTrie.build(texts))
    for text, logprobs in zip(texts, scored, strict=True):
        logits = all_logits(model, [prompt + text], [len(prompt) + 12])[0][len(prompt) - 1 : -1]
        expected = logits.log_softmax(-1)[torch.arange(len(text)), text]
        assert logprobs == pytest.approx(expected.tolist(), abs=1e-4)
