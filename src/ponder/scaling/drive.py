"""Runs a strategy: does what it asks for, counts what that costs, keeps to the budget, writes the journal."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from inspect import GEN_RUNNING, getgeneratorstate
from typing import Any

from ponder.asks import Grow, LanguageModel, Service, TokenEvent, TreeEvent, Usage
from ponder.asks.cost import Cost
from ponder.constraints.constraint import Constraint
from ponder.errors import DataError, ParameterError, PonderError
from ponder.rewards import Candidate, Judgement, Problem, Reward, Unscored, judged, require
from ponder.scaling.allocation import Share
from ponder.scaling.budget import BUDGET_FIELDS, Budget, Charge, Stopped
from ponder.scaling.charges import NO_SCORING, Charges, Entry, Scoring, begun_candidate, charge_of, charges_of
from ponder.scaling.effects import Choice, Claim, Effect, Extend, Extended, Judge, Note, Result, Search, Text
from ponder.scaling.growing import (
    Growing,
    Limit,
    Request,
    begin,
    begin_again,
    forget_unfinished,
    plan,
    reached,
    seeded,
    together,
    with_confidence,
)
from ponder.scaling.journal import VERSION, Journal, JournalRun, plain
from ponder.scaling.ledger import Ledger, ledger_of, ledger_told, reward_ledger, seconds_told
from ponder.scaling.seed import problem_seed
from ponder.scaling.strategies import described
from ponder.scaling.strategy import Answer, EffectDone, Progress, Strategy, check_reward
from ponder.scaling.tree import Tree

PROGRESS_S = 0.1

_TICK = 1e-6  # timers may wake as much too early


async def drive(
    strategy: Strategy,
    problem: Problem,
    model: LanguageModel,
    reward: Reward | None = None,
    budget: Budget | None = None,
    *,
    journal: Journal | None = None,
    run: str = "",
    service: Service | None = None,
    constraint: Constraint | None = None,
    share: Share | None = None,
    progress_s: float = PROGRESS_S,
) -> AsyncGenerator[Progress | EffectDone | Answer]:
    """Run a strategy on a problem; the last item is the answer. Closing it stops the model.

    With a journal that holds a part of this run already, what is in it is not asked again: it is counted as
    spent, texts that were cut off go on from their tokens, and so the answer is that of a run that was never
    interrupted. A run that is all there is told again without the model.

    Parameters
    ----------
    journal : what the run is written to, step by step.
    run : which of the journal's runs this is.
    service : how the model treats the strategy's requests among others.
    constraint : what every text keeps to, but for those that the strategy gives a constraint of its own.
    share : of a budget that many runs have in common (`Allocation`); a limit besides this run's own.
    progress_s : how often progress is told, and what grows is written to the journal.

    Raises
    ------
    ParameterError : the strategy needs a reward and there is none.
    DataError : the journal is of another run; names the line.
    PonderError : for what else the caller can mend.
    """
    check_reward(strategy, reward)
    if reward is not None:
        require(reward.needs, reward.name, problem)
    budget = budget or Budget()
    charges = await charges_of(budget, problem, model, reward)
    record = (journal or Journal()).run(run)
    begun = {
        "begin": VERSION,
        "strategy": described(strategy),
        "problem": plain(problem),
        "budget": plain(budget),
        "model": model.name,
        "reward": reward.name if reward else None,
        "constraint": plain(constraint),
        **({"total_tokens": share.allocation.total} if share else {}),
    }
    record.expect(begun)
    service, tree = service or Service(), Tree(problem.prompt)
    needs = strategy.needs | (reward.needs if reward else frozenset())
    driver = _Driver(
        problem, model, model.name, reward, budget, record, service, progress_s, tree, needs, constraint,
        charges, share,
    )  # fmt: skip
    async with aclosing(driver.drive(strategy.search(problem, budget))) as told:
        async for item in told:
            yield item


async def replay(
    strategy: Strategy, problem: Problem, journal: Journal, run: str = ""
) -> AsyncGenerator[Progress | EffectDone | Answer]:
    """Tell a run again from its journal, without model and reward: the same answer and the same ledger.

    Raises
    ------
    DataError : the journal is of something else, is not as it was written, or ends before the run does
        (UnfinishedError); names the line.
    PonderError : what the run itself ended with.
    """
    record = journal.run(run, only_read=True)
    start = record.begin()
    record.expect({"begin": VERSION, "strategy": described(strategy), "problem": plain(problem)})
    budget = record.reading(lambda: Budget(**{name: start["budget"][name] for name in BUDGET_FIELDS}))
    model = str(record.reading(lambda: start["model"]))
    tree = Tree(problem.prompt)
    driver = _Driver(problem, None, model, None, budget, record, Service(), PROGRESS_S, tree)
    try:
        async with aclosing(driver.drive(strategy.search(problem, budget))) as told:
            async for item in told:
                yield item
    except DataError:
        raise
    except Exception as error:  # from a strategy that was told what no model and no reward tells
        if isinstance(error, PonderError) and record.at_end:
            raise
        raise record.refused(f"the run cannot go on from here: {type(error).__name__}: {error}") from error


async def solve(
    strategy: Strategy,
    problem: Problem,
    model: LanguageModel,
    reward: Reward | None = None,
    budget: Budget | None = None,
    *,
    journal: Journal | None = None,
    run: str = "",
    service: Service | None = None,
    constraint: Constraint | None = None,
    share: Share | None = None,
    watch: Callable[[Problem, Progress], None] | None = None,
) -> Answer:
    """Run a strategy to its end and return the answer; `watch` is told of its progress."""
    events = drive(
        strategy, problem, model, reward, budget,
        journal=journal, run=run, service=service, constraint=constraint, share=share,
    )  # fmt: skip
    return await answer_of(events, partial(watch, problem) if watch else None)


async def answer_of(
    events: AsyncGenerator[Progress | EffectDone | Answer], watch: Callable[[Progress], None] | None = None
) -> Answer:
    """Return the answer that a run ends with."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Answer):
                return event
            if watch is not None and isinstance(event, Progress):
                watch(event)
    raise AssertionError("a run ends with an answer")


