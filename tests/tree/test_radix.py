"""The token tree against a dictionary: what was published and not given up is found, and nothing else."""

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ponder.errors import CapacityError
from ponder.kernels.cache import TorchCache, new_pages
from ponder.tree import PAGE_SIZE, Branch, PagePool, RadixTree, check_branches
from tiny_models import tiny_config

PAGES = 14
KEYS = [None, "salt", ("salt", 2)]


def small_tree(pages: int = PAGES) -> RadixTree:
    config = tiny_config(num_layers=1, num_kv_heads=1, head_dim=2)
    pool = PagePool(TorchCache(*new_pages(config, pages, torch.float32, torch.device("cpu"))))
    pool.cache.keys.fill_(torch.nan)
    pool.cache.values.fill_(torch.nan)
    return RadixTree(pool)


def text(which: int, length: int) -> list[int]:
    """A text that parts from text 0 after a number of tokens that depends on `which`."""
    parts = (999, 0, 5, 16, 21, 33)[which]
    return [position + 100 * which * (position >= parts) for position in range(length)]


def tokens_of(branch: Branch) -> list[int]:
    return branch.last(branch.length)


def mark(key: object, token: int, position: int) -> float:
    return float(KEYS.index(key) * 2**20 + token * 2**8 + position)


def compute(branch: Branch, tokens: list[int]) -> None:
    """Extend a branch and write what tells key, token and position into the memory it was given."""
    pool, start = branch.tree.pool, branch.length
    for i, slot in enumerate(branch.extend(tokens)):
        place = (slot // PAGE_SIZE, slice(None), slot % PAGE_SIZE)
        pool.cache.keys[place] = mark(branch.key, tokens[i], start + i)
        pool.cache.values[place] = -mark(branch.key, tokens[i], start + i)


def held(branch: Branch) -> None:
    """Assert that a branch's pages hold its tokens."""
    wanted = [mark(branch.key, token, position) for position, token in enumerate(tokens_of(branch))]
    pool = branch.tree.pool
    assert pool.cache.keys[branch.pages, 0, :, 0, 0].flatten()[: branch.length].tolist() == wanted
    assert pool.cache.values[branch.pages, 0, :, 0, 1].flatten()[: branch.length].neg().tolist() == wanted


def fill(tree: RadixTree, tokens: list[int], key: object = None, *, partial: bool = True) -> None:
    """Compute a text and leave it in the tree."""
    branch = Branch(tree, key)
    branch.follow(tokens)
    compute(branch, tokens[branch.length :])
    branch.publish(partial=partial)
    branch.drop()


def find(tree: RadixTree, tokens: list[int], key: object = None) -> int:
    """How much of a text is in the tree; its pages hold it. Looking counts as a use."""
    branch = Branch(tree, key)
    found = branch.follow(tokens)
    held(branch)
    branch.drop()
    return found


def agreement(a: list[int], b: list[int]) -> int:
    length = min(len(a), len(b))
    return next((i for i in range(length) if a[i] != b[i]), length)


class TheTreeIsADictionary(RuleBasedStateMachine):
    """The model knows, by key, all texts that were ever published, and whether any may be gone."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = small_tree()
        self.branches: list[Branch] = []
        self.published: dict[object, list[list[int]]] = {key: [] for key in KEYS}

    def pick(self, which: int) -> Branch:
        return self.branches[which % len(self.branches)]

    def note(self, branch: Branch, length: int) -> None:
        self.published[branch.key].append(tokens_of(branch)[:length])

    def shares_its_last_page(self, branch: Branch) -> bool:
        """Whether another branch holds the page, perhaps in the middle of its path."""
        return any(branch.pages[-1] in other.pages for other in self.branches if other is not branch)

    def longest(self, key: object, tokens: list[int]) -> int:
        return max((agreement(known, tokens) for known in self.published[key]), default=0)

    @rule(key=st.sampled_from(KEYS))
    def open(self, key):
        self.branches.append(Branch(self.tree, key))

    @rule(key=st.sampled_from(KEYS), which=st.integers(0, 5), length=st.integers(0, 60))
    def ask(self, key, which, length):
        """Never more is found than was published under the key; all of it, where nothing was given up."""
        branch, tokens = Branch(self.tree, key), text(which, length)
        found = branch.follow(tokens)
        held(branch)
        assert tokens_of(branch) == tokens[:found]
        assert found <= self.longest(key, tokens)
        if not self.tree.evictions:
            assert found == self.longest(key, tokens)
        self.branches.append(branch)

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), of=st.integers(0, 5), count=st.integers(0, 40))
    def extend(self, which, of, count):
        """A branch grows by text computed, or not at all."""
        branch = self.pick(which)
        before, free = tokens_of(branch), self.tree.num_available
        tokens = text(of, branch.length + count)[branch.length :]
        try:
            compute(branch, tokens)
        except CapacityError:
            assert tokens_of(branch) == before
            assert self.tree.num_available == free < -(-count // PAGE_SIZE) + 1
        else:
            assert tokens_of(branch) == before + tokens

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), of=st.integers(0, 5), count=st.integers(0, 40))
    def follow(self, which, of, count):
        branch = self.pick(which)
        before = tokens_of(branch)
        tokens = text(of, branch.length + count)[branch.length :]
        found = branch.follow(tokens)
        assert tokens_of(branch) == before + tokens[:found]
        assert found == 0 or len(before) + found <= self.longest(branch.key, before + tokens)

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), partial=st.booleans())
    def publish(self, which, partial):
        """Whole pages are found at once. A partial one only where nobody else can write it."""
        branch = self.pick(which)
        branch.publish(partial=partial)
        whole = branch.length // PAGE_SIZE * PAGE_SIZE
        self.note(branch, whole)
        reader = Branch(self.tree, branch.key)
        found = reader.follow(tokens_of(branch))
        held(reader)
        assert found >= whole
        self.note(branch, found)
        assert found == branch.length or not partial or self.shares_its_last_page(branch)
        reader.drop()

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def fork(self, which):
        """The two are alike, and their whole pages are published."""
        branch = self.pick(which)
        self.note(branch, branch.length // PAGE_SIZE * PAGE_SIZE)
        twin = branch.fork()
        assert (tokens_of(twin), twin.pages, twin.key) == (tokens_of(branch), branch.pages, branch.key)
        self.branches.append(twin)

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), tokens=st.integers(0, 40))
    def cut(self, which, tokens):
        branch = self.pick(which)
        wanted = tokens_of(branch)[: max(0, branch.length - tokens)]
        branch.cut(len(wanted))
        assert tokens_of(branch) == wanted

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), partial=st.booleans())
    def drop(self, which, partial):
        """Whoever ends leaves what was computed behind."""
        branch = self.branches.pop(which % len(self.branches))
        tokens = tokens_of(branch)
        branch.publish(partial=partial)
        self.note(branch, found := find(self.tree, tokens, branch.key))
        assert found >= len(tokens) // PAGE_SIZE * PAGE_SIZE
        assert found == len(tokens) or not partial or self.shares_its_last_page(branch)
        branch.drop()
        assert find(self.tree, tokens, branch.key) == found

    @rule(pages=st.integers(1, 5))
    def evict(self, pages):
        idle, before = self.tree.pool.num_idle, self.tree.evictions
        self.tree.evict(pages)
        assert self.tree.evictions - before == min(pages, idle)

    @invariant()
    def all_is_where_it_should_be(self):
        for branch in self.branches:
            assert len(branch.pages) == -(-branch.length // PAGE_SIZE)
            held(branch)
        check_branches(self.tree, self.branches)
        assert self.tree.pool.num_busy == len({page for branch in self.branches for page in branch.pages})

    def teardown(self):
        for branch in self.branches:
            branch.drop()
        self.tree.check_integrity()
        assert self.tree.pool.num_busy == 0
        self.tree.evict(PAGES)
        self.tree.check_integrity()
        assert self.tree.pool.num_free == PAGES
        assert not list(self.tree.nodes())


TestTheTreeIsADictionary = pytest.mark.slow(TheTreeIsADictionary.TestCase)
TestTheTreeIsADictionary.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("suffix", [1, 15, 16, 17, 40])
@pytest.mark.parametrize("prompt", [512, 509])
def test_sixteen_forks_share_their_prompt(prompt, suffix):
    """They take the prompt's pages once, each its own, and each a copy of the partial one; never more."""
    tree = small_tree(400)
    root = Branch(tree)
    compute(root, text(0, prompt))
    root.publish()
    branches = [root, *(root.fork() for _ in range(15))]
    assert tree.pool.num_busy == -(-prompt // PAGE_SIZE)
    most = 0
    for step in range(suffix):
        for i, branch in enumerate(branches):
            compute(branch, [1000 + i * 50 + step])
            branch.publish()
            most = max(most, tree.pool.num_busy)
    assert most == prompt // PAGE_SIZE + 16 * -(-(prompt % PAGE_SIZE + suffix) // PAGE_SIZE)
    assert most <= 32 + 16 * -(-suffix // PAGE_SIZE) + 16
    for branch in branches:
        held(branch)
        branch.drop()
    assert tree.pool.num_busy == 0


def test_keys_share_nothing():
    """The same text under another key is not found, and is computed into pages of its own."""
    tree = small_tree()
    tokens = text(0, 40)
    fill(tree, tokens, "salt")
    assert find(tree, tokens, "salt") == 40
    assert find(tree, tokens) == find(tree, tokens, ("salt", 2)) == 0
    fill(tree, tokens)
    assert tree.pool.num_idle == 6
    assert find(tree, tokens) == find(tree, tokens, "salt") == 40


def test_a_prefix_is_found_to_the_token():
    """Among neighbours that begin alike, the one with the longest common beginning is shared."""
    tree = small_tree()
    fill(tree, text(0, 40))
    fill(tree, [*text(0, 18), 77, 78, 79])
    for length in range(41):
        assert find(tree, [*text(0, length), 5000]) == length
    assert find(tree, [*text(0, 18), 77, 78, 9]) == 20
    assert find(tree, []) == 0


def test_the_least_recently_used_leaf_goes_first():
    """Of texts of which none is in use, pages are given up from the ends, whole texts before younger ones."""
    tree = small_tree()
    for first in range(4):
        fill(tree, [first * 100 + i for i in range(3 * PAGE_SIZE)])
    assert find(tree, [100]) == 1, "which does not count as a use: it shares a page in part"
    assert find(tree, list(range(2 * PAGE_SIZE))) == 2 * PAGE_SIZE

    def depths() -> list[int]:
        known = [0] * 4
        for node in tree.nodes():
            known[node.tokens[0] // 100] += 1
        return known

    order = []
    while tree.pool.num_idle:
        before = depths()
        tree.evict(1)
        order.append(next(i for i in range(4) if depths()[i] < before[i]))
        tree.check_integrity()
    # Text 0's last page was not used again, its first two were used after all others.
    assert order == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0, 0]


def test_what_is_in_use_is_not_given_up():
    """Eviction takes the unused text, older or younger; with all in use there is nothing to take."""
    tree = small_tree(6)
    fill(tree, text(0, 48))
    reader = Branch(tree)
    assert reader.follow(text(0, 40)) == 40
    fill(tree, text(1, 16))
    fill(tree, text(1, 48))
    assert tree.pool.num_free == 0
    tree.evict(2)
    assert find(tree, text(1, 48)) == 16
    tree.evict(99)
    assert find(tree, text(1, 48)) == 0
    assert find(tree, text(0, 48)) == 48, "a page held in part keeps all of itself"
    held(reader)
    with pytest.raises(CapacityError, match="4 cache pages are needed, 3 are not in use"):
        Branch(tree).extend(text(2, 64))
    reader.drop()
    tree.evict(99)
    assert tree.pool.num_free == 6


def test_a_partial_page_of_ones_own_gives_way_to_a_longer_one():
    """Two compute the same page in portions; who is behind goes over to the page of who is ahead."""
    tree = small_tree()
    ahead, behind = Branch(tree), Branch(tree)
    compute(behind, text(0, 5))
    compute(ahead, text(0, 16))
    assert behind.next_page(text(0, 40)[5:]) == Branch(tree).next_page(text(0, 40))
    ahead.publish()
    assert behind.follow(text(0, 40)[5:]) == 11
    assert behind.pages == ahead.pages
    assert tree.pool.num_busy == 1
    held(behind)
    for branch in (ahead, behind):
        branch.drop()
    tree.check_integrity()


def test_an_empty_tree_under_a_key_is_forgotten():
    """Salts come and go: no root is left behind by texts that are gone."""
    tree = small_tree()
    for salt in range(50):
        fill(tree, text(0, 20), None)
        branch = Branch(tree, "salt")
        branch.key = f"salt {salt}"
        branch.publish()
        assert branch.follow(text(0, 20)) == 0
        branch.drop()
    assert len(tree._roots) == 1
    tree.evict(99)
    assert len(tree._roots) == 0
