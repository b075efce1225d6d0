"""Pages are copied whole, slots one by one, in the layout of the kernels that made them."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from forward import all_logits, grow, poisoned_pool
from ponder.asks.choice_trie import ChoiceTrie
from ponder.engine.runner import Runner
from ponder.kernels import PAGE_SIZE, native
from ponder.kernels.cache import TorchCache, new_pages
from ponder.models import Transformer
from ponder.tree import Branch, RadixTree
from tiny_models import tiny_config, tiny_transformer

CONFIG = tiny_config(num_layers=3, num_kv_heads=2, head_dim=6)
PAGES = 3


def numbered(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Pages all of whose numbers differ, as far as the type can tell them apart."""
    stores = new_pages(CONFIG, PAGES, dtype, torch.device("cpu"))
    for i, store in enumerate(stores):
        bits = store.view(torch.int16 if dtype == torch.bfloat16 else torch.int32)
        bits.copy_((torch.arange(bits.numel()) + i * bits.numel()).view(bits.shape))
    return stores


def torch_places(per_unit: int, slot: int) -> tuple[list[int], list[int]]:
    """Where the key and the value of a slot lie in a layer's part of a page, counted in numbers."""
    heads, dim = CONFIG.num_kv_heads, CONFIG.head_dim
    place = [(slot * heads + head) * dim + d for head in range(heads) for d in range(dim)]
    return place, place


def native_places(per_unit: int, slot: int) -> tuple[list[int], list[int]]:
    """The same as `PageLayout` in csrc/batch.h says it."""
    dim, each = CONFIG.head_dim, range(CONFIG.num_kv_heads)
    head = PAGE_SIZE * dim
    keys = [
        h * head + (d // per_unit * PAGE_SIZE + slot) * per_unit + d % per_unit
        for h in each
        for d in range(dim)
    ]
    values = [
        h * head + (slot // per_unit * dim + d) * per_unit + slot % per_unit for h in each for d in range(dim)
    ]
    return keys, values


def caches() -> list:
    made = [
        pytest.param(TorchCache, torch_places, dtype, id=f"torch-{dtype}")
        for dtype in (torch.float32, torch.bfloat16)
    ]
    if native.missing is None:
        from ponder.kernels.native.cache import NativeCache

        made += [
            pytest.param(NativeCache, native_places, dtype, id=f"native-{dtype}")
            for dtype in (torch.float32, torch.bfloat16)
        ]
    return made


@pytest.mark.parametrize(("make", "places", "dtype"), caches())
@given(source=st.integers(0, PAGES * PAGE_SIZE - 1), target=st.integers(0, PAGES * PAGE_SIZE - 1))
def test_a_slot_is_moved_and_nothing_else(make, places, dtype, source, target):
    """Its key and its value, of all layers; by the layout as it is written down elsewhere."""
    cache, per_unit = make(*numbered(dtype)), 4 // dtype.itemsize
    whole = torch.int16 if dtype == torch.bfloat16 else torch.int32
    stores = [store.view(whole).view(PAGES, CONFIG.num_layers, -1) for store in (cache.keys, cache.values)]
    expected = [store.clone() for store in stores]
    (page, slot), (new_page, new_slot) = divmod(source, PAGE_SIZE), divmod(target, PAGE_SIZE)
    for store, old, new in zip(expected, places(per_unit, slot), places(per_unit, new_slot), strict=True):
        store[new_page][:, new] = store[page][:, old].clone()
    cache.move(source, target)
    for store, wanted in zip(stores, expected, strict=True):
        assert torch.equal(store, wanted)


@pytest.mark.parametrize(("make", "places", "dtype"), caches())
def test_a_page_is_copied_and_nothing_else(make, places, dtype):
    """Of all layers, to the bit, numbers that are NaN among them."""
    cache = make(*numbered(dtype))
    before = [store.view(torch.uint8).clone() for store in (cache.keys, cache.values)]
    cache.copy(2, 0)
    for store, was in zip((cache.keys, cache.values), before, strict=True):
        now = store.view(torch.uint8)
        assert torch.equal(now[0], was[2])
        assert torch.equal(now[1:], was[1:])


def in_bfloat16() -> Transformer:
    """Native kernels that keep keys and values in bfloat16, over float32 weights."""
    from ponder.kernels.native.kernels import NativeKernels

    model = tiny_transformer(kernels="native")
    return Transformer(model.config, model.weights, NativeKernels(exact=False), model.device)


MODELS = {"reference": lambda: tiny_transformer(kernels="reference")}
if native.missing is None:
    MODELS |= {"native": lambda: tiny_transformer(kernels="native"), "native, bfloat16": in_bfloat16}


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("cached", [1, 14, 30])
def test_an_accepted_branch_of_a_tree_is_compacted(make, cached):
    """A branch of drafted tokens is kept: what comes after it is what comes after the same text."""
    model = make()
    prompt, texts = list(range(cached)), [[5, 6, 7], [5, 9, 3, 8], [2, 1]]
    trie = ChoiceTrie.build(texts)
    pool = poisoned_pool(model, 8)
    runner, branch = Runner(model, pool), Branch(RadixTree(pool))
    runner.forward([grow(branch, prompt, 60, 0)])
    runner.forward([replace(grow(branch, trie.token_ids, 60, 0), trie=trie)])

    def slot(position: int) -> int:
        return branch.pages[position // PAGE_SIZE] * PAGE_SIZE + position % PAGE_SIZE

    for depth, node in enumerate(trie.paths[1]):  # a node never lies before its place in the text
        pool.cache.move(slot(cached + node), slot(cached + depth))
    branch.cut(cached + len(texts[1]))
    branch._tail[cached:] = texts[1]
    ours = runner.forward([grow(branch, [4], 60, 1)])[0]
    alone = all_logits(model, [[*prompt, *texts[1], 4]], [60])[0][-1]
    if model.kernels.name == "native":
        assert torch.equal(ours, alone)
    else:
        torch.testing.assert_close(ours, alone, rtol=1e-5, atol=1e-5)
