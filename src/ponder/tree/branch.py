"""A path through the tree that somebody is growing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import torch

from ponder.errors import CapacityError
from ponder.tree.block_table import BlockTable
from ponder.tree.page_pool import PAGE_SIZE, pages_for
from ponder.tree.radix import PageNode, RadixTree


class Branch:
    """Tokens and the pages that hold their keys and values.

    A branch begins with a path of whole pages in the tree, where others find them; it holds the last node of
    that path, and so all above. The tokens after the path are its tail. The tail's pages are the branch's
    own, or shared with forks until one of them writes; or the tail lies within one page of the tree, whose
    node is the lender and is held in place of its parent. Publishing moves whole pages from the tail to the
    tree.

    Forking and following copy no keys and values; writing copies at most the last, partial page. A fork, and
    going back, cost the same however long the branch is.

    Attributes
    ----------
    key : the branch shares pages only with branches of an equal key.
    """

    __slots__ = (
        "_block_table",
        "_lender",
        "_node",
        "_pages",
        "_published",
        "_table",
        "_tail",
        "key",
        "tree",
    )

    def __init__(self, tree: RadixTree, key: Hashable = None) -> None:
        self.tree = tree
        self.key = key
        self._node: PageNode | None = None  # where the published pages end; None: the root, not looked up yet
        self._published = 0  # pages
        self._lender: PageNode | None = None  # a child of `_node`
        self._tail: list[int] = []  # tokens
        self._pages: list[int] = []  # of the tail; if there is a lender, only its page
        self._table = BlockTable()  # of all pages
        self._block_table: torch.Tensor | None = None  # None: the pages have changed

    @property
    def length(self) -> int:
        """How many tokens the branch holds."""
        return self._published * PAGE_SIZE + len(self._tail)

    @property
    def num_pages(self) -> int:
        """How many pages hold the tokens."""
        return self._published + len(self._pages)

    @property
    def pages(self) -> list[int]:
        """All pages in order; the list is built anew."""
        return self._table.first(self.num_pages)

    @property
    def block_table(self) -> torch.Tensor:
        """The pages as an int64 tensor on the pool's device, read-only; the same one until they change.

        It is valid until they change.
        """
        if self._block_table is None:
            device = self.tree.pool.cache.keys.device
            self._block_table = self._table.tensor(self.num_pages, device)
        return self._block_table

    def last(self, count: int) -> list[int]:
        """Return the last `count` tokens, or all if there are fewer. The cost grows with `count` only."""
        missing, parts, node = count - len(self._tail), [self._tail], self._node
        while missing > 0 and node is not None:
            parts.append(list(node.tokens))
            missing, node = missing - PAGE_SIZE, node.parent
        tokens = [token for part in reversed(parts) for token in part]
        return tokens[max(0, len(tokens) - count) :]

    def fork(self) -> Branch:
        """Return a second branch over the same tokens, which must have been computed.

        Whole pages are published first: so each of the two has less than a page of its own to copy or hold.
        """
        self.publish()
        twin = Branch(self.tree, self.key)
        twin._node, twin._published, twin._lender = self._end(), self._published, self._lender
        self.tree.hold(self._held())
        if self._lender is None and self._pages:
            self.tree.pool.hold(self._pages[0])
        twin._tail, twin._pages = self._tail.copy(), self._pages.copy()
        self._table.share(self.num_pages)
        twin._table, twin._block_table = self._table, self.block_table
        return twin

    def follow(self, tokens: Sequence[int]) -> int:
        """Go on along `tokens` as far as the tree has them; return how many were found.

        Pages are shared, the last one perhaps in part. A partial page of the branch's own is let go where the
        tree has a longer one. A branch with whole pages that are not published stays where it is.
        """
        own = len(self._tail)
        if own >= PAGE_SIZE:
            return 0
        node, lender, found, pages = self._end(), None, 0, list[int]()
        known = self._next(tokens)
        shared = own
        while lender is None and (nearest := self.tree.nearest(node, known)) is not None:
            child, shared = nearest
            if shared <= own:
                break
            found, own = found + shared - own, 0
            pages.append(child.page)
            if shared == PAGE_SIZE:
                node = child
                known = tuple(tokens[found : found + PAGE_SIZE])
            else:
                lender = child
        if pages:
            self._go_over(node, lender, shared if lender else 0, pages)
        return found

    def _go_over(self, node: PageNode, lender: PageNode | None, shared: int, pages: Sequence[int]) -> None:
        """Take over the tree's `pages` after the published ones: to `node`, then `shared` tokens of a lender.

        What there was of a tail is let go.
        """
        held = self._held()
        self.tree.hold(lender or node)
        self._release_pages(0)
        self.tree.release(held)
        self._write(self._published, pages)
        self._node, self._published = node, self._published + len(pages) - (lender is not None)
        self._lend(lender, shared)

    def _lend(self, lender: PageNode | None, shared: int) -> None:
        """Make the first tokens of a child of `_node` the tail; None: there is no tail."""
        self._lender = lender
        self._tail = list(lender.tokens[:shared]) if lender else []
        self._pages = [lender.page] if lender else []

    def next_page(self, tokens: Sequence[int]) -> Hashable:
        """Name the page that computing `tokens` next would fill; None where it could not be shared.

        Two branches with the same name would compute the same page.
        """
        page = self._next(tokens)
        return (id(self._end()), page) if len(page) == PAGE_SIZE else None

    def _next(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """Return the tail with `tokens` after it, as far as a page goes."""
        return (*self._tail, *tokens[: max(0, PAGE_SIZE - len(self._tail))])

    def _end(self) -> PageNode:
        if self._node is None:
            self._node = self.tree.root(self.key)
        return self._node

    def _held(self) -> PageNode:
        """Return the one node that the branch holds; whoever holds a node holds those above it."""
        return self._lender or self._end()

    def extend(self, tokens: Sequence[int]) -> list[int]:
        """Make room for tokens and return their slots (page * PAGE_SIZE + offset), for the caller to fill.

        Raises CapacityError, changing nothing, where the pages are not to be had.
        """
        start = len(self._tail)
        end = start + len(tokens)
        copies = start % PAGE_SIZE > 0 and end > start and not self.tree.pool.is_exclusive(self._pages[-1])
        wanted = pages_for(end) - len(self._pages) + copies
        if wanted:
            self._take(wanted, copies)
        self._tail += tokens
        pages = self._pages
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
            pool.copy(self._pages[-1], new[0])
            self._release_last()
        self._write(self.num_pages, new)
        self._pages += new

    def _release_last(self) -> None:
        """Let the last page of the tail go."""
        page = self._pages.pop()
        if self._lender is None:
            self.tree.pool.release(page)
        else:
            self.tree.hold(self._end())
            self.tree.release(self._lender)
            self._lender = None

    def _release_pages(self, first: int) -> None:
        """Let pages of the tail go, from the `first` on, unless the tree lends them."""
        if self._lender is None:
            for page in self._pages[first:]:
                self.tree.pool.release(page)

    def _write(self, place: int, pages: Sequence[int]) -> None:
        """Note the branch's pages from `place` on."""
        self._table = self._table.write(place, pages)
        self._block_table = None

    def publish(self, *, partial: bool = False) -> None:
        """Let others find the pages, all of whose tokens must have been computed.

        A page whose tokens are in the tree already is exchanged for the one that is there. With `partial`,
        also the last page, if it is not full and no other branch has it.
        """
        if len(self._tail) >= PAGE_SIZE:
            self._publish_whole()
        if partial and self._tail and self.tree.pool.is_exclusive(self._pages[0]):
            end, tail = self._end(), tuple(self._tail)
            nearest = self.tree.nearest(end, tail)
            if nearest is None or nearest[1] < len(tail):
                self._lender = self.tree.insert(end, tail, self._pages[0])

    def _publish_whole(self) -> None:
        node, tail, pages = self._end(), self._tail, self._pages
        whole, exchanged = len(tail) // PAGE_SIZE, False
        for place in range(whole):
            tokens = tuple(tail[place * PAGE_SIZE : (place + 1) * PAGE_SIZE])
            node = self.tree.insert(node, tokens, pages[place])
            if node.page != pages[place]:
                pages[place], exchanged = node.page, True
        if exchanged:
            self._write(self._published, pages)
        del tail[: whole * PAGE_SIZE], pages[:whole]
        self._node, self._published = node, self._published + whole

    def cut(self, length: int) -> None:
        """Forget the tokens from `length` on. The cost grows with what is forgotten."""
        before, kept = self.num_pages, length - self._published * PAGE_SIZE
        if kept < 0:
            self._climb(length)
        elif kept < len(self._tail):
            del self._tail[kept:]
            needed = pages_for(kept)
            if self._lender is None:
                self._release_pages(needed)
                del self._pages[needed:]
            elif not needed:
                self._release_last()
        if self.num_pages < before:
            self._block_table = None

    def _climb(self, length: int) -> None:
        """Go back to fewer tokens than are published."""
        held = self._held()
        self._release_pages(0)
        whole, shared = divmod(length, PAGE_SIZE)
        below, node = None, self._node
        for _ in range(self._published - whole):
            assert node is not None
            below, node = node, node.parent
        self._node, self._published = node, whole
        self._lend(below if shared else None, shared)
        self.tree.hold(self._held())
        self.tree.release(held)

    def drop(self) -> None:
        """Let go of every page. A dropped branch is empty and may be dropped again.

        The cost grows with the pages that nobody else holds.
        """
        self._release_pages(0)
        if self._node is not None:
            self.tree.touch(self._node)
            self.tree.release(self._lender or self._node)
        self._table.leave()
        self._node, self._published, self._table, self._block_table = None, 0, BlockTable(), None
        self._lend(None, 0)

    def check_integrity(self) -> None:
        """Assert that the branch's parts fit together."""
        path, node = list[int](), self._node
        while node is not None and node.parent is not None:
            assert len(node.tokens) == PAGE_SIZE, "a partial page is not the last of a branch"
            path, node = [node.page, *path], node.parent
        assert node is None or node is self.tree.root(self.key), "a branch is not in the tree of its key"
        assert len(path) == self._published, "a branch miscounts its published pages"
        assert [*path, *self._pages] == self.pages, "a branch's block table is not its path"
        assert self.block_table.tolist() == self.pages, "a block table is out of date"
        assert len(self._pages) == pages_for(len(self._tail)), "a tail does not fit its pages"
        if self._lender is not None:
            assert self._lender.parent is self._node, "a lender does not continue the branch"
            assert self._pages == [self._lender.page], "a lent page is not the lender's"
            assert self._lender.tokens[: len(self._tail)] == tuple(self._tail), "a lender has other tokens"


def check_branches(tree: RadixTree, branches: Iterable[Branch]) -> None:
    """Assert that tree, pool and branches are sound, and that these branches hold what is busy, exactly."""
    tree.check_integrity()
    users: Counter[PageNode] = Counter()
    owners: Counter[int] = Counter()
    for branch in branches:
        branch.check_integrity()
        users[branch._held()] += 1
        if branch._lender is None:
            owners.update(branch._pages)
    for node in tree.nodes():
        busy = sum(child.users > 0 for child in node.children.values())
        assert node.users == users[node] + busy, f"page {node.page} has {node.users} users"
        assert node.page not in owners, f"page {node.page} is in the tree and a branch's own"
    for page, holders in enumerate(tree.pool._holders):
        if not tree.pool._kept[page]:
            assert holders == owners[page], f"page {page} is held {holders} times"