@dataclass(slots=True)
class _Clock:
    """Seconds of a run: those that its journal tells of, and those since it asks again."""

    before: float = 0.0
    started: float | None = None

    def start(self) -> None:
        if self.started is None:
            self.started = time.perf_counter()

    def pause(self) -> None:
        self.before, self.started = self.now(), None

    def now(self) -> float:
        return self.before + (0.0 if self.started is None else time.perf_counter() - self.started)


@dataclass(slots=True)
class _Driver:
    """A run under way."""

    problem: Problem
    model: LanguageModel | None  # None: what the journal does not have is an error
    model_name: str
    reward: Reward | None
    budget: Budget
    record: JournalRun
    service: Service
    progress_s: float
    tree: Tree
    needs: frozenset[str] = frozenset()
    constraint: Constraint | None = None
    charges: Charges | None = None
    share: Share | None = None
    clock: _Clock = field(default_factory=_Clock)
    spent: Ledger = field(default_factory=Ledger)  # but for its seconds
    charged: Charge = field(default_factory=Charge)  # for the effects that are over
    unjudged: dict[int, Charge] = field(default_factory=dict)  # by node: what scoring these texts may cost
    stopped: Stopped = "done"
    generates: bool = False  # whether there is a token yet
    best: Candidate | None = None
    best_node: int = -1  # its place in the tree
    extended: Extended | None = None

    async def drive(self, search: Search) -> AsyncGenerator[Progress | EffectDone | Answer]:
        if self.record.at_end:
            self._live()
        result: Result = None
        number = 0
        try:
            while not isinstance(effect := await asyncio.to_thread(_advance, search, result), Choice):
                result = None
                nodes: tuple[Text, ...] = ()
                noted: Mapping[str, Any] = {}
                if isinstance(effect, Extend):
                    async with aclosing(self._extend(effect, number)) as progress:
                        async for item in progress:
                            yield item
                    assert self.extended is not None
                    result, nodes = self.extended, self.extended.texts
                elif isinstance(effect, Judge):
                    result, nodes = await self._judge(effect, number), effect.texts
                elif isinstance(effect, Claim):
                    result = await self._claim(effect, number)
                else:
                    self._note(effect, number)
                    noted = effect.data
                kind = type(effect).__name__.lower()
                yield EffectDone(number, kind, tuple(map(self.tree.node, nodes)), noted, self._ledger())
                number += 1
            answer = self._answer(effect)
            self.best_node = effect.texts[effect.chosen].node
            texts = tuple(text.text for text in effect.texts)
            yield Progress(texts, answer.candidate, answer.ledger, self._scores())
            yield answer
        finally:
            if getgeneratorstate(search) != GEN_RUNNING:  # as it may be in its thread, if this is cancelled
                search.close()

    def _live(self) -> LanguageModel:
        """Return the model, which is about to be asked; from here on the clock runs."""
        self.record.require_end("is not done with what it asked for")
        if self.model is None:
            raise self.record.ended()
        self.clock.start()
        return self.model

    def _ledger(self) -> Ledger:
        return replace(self.spent, seconds=self.clock.now())

    def _scores(self) -> tuple[float, ...] | None:
        """Return what the reward last said of the best text's steps."""
        return self.tree.scores.get(self.best_node)

    def _answer(self, choice: Choice) -> Answer:
        ledger = self._ledger()
        told = {
            "chosen": choice.chosen,
            "texts": [text.node for text in choice.texts],
            "scores": choice.scores,
            "stopped": self.stopped,
        }
        found = self.record.expect({"answer": told}, also={"ledger": ledger.as_entry()})
        if found is not None:
            ledger = self.record.reading(lambda: self._added_up(found["ledger"]))
            self.record.require_end("ends with its answer")
        return Answer(
            choice.chosen,
            tuple(text.candidate(self.model_name, self.problem) for text in choice.texts),
            choice.scores,
            choice.votes,
            ledger,
            self.stopped,
            choice.sampling,
            choice.judgement.unscored if choice.judgement else (),
        )

    def _added_up(self, entry: Mapping[str, Any]) -> Ledger:
        """Return an answer's ledger, which is what all effects have spent, and some seconds more."""
        ledger = ledger_told(entry)
        if replace(ledger, seconds=0.0) != self.spent or ledger.seconds < self.clock.before:
            spent = self._ledger().as_entry()
            raise ValueError(f"its ledger is {dict(entry)}, and what was spent adds up to {spent}")
        return ledger

    def _note(self, effect: Note, number: int) -> None:
        best = effect.best
        self.record.expect(
            {"effect": number, "note": plain(effect.data), "best": best.node if best else None}
        )
        if best is not None:
            self.best, self.best_node = best.candidate(self.model_name, self.problem), best.node

    async def _judge(self, effect: Judge, number: int) -> Judgement | None:
        self.record.expect({"effect": number, "judge": [text.node for text in effect.texts]})
        judgement, recorded = None, self.record.results(number)
        for entry in recorded:
            judgement, cost, self.clock.before = self.record.reading(partial(_recalled, entry))
            self.stopped = entry.get("stopped", self.stopped)
        asked = effect.texts if self.charges is not None or not recorded else ()
        candidates = [text.candidate(self.model_name, self.problem) for text in asked]
        scoring, affordable, stopped = await self._affordable(candidates)
        if not recorded:
            self._live()
            self.stopped = stopped
            if self.reward is not None:
                judgement = await self._judged(self.reward, candidates, affordable)
            cost = reward_ledger(judgement) if judgement else Ledger()
            told: dict[str, Any] = {"judged": asdict(judgement) if judgement else None}
            told |= {"spent": cost.as_entry(), "seconds": self.clock.now()}
            if len(affordable) < len(candidates):
                told["stopped"] = stopped
            self.record.write(number, told)
        if self.charges is not None and judgement is not None:
            self.charged += self.charges.scored(scoring, judgement)
        for text in effect.texts:
            self.unjudged.pop(text.node, None)
        self.spent += cost
        if judgement is not None:
            for text, scores in zip(effect.texts, judgement.steps, strict=True):
                self.tree.scores[text.node] = scores
        return judgement

    async def _affordable(self, candidates: Sequence[Candidate]) -> tuple[list[Scoring], list[int], Stopped]:
        """Return what scoring costs those candidates that the budget can afford, their indices, and what the
        run is stopped by: by the others, if there are any.
        """
        if self.charges is None or self.reward is None:
            return [], list(range(len(candidates))), self.stopped
        scoring = await asyncio.to_thread(
            self.charges.scoring, self.budget, self.reward, self.problem, candidates
        )
        affordable: list[int] = []
        charged, stopped = self.charged, self.stopped
        empty_last = sorted(range(len(scoring)), key=lambda i: not candidates[i].text)
        for i in empty_last:
            most = scoring[i].most()
            passed = self.budget.limit_passed(charged + most)
            if passed == "done" or not scoring[i].plans:  # or it costs nothing
                affordable.append(i)
                charged += most
            else:
                stopped = passed
        affordable.sort()
        return [scoring[i] for i in affordable], affordable, stopped

    async def _judged(
        self, reward: Reward, candidates: Sequence[Candidate], affordable: Sequence[int]
    ) -> Judgement:
        """Have those candidates scored that the budget lets be."""
        if len(affordable) == len(candidates):
            return await judged(reward, self.problem, candidates)
        some = Judgement((), scale=reward.scale)
        if affordable:
            some = await judged(reward, self.problem, [candidates[i] for i in affordable])
        return some.among(affordable, len(candidates))

    async def _claim(self, effect: Claim, number: int) -> int | None:
        """Ask for tokens of the common budget; what is in the journal stays as it was decided."""
        self.record.expect({"effect": number, "claim": {"worth": effect.worth, "tokens": effect.tokens}})
        granted, recorded = None, self.record.results(number)
        for entry in recorded:
            granted = self.record.reading(partial(_granted, entry))
        if self.share is not None:
            self.clock.pause()
            decided = granted if recorded else None
            granted = await self.share.claim(effect, self.spent.generated_tokens, decided)
        if not recorded:
            self._live()
            self.record.write(number, {"granted": granted, "seconds": self.clock.now()})
        return granted

    async def _extend(self, effect: Extend, number: int) -> AsyncGenerator[Progress]:
        """Grow texts and leave them in `extended`."""
        self.record.expect({"effect": number, "extend": [self.tree.described(ask) for ask in effect.grows]})
        seed = problem_seed(0, self.problem)
        asks = [self._completed(seeded(ask, seed)) for ask in effect.grows]
        growing = [text for i, ask in enumerate(asks) for text in begin(ask, i)]
        work = _Work(number, growing, self.spent, self.model.offers.cost if self.model is not None else None)
        if self.charges is not None:
            work.entries = await asyncio.to_thread(self.charges.enter, asks)
            work.scoring = await asyncio.to_thread(self._scoring, asks)
            self._forget_parents(asks)
        for entry in self.record.results(number):
            self.clock.before, stopped = self.record.reading(partial(work.recall, entry))
            self.stopped = stopped or self.stopped
        self.spent = work.spent()
        self.generates = self.generates or self.spent.generated_tokens > 0
        if not work.done:
            async with aclosing(self._grow(work)) as progress:
                async for item in progress:
                    yield item
        self.charged += work.charge([0] * len(work.growing))
        if self.charges is not None:
            self.charges.keep(work.entries, work.growing)
        grown: list[list[Text]] = [[] for _ in asks]
        for text in work.growing:
            node = self.tree.add(text, number)
            grown[text.number].append(node)
            if node.text and work.scoring:
                self.unjudged[node.node] = work.scoring[text.number].most(len(text.tokens))
        self.extended = Extended(tuple(map(tuple, grown)), self.stopped)

    def _scoring(self, asks: Sequence[Grow]) -> list[Scoring]:
        """Return what scoring a text of each ask is charged, but for what the text will have grown by."""
        if self.reward is None or self.charges is None:
            return [NO_SCORING] * len(asks)
        begun = [
            begun_candidate(
                self.tree.text_before(ask.path), self.tree.steps_before(ask.path), self.model_name
            )
            for ask in asks
        ]
        return self.charges.scoring(self.budget, self.reward, self.problem, begun)

    def _forget_parents(self, asks: Sequence[Grow]) -> None:
        """Keep nothing for texts that go on: it is kept for what becomes of them."""
        for ask in asks:
            self.unjudged.pop(self.tree.node_before(ask.path), None)

    def _completed(self, ask: Grow) -> Grow:
        """Return an ask under the constraint that keeps what is needed of its texts, if the model can."""
        reads = self.model.offers.reads if self.model is not None else frozenset()
        record = replace(
            ask.record,
            state=ask.record.state or ("state" in self.needs and "States" in reads),
            certainty=ask.record.certainty or ("certainty" in self.needs and "Logits" in reads),
        )
        ask = replace(ask, constraint=ask.constraint or self.constraint, record=record)
        return with_confidence(ask) if "confidence" in self.needs else ask

    async def _grow(self, work: _Work) -> AsyncGenerator[Progress]:
        model = self._live()
        _refuse_unplanned(work.growing, self._limits)
        if again := work.go_on(paths=model.offers.paths == "tokens"):
            self._save(work, again=again)
        shown = time.perf_counter()
        try:
            while work.unfinished() and self._may_grow(work, limit := self._limit(work)):
                work.ask(plan(work.growing, limit, self.service))
                async with aclosing(together(model, work.requests, self._patience)) as events:
                    async for event in events:
                        if not isinstance(event, TokenEvent | TreeEvent):
                            continue
                        self.generates = True
                        if self._late():
                            break
                        if time.perf_counter() - shown >= self.progress_s:
                            shown = time.perf_counter()
                            self.spent = work.spent()
                            self._save(work)
                            yield Progress(self._texts(work), self.best, self._ledger(), self._scores())
                self.spent = work.spent()
                if model.offers.paths != "tokens" and not self._late() and work.unfinished():
                    self.stopped = "tokens"  # they cannot be gone on with
            work.finish()
        finally:
            self.spent = work.spent()
            self._save(work)

    def _save(self, work: _Work, again: Sequence[int] = ()) -> None:
        """Write to the journal what it does not have yet."""
        told = work.news()
        if again:
            told["again"] = list(again)
        if work.done:
            told["stopped"] = self.stopped
        if told["grown"] or again or work.done or work.requests:
            self.record.write(work.number, {**told, "seconds": self.clock.now()})

    def _texts(self, work: _Work) -> tuple[str, ...]:
        return tuple(self.tree.text_before(text.ask.path) + text.text for text in work.growing)

    @property
    def _limits(self) -> Budget:
        """The budget, whose generated tokens are this run's share of a common one where that is less."""
        if self.share is None:
            return self.budget
        own, shared = self.budget.max_generated_tokens, self.share.tokens
        return replace(self.budget, max_generated_tokens=shared if own is None else min(own, shared))

    def _limit(self, work: _Work) -> Limit | None:
        """Return how the budget limits what grows now."""
        limits = self._limits
        if not limits.limits_growth:
            return None
        kept = self.charged + sum(self._unjudged_besides(len(work.growing)), Charge())
        return lambda gains: limits.limit_passed(kept + work.charge(gains) + work.reserve(gains))

    def _unjudged_besides(self, growing: int) -> list[Charge]:
        """Return what scoring is kept for besides texts that grow: the last ones, up to n in all."""
        return list(self.unjudged.values())[-(self.budget.n - growing) :] if growing < self.budget.n else []

    def _late(self) -> bool:
        """Whether the time is over; there is one token at least, so that there is an answer."""
        seconds = self.budget.seconds
        return seconds is not None and self.generates and self.clock.now() + _TICK >= seconds

    def _may_grow(self, work: _Work, limit: Limit | None) -> bool:
        if self.stopped == "done" and limit is not None:
            self.stopped = reached(work.growing, limit)
        if self.stopped == "done" and self._late():
            self.stopped = "seconds"
        return self.stopped == "done"

    def _patience(self) -> float | None:
        if self.budget.seconds is None or not self.generates:
            return None
        return max(0.0, self.budget.seconds - self.clock.now())


