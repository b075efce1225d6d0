"""The tree of all tokens whose keys and values are in the cache."""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Sequence
from weakref import WeakValueDictionary

from ponder.tree.page_pool import PAGE_SIZE, PagePool

Tokens = tuple[int, ...]


class PageNode:
    """One page's worth of tokens after those of its parent; a root holds none and has no page.

    Only a leaf may hold fewer than PAGE_SIZE tokens. A page is busy while its node has `users`: branches that
    hold the node, and busy children. So whoever holds a node keeps all above it busy. A root counts nobody.
    """

    __slots__ = (
        "__weakref__",
        "children",
        "keys",
        "last_used",
        "page",
        "parent",
        "queued",
        "tokens",
        "users",
    )

    def __init__(self, parent: PageNode | None, tokens: Tokens, page: int) -> None:
        self.parent = parent
        self.tokens = tokens
        self.page = page
        self.children: dict[Tokens, PageNode] = {}
        self.keys: list[Tokens] = []  # of `children`, sorted: neighbours share the longest beginnings
        self.users = 0
        self.last_used = 0
        self.queued = False  # has an entry in the heap of its tree


class RadixTree:
    """A radix tree over token ids with one page an edge: prefix cache, history and what forks share.

    Branches hold the ends of their paths; the tree keeps pages that nobody holds until room is needed and
    then gives up leaves, those used longest ago first. Trees under different keys share nothing.
    """

    def __init__(self, pool: PagePool) -> None:
        self.pool = pool
        self.evictions = 0
        self._clock = 0
        # A root lives as long as a branch or a node below it does.
        self._roots: WeakValueDictionary[Hashable, PageNode] = WeakValueDictionary()
        self._nodes: dict[int, PageNode] = {}  # all that have a page, by that page
        # A heap of nodes by their last use, in which every idle leaf is. Entries may be older than the last
        # use, and a node may have got users or children since it was queued.
        self._by_age: list[tuple[int, int, PageNode]] = []

    @property
    def num_available(self) -> int:
        """Pages that can be allocated: the free and the idle ones; nothing busy is below an idle page."""
        return self.pool.num_free + self.pool.num_idle

    def root(self, key: Hashable) -> PageNode:
        """Return the root of the tree for a key."""
        root = self._roots.get(key)
        if root is None:
            self._roots[key] = root = PageNode(None, (), -1)
        return root

    def nearest(self, node: PageNode, tokens: Sequence[int]) -> tuple[PageNode, int] | None:
        """Return the child that begins with the most of `tokens`, and how many; None if none has one."""
        wanted = tuple(tokens[:PAGE_SIZE])
        if (child := node.children.get(wanted)) is not None:
            return child, len(wanted)
        place = bisect_left(node.keys, wanted)
        neighbours = node.keys[max(0, place - 1) : place + 1]
        if not wanted or not neighbours:
            return None
        key = max(neighbours, key=lambda key: _agreement(key, wanted))
        shared = _agreement(key, wanted)
        return (node.children[key], shared) if shared else None

    def hold(self, node: PageNode) -> None:
        """Count one more user of a node, which keeps it and all above it busy."""
        while node.parent is not None:
            node.users += 1
            if node.users > 1:
                return
            self.pool.hold(node.page)
            node = node.parent

    def release(self, node: PageNode) -> None:
        """Count one user less. What nobody uses any more is idle."""
        while node.parent is not None:
            node.users -= 1
            if node.users:
                return
            self.pool.release(node.page)
            if not node.children:
                self._queue(node)
            node = node.parent

    def insert(self, node: PageNode, tokens: Tokens, page: int) -> PageNode:
        """Keep a page that only the caller holds as a child of `node`; the caller must hold that, too.

        Return the child, or the one that has the tokens already; then the page is released. The caller holds
        the child afterwards, and `node` and `page` no more.
        """
        if (there := node.children.get(tokens)) is not None:
            self.hold(there)
            self.release(node)
            self.pool.release(page)
            self.touch(there)
            return there
        self.pool.keep(page)
        child = PageNode(node, tokens, page)
        child.users = 1  # the caller; `node` has a busy child in the caller's place
        node.children[tokens] = child
        insort(node.keys, tokens)
        self._nodes[page] = child
        self.touch(child)
        return child

    def touch(self, node: PageNode) -> None:
        """Mark a node as used now. Those above it are as young once it is evicted, and not evicted before."""
        self._clock += 1
        node.last_used = self._clock

    def _queue(self, leaf: PageNode) -> None:
        if not leaf.queued:
            leaf.queued = True
            heapq.heappush(self._by_age, (leaf.last_used, id(leaf), leaf))

    def allocate(self, pages: int) -> list[int]:
        """Take pages, giving up idle ones where too few are free. There must be `num_available`."""
        self.evict(pages - self.pool.num_free)
        return [self.pool.allocate() for _ in range(pages)]

    def evict(self, pages: int) -> None:
        """Give up so many idle pages, or all: leaves used longest ago first, parents once they are leaves."""
        while self._by_age and pages > 0:
            last_used, _, leaf = heapq.heappop(self._by_age)
            leaf.queued = False
            if leaf.users or leaf.children:
                continue  # it is queued again when it becomes an idle leaf
            if last_used < leaf.last_used:
                self._queue(leaf)
            else:
                self._remove(leaf)
                pages -= 1

    def _remove(self, leaf: PageNode) -> None:
        parent = leaf.parent
        assert parent is not None, "a root holds no page"
        del self._nodes[leaf.page]
        del parent.children[leaf.tokens]
        del parent.keys[bisect_left(parent.keys, leaf.tokens)]
        if parent.parent is not None:
            parent.last_used = max(parent.last_used, leaf.last_used)
            if not parent.children and not parent.users:
                self._queue(parent)
        self.pool.forget(leaf.page)
        self.evictions += 1

    def nodes(self) -> Iterator[PageNode]:
        """Yield every node that has a page."""
        yield from list(self._nodes.values())

    def check_integrity(self) -> None:
        """Assert that the nodes form trees, that each has its page to itself, and that the pool balances.

        Only who knows all branches can check that the users of a node are as many as it counts.
        """
        reached = list(self._roots.values())
        for node in reached:
            reached += node.children.values()
        nodes = [node for node in reached if node.parent is not None]
        assert len(nodes) == len(self._nodes), "a node is out of reach"
        for node in nodes:
            assert node.parent is not None, "a node hangs in the air"
            assert self._nodes.get(node.page) is node, "two nodes have one page, or the tree does not know it"
            assert node.parent.children[node.tokens] is node, "a parent does not know its child"
            assert node.keys == sorted(node.children), "a node's keys are not its children"
            assert 1 <= len(node.tokens) <= PAGE_SIZE, "a node holds no page's worth of tokens"
            assert len(node.tokens) == PAGE_SIZE or not node.children, "a partial page has children"
            assert self.pool._kept[node.page], "a node's page is not kept"
            busy = sum(child.users > 0 for child in node.children.values())
            assert node.users >= busy, "a page is held and its path is not"
            assert self.pool._holders[node.page] == (node.users > 0), "a page is busy and its node is not"
            assert node.users or node.children or node.queued, "an idle leaf has no age"
        queued = [node for _, _, node in self._by_age]
        assert len(set(queued)) == len(queued), "a node has two ages"
        assert set(queued) == {node for node in nodes if node.queued}, "a node is not queued as it says"
        assert all(age <= node.last_used for age, _, node in self._by_age), "a node is older than its age"
        kept = sum(map(bool, self.pool._kept))
        assert kept == len(nodes), "a page is kept that no node has"
        self.pool.check_integrity()


def _agreement(a: Sequence[int], b: Sequence[int]) -> int:
    for place, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return place
    return min(len(a), len(b))
