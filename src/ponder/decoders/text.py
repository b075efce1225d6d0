"""Texts that grow: nodes that share their past, and what was computed of each text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from typing import Any, Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt

from ponder.asks.events import FinishReason
from ponder.asks.path import Lineage
from ponder.sampling.trace import TokenTrace
from ponder.tree import Branch

T = TypeVar("T")


class Node:
    """A token of a text. Texts that were forked share the nodes before the fork; a node never changes.

    Attributes
    ----------
    parent : the token before it; None: it is the root, which holds no token.
    depth : how many tokens the text has with it.
    token, trace : the token, and what is known of how it was chosen (None: it was given).
    added : the text that it added to what was emitted.
    begun : the bytes of a character that has begun.
    held : text that is held back, as it may become a stop string.
    state : where the constraint's automaton stands after it.
    unmatched : the text after the last boundary, as much of it as may become part of the next one.
    number : its place in the request's tree, -1 for the root and for tokens that were given.
    """

    __slots__ = (
        "added",
        "begun",
        "depth",
        "held",
        "number",
        "parent",
        "state",
        "token",
        "trace",
        "unmatched",
    )

    def __init__(
        self,
        parent: Node | None = None,
        token: int = -1,
        trace: TokenTrace | None = None,
        added: str = "",
        begun: bytes = b"",
        held: str = "",
        state: Any = None,
        number: int = -1,
        unmatched: str = "",
    ) -> None:
        self.parent = parent
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.token = token
        self.trace = trace
        self.added = added
        self.begun = begun
        self.held = held
        self.state = state
        self.number = number
        self.unmatched = unmatched

    def back_to(self, depth: int) -> Iterator[Node]:
        """Yield this node and those before it, the last first, as far as they are deeper than `depth`."""
        node = self
        while node.depth > depth:
            yield node
            assert node.parent is not None, "a root has depth 0"
            node = node.parent

    def ancestor(self, depth: int) -> Node:
        """Return the node of a smaller depth, or this one."""
        node = self
        while node.depth > depth:
            assert node.parent is not None, "a root has depth 0"
            node = node.parent
        return node


class PastTokens(Sequence[int]):
    """The tokens up to a node. They are gathered when somebody looks at more than their number."""

    __slots__ = ("_gathered", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._gathered: list[int] | None = None

    def move(self, node: Node) -> None:
        """Go on to a node after the present one, or back to one before it."""
        if self._gathered is not None:
            del self._gathered[node.depth :]
        self._node = node

    def gathered(self) -> list[int]:
        """Return the tokens, to be read only, until the next `move`."""
        if self._gathered is None:
            self._gathered = []
        known = len(self._gathered)
        if known < self._node.depth:
            later = [node.token for node in self._node.back_to(known)]
            later.reverse()
            self._gathered += later
        return self._gathered

    def since(self, depth: int) -> list[int]:
        """Return the tokens from a depth on."""
        later = [node.token for node in self._node.back_to(depth)]
        later.reverse()
        return later

    def __len__(self) -> int:
        return self._node.depth

    @overload
    def __getitem__(self, place: int) -> int: ...
    @overload
    def __getitem__(self, place: slice) -> list[int]: ...
    def __getitem__(self, place: int | slice) -> int | list[int]:
        return self.gathered()[place]

    def __iter__(self) -> Iterator[int]:
        return iter(self.gathered())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PastTokens | list | tuple):
            return NotImplemented
        return self.gathered() == list(other)

    __hash__ = None  # type: ignore[assignment]


class PastTraces(Sequence[TokenTrace]):
    """What is known of the tokens up to a node, gathered like `PastTokens`."""

    __slots__ = ("_gathered", "_node")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._gathered: list[TokenTrace] | None = None

    def _all(self) -> list[TokenTrace]:
        if self._gathered is None:
            found = [node.trace for node in self._node.back_to(0) if node.trace is not None]
            found.reverse()
            self._gathered = found
        return self._gathered

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, place: int) -> TokenTrace: ...
    @overload
    def __getitem__(self, place: slice) -> list[TokenTrace]: ...
    def __getitem__(self, place: int | slice) -> TokenTrace | list[TokenTrace]:
        return self._all()[place]

    def __iter__(self) -> Iterator[TokenTrace]:
        return iter(self._all())


class Joined(Sequence[T]):
    """One sequence after another, neither copied: most readers ask for the length alone."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Sequence[T], second: Sequence[T]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> list[T]: ...
    def __getitem__(self, place: int | slice) -> T | list[T]:
        if isinstance(place, slice):
            return [*self._first, *self._second][place]
        place = range(len(self))[place]
        after = place - len(self._first)
        return self._first[place] if after < 0 else self._second[after]

    def __iter__(self) -> Iterator[T]:
        return chain(self._first, self._second)


