"""Branches share their past: each is a plain list of tokens, and no step costs more because it is long."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from statistics import median
from types import FrameType

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ponder.errors import CapacityError
from ponder.kernels.cache import TorchCache, new_pages
from ponder.tree import PAGE_SIZE, Branch, PagePool, RadixTree, check_branches, pages_for
from tiny_models import tiny_config

PAGES = 24
SIZES = st.one_of(st.integers(0, 3), st.integers(0, 70))


def small_tree(pages: int = PAGES) -> RadixTree:
    config = tiny_config(num_layers=1, num_kv_heads=1, head_dim=2)
    return RadixTree(PagePool(TorchCache(*new_pages(config, pages, torch.float32, torch.device("cpu")))))


def compute(branch: Branch, tokens: list[int]) -> None:
    """Extend a branch and write each token into the slot it was given."""
    for token, slot in zip(tokens, branch.extend(tokens), strict=True):
        branch.tree.pool.cache.keys[slot // PAGE_SIZE, :, slot % PAGE_SIZE] = token


def tokens_in(branch: Branch) -> list[int]:
    """What the pages in a branch's block table hold."""
    rows = branch.tree.pool.cache.keys[branch.block_table, 0, :, 0, 0]
    return rows.flatten()[: branch.length].int().tolist()


class PathsAreLists(RuleBasedStateMachine):
    """Branches of one tree against lists of tokens; the letters are few, so that paths often meet again."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = small_tree()
        self.branches: list[Branch] = []
        self.lists: list[list[int]] = []

    def place(self, which: int) -> int:
        return which % len(self.branches)

    @rule(key=st.sampled_from(["A", "B"]))
    def open(self, key: str) -> None:
        self.branches.append(Branch(self.tree, key))
        self.lists.append([])

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def fork(self, which: int) -> None:
        """The fork has the same tokens and pages, and the same tensor of them."""
        branch, tokens = self.branches[self.place(which)], self.lists[self.place(which)]
        twin = branch.fork()
        assert twin.block_table is branch.block_table or not branch.length
        self.branches.append(twin)
        self.lists.append(list(tokens))

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), letter=st.integers(1, 2), count=SIZES)
    def extend(self, which: int, letter: int, count: int) -> None:
        """Tokens are added, all or none; the block table stays the same tensor while the pages do."""
        branch, tokens = self.branches[self.place(which)], self.lists[self.place(which)]
        pages, table, available = branch.pages, branch.block_table, self.tree.num_available
        try:
            compute(branch, [letter] * count)
        except CapacityError:
            assert self.tree.num_available == available < pages_for(count) + 1
            assert branch.block_table is table
            return
        tokens += [letter] * count
        assert branch.pages != pages or branch.block_table is table

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), partial=st.booleans())
    def publish(self, which: int, partial: bool) -> None:
        branch = self.branches[self.place(which)]
        branch.publish(partial=partial)
        reader = Branch(self.tree, branch.key)
        assert reader.follow(self.lists[self.place(which)]) >= branch.length // PAGE_SIZE * PAGE_SIZE
        reader.drop()

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), letter=st.integers(1, 2), count=SIZES)
    def follow(self, which: int, letter: int, count: int) -> None:
        """What is found is the beginning of what was asked for. It is not found a second time."""
        branch, tokens = self.branches[self.place(which)], self.lists[self.place(which)]
        wanted = [letter] * count
        found = branch.follow(wanted)
        tokens += wanted[:found]
        assert branch.follow(wanted[found:]) == 0

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), share=st.floats(0, 1.2))
    def cut(self, which: int, share: float) -> None:
        """Back to any length; a length beyond the end changes nothing."""
        branch, tokens = self.branches[self.place(which)], self.lists[self.place(which)]
        pages, table = branch.pages, branch.block_table
        length = int(share * len(tokens))
        branch.cut(length)
        del tokens[length:]
        assert branch.pages == pages[: pages_for(len(tokens))]
        assert len(branch.pages) < len(pages) or branch.block_table is table

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def drop(self, which: int) -> None:
        self.lists.pop(self.place(which))
        self.branches.pop(self.place(which)).drop()

    @rule(pages=st.integers(1, 6))
    def evict(self, pages: int) -> None:
        pool = self.tree.pool
        free, idle, busy = pool.num_free, pool.num_idle, pool.num_busy
        self.tree.evict(pages)
        assert (pool.num_free, pool.num_busy) == (free + min(pages, idle), busy)

    @invariant()
    def paths_are_lists(self) -> None:
        for branch, tokens in zip(self.branches, self.lists, strict=True):
            assert branch.length == len(tokens)
            assert tokens_in(branch) == tokens
            for count in (0, 1, PAGE_SIZE + 1, len(tokens), len(tokens) + 5):
                assert branch.last(count) == tokens[max(0, len(tokens) - count) :]

    @invariant()
    def all_is_held_once(self) -> None:
        check_branches(self.tree, self.branches)
        assert self.tree.pool.num_busy == len({page for branch in self.branches for page in branch.pages})

    def teardown(self) -> None:
        for branch in self.branches:
            branch.drop()
        check_branches(self.tree, [])
        assert self.tree.pool.num_busy == 0
        self.tree.evict(PAGES)
        assert self.tree.pool.num_free == PAGES
        assert not self.tree._by_age


TestPathsAreLists = pytest.mark.slow(PathsAreLists.TestCase)
TestPathsAreLists.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def long_branch(length: int) -> Branch:
    branch = Branch(small_tree(pages_for(length) + 16))
    branch.extend(range(length))
    branch.publish()
    return branch


def lines(act: Callable[[], object]) -> int:
    """How many lines of Python an act executes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> object:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    gc.disable()  # it may run others' lines
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def fork_and_drop(branch: Branch) -> None:
    branch.fork().drop()


