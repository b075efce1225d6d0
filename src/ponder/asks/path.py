"""A text as a path: what the model was given, what came after it, and where it branched off."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ponder.errors import ParameterError
from ponder.text import Prompt, as_prompt

Lineage = tuple[tuple[int, int], ...]

MAX_DEPTH = 10_000  # branchings of one text
MAX_CHILD = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Path:
    """A prompt and the output so far. Whoever wrote the output, it counts as output.

    Random numbers, penalties, minimum and maximum, stop strings and constraints go on as if the text had
    never been interrupted: with the same seed and parameters, a path that holds the first k tokens of a text
    gives the same rest.

    Attributes
    ----------
    prompt : raw text, a conversation or token ids.
    tokens : the output so far.
    text : more output, as text; the model's tokenizer cuts it, and it comes after `tokens`.
    lineage : where the text branched off: (how many tokens it had, the number of the branch), the oldest
        first. Branch 0 goes on with its parent's random numbers and is not listed. n samples of a path are
        its branches 0 to n - 1.
    """

    prompt: Prompt
    tokens: tuple[int, ...] = ()
    text: str = ""
    lineage: Lineage = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt", as_prompt(self.prompt))
        if not isinstance(self.tokens, list | tuple):
            raise ParameterError("path.tokens", self.tokens, "a list of token ids")
        object.__setattr__(self, "tokens", tuple(self.tokens))
        if not isinstance(self.text, str):
            raise ParameterError("path.text", self.text, "text")
        object.__setattr__(self, "lineage", checked_lineage(self.lineage))
        branched_at = max((position for position, _ in self.lineage), default=0)
        if branched_at > len(self.tokens) and not self.text:
            allowed = f"branchings within the path, which has {len(self.tokens)} tokens"
            raise ParameterError("lineage", self.lineage, allowed)


def checked_lineage(value: object) -> Lineage:
    """Return a lineage, which may have come as lists. Raises ParameterError for what is none."""
    allowed = "pairs of whole numbers: how many tokens the text had, and the number of the branch"
    if not isinstance(value, list | tuple) or len(value) > MAX_DEPTH:
        raise ParameterError("lineage", value, allowed)
    pairs = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ParameterError("lineage", pair, allowed)
        position, child = pair
        if type(position) is not int or type(child) is not int or position < 0 or not 0 < child <= MAX_CHILD:
            raise ParameterError("lineage", pair, allowed)
        pairs.append((position, child))
    return tuple(pairs)


def branched(lineage: Lineage, position: int, child: int) -> Lineage:
    """Return the lineage of branch `child` of a text that has `position` tokens."""
    return (*lineage, (position, child)) if child else lineage


def stream_of(lineage: Lineage) -> int:
    """Return the number of a lineage's stream of random numbers, 64 bits.

    Branch i of an empty output has stream i; every other lineage has a stream of its own (a 63-bit digest).
    """
    if not lineage:
        return 0
    if len(lineage) == 1 and lineage[0][0] == 0:
        return lineage[0][1]
    return _digest(",".join(f"{position}:{child}" for position, child in lineage))


def redrawn(stream: int, attempt: int) -> int:
    """Return the stream that a token is drawn from once `attempt` tokens in its place were refused."""
    return _digest(f"{stream}/{attempt}") if attempt else stream


def _digest(told: str) -> int:
    return int.from_bytes(hashlib.blake2b(told.encode(), digest_size=8).digest(), "little") | 1 << 63