@dataclass(slots=True)
class Context:
    """A prompt that a text goes on from, and the branch that has what was computed of both.

    It may reach `reach` tokens. `tried` is a token that is tried after the text.
    """

    prompt: tuple[int, ...]
    branch: Branch
    reach: int
    tried: int | None = None

    def length(self, output: PastTokens) -> int:
        """Return how many tokens there are with an output."""
        return len(self.prompt) + len(output) + (self.tried is not None)

    def pending(self, output: PastTokens) -> tuple[int, ...]:
        """Return the tokens that are not in the branch yet."""
        computed = self.branch.length
        text = self.prompt[computed:] + tuple(output.since(max(0, computed - len(self.prompt))))
        if self.tried is None or computed == self.length(output):
            return text
        return (*text, self.tried)

    def fork(self, tried: int | None = None) -> Context:
        """Return a second context over the same pages."""
        return Context(self.prompt, self.branch.fork(), self.reach, tried)


@dataclass(frozen=True, slots=True)
class Chain:
    """Tokens guessed to come next, one after another: as many as there is room for are computed ahead."""

    tokens: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Star:
    """Tokens that are tried, each after the same text: all are computed ahead."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A chain of so many tokens that the draft model is asked for."""

    count: int


Ahead = Chain | Star | Drafted
"""What is computed after a text before it is known to come: tokens that are not born yet."""

NOTHING_AHEAD = Chain()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a constraint did to a text; the fields are those of `Constrained`, `bound` by place."""

    bound: tuple[int, ...] = ()
    refused: int = 0
    late: int = 0
    rewinds: int = 0
    given_up: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            tuple(a + b for a, b in zip_longest(self.bound, other.bound, fillvalue=0)),
            self.refused + other.refused,
            self.late + other.late,
            self.rewinds + other.rewinds,
            self.given_up + other.given_up,
        )


States = npt.NDArray[np.float32]
Reason = Literal["dead", "unlikely"]  # why a text under a constraint goes back


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Tokens that a text took after `depth` tokens and gave up again.

    Attributes
    ----------
    dead : they led to where no token is allowed, and never come again there.
    unlikely : they led to where little is allowed (`min_allowed_mass`), and come only if no other can.
    """

    depth: int
    dead: frozenset[int] = frozenset()
    unlikely: frozenset[int] = frozenset()

    @property
    def all(self) -> frozenset[int]:
        return self.dead | self.unlikely

    def and_also(self, token: int, why: Reason) -> GivenUp:
        """Return this with one more token."""
        return replace(self, **{why: getattr(self, why) | {token}})


