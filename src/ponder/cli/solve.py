"""`ponder solve`: spend a budget on better answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ponder.cli.options import (
    CONSTRAINT,
    SAMPLING,
    Chat,
    Context,
    Device,
    Json,
    Model,
    Quantize,
    System,
    Table,
    TemplateArg,
    constraint_option,
    sampling_options,
    takes,
    template_args,
)
from ponder.cli.terminal import err, load_lm, out, progress, read_prompt
from ponder.errors import DataError, ParameterError, PonderError, renaming
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.rewards import Problem
    from ponder.scaling import Ledger, LineError, Progress, Result, Summary

TASK_PROBLEMS = 10
LIMITS = {
    "max_computed_tokens": "budget_tokens",
    "max_generated_tokens": "budget_generated",
    "max_flops": "budget_flops",
    "seconds": "budget_seconds",
}
SETTINGS: Table = {
    "keep": Annotated[int | None, typer.Option(help="How many texts a step beam keeps.")],
    "expand": Annotated[int | None, typer.Option(help="To how many each of them grows.")],
    "step": Annotated[str | None, typer.Option(help="What ends a reasoning step; a task knows its own.")],
    "max_steps": Annotated[int | None, typer.Option(help="How many reasoning steps a text has at most.")],
    "lookahead": Annotated[int | None, typer.Option(help="Score a step by where so many more lead.")],
    "selection": Annotated[
        str | None,
        typer.Option("--select", help="How one is kept: hybrid, plain, weighted, borda, majority."),
    ],
    "others": Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Another setting of the strategy (repeatable)."),
    ],
}


@takes(settings=SETTINGS, sampling=SAMPLING, constraint=CONSTRAINT)
def solve(
    prompt: Annotated[
        str | None, typer.Argument(help="One question; standard input where it is left out.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A JSONL file of problems: question, and answer where it is known.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="A family of problems: multiply_add, word_problems, or one of reasoning_gym."),
    ] = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="How the budget is spent: best-of-n, self-consistency, short-m, deep-conf, step-beam, dvts, "
            "rebase, particles, speculative-rejection, mcts, ab-mcts, revision, budget-forcing, "
            "power-sampling, auto."
        ),
    ] = "best-of-n",
    reward: Annotated[
        str | None,
        typer.Option(
            help="What scores candidates: likelihood, mean-likelihood, self-certainty, entropy, arithmetic, "
            "math, exact, code, public-code, sentiment, profanity, head, or head:FILE."
        ),
    ] = None,
    answer: Annotated[
        str | None, typer.Option(help="The right answer, for rewards that compare with it.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="With --data: the raw prompt, with {question} where the question goes.")
    ] = None,
    question_field: Annotated[str | None, typer.Option(help="Field of the question in --data.")] = None,
    answer_field: Annotated[str | None, typer.Option(help="Field of the answer in --data.")] = None,
    public_share: Annotated[
        float | None,
        typer.Option(
            help="With --data: which share of a program's tests a search may see, the first ones; half with "
            "--reward public-code, otherwise all. The others say what is right."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the first so many problems; 10 of a --task by default.", min=1)
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Problems worked on at a time; 1 by default.", min=1)
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option(help="For each problem: stop after so many tokens, computed or generated.")
    ] = None,
    budget_generated: Annotated[
        int | None, typer.Option(help="Stop after so many generated tokens in all texts.")
    ] = None,
    budget_flops: Annotated[
        float | None, typer.Option(help="Stop after so many floating-point operations, such as 2e12.")
    ] = None,
    budget_seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
    total_tokens: Annotated[
        int | None,
        typer.Option(
            help="Generate at most so many tokens for all problems together; auto spends them where they are "
            "worth most.",
            min=1,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(help="A file to write each step to; a run that it holds already is gone on with."),
    ] = None,
    model: Model = DEFAULT_MODEL,
    chat: Chat = None,
    system: System = None,
    template_arg: TemplateArg = None,
    json: Json = False,
    device: Device = None,
    quantize: Quantize = None,
    context: Context = None,
    *,
    settings: dict[str, Any],
    sampling: dict[str, Any],
    constraint: dict[str, Any],
) -> int:
    """Spend a budget on an answer to a question, or to each problem of a file or a task.

    With --data or --task each problem gives a line and the last line is the summary; a line of the file that
    cannot be used is named, the others go on, and the exit status is 2.
    """
    options = sampling_options(sampling)
    kept = constraint_option(constraint)
    _check_source(
        {"a prompt": prompt, "--data": data, "--task": task},
        {
            "a prompt": {"answer": answer, "chat": chat},
            "--data": {
                "template": template,
                "question_field": question_field,
                "answer_field": answer_field,
                "public_share": public_share,
            },
            "--data or --task": {"limit": limit, "concurrency": concurrency, "total_tokens": total_tokens},
            "a prompt or --data": {"system": system, "template_args": template_arg},
        },
    )
    from ponder.rewards import reward_named
    from ponder.scaling import Budget, Journal, ProblemReader, settings_of, solve_all, strategy_named
    from ponder.tasks import task_named

    args = template_args(template_arg)
    family = None if task is None else task_named(task)
    text = read_prompt(prompt) if data is None and family is None else ""
    given = _settings(settings)
    if family is not None:
        options = {**family.sampling, **options}
        if family.step is not None and "step" in settings_of(strategy):
            given = {"step": family.step, **given}
    with renaming(LIMITS):
        budget = Budget(options.pop("n", 8), budget_generated, budget_seconds, budget_tokens, budget_flops)
    plan = strategy_named(strategy, given, options)
    lm = load_lm(model, device, quantize, context=context)
    scored_by = reward_named(reward, lm.model) if reward else None
    with closing(Journal.open(journal) if journal else Journal()) as record, progress() as say:
        watch = _Watch(say)
        if data is None and family is None:
            problem = lm.problem(text, reference=answer, system=system, chat=chat, template_args=args)
            results = solve_all(
                [problem], plan, lm.model, scored_by, budget, journal=record, constraint=kept, watch=watch.see
            )
            asyncio.run(_report_one(lm, results, watch, json))
            return 0
        if family is not None:
            problems: Iterator[Problem | LineError] = iter(family.problems(limit or TASK_PROBLEMS))
        else:
            assert data is not None, "one of three sources is given"
            if public_share is None and reward == "public-code":
                public_share = 0.5
            reader = ProblemReader(question_field, answer_field, system, template, args, public_share)
            problems = islice(reader.read(data), limit)
        results = solve_all(
            problems, plan, lm.model, scored_by, budget,
            concurrency=concurrency or 1, total_tokens=total_tokens, journal=record, constraint=kept,
            watch=watch.see,
        )  # fmt: skip
        return asyncio.run(_report_all(results, watch, json))


def _check_source(sources: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse several sources of problems, and options that the one that is given does not have."""
    given = [name for name, value in sources.items() if value is not None] or ["a prompt"]
    if len(given) > 1:
        raise ParameterError(given[1].removeprefix("--"), str(sources[given[1]]), f"used without {given[0]}")
    for whose, values in options.items():
        for name, value in values.items():
            if value is not None and value != [] and given[0] not in whose:
                raise ParameterError(name, value, f"used with {whose}")


