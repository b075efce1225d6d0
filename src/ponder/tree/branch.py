"""A path through the tree that somebody is growing."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from ponder.errors import CapacityError
from ponder.tree.page_pool import PAGE_SIZE, pages_for
from ponder.tree.radix import Node, RadixTree


class Branch:
    """Tokens and the pages that hold their keys and values.

    Its whole pages are found by others once they are published. Forking and following copy nothing; writing
    copies at most the last, partial page.

    Attributes
    ----------
    tokens, pages : the path.
    key : the branch shares pages only with branches of an equal key.
    """

    def __init__(self, tree: RadixTree, key: Hashable = None) -> None:
        self.tree = tree
        self.key = key
        self.tokens: list[int] = []
        self.pages: list[int] = []
        self._node: Node | None = None  # where the published pages end; None: at the root
        self._published = 0  # pages
        self._block_table: torch.Tensor | None = None  # of `pages` as they are; None: they have changed

    @property
    def length(self) -> int:
        """How many tokens the branch holds."""
        return len(self.tokens)

    @property
    def block_table(self) -> torch.Tensor:
        """The pages as an int64 tensor on the pool's device, read-only; the same one until they change."""
        if self._block_table is None:
            device = self.tree.pool.cache.keys.device
            self._block_table = torch.tensor(self.pages, dtype=torch.int64, device=device)
        return self._block_table

    def fork(self) -> Branch:
        """Return a second branch over the same tokens, which must have been computed; nothing is copied.

        Whole pages are published first: else one of the two could go over to the tree's pages, and the other
        hold a page below those without holding them.
        """
        self.publish()
        twin = Branch(self.tree, self.key)
        twin.tokens, twin.pages = list(self.tokens), list(self.pages)
        twin._node, twin._published, twin._block_table = self._node, self._published, self._block_table
        for page in self.pages:
            self.tree.pool.hold(page)
        return twin

    def follow(self, tokens: Sequence[int]) -> int:
        """Go on along `tokens` as far as the tree has them; return how many were found.

        Pages are shared, the last one perhaps in part. A partial page of the branch's own is let go where the
        tree has a longer one. A branch with whole pages that are not published stays where it is.
        """
        found = 0
        while (own := self.length - self._published * PAGE_SIZE) < PAGE_SIZE:
            nearest = self.tree.nearest(self._end(), self._next(tokens[found : found + PAGE_SIZE]))
            if nearest is None or nearest[1] <= own:
                break
            node, shared = nearest
            self.tree.pool.hold(node.page)
            if own:
                self.tree.pool.release(self.pages.pop())
            self.pages.append(node.page)
            self._block_table = None
            self.tokens += node.tokens[own:shared]
            found += shared - own
            if shared == PAGE_SIZE:
                self._node, self._published = node, self._published + 1
        return found

    def next_page(self, tokens: Sequence[int]) -> Hashable:
        """Name the page that computing `tokens` next would fill; None where it could not be shared.

        Two branches with the same name would compute the same page.
        """
        page = self._next(tokens)
        return (id(self._end()), page) if len(page) == PAGE_SIZE else None

    def _next(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Return the tokens behind the published pages, with `tokens` after them, as far as a page goes."""
        own = self.tokens[self._published * PAGE_SIZE :]
        return (*own, *tokens[: max(0, PAGE_SIZE - len(own))])

    def _end(self) -> Node:
        if self._node is None:
            self._node = self.tree.root(self.key)
        return self._node

    def extend(self, tokens: Sequence[int]) -> list[int]:
        """Make room for tokens and return their slots (page * PAGE_SIZE + offset), for the caller to fill.

        Raises CapacityError, changing nothing, where the pages are not to be had.
        """
        start, end = self.length, self.length + len(tokens)
        copies = start % PAGE_SIZE > 0 and end > start and not self.tree.pool.is_exclusive(self.pages[-1])
        wanted = pages_for(end) - len(self.pages) + copies
        if wanted:
            self._take(wanted, copies)
        self.tokens += tokens
        pages = self.pages
        return [
            pages[position // PAGE_SIZE] * PAGE_SIZE + position % PAGE_SIZE for position in range(start, end)
        ]

    def _take(self, wanted: int, copies: bool) -> None:
        """Add pages. With `copies` the first one takes the place of the last page, of which it is a copy."""
        pool = self.tree.pool
        if wanted > self.tree.num_available:
            raise CapacityError(f"{wanted} cache pages are needed, {self.tree.num_available} are not in use")
        new = self.tree.allocate(wanted)
        if copies:
            pool.copy(self.pages[-1], new[0])
            pool.release(self.pages.pop())
        self.pages += new
        self._block_table = None

    def publish(self, *, partial: bool = False) -> None:
        """Let others find the pages, all of whose tokens must have been computed.

        A page whose tokens are in the tree already is exchanged for the one that is there. With `partial`,
        also the last page, if it is not full and no other branch has it.
        """
        pool = self.tree.pool
        while (self._published + 1) * PAGE_SIZE <= self.length:
            place = self._published
            tokens = tuple(self.tokens[place * PAGE_SIZE : (place + 1) * PAGE_SIZE])
            self._node = self.tree.insert(self._end(), tokens, self.pages[place])
            self._published += 1
            if self._node.page != self.pages[place]:
                pool.hold(self._node.page)
                pool.release(self.pages[place])
                self.pages[place] = self._node.page
                self._block_table = None
        if not partial:
            return
        tail = tuple(self.tokens[self._published * PAGE_SIZE :])
        if tail and pool.is_exclusive(self.pages[-1]):
            nearest = self.tree.nearest(self._end(), tail)
            if nearest is None or nearest[1] < len(tail):
                self.tree.insert(self._end(), tail, self.pages[-1])

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on."""
        while self._published * PAGE_SIZE > length:
            assert self._node is not None
            self._node, self._published = self._node.parent, self._published - 1
        needed = pages_for(length)
        for page in self.pages[needed:]:
            self.tree.pool.release(page)
        del self.pages[needed:], self.tokens[length:]
        self._block_table = None

    def drop(self) -> None:
        """Let go of every page. A dropped branch is empty and may be dropped again."""
        if self._node is not None:
            self.tree.touch_path(self._node)
        self.cut(0)
        self._node = None
