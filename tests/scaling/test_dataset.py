"""Good lines become problems, bad lines become errors with their number."""

import json

import pytest

from ponder.errors import DataError, ParameterError
from ponder.rewards import CodeTests, Problem
from ponder.scaling import LineError, ProblemReader


def read(tmp_path, *lines, **options):
    path = tmp_path / "problems.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return list(ProblemReader(**options).read(path))


@pytest.mark.parametrize("question", ["question", "problem", "prompt", "input"])
@pytest.mark.parametrize("answer", ["answer", "solution", "target"])
def test_fields_are_found(tmp_path, question, answer):
    (problem,) = read(tmp_path, json.dumps({question: "1 + 1?", answer: "2"}))
    assert problem == Problem("1 + 1?", "2", id="line 1")


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("She has 9.\n#### 1,042", "1,042"),
        (r"It is \boxed{\frac{1}{2}}.", r"\frac{1}{2}"),
        ("  Paris ", "Paris"),
        ("x + 1 for 3", "x + 1 for 3"),
        (42, "42"),
        (0.5, "0.5"),
        ("", None),
        (None, None),
    ],
)
def test_references(tmp_path, answer, reference):
    (problem,) = read(tmp_path, json.dumps({"question": "?", "answer": answer}))
    assert problem.reference == reference


def test_an_answer_by_itself_comes_before_a_worked_solution(tmp_path):
    line = json.dumps({"problem": "?", "solution": "so 9", "answer": "3", "unique_id": "a/1"})
    (problem,) = read(tmp_path, line)
    assert (problem.reference, problem.id) == ("3", "a/1")


def test_named_fields_system_and_template(tmp_path):
    line = json.dumps({"q": "1 + 1?", "question": "no", "gold": 2})
    (problem,) = read(tmp_path, line, question_field="q", answer_field="gold", system="Be brief.")
    assert problem == Problem("1 + 1?", "2", "Be brief.", id="line 1")
    (problem,) = read(tmp_path, line, question_field="q", template="Q: {question}\nA:")
    assert problem.prompt == "Q: 1 + 1?\nA:"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON"),
        ("[1]", "a JSON object is needed, not list"),
        ("{}", "no field question or problem or prompt or input; it has none"),
        ('{"text": "?"}', "it has 'text'"),
        ('{"question": "  "}', "the question is empty"),
        ('{"question": null}', "the question is null"),
        ('{"question": ["a"]}', "question is list"),
        ('{"question": "?", "answer": true}', "answer is bool"),
        ('{"question": "?", "answer": NaN}', "NaN is not JSON"),
        ('{"question": "?", "answer": 1e999}', "answer is not a finite number"),
        (r'{"question": "\ud800"}', "half of a surrogate pair"),
        (b'{"question": "\xff"}', "not UTF-8 at byte 14"),
        ('{"question": "?", "answer": ' + "9" * 5000 + "}", "not JSON that can be read"),
        ("[" * 10**5, "not JSON that can be read"),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(tmp_path, line, message):
    good = '{"question": "?"}'
    first, bad, last = read(tmp_path, good, line, "", good)
    assert isinstance(bad, LineError)
    assert bad.line == 2
    assert bad.message.startswith("line 2: ")
    assert message in bad.message
    assert (first.id, last.id) == ("line 1", "line 4")


def test_a_named_field_must_be_there(tmp_path):
    (bad,) = read(tmp_path, '{"question": "?"}', answer_field="gold")
    assert "no field gold" in bad.message


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    (problem,) = read(tmp_path, b'\xef\xbb\xbf{"question": "?"}')
    assert problem.question == "?"


def test_a_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.jsonl", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            list(ProblemReader().read(path))


@pytest.mark.parametrize("options", [{"template": "no place"}, {"template": "{question}", "system": "x"}])
def test_options_that_make_no_sense(options):
    with pytest.raises(ParameterError):
        ProblemReader(**options)


PROGRAM_TESTS = ["f(1) == 1", "f(2) == 2", "f(3) == 3"]


@pytest.mark.parametrize(
    ("fields", "options", "tests"),
    [
        ({"tests": PROGRAM_TESTS, "entry": "f"}, {}, CodeTests(tuple(PROGRAM_TESTS), entry="f")),
        (
            {"tests": PROGRAM_TESTS},
            {"public_share": 0.5},
            CodeTests(tuple(PROGRAM_TESTS[:2]), tuple(PROGRAM_TESTS[2:])),
        ),
        (
            {"public_tests": PROGRAM_TESTS[:1], "hidden_tests": PROGRAM_TESTS[1:]},
            {"public_share": 0.5},
            CodeTests(tuple(PROGRAM_TESTS[:1]), tuple(PROGRAM_TESTS[1:])),
        ),
        (
            {
                "test_list": ["assert f(1)"],
                "challenge_test_list": [],
                "test_setup_code": "a = 1",
                "code": "…",
            },
            {},
            CodeTests(("assert f(1)",), setup="a = 1"),
        ),
        (
            {"test": "def check(candidate):\n    assert candidate(1)", "entry_point": "f"},
            {},
            CodeTests(
                ("def check(candidate):\n    assert candidate(1)\ncheck(f)\n",), entry="f", header="def f"
            ),
        ),
        ({"tests": []}, {}, None),
        ({"test": "not a program's"}, {}, None),
    ],
)
def test_tests_of_a_program(tmp_path, fields, options, tests):
    (problem,) = read(tmp_path, json.dumps({"prompt": "def f", **fields}), **options)
    assert problem == Problem("def f", id="line 1", tests=tests)


@pytest.mark.parametrize("tests", [1, [1], {"a": 1}, None])
def test_tests_that_are_none(tmp_path, tests):
    (bad,) = read(tmp_path, json.dumps({"prompt": "?", "tests": tests}))
    assert "tests is not a list of texts" in bad.message


def test_a_share_of_tests_is_a_share():
    for share in (0, -1, 1.5):
        with pytest.raises(ParameterError, match="public_share"):
            ProblemReader(public_share=share)
