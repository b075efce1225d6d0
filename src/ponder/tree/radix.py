"""The tree of all tokens whose keys and values are in the cache."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Sequence
from weakref import WeakValueDictionary

from ponder.tree.page_pool import PAGE_SIZE, PagePool

Tokens = tuple[int, ...]


class Node:
    """One page's worth of tokens after those of its parent; a root holds none and has no page.

    Only a leaf may hold fewer than PAGE_SIZE tokens.
    """

    __slots__ = ("__weakref__", "children", "keys", "last_used", "page", "parent", "tokens")

    def __init__(self, parent: Node | None, tokens: Tokens, page: int) -> None:
        self.parent = parent
        self.tokens = tokens
        self.page = page
        self.children: dict[Tokens, Node] = {}
        self.keys: list[Tokens] = []  # of `children`, sorted: neighbours share the longest beginnings
        self.last_used = 0


class RadixTree:
    """A radix tree over token ids with one page an edge: prefix cache, history and what forks share.

    Branches hold the pages of their paths; the tree keeps pages that nobody holds until room is needed and
    then gives up leaves, those used longest ago first. Trees under different keys share nothing.
    """

    def __init__(self, pool: PagePool) -> None:
        self.pool = pool
        self.evictions = 0
        self._clock = 0
        # A root lives as long as a branch or a node below it does: `_leaves` holds every path by its end.
        self._roots: WeakValueDictionary[Hashable, Node] = WeakValueDictionary()
        self._leaves: dict[Node, None] = {}
        # A heap of leaves by their last use. Entries may be out of date, but never later than the last use.
        self._by_age: list[tuple[int, int, Node]] = []

    @property
    def num_available(self) -> int:
        """Pages that can be allocated: the free and the idle ones.

        Who holds a page holds its whole path, so nothing idle is above something busy.
        """
        return self.pool.num_free + self.pool.num_idle

    def root(self, key: Hashable) -> Node:
        """Return the root of the tree for a key."""
        root = self._roots.get(key)
        if root is None:
            self._roots[key] = root = Node(None, (), -1)
        return root

    def nearest(self, node: Node, tokens: Sequence[int]) -> tuple[Node, int] | None:
        """Return the child that begins with the most of `tokens`, and how many; None if none has one."""
        wanted = tuple(tokens[:PAGE_SIZE])
        place = bisect_left(node.keys, wanted)
        neighbours = node.keys[max(0, place - 1) : place + 1]
        if not wanted or not neighbours:
            return None
        key = max(neighbours, key=lambda key: _agreement(key, wanted))
        shared = _agreement(key, wanted)
        return (node.children[key], shared) if shared else None

    def insert(self, node: Node, tokens: Tokens, page: int) -> Node:
        """Keep a held page as a child of `node` and return that; or the child that has the tokens already."""
        if (there := node.children.get(tokens)) is not None:
            self._touch(there)
            return there
        self.pool.keep(page)
        child = Node(node, tokens, page)
        node.children[tokens] = child
        insort(node.keys, tokens)
        self._leaves.pop(node, None)
        self._touch(child)
        self._add_leaf(child)
        return child

    def _add_leaf(self, node: Node) -> None:
        self._leaves[node] = None
        heapq.heappush(self._by_age, (node.last_used, id(node), node))

    def touch_path(self, node: Node) -> None:
        """Mark a node and all above it as used now."""
        self._clock += 1
        step: Node | None = node
        while step is not None:
            step.last_used = self._clock
            step = step.parent

    def _touch(self, node: Node) -> None:
        self._clock += 1
        node.last_used = self._clock

    def allocate(self, pages: int) -> list[int]:
        """Take pages, giving up idle ones where too few are free. There must be `num_available`."""
        self.evict(pages - self.pool.num_free)
        return [self.pool.allocate() for _ in range(pages)]

    def evict(self, pages: int) -> None:
        """Give up so many idle pages, or all: leaves used longest ago first, parents once they are leaves."""
        busy: list[Node] = []
        while self._by_age and pages > 0:
            last_used, _, leaf = heapq.heappop(self._by_age)
            if leaf not in self._leaves:
                continue
            if last_used < leaf.last_used:
                self._add_leaf(leaf)
            elif self.pool.is_idle(leaf.page):
                self._remove(leaf)
                pages -= 1
            else:
                busy.append(leaf)
        for leaf in busy:
            self._add_leaf(leaf)

    def _remove(self, leaf: Node) -> None:
        parent = leaf.parent
        assert parent is not None, "a root holds no page"
        del self._leaves[leaf]
        del parent.children[leaf.tokens]
        del parent.keys[bisect_left(parent.keys, leaf.tokens)]
        if not parent.children and parent.parent is not None:
            self._add_leaf(parent)
        self.pool.forget(leaf.page)
        self.evictions += 1

    def nodes(self) -> Iterator[Node]:
        """Yield every node that has a page."""
        for root in list(self._roots.values()):
            below = list(root.children.values())
            while below:
                node = below.pop()
                yield node
                below += node.children.values()

    def check_integrity(self) -> None:
        """Assert that the nodes form trees, that each has its page to itself, and that the pool balances."""
        nodes = list(self.nodes())
        pages = [node.page for node in nodes]
        assert len(set(pages)) == len(pages), "two nodes have one page"
        for node in nodes:
            assert node.parent is not None, "a node hangs in the air"
            assert node.parent.children[node.tokens] is node, "a parent does not know its child"
            assert node.keys == sorted(node.children), "a node's keys are not its children"
            assert 1 <= len(node.tokens) <= PAGE_SIZE, "a node holds no page's worth of tokens"
            assert len(node.tokens) == PAGE_SIZE or not node.children, "a partial page has children"
            assert (node in self._leaves) == (not node.children), "the leaves are miscounted"
            assert not self.pool.is_idle(node.page) or all(
                self.pool.is_idle(child.page) for child in node.children.values()
            ), "a page is held and its path is not"
        assert len(self._leaves) == sum(not node.children for node in nodes), "a leaf is out of reach"
        aged = {leaf for last_used, _, leaf in self._by_age if last_used <= leaf.last_used}
        assert self._leaves.keys() <= aged, "a leaf has no age"
        kept = sum(map(bool, self.pool._kept))
        assert kept == len(nodes), "a page is kept that no node has"
        self.pool.check_integrity()


def _agreement(a: Sequence[int], b: Sequence[int]) -> int:
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return min(len(a), len(b))
