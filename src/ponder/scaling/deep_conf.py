"""DeepConf: the texts that the model was most confident of vote, by their confidence.

    offline:  draw n texts
              keep the share eta of them with the highest confidence

    online:   draw some texts, the warm-up
              bar = the (1 - eta) quantile of their lowest group confidences
              repeat until an answer has 95 % of the votes or there are n texts:
                  draw a wave of texts
                  end a text once the mean confidence of its last `window` tokens is below the bar
              keep the texts that ended by themselves and never fell below it

    answer = the heaviest vote, each kept text's weight its confidence

Fu et al., arXiv 2508.15260, algorithms 1 and 2; the confidences are those of `rewards/confidence.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ponder.asks import Tokens
from ponder.errors import UnsupportedError
from ponder.rewards import AnswerEquality, Problem, extract_answer
from ponder.rewards.confidence import (
    CONFIDENCES,
    WINDOW,
    OfConfidences,
    check_window,
    group_confidences,
    text_confidence,
    token_confidences,
    window_tokens,
)
from ponder.rewards.measure import CONFIDENCE_TOKENS
from ponder.scaling.budget import Budget, Stopped
from ponder.scaling.effects import Choice, Effect, Search, Text, Vote, extend, note
from ponder.scaling.parameters import check_choice, check_count, check_number, check_sampling, sampling_for
from ponder.scaling.samples import draw, go_on
from ponder.scaling.selection import select


@dataclass(frozen=True, slots=True)
class DeepConf:
    """A vote of up to n texts, n the budget's, in which little confidence costs the vote.

    On small models, or with few texts, it is often no better than a majority: measure it on yours.

    Attributes
    ----------
    online : whether texts end early and sampling stops early.
    eta : which share is kept, over 0 to 1. The paper has 0.1 ("low") and 0.9 ("high").
    of : the confidence that is a text's weight, and offline its rank; one of `CONFIDENCES`.
    window : of a group, in tokens, or as a share of the length (a float): offline of the text's own, online
        of the warm-up's median.
    warm_up, wave : how many texts are drawn at first, and then at a time.
    slice : online, texts grow by so many tokens before it is looked at their confidence.
    consensus : the share of the vote that ends sampling.
    sampling, equal : as in `BestOfN`; `top_logprobs` is the k of the confidences, 20 if left out.
    """

    online: bool = True
    eta: float = 0.9
    of: OfConfidences = "bottom"
    window: float = WINDOW
    warm_up: int = 16
    wave: int = 8
    slice: int = 32
    consensus: float = 0.95
    sampling: Mapping[str, Any] = field(default_factory=dict)
    equal: Callable[[str, str], bool] = field(default_factory=AnswerEquality)

    name: ClassVar[str] = "deep-conf"
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for count in ("warm_up", "wave", "slice"):
            check_count(count, getattr(self, count))
        check_choice("of", self.of, CONFIDENCES)
        check_window(self.window)
        for share in ("eta", "consensus"):
            check_number(share, getattr(self, share), over=0, below=1 + 1e-9)
        check_sampling(self.sampling)

    def search(self, problem: Problem, budget: Budget) -> Search:
        given = {"top_logprobs": CONFIDENCE_TOKENS, **self.sampling}
        sampling = sampling_for(given, problem, budget.n)
        first = min(self.warm_up, budget.n) if self.online else budget.n
        extended = yield from extend(*draw(problem, sampling, 0, first))
        texts, stopped = list(extended.texts), extended.stopped
        if not self.online:
            confidences = [confidence(text, self.of, self.window) for text in texts]
            bar = lowest_kept(confidences, self.eta)
            return self._choice(texts, confidences, passing(confidences, bar), sampling)
        window = window_tokens(self.window, round(np.median([len(text.path.tokens) for text in texts])))
        bar = lowest_kept([confidence(text, "lowest", window) for text in texts], self.eta)
        while True:
            lowest = [confidence(text, "lowest", window) for text in texts]
            kept = [i for i in passing(lowest, bar) if texts[i].finished]
            weights = [confidence(text, self.of, window) for text in texts]
            choice = self._choice(texts, weights, kept, sampling)
            yield from note(choice.texts[choice.chosen], kept=kept, bar=bar)
            if stopped != "done" or len(texts) == budget.n or agreed(choice.votes) >= self.consensus:
                return choice
            count = min(self.wave, budget.n - len(texts))
            more, stopped = yield from self._grow(problem, sampling, len(texts), count, window, bar)
            texts += more

    def _grow(
        self, problem: Problem, sampling: Mapping[str, Any], first: int, count: int, window: int, bar: float
    ) -> Generator[Effect, Any, tuple[list[Text], Stopped]]:
        """Grow a wave of texts until each has ended or its confidence has fallen below the bar."""
        until = Tokens(self.slice)
        extended = yield from extend(*draw(problem, sampling, first, count, until))
        texts, stopped = list(extended.texts), extended.stopped
        while stopped == "done":
            going = [i for i, text in enumerate(texts) if text.live and not fallen(text, window, bar)]
            if not going:
                break
            stopped = yield from go_on(texts, going, sampling, until)
        return texts, stopped

    def _choice(
        self,
        texts: Sequence[Text],
        confidences: Sequence[float | None],
        kept: Sequence[int],
        sampling: Mapping[str, Any],
    ) -> Choice:
        """Let the kept texts vote; where there are none, all."""
        answers = [extract_answer(text.text) for text in texts]
        order = kept or range(len(texts))
        chosen, votes = select("weighted", answers, confidences, "number", self.equal, order=order)
        return Choice(chosen, tuple(texts), None, tuple(confidences), votes, sampling)


def confidence(text: Text, of: OfConfidences, window: float) -> float | None:
    """Return a text's confidence; None for one without a token.

    Raises
    ------
    UnsupportedError : the model does not tell the likeliest tokens.
    """
    if not text.path.tokens and not text.text:
        return None
    confidences = token_confidences(text.measures)
    if confidences is None:
        raise UnsupportedError(
            "deep-conf needs the likeliest tokens' log-probabilities, which this model does not tell"
        )
    return text_confidence(confidences, of, window)


def lowest_kept(confidences: Sequence[float | None], eta: float) -> float:
    """Return the (1 - eta) quantile of confidences, linear between two of them; -inf of none."""
    known = [one for one in confidences if one is not None]
    return float(np.quantile(known, 1 - min(eta, 1.0))) if known else -np.inf


def passing(confidences: Sequence[float | None], bar: float) -> list[int]:
    """Return who has the bar's confidence at least."""
    return [i for i, one in enumerate(confidences) if one is not None and one >= bar]


def fallen(text: Text, window: int, bar: float) -> bool:
    """Whether a full window of a text has a mean confidence below the bar."""
    confidences = token_confidences(text.measures)
    if confidences is None or len(confidences) < window:
        return False
    return bool(group_confidences(confidences, window).min() < bar)


def agreed(votes: Sequence[Vote]) -> float:
    """Return the heaviest answer's share of the vote; 0 without a vote."""
    total = sum(vote.weight for vote in votes)
    return votes[0].weight / total if total > 0 else 0.0
