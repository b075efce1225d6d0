"""Problems from a JSONL file."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ponder.errors import DataError, ParameterError
from ponder.rewards import CodeTests, Problem, extract_answer
from ponder.rewards.code_tests import split

QUESTION_FIELDS = ("question", "problem", "prompt", "input")
ANSWER_FIELDS = ("answer", "solution", "target")
ID_FIELDS = ("id", "task_id", "unique_id")
TEST_FIELDS = ("tests", "public_tests", "test_list")
HIDDEN_TEST_FIELDS = ("hidden_tests", "challenge_test_list")
ENTRY_FIELDS = ("entry", "entry_point")


@dataclass(frozen=True, slots=True)
class LineError:
    """A line that holds no problem, and why."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class ProblemReader:
    """How lines become problems.

    Attributes
    ----------
    question_field, answer_field : their names in a line; by default the first of `QUESTION_FIELDS` and
        `ANSWER_FIELDS` that is there. Without an answer there is no reference; one named here must be there.
    system : a system message for every problem.
    template : raw text with "{question}" in it, given to the model in place of a conversation.
    template_args : variables of the model's chat template, for every problem.
    public_share : how many of a program's tests are public, rounded up; the others are hidden. By default all
        are, but for those that the line itself calls hidden.

    The tests of a program are lists under `TEST_FIELDS` and `HIDDEN_TEST_FIELDS`, with `ENTRY_FIELDS` (MBPP
    also has "test_imports" and "test_setup_code"), or one text "test" that defines `check(candidate)`, as in
    HumanEval, whose question is the beginning of the program.
    """

    question_field: str | None = None
    answer_field: str | None = None
    system: str | None = None
    template: str | None = None
    template_args: Mapping[str, Any] = field(default_factory=dict)
    public_share: float | None = None

    def __post_init__(self) -> None:
        if self.template is not None and "{question}" not in self.template:
            raise ParameterError("template", self.template, "text with {question} where the question goes")
        if self.template is not None and self.system is not None:
            raise ParameterError("system", self.system, "left unset with a template, which has no roles")
        if self.template is not None and self.template_args:
            allowed = "left unset with a template of raw text"
            raise ParameterError("template_args", self.template_args, allowed)
        if self.public_share is not None and not 0 < self.public_share <= 1:
            raise ParameterError("public_share", self.public_share, "a number over 0, at most 1")

    def read(self, path: str | Path) -> Iterator[Problem | LineError]:
        """Read a JSONL file line by line; a bad line is an item of its own, an empty one is passed over.

        Raises
        ------
        DataError : the file cannot be read.
        """
        try:
            with Path(path).open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        yield self.parse(line, number)
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error

    def parse(self, line: bytes, number: int) -> Problem | LineError:
        """Read one line."""
        try:
            return self._problem(_object(line), number)
        except DataError as error:
            return LineError(number, f"line {number}: {error}")

    def _problem(self, fields: Mapping[str, Any], number: int) -> Problem:
        question = _text(fields, self.question_field, QUESTION_FIELDS)
        if question is None or not question.strip():
            raise DataError("the question is empty" if question is not None else "the question is null")
        has_answer = self.answer_field or any(name in fields for name in ANSWER_FIELDS)
        answer = _text(fields, self.answer_field, ANSWER_FIELDS) if has_answer else None
        given_id = next((str(fields[name]) for name in ID_FIELDS if name in fields), f"line {number}")
        raw = self.template.replace("{question}", question) if self.template else None
        reference = final_answer(answer)
        tests = code_tests(fields, question, self.public_share)
        return Problem(question, reference, self.system, raw, given_id, self.template_args, tests)


def code_tests(fields: Mapping[str, Any], question: str, public_share: float | None) -> CodeTests | None:
    """Return the tests of the program that a line asks for, if it has any; see `ProblemReader`."""
    entry = next((_text(fields, name, ()) for name in ENTRY_FIELDS if name in fields), None)
    header = ""
    public: tuple[str, ...]
    hidden: tuple[str, ...]
    if isinstance(fields.get("test"), str) and entry is not None:
        public, hidden, header = (f"{fields['test']}\ncheck({entry})\n",), (), question
    else:
        public, hidden = _texts(fields, TEST_FIELDS), _texts(fields, HIDDEN_TEST_FIELDS)
    if not public and not hidden:
        return None
    if public_share is not None and not hidden:
        public, hidden = split(public, public_share)
    setup = [*_texts(fields, ("test_imports",)), *_texts(fields, ("test_setup_code",))]
    return CodeTests(public, hidden, "\n".join(setup), entry, header)


def _texts(fields: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the texts of the first of these fields that is there; one text is a list of one."""
    name = next((name for name in names if name in fields), None)
    if name is None:
        return ()
    values = [fields[name]] if isinstance(fields[name], str) else fields[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DataError(f"{name} is not a list of texts")
    return tuple(value for value in values if value.strip())


def final_answer(answer: str | None) -> str | None:
    r"""Return the answer alone from a reference that may be worked out: GSM8K's #### 42, MATH's \boxed{}."""
    if answer is None or not answer.strip():
        return None
    if "####" in answer or r"\boxed{" in answer:
        return extract_answer(answer)
    return answer.strip()


def _object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8-sig")
        value = json.loads(text, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise DataError(f"not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON that can be read: {error}") from None
    if not isinstance(value, dict):
        raise DataError(f"a JSON object is needed, not {type(value).__name__}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise DataError(f"{name} is not JSON")


def _text(fields: Mapping[str, Any], wanted: str | None, known: tuple[str, ...]) -> str | None:
    """Return a field as text, a number written out; None if it is null."""
    names = (wanted,) if wanted else known
    name = next((name for name in names if name in fields), None)
    if name is None:
        raise DataError(
            f"no field {' or '.join(names)}; it has {', '.join(map(repr, fields)) or 'none'}"[:300]
        )
    value = fields[name]
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(f"{name} is not a finite number")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if value is not None and not isinstance(value, str):
        raise DataError(f"{name} is {type(value).__name__}; text or a number is allowed")
    if value is not None and any("\ud800" <= character <= "\udfff" for character in value):
        raise DataError(f"{name} holds half of a surrogate pair, which is no character")
    return value