@dataclass(slots=True)
class _Work:
    """An `Extend` under way: its texts, the requests that grow them now, and what the others have cost.

    `price` is what the model's forward passes cost, where that is known; `entries` is what the asks' paths
    are charged, where the budget limits that.
    """

    number: int
    growing: list[Growing]
    before: Ledger
    price: Cost | None = None
    entries: tuple[Entry, ...] = ()
    scoring: Sequence[Scoring] = ()
    cost: Ledger = field(default_factory=Ledger)
    requests: list[Request] = field(default_factory=list)
    done: bool = False

    def spent(self) -> Ledger:
        """Return what the run has spent, this work included."""
        return self.before + self._cost()

    def _cost(self) -> Ledger:
        return sum((ledger_of(request.usage, self.price) for request in self.requests), self.cost)

    def charge(self, gains: Sequence[int]) -> Charge:
        """Return what its texts are charged once they have grown by so many more tokens."""
        return charge_of(self.growing, gains, self.entries, self.price)

    def reserve(self, gains: Sequence[int]) -> Charge:
        """Return what scoring its texts may cost once they have grown by so many more tokens."""
        if not any(one.plans for one in self.scoring):
            return Charge()
        grown = [len(text.tokens) + gain for text, gain in zip(self.growing, gains, strict=True)]
        each = zip(self.growing, grown, strict=True)
        return sum((self.scoring[text.number].most(count) for text, count in each if count), Charge())

    def unfinished(self) -> list[Growing]:
        return [text for text in self.growing if text.finish_reason is None]

    def ask(self, requests: list[Request]) -> None:
        """Take new requests in place of those that are answered."""
        self.cost = self._cost()
        self.requests = requests

    def finish(self) -> None:
        """Cut off what is not finished."""
        for text in self.unfinished():
            text.finish_reason = "cancelled"
        self.done = True

    def news(self) -> dict[str, Any]:
        """Return what the journal does not have yet."""
        news = [text.news(i, last=self.done) for i, text in enumerate(self.growing)]
        spent = self._cost()
        if not self.done:  # what is not written will be generated again, and is not counted twice
            untold = sum(request.untold() for request in self.requests)
            spent = replace(spent, generated_tokens=spent.generated_tokens - untold)
        return {"grown": [entry for entry in news if entry], "spent": spent.as_entry()}

    def recall(self, entry: Mapping[str, Any]) -> tuple[float, Stopped | None]:
        """Take what a journal has of it; return the seconds of the run by then, and what ended the work."""
        for index in entry.get("again", ()):
            self.growing[index] = begin_again(self.growing[index])
        for told in entry["grown"]:
            self.growing[told["text"]].recall(told)
        self.cost = ledger_told(entry["spent"])
        self.done = "stopped" in entry
        return seconds_told(entry), entry.get("stopped")

    def go_on(self, *, paths: bool) -> list[int]:
        """Make texts ready to go on; return those that can only begin again."""
        old, self.growing = self.growing, forget_unfinished(self.growing, paths=paths)
        return [i for i, (was, now) in enumerate(zip(old, self.growing, strict=True)) if was is not now]


