"""Branches of a token tree behave like lists of tokens, and every page goes back."""

import hashlib
import random
from itertools import takewhile

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ponder.errors import CapacityError
from ponder.kernels.cache import TorchCache, new_pages
from ponder.tree import PAGE_SIZE, Branch, PagePool, RadixTree, check_branches
from tiny_models import tiny_config

PAGES = 12
WALK = ("open", "fork", "cut", "drop", "evict", *("extend", "follow", "publish") * 3)


def small_tree(pages: int = PAGES) -> RadixTree:
    config = tiny_config(num_layers=2, num_kv_heads=1, head_dim=2)
    return RadixTree(PagePool(TorchCache(*new_pages(config, pages, torch.float32, torch.device("cpu")))))


def stream(which: int, start: int, count: int) -> list[int]:
    """One of a few token sequences, so that branches often, but not always, hold the same."""
    return [which if position % 7 == which else 9 for position in range(start, start + count)]


def tokens_of(branch: Branch) -> list[int]:
    return branch.last(branch.length)


def value(key: str, tokens: list[int]) -> int:
    """What the model would compute for the last of the tokens: it depends on all of them and on the key."""
    return int.from_bytes(hashlib.sha256(repr((key, tokens)).encode()).digest()[:3], "big")


def values(branch: Branch) -> list[int]:
    return [value(branch.key, tokens_of(branch)[: end + 1]) for end in range(branch.length)]


