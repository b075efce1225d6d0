"""Beam search over reasoning steps.

    S = N first steps of the answer                            N = keep * expand
    repeat, max_steps times at most:
        score each text of S by the reward
        S = the best `keep` texts of S
        stop if all of them are finished
        S = for each unfinished text of S: `expand` next steps
    answer = best-of-N, weighted, over the finished texts

Snell et al., arXiv 2408.03314, section 5.2, where N / M texts are kept and each grows to M.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

from ponder.asks import Boundary, Grow, Path
from ponder.rewards import AnswerEquality, Problem
from ponder.scaling.budget import Budget
from ponder.scaling.effects import Search, extend, note
from ponder.scaling.lookahead import look_ahead
from ponder.scaling.parameters import check_choice, check_count, check_sampling, sampling_for
from ponder.scaling.reasoning_step import BLANK_LINE, step_end
from ponder.scaling.scored import AGGREGATES, Aggregate, Scored, best, choose, ranked, score
from ponder.scaling.selection import SELECTIONS, Selection

Convention = Literal["snell", "search-and-learn", "its-hub"]
CONVENTIONS: tuple[Convention, ...] = get_args(Convention)


@dataclass(frozen=True, slots=True)
class StepBeam:
    """Keep the best texts and grow each to several, a reasoning step at a time.

    A text that ends, by an end token, a stop string or its length, is finished: it grows no more, and all
    finished texts compete in the end. The last of `max_steps` steps is the rest of the text. Systems differ:

    | convention | first steps | a finished text | next steps | answer |
    |---|---|---|---|---|
    | "snell" | keep * expand | may hold one of the `keep` places | `expand` each | weighted |
    | "search-and-learn" | keep * expand | leaves its place to others | keep * expand in all | weighted |
    | "its-hub" | expand | may hold one of the `keep` places | `expand` each | plain |

    Attributes
    ----------
    keep : how many texts are kept; None for the budget's n / expand.
    expand : to how many each grows; at most n where the budget's n decides.
    step, max_steps : where a reasoning step ends; how many there are at most.
    lookahead : by how many steps a text is rolled out before it is scored (`look_ahead`).
    aggregate : the number that the scores of a text's steps become.
    selection : as in `BestOfN`; None for the convention's.
    sampling, equal : as in `BestOfN`.
    """

    keep: int | None = None
    expand: int = 4
    step: Boundary = BLANK_LINE
    max_steps: int = 40
    lookahead: int = 0
    convention: Convention = "snell"
    aggregate: Aggregate = "last"
    selection: Selection | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "step-beam"
    needs: ClassVar[frozenset[str]] = frozenset({"reward"})

    def __post_init__(self) -> None:
        if self.keep is not None:
            check_count("keep", self.keep)
        check_count("expand", self.expand)
        check_count("max_steps", self.max_steps)
        check_count("lookahead", self.lookahead, 0)
        check_choice("convention", self.convention, CONVENTIONS)
        check_choice("aggregate", self.aggregate, AGGREGATES)
        if self.selection is not None:
            check_choice("selection", self.selection, SELECTIONS)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        keep, expand = self._widths(budget.n)
        sampling = sampling_for(self.sampling, problem, keep * expand)
        finished: list[Scored] = []
        paths = [Path(problem.prompt)]
        widths = [expand if self.convention == "its-hub" else keep * expand]
        for number in range(self.max_steps):
            until = step_end(self.step, number, self.max_steps)
            extended = yield from extend(
                *(
                    Grow(path, {**sampling, "n": n}, until=until)
                    for path, n in zip(paths, widths, strict=True)
                )
            )
            ahead = yield from look_ahead(extended.texts, self.lookahead, self.step, sampling)
            scored = yield from score(extended.texts, self.aggregate, ahead)
            finished += [one for one in scored if one.finished]
            unfinished = [one for one in scored if not one.finished]
            places = unfinished if self.convention == "search-and-learn" else finished + unfinished
            kept = ranked(places)[:keep]
            yield from note(best(finished + unfinished), kept=[one.text.node for one in kept])
            paths = [one.text.path for one in kept if one.text.live]
            if not paths or extended.stopped != "done":
                break
            widths = [expand] * len(paths)
            if self.convention == "search-and-learn":
                widths = shared_out(keep * expand, len(paths))
        plain: Selection = "plain" if self.convention == "its-hub" else "weighted"
        return choose(finished + unfinished, self.selection or plain, self.equal, sampling)

    def _widths(self, n: int) -> tuple[int, int]:
        if self.keep is not None:
            return self.keep, self.expand
        return max(1, n // self.expand), min(self.expand, n)


def shared_out(total: int, parts: int) -> list[int]:
    """Return whole numbers that add up to a total and differ by 1 at most, the larger ones first."""
    return [math.ceil((total - i) / parts) for i in range(parts)]
