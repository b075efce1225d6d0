"""The bytes of every token as one value: what a constraint has to know of a tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The tokens of a tokenizer. Immutable; equal to every other of the same tokens, ends and names.

    Equality and hash compare a digest that is computed once, so that a vocabulary can be a key.

    Attributes
    ----------
    tokens : the bytes of each token by its id; control tokens have none.
    end_ids : the tokens that end a text.
    control : the control tokens by the names that they are written as, such as "</think>".
    """

    tokens: tuple[bytes, ...]
    end_ids: tuple[int, ...] = ()
    control: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self is other or self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self.tokens)} tokens, end_ids={self.end_ids}, {self.digest.hex()[:8]})"

    @cached_property
    def digest(self) -> bytes:
        """A hash of all tokens, ends and names."""
        ids = sorted(self.control, key=self.control.__getitem__)
        names = [name.encode("utf-8", "surrogatepass") for name in ids]
        counts = [len(self.end_ids), *self.end_ids, len(names), *map(self.control.__getitem__, ids)]
        lengths = np.array([*counts, *map(len, names), *map(len, self.tokens)], dtype="<i8")
        return blake2b(lengths.tobytes() + b"".join(names) + b"".join(self.tokens), digest_size=16).digest()

    @cached_property
    def is_text(self) -> npt.NDArray[np.bool_]:
        """[V]: which tokens spell text: those with bytes that are no end."""
        spelled = np.array([bool(token) for token in self.tokens], dtype=np.bool_)
        spelled[list(self.end_ids)] = False
        spelled.flags.writeable = False
        return spelled

    def single(self, letters: bytes) -> list[int]:
        """Return the text tokens that are one of some bytes, in the order of these."""
        known = self._single
        return [known[byte] for byte in letters if byte in known]

    @cached_property
    def _single(self) -> dict[int, int]:
        text = np.flatnonzero(self.is_text).tolist()
        return {self.tokens[token][0]: token for token in reversed(text) if len(self.tokens[token]) == 1}

    @cached_property
    def trie(self) -> Trie:
        """The text tokens as a tree of bytes; its numbers of strings are token ids."""
        numbers = np.flatnonzero(self.is_text).tolist()
        return Trie.build([self.tokens[number] for number in numbers], numbers)


@dataclass(frozen=True, slots=True, eq=False)
class Trie:
    """Byte strings merged at their shared beginnings.

    Nodes are numbered level by level, so that the children of a node follow one another; node 0 is the root,
    of no bytes. In `strings` the strings stand in the order of their bytes, so that those that end at a
    node follow one another as well; `numbers` has the number of each.

    Attributes
    ----------
    parent, byte : [N] where a node hangs, and by which byte. The root is its own parent.
    first_child, num_children : [N] a node's children.
    levels : the first node of each level from the root's children on, and N.
    node : the node that each of `strings` ends at.
    first_string, num_strings : [N] the places in `strings` of what ends at a node.
    """

    strings: list[bytes]
    numbers: Ints
    parent: Ints
    byte: npt.NDArray[np.uint8]
    first_child: Ints
    num_children: Ints
    first_string: Ints
    num_strings: Ints
    levels: list[int]
    node: Ints

    @staticmethod
    def build(strings: Sequence[bytes], numbers: Sequence[int] | None = None) -> Trie:
        """Merge the strings; their numbers are their places unless others are given."""
        order = sorted(range(len(strings)), key=strings.__getitem__)
        ordered = [strings[place] for place in order]
        named = np.array([numbers[place] for place in order] if numbers else order, dtype=np.int64)
        lengths = np.array([len(string) for string in ordered], dtype=np.int64)
        offsets = np.cumsum(lengths) - lengths
        blob = np.frombuffer(b"".join(ordered), dtype=np.uint8)
        node = np.zeros(len(ordered), dtype=np.int64)  # of each string: where the bytes read so far lead
        parents, letters, size, levels = [np.zeros(1, np.int64)], [np.zeros(1, np.uint8)], 1, [1]
        longer = np.flatnonzero(lengths > 0)
        while longer.size:
            parent, letter = node[longer], blob[offsets[longer] + len(levels) - 1]
            new = np.ones(longer.size, dtype=np.bool_)
            new[1:] = (parent[1:] != parent[:-1]) | (letter[1:] != letter[:-1])
            node[longer] = size - 1 + np.cumsum(new)
            parents.append(parent[new])
            letters.append(letter[new])
            size += int(new.sum())
            levels.append(size)
            longer = longer[lengths[longer] >= len(levels)]
        above = np.concatenate(parents)
        num_children = np.bincount(above[1:], minlength=size)
        num_strings = np.bincount(node, minlength=size)
        first_string = np.zeros(size, dtype=np.int64)
        first_string[node[::-1]] = np.arange(len(ordered))[::-1]
        first_child = 1 + np.cumsum(num_children) - num_children
        return Trie(
            ordered,
            named,
            above,
            np.concatenate(letters),
            first_child,
            num_children,
            first_string,
            num_strings,
            levels,
            node,
        )


def ranges(first: Ints, count: Ints) -> Ints:
    """Return first[0] .. first[0] + count[0] - 1, then the same for 1, and so on, as one array."""
    ends = np.cumsum(count)
    return np.repeat(first - ends + count, count) + np.arange(ends[-1] if ends.size else 0)