def _advance(search: Search, result: Result) -> Effect | Choice:
    try:
        effect = search.send(result)
    except StopIteration as end:
        effect = end.value
    if not isinstance(effect, Extend | Judge | Note | Claim | Choice):
        raise TypeError(f"a strategy yields effects and returns a Choice, not {effect!r}")
    return effect


def _recalled(entry: Mapping[str, Any]) -> tuple[Judgement | None, Ledger, float]:
    cost, seconds, told = ledger_told(entry["spent"]), seconds_told(entry), entry["judged"]
    if told is None:
        return None, cost, seconds
    steps = tuple(tuple(map(float, scores)) for scores in told["steps"])
    if not all(math.isfinite(score) for scores in steps for score in scores):
        raise ValueError("a score that is no finite number")
    judgement = Judgement(
        steps,
        tuple(Unscored(**one) for one in told["unscored"]),
        told["tokens"],
        tuple(Usage(**usage) for usage in told["requests"]),
        told["scale"],
        tuple(told["feedback"]),
    )
    return judgement, cost, seconds


def _granted(entry: Mapping[str, Any]) -> int | None:
    return None if entry["granted"] is None else int(entry["granted"])


def _refuse_unplanned(growing: Sequence[Growing], budget: Budget) -> None:
    """Refuse what costs more than is known before, where the budget limits that."""
    what = "what is computed" if budget.needs_charges else "generated tokens"
    for text in growing if budget.limits_growth else ():
        method, mixture, constraint = text.ask.method, text.ask.mixture, text.ask.constraint
        if method is not None and (budget.needs_charges or not method.streams):
            allowed = f"one that draws texts, where the budget limits {what}"
            raise ParameterError("method", method.name, allowed)
        for name, value in (("mixture", mixture), ("constraint", constraint)):
            if value is not None and budget.needs_charges:
                raise ParameterError(name, value, f"left unset where the budget limits {what}")
