"""Several whole texts as one tree of tokens: what they begin with in common is computed once."""

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

    def parts(self, size: int) -> list[TriePart]:
        """Divide the nodes that others follow into parts to be computed one after another.

        The last token of a text is only looked up after its parent, so no part has it. In the order of
        their tokens, the texts of a part follow one another; a part has at most `size` nodes that no part
        before it has, or what one text adds.
        """
        inner = [False] * len(self.parents)
        for parent in self.parents:
            if parent != ROOT:
                inner[parent] = True
        parts: list[TriePart] = []
        done = [False] * len(self.parents)
        before: list[int] = []  # of the present part
        own: list[int] = []
        for path in sorted(self.paths, key=lambda path: [self.token_ids[node] for node in path]):
            new = [node for node in path if inner[node] and not done[node]]
            if own and new and len(own) + len(new) > size:
                parts.append(self._part(before, own))
                own = []
            if not own:
                before = [node for node in path if done[node]]
            for node in new:
                done[node] = True
            own += new
        return [*parts, self._part(before, own)] if own else parts

    def _part(self, before: list[int], own: list[int]) -> TriePart:
        nodes = (*before, *own)
        place = {node: i for i, node in enumerate(nodes)} | {ROOT: ROOT}
        tokens = tuple(self.token_ids[node] for node in nodes)
        parents = tuple(place[self.parents[node]] for node in nodes)
        return TriePart(ChoiceTrie(tokens, parents, ()), tuple(own))

    def depths(self) -> list[int]:
        """Return how many tokens precede each node after the prompt."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(0 if parent == ROOT else depths[parent] + 1)
        return depths


@dataclass(frozen=True, slots=True)
class TriePart:
    """Some nodes of a trie: `own`, by their numbers there; `trie` has them after the nodes above them."""

    trie: ChoiceTrie
    own: tuple[int, ...]
