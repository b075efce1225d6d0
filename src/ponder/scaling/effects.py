"""What a strategy asks for, and what it is given: values."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ponder.asks import Grow, Path
from ponder.errors import ParameterError, UnsupportedError
from ponder.rewards import (
    Candidate,
    Judgement,
    Measure,
    Problem,
    State,
    code_of,
    extract_answer,
    total_logprob,
)
from ponder.scaling.budget import Stopped


@dataclass(frozen=True, slots=True)
class Text:
    """A text as far as a run grew it: a node of the run's tree.

    Attributes
    ----------
    node, parent : numbers in the tree, in the order in which texts were grown; -1 is the prompt.
    path : where to go on from.
    text : the whole output, from the prompt on, with what the strategy put into a path as text. Other tokens
        that it put there are not in it.
    steps : the same, cut where growing paused.
    finish_reason : "until" where it paused and can go on; "cancelled" where the budget cut it off; otherwise
        why it ended.
    stopped_by : the boundary, stop string or token that ended it.
    measures : of all its tokens; None where the strategy put some in.
    state : what the model's head read to choose its last token, for a reward that needs it.
    grown : how many tokens the model added to its path this time.
    offsets : for each token, how many characters of `text` are shown once it has come; None where that is not
        known. A token may show nothing yet: the beginning of a character, or of a stop string. Of what the
        strategy put in as text only the last token has one, the others -1.
    """

    node: int
    parent: int
    path: Path
    text: str
    steps: tuple[str, ...]
    finish_reason: str
    stopped_by: str | int | None = None
    measures: tuple[Measure, ...] | None = ()
    state: State | None = field(default=None, compare=False, repr=False)
    grown: int = 0
    offsets: tuple[int, ...] | None = ()

    @property
    def live(self) -> bool:
        """Whether it paused and can go on."""
        return self.finish_reason == "until"

    @property
    def finished(self) -> bool:
        """Whether it ended by itself or has its full length: not paused, not cut off by the budget."""
        return self.finish_reason not in ("until", "cancelled")

    def first(self, tokens: int) -> Path:
        """Return the path of its first so many tokens, to go on from in another way."""
        lineage = tuple((position, child) for position, child in self.path.lineage if position < tokens)
        return Path(self.path.prompt, self.path.tokens[:tokens], lineage=lineage)

    def before(self, character: int) -> Path:
        """Return the path of its text before a character: of whole tokens, and what is left as text.

        Raises
        ------
        UnsupportedError : it is not known which characters are which token's.
        """
        if self.offsets is None:
            raise UnsupportedError("a text cannot be cut where its model does not tell tokens one by one")
        shown = max((offset for offset in self.offsets if offset <= character), default=0)
        tokens = self.offsets.index(shown) + 1 if shown > 0 else 0
        return replace(self.first(tokens), text=self.text[max(0, shown) : character])

    def candidate(self, model: str, problem: Problem) -> Candidate:
        """Return it as rewards see it; the answer to a problem with tests is a program."""
        tests = problem.tests
        return Candidate(
            self.text,
            extract_answer(self.text) if tests is None else code_of(self.text, tests.entry),
            len(self.path.tokens),
            None if self.measures is None else total_logprob(self.measures),
            model,
            self.finish_reason,
            self.steps,
            self.path,
            self.measures or (),
            self.state,
        )


@dataclass(frozen=True, slots=True)
class Extend:
    """Grow texts, all at the same time. The driver says how they are served, and a seed that is left out."""

    grows: tuple[Grow, ...]

    def __post_init__(self) -> None:
        if not self.grows:
            raise ParameterError("grows", (), "one Grow or more")


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the reward about texts. Without a reward nobody judges, and the result is None."""

    texts: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the journal and whoever watches: plain data, and the best text so far."""

    data: Mapping[str, Any] = field(default_factory=dict)
    best: Text | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Ask for tokens of a budget that many runs share (`Allocation`). The result is how many are granted.

    It is None where no budget is shared: the strategy then decides by itself.

    Attributes
    ----------
    worth : by how much one more token raises the chance of a right answer.
    tokens : how many are needed at most.
    """

    worth: float
    tokens: int


Effect = Extend | Judge | Note | Claim


@dataclass(frozen=True, slots=True)
class Extended:
    """What came of an `Extend`: for each of its asks, the samples in order.

    `stopped` names the limit of the budget that is reached. Nothing grows any more then, and a strategy
    chooses among what there is.
    """

    grown: tuple[tuple[Text, ...], ...]
    stopped: Stopped

    @property
    def texts(self) -> tuple[Text, ...]:
        """All texts, ask by ask."""
        return tuple(text for texts in self.grown for text in texts)


@dataclass(frozen=True, slots=True)
class Vote:
    """Candidates with equal answers (`members`, by index) and the weight they have together."""

    answer: str
    weight: float
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a strategy settled on.

    Attributes
    ----------
    chosen : index of the chosen text.
    texts : what it chose from.
    judgement : what the reward said of them, if it was asked.
    scores, votes, sampling : as in `Answer`.
    """

    chosen: int
    texts: tuple[Text, ...]
    judgement: Judgement | None = None
    scores: tuple[float | None, ...] | None = None
    votes: tuple[Vote, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)


Result = Extended | Judgement | int | None
Search = Generator[Effect, Any, Choice]


def extend(*grows: Grow) -> Generator[Effect, Any, Extended]:
    """Grow texts; `yield from` it in a strategy."""
    result: Extended = yield Extend(grows)
    return result


def judge(texts: Sequence[Text]) -> Generator[Effect, Any, Judgement | None]:
    """Ask the reward about texts; `yield from` it in a strategy."""
    result: Judgement | None = yield Judge(tuple(texts))
    return result


def claim(worth: float, tokens: int) -> Generator[Effect, Any, int | None]:
    """Ask for tokens of a budget that many runs share; `yield from` it in a strategy."""
    granted: int | None = yield Claim(worth, tokens)
    return granted


def note(best: Text | None = None, **data: Any) -> Generator[Effect, Any, None]:
    """Put something into the journal; `yield from` it in a strategy."""
    yield Note(data, best)