def _settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a strategy's settings, those of --set among them: numbers, true and false, or else text."""
    given = {name: value for name, value in settings.items() if name != "others" and value is not None}
    if "step" in given:
        given["step"] = given["step"].replace("\\n", "\n")  # as it can be written in a shell
    for pair in settings["others"] or ():
        name, sign, value = pair.partition("=")
        if not sign or not name:
            raise ParameterError("set", pair, "NAME=VALUE")
        try:
            given[name] = loads(value)
        except ValueError:
            given[name] = value
    return given


class _Watch:
    """Says how far problems are while they are worked on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._done, self._tokens = say, 0, 0
        self._under_way: dict[str, Progress] = {}

    def see(self, problem: Problem, progress: Progress) -> None:
        """Take in where a problem is, and show it."""
        self._under_way[problem.id or problem.question] = progress
        now = self._under_way.values()
        tokens = self._tokens + sum(one.ledger.generated_tokens for one in now)
        best = f"; best so far {progress.best.answer}" if progress.best and progress.best.answer else ""
        self._say(f"{self._done} done, {len(now)} under way, {tokens} tokens generated{best}")

    def done(self, result: Result) -> None:
        """Take in that one is done, which is about to be printed."""
        if result.problem is not None:
            self._under_way.pop(result.problem.id or result.problem.question, None)
        self._done += 1
        self._tokens += result.answer.ledger.generated_tokens if result.answer else 0
        self._say("")


async def _report_one(lm: LM, results: AsyncIterator[Result | Summary], watch: _Watch, json: bool) -> None:
    """Print the candidates and the answer."""
    from ponder.scaling import Result

    result = await anext(results)
    async for _ in results:  # the summary of one
        pass
    assert isinstance(result, Result)
    watch.done(result)
    if result.answer is None or result.problem is None:
        raise PonderError(result.error or "no answer")
    if json:
        from ponder.cli.report import print_json

        print_json({"model": lm.name, **result.as_json()})
        return
    console, answer = out(), result.answer
    for i, candidate in enumerate(answer.candidates):
        mark = "*" if i == answer.chosen else " "
        given = answer.scores[i] if answer.scores else None
        score = "" if given is None else f"  score {given:.3f}"
        console.print(f"{mark} [{i}] {printable(candidate.answer or '(no answer)')}{score}", style="bold")
        console.print(f"      {printable(' '.join(candidate.text.split()))}")
    verdict = {True: " (right)", False: f" (should be {result.problem.reference})", None: ""}[result.right]
    console.print(printable(f"answer: {answer.answer}{verdict}"))
    err().print(ledger_line(answer.ledger), style="dim")


def ledger_line(ledger: Ledger) -> str:
    """Return one line on what answers cost."""
    flops = f"{ledger.flops:.3g} FLOPs, " if ledger.flops else ""
    return (
        f"{ledger.generated_tokens} tokens generated, {ledger.computed_tokens} computed and "
        f"{ledger.cached_tokens} read from the cache, {ledger.reward_tokens} by the reward, {flops}"
        f"{ledger.seconds:.1f} s"
    )


async def _report_all(results: AsyncIterator[Result | Summary], watch: _Watch, json: bool) -> int:
    """Print results as they come; return the exit status, 2 where a line or a problem failed."""
    from ponder.cli.report import print_json
    from ponder.scaling import Summary

    status, seen = 0, 0
    async for item in results:
        if isinstance(item, Summary):
            if not seen:
                raise DataError("the data holds no problem")
            if json:
                print_json({"summary": True, **item.as_json()})
            else:
                out().print(_summary_line(item))
                err().print(ledger_line(item.ledger), style="dim")
            continue
        seen += 1
        watch.done(item)
        if json:
            print_json(item.as_json())
        else:
            out().print(printable(_result_line(item)))
        if item.error is not None:
            status = 2
            if json:  # without it the line above has said so
                name = f"{item.problem.id}: " if item.problem else ""
                err().print(f"ponder: {printable(name + item.error)}")
    return status


def _result_line(result: Result) -> str:
    name = result.problem.id if result.problem else "?"
    if result.error is not None:
        return f"{name}  error  {result.error}"
    verdict = {True: "right", False: "wrong", None: "-"}[result.right]
    if result.problem and result.problem.tests is not None:  # the answer is a program
        scores = result.answer.scores if result.answer else None
        score = scores[result.answer.chosen] if scores and result.answer else None
        return f"{name}  {verdict}" + ("" if score is None else f"  score {score:.3f}")
    reference = f" (should be {result.problem.reference})" if result.problem and result.right is False else ""
    return f"{name}  {verdict}  {result.answer.answer if result.answer else None}{reference}"


def _summary_line(summary: Summary) -> str:
    if summary.accuracy is None:
        return f"no reference answers; {summary.errors} errors"
    values = summary.as_json()
    low, high = values["interval"]
    return (
        f"accuracy {summary.accuracy:.3f} (95%: {low:.3f} to {high:.3f}), {summary.correct} of {summary.n}, "
        f"a candidate alone {summary.alone:.3f}, a right one among them for {summary.oracle}; "
        f"{summary.errors} errors"
    )
