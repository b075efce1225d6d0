"""The token tree: pages of keys and values, the tree that keeps them, the branches that grow."""

from ponder.tree.branch import Branch, check_branches
from ponder.tree.page_pool import PAGE_SIZE, PagePool, pages_for
from ponder.tree.radix import RadixTree

__all__ = ["PAGE_SIZE", "Branch", "PagePool", "RadixTree", "check_branches", "pages_for"]