@dataclass(slots=True, eq=False)
class Text:
    """One text that grows: the last of its nodes, and the contexts that its next token is chosen from.

    Attributes
    ----------
    index : which of the request's samples, or which group of beams.
    contexts : one for each prompt, or for each token that is tried; each gives a row of logits.
    lineage, stream : where it branched off, and its stream of random numbers.
    score : what a search adds up; it is shown in the tree.
    note : what its decoder keeps with it. Nobody else reads it; a fork shares it, so it must not change.
    ahead : what is computed ahead of it.
    residuals : the residual entropies of its positions, where an entropy head reads them.
    given_up : what it went back from, where it can still come to.
    settled : how many tokens it will never give up, where that is not all of them.
    tally : what its constraint did to it.
    closing : what its end added to the text.
    stopped_by : the stop string, end token or boundary that ended it.
    state : [C], what the head read to choose its last token, where the request keeps it.
    """

    index: int
    node: Node
    contexts: list[Context]
    lineage: Lineage = ()
    stream: int = 0
    score: float = 0.0
    note: Any = None
    ahead: Ahead = NOTHING_AHEAD
    residuals: tuple[float, ...] = ()
    given_up: tuple[GivenUp, ...] = ()
    settled: int = 0
    tally: Tally = Tally()
    closing: str = ""
    finish_reason: FinishReason | None = None
    stopped_by: str | int | None = None
    state: States | None = None
    output: PastTokens = field(init=False)

    def __post_init__(self) -> None:
        self.output = PastTokens(self.node)

    @property
    def branch(self) -> Branch:
        """The branch of its first context."""
        return self.contexts[0].branch

    @property
    def depth(self) -> int:
        """How many tokens it has."""
        return self.node.depth

    @property
    def traces(self) -> PastTraces:
        """What is known of its tokens."""
        return PastTraces(self.node)

    def emitted(self, since: int = 0) -> str:
        """Return the text that its tokens from a depth on added, and its end."""
        parts = [node.added for node in self.node.back_to(since)]
        parts.reverse()
        return "".join(parts) + self.closing

    def logprob(self, since: int = 0) -> float:
        """Return the sum of the raw log-probabilities of its tokens from a depth on."""
        traces = [node.trace for node in self.node.back_to(since) if node.trace is not None]
        return sum(trace.logprob for trace in reversed(traces))

    def move(self, node: Node) -> None:
        """Go on to a node, or back to one."""
        self.node = node
        self.output.move(node)

    def fork(self) -> Text:
        """Return a second text, still growing, that shares this one's past and pages."""
        return Text(
            self.index,
            self.node,
            [context.fork() for context in self.contexts],
            self.lineage,
            self.stream,
            self.score,
            self.note,
            residuals=self.residuals,
            given_up=self.given_up,
            settled=self.settled,
            tally=self.tally,
        )

    def given_up_at(self, depth: int) -> GivenUp:
        """Return what was given up after `depth` tokens."""
        return next((one for one in self.given_up if one.depth == depth), GivenUp(depth))

    def came_again(self, back: int) -> bool:
        """Return whether the first of the last tokens was given up there before, and no other could come."""
        token = self.node.ancestor(self.depth - back + 1).token
        return token in self.given_up_at(self.depth - back).unlikely

    def give_up(self, back: int, why: Reason) -> None:
        """Go back by some tokens, and note the first of them."""
        self.tally += Tally(rewinds=1, given_up=back)
        token = self.node.ancestor(self.depth - back + 1).token
        self.go_back(self.depth - back)
        here, earlier = self.given_up_at(self.depth), (one for one in self.given_up if one.depth < self.depth)
        self.given_up = (*earlier, here.and_also(token, why))

    def note_residual(self, residual: float) -> None:
        """Note the residual entropy of the next position."""
        self.residuals = (*self.residuals[: self.depth], residual)

    def go_back(self, depth: int) -> None:
        """Give up the tokens after a depth, with what was computed of them."""
        self.move(self.node.ancestor(depth))
        self.residuals = self.residuals[: depth + 1]
        for context in self.contexts:
            context.branch.cut(min(context.branch.length, context.length(self.output)))

    def need_last_row(self) -> None:
        """Have the row after its last token computed again, where that was computed already."""
        for context in self.contexts:
            context.branch.cut(min(context.branch.length, context.length(self.output) - 1))

    def drop(self) -> None:
        """Let the pages go."""
        for context in self.contexts:
            context.branch.drop()

    def take_tried(self, place: int) -> None:
        """Keep only the context of a token that was tried, which becomes part of the text."""
        chosen = self.contexts.pop(place)
        self.drop()
        chosen.tried = None
        self.contexts = [chosen]

    def look_ahead(self, ahead: Ahead) -> None:
        """Have something computed ahead; tokens that are tried each get a context over the same pages."""
        self.ahead = ahead
        if isinstance(ahead, Star):
            (context,) = self.contexts
            context.tried = ahead.tokens[-1]
            self.contexts = [*(context.fork(token) for token in ahead.tokens[:-1]), context]


@dataclass(frozen=True, slots=True)
class Growth:
    """A text grows by the traced tokens, one after another, into sample `index`.

    Attributes
    ----------
    parent : the text, which gives up its last `back` tokens first.
    traces : of the tokens; there may be none.
    stuck : nothing was possible after them: the text ends by its constraint.
    score, note : of the grown text.
    took : the place, among the tokens that were tried, of the first of them; None: none was tried.
    settled : how many tokens of the text its decoder will never give up; None: all of them.
    why : what the first of the tokens that a constraint gives up led to.
    tally : what the constraint did to its tokens.
    states : [tokens, C], what the head read to choose each token, where the request keeps it.
    """

    parent: Text
    index: int
    traces: tuple[TokenTrace, ...] = ()
    score: float = 0.0
    note: Any = None
    stuck: bool = False
    took: int | None = None
    back: int = 0
    settled: int | None = None
    why: Reason | None = None
    tally: Tally = Tally()
    states: States | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ranked:
    """A text that is an answer, what it is ranked by, and how probable a search was to draw it.

    `log_weight` and `passes` are as in `Output`.
    """

    text: Text
    score: float
    inclusion: float | None = None
    log_weight: float | None = None
    passes: int | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """Whether a request is answered, and if not, what to compute ahead of each live text, where anything."""

    answered: bool
    ahead: tuple[Ahead, ...] = ()