def fork_extend_and_drop(branch: Branch) -> None:
    twin = branch.fork()
    twin.extend([7])
    twin.block_table  # noqa: B018
    twin.drop()


def fork_go_back_and_drop(branch: Branch) -> None:
    twin = branch.fork()
    twin.cut(branch.length - 9)
    twin.extend([7])
    twin.drop()


def guess_and_cut(branch: Branch) -> None:
    length = branch.length
    branch.extend([7] * 8)
    branch.last(8)
    branch.cut(length)


@pytest.mark.parametrize("act", [fork_and_drop, fork_extend_and_drop, fork_go_back_and_drop, guess_and_cut])
def test_no_step_is_longer_because_the_branch_is(act):
    """At the same place in a page, the same lines run, however many pages come before."""
    counts = []
    for pages in (1, 10, 625):
        branch = long_branch(pages * PAGE_SIZE + 10)
        for _ in range(2):  # the first time, memory is made ready
            act(branch)
        counts.append(lines(lambda branch=branch: act(branch)))
    assert counts[0] > 10
    assert counts[1] == counts[0] == counts[2]


def test_going_back_costs_what_is_cut():
    """One page cut is as many lines at 1,008 tokens as at 10,000; all of them are more."""

    def cut(length: int, to: int) -> int:
        branch = long_branch(length)
        return lines(lambda: branch.cut(to))

    assert cut(10_000, 9_990) == cut(1_008, 998) < cut(1_008, 10)


def test_a_fork_that_grows_copies_pages_and_table_once():
    """Each of several forks ends with last pages of its own, after a beginning that it shares."""
    branch = long_branch(5 * PAGE_SIZE + 3)
    twins = [branch.fork() for _ in range(3)]
    for number, twin in enumerate(twins):
        twin.extend([number] * 40)
    everyone = [branch, *twins]
    assert all(twin.pages[:5] == branch.pages[:5] for twin in twins)
    assert len({page for one in everyone for page in one.pages[5:]}) == 1 + 3 * 3
    for number, twin in enumerate(twins):
        assert twin.last(40) == [number] * 40
        assert twin.block_table.tolist() == twin.pages
    check_branches(branch.tree, everyone)


def test_what_is_busy_below_keeps_its_path_young():
    """A branch that ends marks only its end as used; pages above it are evicted after it all the same."""
    tree = small_tree(8)
    for text in ([1] * 64, [2] * 32):
        branch = Branch(tree)
        branch.follow(text)
        compute(branch, text[branch.length :])
        branch.publish()
        branch.drop()
    reader = Branch(tree)
    assert reader.follow([1] * 64) == 64
    reader.drop()
    left = []
    while tree.pool.num_idle:
        tree.evict(1)
        tree.check_integrity()
        left.append([node.tokens[0] for node in tree.nodes()])
    assert left == [[1] * 4 + [2], [1] * 4, [1] * 3, [1] * 2, [1], []]


@pytest.mark.parametrize("damage", ["users", "owner", "table", "lender", "heap", "queued"])
def test_the_check_of_branches_sees_damage(damage):
    branch = long_branch(2 * PAGE_SIZE + 3)
    tree = branch.tree
    reader = Branch(tree)
    assert reader.follow(range(PAGE_SIZE + 5)) == PAGE_SIZE + 5
    check_branches(tree, [branch, reader])
    if damage == "users":
        branch._node.users += 1
    elif damage == "owner":
        tree.pool.hold(branch.pages[-1])
    elif damage == "table":
        branch._table.write(0, [branch.pages[1]])
    elif damage == "lender":
        reader._lender = branch._node.parent
    elif damage == "heap":
        reader.drop()
        branch.drop()
        tree._by_age *= 2
    else:
        branch._node.queued = True
    with pytest.raises(AssertionError):
        check_branches(tree, [branch, reader])
    if damage == "owner":
        tree.check_integrity()


def test_a_fork_is_as_fast_at_ten_thousand_tokens():
    """fork, extend by a token, drop: the best median of several rounds is at most 1.5 times that at 10."""
    branches = [long_branch(length) for length in (10, 10_000 + 10)]

    def duration(branch: Branch) -> float:
        start = time.perf_counter()
        fork_extend_and_drop(branch)
        return time.perf_counter() - start

    rounds = []
    for _ in range(12):
        short, long = zip(*([duration(branch) for branch in branches] for _ in range(300)), strict=True)
        rounds.append(median(long) / median(short))
    assert min(rounds) <= 1.5
