"""`ponder solve`: spend a budget on better answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from itertools import islice
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
    TemplateArg,
    constraint_option,
    sampling_options,
    takes,
    template_args,
)
from ponder.cli.terminal import err, load_lm, out, read_prompt, working
from ponder.errors import DataError, ParameterError, PonderError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.traces.colours import printable

if TYPE_CHECKING:
    from ponder.lm import LM
    from ponder.scaling import Ledger, Result, Summary


@takes(sampling=SAMPLING, constraint=CONSTRAINT)
def solve(
    prompt: Annotated[
        str | None, typer.Argument(help="One question; standard input where it is left out.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="A JSONL file of problems: question, and answer where it is known.")
    ] = None,
    strategy: Annotated[str, typer.Option(help="How the budget is spent: best-of-n.")] = "best-of-n",
    reward: Annotated[
        str | None,
        typer.Option(help="What scores candidates: likelihood, mean-likelihood, arithmetic, math, exact."),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(help="plain (default with a reward), weighted, or majority (default without)."),
    ] = None,
    answer: Annotated[
        str | None, typer.Option(help="The right answer, for rewards that compare with it.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="With --data: the raw prompt, with {question} where the question goes.")
    ] = None,
    question_field: Annotated[str | None, typer.Option(help="Field of the question in --data.")] = None,
    answer_field: Annotated[str | None, typer.Option(help="Field of the answer in --data.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many lines of --data.", min=1)] = None,
    concurrency: Annotated[
        int | None, typer.Option(help="Problems of --data worked on at a time; 1 by default.", min=1)
    ] = None,
    max_generated_tokens: Annotated[
        int | None, typer.Option(help="Stop after so many tokens in all.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Stop after so many seconds.")] = None,
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
    sampling: dict[str, Any],
    constraint: dict[str, Any],
) -> int:
    """Sample several answers to a question and keep one, or do so for every problem of a file.

    With --data each problem gives a line and the last line is the summary; a line of the file that cannot
    be used is named, the others go on, and the exit status is 2.
    """
    options = sampling_options(sampling)
    kept = constraint_option(constraint)
    file_only = {
        "template": template,
        "question_field": question_field,
        "answer_field": answer_field,
        "limit": limit,
        "concurrency": concurrency,
    }
    _check_combination(prompt, data, {"answer": answer, "chat": chat}, file_only)
    args = template_args(template_arg)
    text = read_prompt(prompt) if data is None else ""
    lm = load_lm(model, device, quantize, context=context)
    from ponder.rewards import reward_named
    from ponder.scaling import Budget, Journal, ProblemReader, solve_all, strategy_named

    budget = Budget(options.pop("n", 8), max_generated_tokens, seconds)
    scored_by = reward_named(reward, lm.model) if reward else None
    selection: Any = select
    plan = strategy_named(strategy, selection=selection, rewarded=scored_by is not None, sampling=options)
    with closing(Journal.open(journal) if journal else Journal()) as record:
        if data is None:
            problem = lm.problem(text, reference=answer, system=system, chat=chat, template_args=args)
            results = solve_all([problem], plan, lm.model, scored_by, budget, journal=record, constraint=kept)
            asyncio.run(_report_one(lm, results, json))
            return 0
        reader = ProblemReader(question_field, answer_field, system, template, args)
        problems = islice(reader.read(data), limit)
        results = solve_all(
            problems, plan, lm.model, scored_by, budget,
            concurrency=concurrency or 1, journal=record, constraint=kept,
        )  # fmt: skip
        return asyncio.run(_report_all(results, json))


def _check_combination(
    prompt: str | None, data: Path | None, prompt_only: Mapping[str, Any], file_only: Mapping[str, Any]
) -> None:
    if data is not None and prompt is not None:
        raise ParameterError("data", str(data), "used without a prompt")
    unused, when = (prompt_only, "a prompt") if data is not None else (file_only, "--data")
    for name, value in unused.items():
        if value is not None:
            raise ParameterError(name, value, f"used with {when}")


async def _report_one(lm: LM, results: AsyncIterator[Result | Summary], json: bool) -> None:
    """Print the candidates and the answer."""
    from ponder.scaling import Result

    with working("solving"):
        result = await anext(results)
        async for _ in results:  # the summary of one
            pass
    assert isinstance(result, Result)
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
    return (
        f"{ledger.prompt_tokens} prompt, {ledger.cached_tokens} cached, {ledger.generated_tokens} generated, "
        f"{ledger.reward_tokens} reward tokens, {ledger.seconds:.1f} s"
    )


async def _report_all(results: AsyncIterator[Result | Summary], json: bool) -> int:
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
    reference = f" (should be {result.problem.reference})" if result.problem and result.right is False else ""
    return f"{name}  {verdict}  {result.answer.answer if result.answer else None}{reference}"


def _summary_line(summary: Summary) -> str:
    if summary.accuracy is None:
        return f"no reference answers; {summary.errors} errors"
    values = summary.as_json()
    low, high = values["interval"]
    return (
        f"accuracy {summary.accuracy:.3f} (95%: {low:.3f} to {high:.3f}), {summary.correct} of {summary.n}, "
        f"a right answer among the candidates for {summary.oracle}; {summary.errors} errors"
    )
