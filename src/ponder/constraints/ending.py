"""A constrained text that can always end in time: an accepted end is never further than the tokens left.

A text takes a token only if, from the state after it, a plan (`Automaton.plan`) fits what is left. If no
other token does, the first of the plan itself fits: what follows it is a plan. So a text that has a plan at
its start has one everywhere, and ends accepted. Nothing else is changed: as long as there is room for a
plan, every allowed token may come.

A plan is looked for again only when the last one may have grown too long, by at most `growth` a token. Where
the automaton knows that there is room for one (`Roomy`), none is looked for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ponder.constraints.allowed import Allowed
from ponder.constraints.bits import Bits
from ponder.constraints.constraint import UNBOUNDED, Blaming, Measuring, Roomy, Thoughtful
from ponder.constraints.recent import Recent
from ponder.errors import ParameterError

MANY_LATE, MANY, MOST = 8, 64, 1000  # tokens that are refused in one place
MASKS = 64  # that are kept: each is filled beside the model, and read when a token is drawn
CAPACITY = 1024  # steps that are kept: a token is tried before it is taken


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a text stands.

    Attributes
    ----------
    state : the automaton's.
    tokens : how many the text has.
    plan : tokens to an accepted end, where they are known.
    due : with how many tokens of the text a plan is looked for again.
    """

    state: Any
    tokens: int
    plan: tuple[int, ...] | None
    due: int


class Ending:
    """What a constraint allows in a request whose texts may have `limit` tokens.

    Where the automaton knows no plan from the start, only its masks are kept to: a text may then be cut off
    before it may end.

    Attributes
    ----------
    start : of a text of no tokens; the first `begun` tokens are given and taken as they are.

    Raises
    ------
    ParameterError : no text of `limit` tokens is allowed; says how many are needed.
    """

    def __init__(self, allowed: Allowed, limit: int, begun: int = 0) -> None:
        self._allowed = allowed
        self._automaton = allowed.automaton
        self._limit = limit
        self._begun = begun
        self._measures = self._automaton if isinstance(self._automaton, Measuring) else None
        self._thinks = self._automaton if isinstance(self._automaton, Thoughtful) else None
        self._rooms = self._automaton if isinstance(self._automaton, Roomy) else None
        self._masks: Recent[Standing, Bits | None] = Recent(MASKS)
        self._steps: Recent[tuple[Standing, int], Standing | None] = Recent(CAPACITY)
        start = self._automaton.start
        self._plans = self._automaton.plan(start, UNBOUNDED) is not None
        self.start = Standing(start, 0, None, 1 if self._plans else UNBOUNDED)
        if not begun:
            self.check(self.start)
        if self._plans:
            self.start = self._planned(start, 0) or self.start

    @property
    def exact(self) -> bool:
        """Whether no text that keeps to the masks is ever refused a token or dead."""
        return self._automaton.exact

    def check(self, standing: Standing) -> None:
        """Raise a ParameterError where a text that was given cannot end in time."""
        if not self._plans or self._plan(standing.state, standing.tokens) is not None:
            return
        plan = self._automaton.plan(standing.state, UNBOUNDED)
        needed = "more" if plan is None else f"at least {standing.tokens + len(plan)}"
        raise ParameterError("max_tokens", self._limit, f"{needed}, for the constraint to be kept")

    def mask(self, standing: Standing, refused: Collection[int] = ()) -> Bits | None:
        """Return which tokens may come next, ends among them; None: all may.

        `refused` are tokens that were tried. Once they are many, what is planned is left.
        """
        mask = self._masks.get(standing, self._mask)
        if not refused:
            return mask
        if self._plans and (
            len(refused) >= MANY or sum(self.is_late(standing, token) for token in refused) >= MANY_LATE
        ):
            return self._way_out(standing)
        return self._allowed.none if len(refused) >= MOST else self._allowed.without(mask, refused)

    def _mask(self, standing: Standing) -> Bits | None:
        mask = self._allowed.mask(standing.state)
        if standing.due <= standing.tokens + 1 and self._measures is not None:
            near = self._measures.within(standing.state, self._limit - standing.tokens)
            if mask is not None and near is not None:
                return self._allowed.narrowed(mask, near)
        return mask

    def step(self, standing: Standing, token: int) -> Standing | None:
        """Return where the text stands after a token; None: it is not allowed, or leaves no time to end."""
        return self._steps.get((standing, token), lambda _: self._step(standing, token))

    def _step(self, standing: Standing, token: int) -> Standing | None:
        state, tokens = self._allowed.step(standing.state, token), standing.tokens + 1
        if state is None:
            return None
        if standing.plan and standing.plan[0] == token:
            return Standing(state, tokens, standing.plan[1:], standing.due)
        if tokens < standing.due:
            return Standing(state, tokens, None, standing.due)
        found = self._planned(state, tokens)
        return Standing(state, tokens, None, tokens + 1) if found is None and tokens <= self._begun else found

    def is_late(self, standing: Standing, token: int) -> bool:
        """Return whether a token is allowed but would leave no time to end."""
        return self.step(standing, token) is None and self._allowed.step(standing.state, token) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """What the parts of the constraint are called."""
        return self._allowed.names

    def denied(self, standing: Standing, token: int) -> tuple[int, ...]:
        """Return for each part of the constraint 1 if it forbids a token, else 0."""
        return self._allowed.denied(standing.state, token)

    def _planned(self, state: Any, tokens: int) -> Standing | None:
        """Return where a text stands from which an end in time is known, or room for one."""
        left = self._limit - tokens
        needed, plan = None if self._rooms is None else self._rooms.room(state), None
        if needed is None or needed > left:
            plan = self._plan(state, tokens)
            if plan is None:
                return None
            needed = len(plan)
        return Standing(state, tokens, plan, tokens + 1 + (left - needed) // (self._automaton.growth + 1))

    def _plan(self, state: Any, tokens: int) -> tuple[int, ...] | None:
        return self._automaton.plan(state, self._limit - tokens)

    def _way_out(self, standing: Standing) -> Bits:
        """Return a mask of what certainly leads to an end in time."""
        plan = standing.plan
        if plan is None:
            plan = self._plan(standing.state, standing.tokens)
        if plan is None:
            return self._allowed.none
        return self._allowed.only(plan[0] if plan else None)

    def violation(self, standing: Standing) -> int | None:
        """Return how many tokens of a text that is dead are to be given up; None: not known."""
        automaton = self._automaton
        return automaton.violation(standing.state) if isinstance(automaton, Blaming) else None

    def may_end(self, standing: Standing) -> bool:
        """Return whether the text may end here."""
        return self._automaton.may_end(standing.state)

    def may_end_shown(self, standing: Standing, text: bytes, after: Standing) -> bool:
        """Return whether a text may end that shows some more bytes and has the tokens of `after`."""
        return self._allowed.may_end_shown(standing.state, text, after.state)

    def must_end(self, standing: Standing) -> bool:
        """Return whether no text token may follow."""
        return self._automaton.must_end(standing.state)

    def forced(self, standing: Standing) -> tuple[int, ...]:
        """Return the tokens that come next in every text that is allowed."""
        return self._automaton.forced(standing.state)

    def landing(self, standing: Standing) -> tuple[int, int] | None:
        """Return a token that must come if it is one of so many likeliest, by the model's row; or None."""
        return None if self._thinks is None else self._thinks.landing(standing.state)

    def thoughts(self, standing: Standing) -> int | None:
        """Return how many tokens of a text are thoughts; None: it does not think."""
        return None if self._thinks is None else self._thinks.thoughts(standing.state)
