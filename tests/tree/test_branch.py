"""Branches of a page pool behave like lists of tokens, and every page goes back."""

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ponder.errors import CapacityError
from ponder.tree import PAGE_SIZE, Branch, PagePool
from tiny_models import tiny_config

PAGES = 12


def small_pool(pages: int = PAGES) -> PagePool:
    config = tiny_config(num_layers=2, num_kv_heads=1, head_dim=2)
    return PagePool(config, pages, torch.device("cpu"), torch.float32)


def write(pool: PagePool, slots: list[int], values: list[int]) -> None:
    """Write a value to every layer's key, and its negative to the value."""
    for slot, value in zip(slots, values, strict=True):
        pool.k_pages[:, slot // PAGE_SIZE, slot % PAGE_SIZE] = value
        pool.v_pages[:, slot // PAGE_SIZE, slot % PAGE_SIZE] = -value


def read(branch: Branch) -> list[int]:
    """The values a branch's pages hold, the same in every layer, key and value."""
    stores = torch.stack((branch.pool.k_pages[:, branch.pages], -branch.pool.v_pages[:, branch.pages]))
    rows = stores.flatten(2, 3)[:, :, : branch.length].flatten(3).permute(2, 0, 1, 3).flatten(1)
    assert (rows == rows[:, :1]).all()
    return rows[:, 0].int().tolist()


class BranchesAreLists(RuleBasedStateMachine):
    """Any sequence of opening, forking, extending and dropping, with a pool that runs out now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = small_pool()
        self.branches: list[tuple[Branch, list[int]]] = []
        self.written = 0

    @rule()
    def open(self):
        self.branches.append((Branch(self.pool), []))

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def fork(self, which):
        """A fork costs no page."""
        branch, tokens = self.branches[which % len(self.branches)]
        free = self.pool.num_free
        self.branches.append((branch.fork(), list(tokens)))
        assert self.pool.num_free == free

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99), tokens=st.integers(0, 40))
    def extend(self, which, tokens):
        """Growth takes the pages it needs, and one more where the last page is shared and partial.

        Where they are not to be had, the branch can be dropped and nobody else has noticed.
        """
        branch, expected = self.branches[which % len(self.branches)]
        free = self.pool.num_free
        others = [page for other, _ in self.branches if other is not branch for page in other.pages]
        copied = tokens > 0 and branch.length % PAGE_SIZE > 0 and branch.pages[-1] in others
        needed = -(-(branch.length + tokens) // PAGE_SIZE) - len(branch.pages) + copied
        if needed > free:
            with pytest.raises(CapacityError, match=f"all {PAGES}"):
                branch.extend(tokens)
            self.branches.pop(which % len(self.branches))
            branch.drop()
            return
        slots = branch.extend(tokens)
        values = list(range(self.written + 1, self.written + 1 + tokens))
        self.written += tokens
        write(self.pool, slots, values)
        expected += values
        assert self.pool.num_free == free - needed

    @precondition(lambda self: self.branches)
    @rule(which=st.integers(0, 99))
    def drop(self, which):
        branch, _ = self.branches.pop(which % len(self.branches))
        branch.drop()
        assert (branch.length, branch.pages) == (0, [])
        branch.drop()

    @invariant()
    def branches_hold_their_tokens(self):
        for branch, expected in self.branches:
            assert branch.length == len(expected)
            assert read(branch) == expected

    @invariant()
    def pages_balance(self):
        self.pool.check_integrity()
        held = {page for branch, _ in self.branches for page in branch.pages}
        assert self.pool.num_free == PAGES - len(held)

    def teardown(self):
        for branch, _ in self.branches:
            branch.drop()
        self.pool.check_integrity()
        assert self.pool.num_free == PAGES


TestBranchesAreLists = BranchesAreLists.TestCase
TestBranchesAreLists.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("damage", ["free twice", "free and held", "lost"])
def test_integrity_check_sees_damage(damage):
    pool = small_pool()
    page = pool.allocate()
    if damage == "free twice":
        pool._free.append(pool._free[0])
    elif damage == "free and held":
        pool._free.append(page)
    else:
        pool._holders[page] = 0
    with pytest.raises(AssertionError, match="free"):
        pool.check_integrity()


def test_a_free_page_cannot_be_held_or_released():
    pool = small_pool()
    page = pool.allocate()
    pool.release(page)
    for misuse in (pool.hold, pool.release):
        with pytest.raises(AssertionError, match="is free"):
            misuse(page)


def test_many_forks_of_one_prompt_share_it():
    """A prompt of 5 pages less 3 tokens, forked 5 times, all six extended by one: 5 pages + 5 copies."""
    pool = small_pool()
    root = Branch(pool)
    write(pool, root.extend(5 * PAGE_SIZE - 3), list(range(5 * PAGE_SIZE - 3)))
    forks = [root.fork() for _ in range(5)]
    for fork in (*forks, root):
        fork.extend(1)
    assert PAGES - pool.num_free == 5 + 5
    assert len({fork.pages[-1] for fork in (*forks, root)}) == 6
