"""A path through the tree: the pages that hold one sequence's keys and values."""

from __future__ import annotations

from ponder.tree.page_pool import PAGE_SIZE, PagePool


class Branch:
    """`length` tokens in `pages`; forking shares every page, writing copies only the last partial one."""

    def __init__(self, pool: PagePool) -> None:
        self.pool = pool
        self.pages: list[int] = []
        self.length = 0

    def fork(self) -> Branch:
        """Return a second branch over the same tokens; nothing is copied."""
        twin = Branch(self.pool)
        twin.pages, twin.length = list(self.pages), self.length
        for page in self.pages:
            self.pool.hold(page)
        return twin

    def extend(self, tokens: int) -> list[int]:
        """Make room for `tokens` more and return their slots (page * PAGE_SIZE + offset).

        Raises CapacityError, leaving a branch that can still be cut or dropped, when the pool is exhausted.
        """
        if self.length % PAGE_SIZE and tokens:
            self.pages[-1] = self.pool.own(self.pages[-1])
        slots = []
        for position in range(self.length, self.length + tokens):
            if position % PAGE_SIZE == 0:
                self.pages.append(self.pool.allocate())
            slots.append(self.pages[-1] * PAGE_SIZE + position % PAGE_SIZE)
        self.length += tokens
        return slots

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        needed = -(-length // PAGE_SIZE)
        for page in self.pages[needed:]:
            self.pool.release(page)
        self.pages, self.length = self.pages[:needed], length

    def drop(self) -> None:
        """Let go of every page. A dropped branch is empty and may be dropped again."""
        self.cut(0)