def write(branch: Branch, slots: list[int]) -> None:
    """Write a token's value to every layer's key, and its negative to the value."""
    pool = branch.tree.pool
    for slot, number in zip(slots, values(branch)[branch.length - len(slots) :], strict=True):
        pool.cache.keys[slot // PAGE_SIZE, :, slot % PAGE_SIZE] = number
        pool.cache.values[slot // PAGE_SIZE, :, slot % PAGE_SIZE] = -number


def read(branch: Branch) -> list[int]:
    """The values a branch's pages hold, the same in every layer, key and value."""
    pool = branch.tree.pool
    stores = torch.stack((pool.cache.keys[branch.pages], -pool.cache.values[branch.pages]))
    rows = stores.transpose(2, 3).flatten(1, 2)[:, : branch.length].transpose(0, 1).flatten(1)
    assert (rows == rows[:, :1]).all()
    return rows[:, 0].int().tolist()


def agreement(a, b) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def path(node) -> list[int]:
    """All tokens from the root to the end of a node."""
    tokens: list[int] = []
    while node is not None:
        tokens, node = [*node.tokens, *tokens], node.parent
    return tokens


def state(tree: RadixTree, branch: Branch):
    """Everything that a call which fails must leave as it was."""
    pool = tree.pool
    nodes = [(id(node), node.page) for node in tree.nodes()]
    return tokens_of(branch), list(branch.pages), pool.num_free, pool.num_idle, list(pool._holders), nodes


class BranchesAreLists(RuleBasedStateMachine):
    """Any sequence of what branches can do, with a pool that runs out now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = small_tree()
        self.pool = self.tree.pool
        self.branches: list[tuple[Branch, list[int]]] = []

    def pick(self, which):
        return self.branches[which % len(self.branches)]

    @rule(key=st.sampled_from("AB"))
    def open(self, key):
        self.branches.append((Branch(self.tree, key), []))

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def fork(self, which):
        """A fork costs no page, once whole pages are published."""
        branch, tokens = self.pick(which)
        branch.publish()
        free, idle = self.pool.num_free, self.pool.num_idle
        self.branches.append((branch.fork(), list(tokens)))
        assert (self.pool.num_free, self.pool.num_idle) == (free, idle)

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), of=st.integers(0, 2), count=st.integers(0, 40))
    def extend(self, which, of, count):
        """Growth takes the pages it needs, and one more where others read the last page, which is partial.

        Idle pages make room, no more of them than must. Where there is none, nothing has changed.
        """
        branch, expected = self.pick(which)
        tokens = stream(of, branch.length, count)
        free, busy, evictions = self.pool.num_free, self.pool.num_busy, self.tree.evictions
        held = [page for other, _ in self.branches if other is not branch for page in other.pages]
        kept = [node.page for node in self.tree.nodes()]
        copied = count > 0 and branch.length % PAGE_SIZE > 0 and branch.pages[-1] in (*held, *kept)
        left = copied and branch.pages[-1] not in held  # the page that is copied is idle afterwards
        needed = -(-(branch.length + count) // PAGE_SIZE) - len(branch.pages) + copied
        if needed > free + self.pool.num_idle:
            before = state(self.tree, branch)
            with pytest.raises(CapacityError, match=f"^{needed} cache pages are needed, "):
                branch.extend(tokens)
            assert state(self.tree, branch) == before
            return
        slots = branch.extend(tokens)
        assert len(set(slots)) == len(slots) == count
        write(branch, slots)
        expected += tokens
        assert self.pool.num_busy == busy + needed - left
        assert self.tree.evictions == evictions + max(0, needed - free)

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), of=st.integers(0, 2), count=st.integers(0, 50))
    def follow(self, which, of, count):
        """A branch takes over the longest beginning that is in the tree, as it is, for nothing.

        Only one with whole pages that are not published stays where it is.
        """
        branch, expected = self.pick(which)
        tokens = stream(of, branch.length, count)
        free = self.pool.num_free
        published = branch.length // PAGE_SIZE == branch._published
        root = self.tree.root(branch.key)
        known = [path(node) for node in self.tree.nodes() if _root(node) is root]
        longest = max((agreement(p, expected + tokens) for p in known), default=0) - len(expected)
        found = branch.follow(tokens)
        assert found == (max(0, longest) if published else 0)
        expected += tokens[:found]
        assert self.pool.num_free >= free

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), partial=st.booleans())
    def publish(self, which, partial):
        """Afterwards another branch finds the whole pages; published twice, a page is there once."""
        branch, expected = self.pick(which)
        busy_or_free = self.pool.num_free
        branch.publish(partial=partial)
        assert self.pool.num_free >= busy_or_free
        reader = Branch(self.tree, branch.key)
        whole = branch.length // PAGE_SIZE
        found = reader.follow(expected)
        assert found >= whole * PAGE_SIZE
        assert reader.pages[:whole] == branch.pages[:whole]
        reader.drop()

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), tokens=st.integers(0, 40))
    def cut(self, which, tokens):
        branch, expected = self.pick(which)
        length = max(0, branch.length - tokens)
        branch.cut(length)
        del expected[length:]

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def drop(self, which):
        branch, _ = self.branches.pop(which % len(self.branches))
        branch.drop()
        assert (branch.length, branch.pages) == (0, [])
        branch.drop()

    @rule(pages=st.integers(0, 4))
    def evict(self, pages):
        """As many idle pages as asked for, or all there are, are free afterwards."""
        free, idle = self.pool.num_free, self.pool.num_idle
        self.tree.evict(pages)
        assert self.pool.num_free == free + min(pages, idle)

    @invariant()
    def branches_hold_their_tokens(self):
        for branch, expected in self.branches:
            assert tokens_of(branch) == expected
            assert branch.length == len(expected)
            assert branch.block_table.tolist() == branch.pages
            assert read(branch) == values(branch)

    @invariant()
    def pages_balance(self):
        check_branches(self.tree, [branch for branch, _ in self.branches])
        held = {page for branch, _ in self.branches for page in branch.pages}
        assert self.pool.num_busy == len(held)
        for page in held:
            holders = sum(branch.pages.count(page) for branch, _ in self.branches)
            assert self.pool._holders[page] == (1 if self.pool._kept[page] else holders)

    def teardown(self):
        for branch, _ in self.branches:
            branch.drop()
        self.tree.check_integrity()
        assert self.pool.num_busy == 0
        self.tree.evict(PAGES)
        self.tree.check_integrity()
        assert self.pool.num_free == PAGES


def _root(node):
    return node if node.parent is None else _root(node.parent)


TestBranchesAreLists = pytest.mark.slow(BranchesAreLists.TestCase)
TestBranchesAreLists.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    "damage", ["free twice", "free and held", "free and kept", "lost", "idle miscounted"]
)
def test_integrity_check_sees_damage(damage):
    pool = small_tree().pool
    page = pool.allocate()
    if damage == "free twice":
        pool._free.append(pool._free[0])
    elif damage == "free and held":
        pool._free.append(page)
    elif damage == "free and kept":
        pool._kept[pool._free[0]] = True
    elif damage == "lost":
        pool._holders[page] = 0
    else:
        pool.num_idle += 1
    with pytest.raises(AssertionError, match=r"free|idle"):
        pool.check_integrity()


@pytest.mark.parametrize(
    "damage", ["lost child", "page twice", "kept by nobody", "held without its path", "ageless"]
)
def test_the_trees_integrity_check_sees_damage(damage):
    tree = small_tree()
    branch = Branch(tree)
    write(branch, branch.extend(stream(0, 0, 2 * PAGE_SIZE)))
    branch.publish()
    lower = branch._node
    if damage == "lost child":
        lower.parent.children.clear()
    elif damage == "page twice":
        lower.page = lower.parent.page
    elif damage == "kept by nobody":
        tree.pool.keep(tree.pool.allocate())
    elif damage == "ageless":
        branch.drop()
        tree._by_age.clear()
    else:
        tree.pool.release(lower.parent.page)
    with pytest.raises(AssertionError):
        tree.check_integrity()


def test_a_free_page_cannot_be_held_released_kept_or_forgotten():
    pool = small_tree().pool
    page = pool.allocate()
    pool.release(page)
    misuses = {pool.hold: "is free", pool.release: "nobody holds", pool.keep: "is not busy"}
    for misuse, words in (misuses | {pool.forget: "is not idle"}).items():
        with pytest.raises(AssertionError, match=words):
            misuse(page)


def test_many_forks_of_one_prompt_share_it():
    """A prompt of 5 pages less 3 tokens, forked 5 times, all six extended by one: 5 pages + 5 copies."""
    tree = small_tree()
    root = Branch(tree)
    write(root, root.extend(stream(0, 0, 5 * PAGE_SIZE - 3)))
    forks = [root.fork() for _ in range(5)]
    for fork in (*forks, root):
        fork.extend([1])
    assert tree.pool.num_busy == PAGES - tree.pool.num_free == 5 + 5
    assert len({fork.pages[-1] for fork in (*forks, root)}) == 6


def test_what_was_used_longest_ago_goes_first():
    """Three texts of two pages under one first page: read again, the oldest outlives the others."""
    tree = small_tree()
    texts = [[9] * PAGE_SIZE + [text] * 2 * PAGE_SIZE for text in range(3)]
    for tokens in texts:
        branch = Branch(tree)
        branch.follow(tokens)
        write(branch, branch.extend(tokens[branch.length :]))
        branch.publish()
        branch.drop()

    def found(tokens):
        known = [path(node) for node in tree.nodes()]
        return max(agreement(p, tokens) for p in known) // PAGE_SIZE

    reader = Branch(tree)
    assert reader.follow(texts[0]) == 3 * PAGE_SIZE
    reader.drop()
    for pages, left in ((1, [3, 2, 3]), (2, [3, 1, 2]), (1, [3, 1, 1]), (1, [2, 1, 1])):
        tree.evict(pages)
        assert [found(tokens) for tokens in texts] == left


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_a_long_walk(seed):
    """The same operations in one long fixed mixture, in which rare meetings of them do happen."""
    rng, machine = random.Random(seed), BranchesAreLists()
    for _ in range(400):
        known = len(machine.branches)
        action = "open" if known < 2 else "drop" if known > 6 else rng.choice(WALK)
        which, of = rng.randrange(known or 1), rng.randrange(3)
        options = {
            "open": {"key": rng.choice("AAB")},
            "extend": {"which": which, "of": of, "count": rng.choice((1, 3, 8, 16, 30))},
            "follow": {"which": which, "of": of, "count": rng.choice((3, 16, 40))},
            "publish": {"which": which, "partial": rng.random() < 0.5},
            "cut": {"which": which, "tokens": rng.choice((1, 5, 20))},
            "evict": {"pages": rng.randrange(3)},
        }
        getattr(machine, action)(**options.get(action, {"which": which}))
        machine.branches_hold_their_tokens()
        machine.pages_balance()
    machine.teardown()
