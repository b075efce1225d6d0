"""Several whole texts as one tree of tokens, so that a single forward pass scores them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ROOT = -1


@dataclass(frozen=True, slots=True)
class ChoiceTrie:
    """Token sequences merged at their shared beginnings.

    Node i holds `token_ids[i]` and follows `parents[i]` (ROOT: follows the prompt). `paths[c]` are the
    nodes of sequence c in order. Parents come before their children.
    """

    token_ids: tuple[int, ...]
    parents: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]

    @staticmethod
    def build(sequences: Sequence[Sequence[int]]) -> ChoiceTrie:
        """Merge the sequences; each holds at least one token."""
        children: dict[tuple[int, int], int] = {}
        token_ids: list[int] = []
        parents: list[int] = []
        paths = []
        for sequence in sequences:
            path, node = [], ROOT
            for token in sequence:
                if (node, token) not in children:
                    children[node, token] = len(token_ids)
                    token_ids.append(token)
                    parents.append(node)
                node = children[node, token]
                path.append(node)
            paths.append(tuple(path))
        return ChoiceTrie(tuple(token_ids), tuple(parents), tuple(paths))

    def depths(self) -> list[int]:
        """Return how many tokens precede each node after the prompt."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(0 if parent == ROOT else depths[parent] + 1)
        return depths
