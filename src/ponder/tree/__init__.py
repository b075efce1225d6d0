"""The token tree: pages of cached keys and values, and the branches that share them."""

from ponder.tree.branch import Branch
from ponder.tree.page_pool import PAGE_SIZE, PagePool

__all__ = ["PAGE_SIZE", "Branch", "PagePool"]
