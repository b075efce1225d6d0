"""`ponder explain` as a user meets it."""

import json

import pytest

PROMPT = ("--raw", "The best thing about Paris is the")


def test_each_system_says_what_it_keeps(ponder):
    """A line for each; where it differs from the first, a second one with the token and the cause."""
    ran = ponder("explain", "--top-p", "0.6", *PROMPT)
    assert ran.status == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines if " keeps " in line and not line.startswith(" ")] == [
        *("ponder", "hf", "vllm", "sglang", "flashinfer", "llamacpp", "exllama")
    ]
    assert lines[-1].strip().startswith("drops ")
    assert lines[-1].endswith("which ponder keeps: by boundary")


def test_as_json(ponder):
    """The same as data; what is kept sums to one."""
    ran = ponder("explain", "--json", "--top-k", "5", "--of", "hf", "--of", "llamacpp", *PROMPT)
    results = json.loads(ran.out)
    assert [one["semantics"] for one in results] == ["hf", "llamacpp"]
    for one in results:
        assert len(one["token_ids"]) == len(one["tokens"]) == 5
        assert sum(one["probs"]) == pytest.approx(1)


def test_breakers_are_those_asked_for(ponder):
    """A repetition that would be gone on with is one only until a breaker."""
    ask = ("explain", "--json", "--of", "ponder", "--top-k", "2", "--raw", "--dry-multiplier", "50")
    prompt = "The cat sat on the mat. The cat sat on the"
    free, broken = (
        json.loads(ponder(*ask, *more, prompt).out)[0]["tokens"]
        for more in ((), ("--dry-sequence-breaker", " the"))
    )
    assert " mat" not in free
    assert " mat" in broken


def test_two_runs(ponder, tmp_path):
    """Where they part, by how much, and why."""
    files = []
    for name, seed, more in (("a", "1", ()), ("b", "2", ()), ("c", "1", ("--top-p", "0.5"))):
        path = tmp_path / f"{name}.json"
        run = ("run", "--json", "--max-tokens", "8", "--seed", seed, "--top-logprobs", "200", *more, *PROMPT)
        path.write_text(ponder(*run).out, encoding="utf-8")
        files.append(str(path))
    assert ponder("explain", "--runs", files[0], files[0]).out == "the two runs are the same\n"
    sentence = ponder("explain", "--runs", files[0], files[1]).out
    assert sentence.startswith("they part at output 0, token ")
    assert sentence.endswith("cause: seed\n")
    found = json.loads(ponder("explain", "--json", "--runs", files[0], files[2]).out)
    assert found["cause"] == "parameters"
    assert found["differing"] == ["top_p"]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"outputs": 5}', '{"outputs": [{"tokens": [{"id": "x"}]}]}', "[" * 100_000, "\xff"],
)
def test_what_is_no_run_is_refused(ponder, tmp_path, text):
    """In one sentence."""
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("latin-1"))
    ran = ponder("explain", "--runs", str(path), str(path))
    assert ran.status == 2
    assert "a file that ponder run --json wrote" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--semantics", "hf"), ["semantics", "--of"]),
        (("--of", "gpt"), ["of = 'gpt'", "ponder, hf"]),
        (("--top-p", "7"), ["top_p", "at most 1"]),
        (("--typical-p", "0.5", "--of", "vllm"), ["of", "typical_p"]),
        (("--runs", "/nowhere/a", "/nowhere/b"), ["No such file", "/nowhere/a"]),
    ],
)
def test_bad_input(ponder, args, words):
    """Names the field, the value and what is allowed."""
    ran = ponder("explain", *args, *PROMPT)
    assert ran.status != 0
    assert all(word in ran.err for word in words), ran.err
    assert len(ran.err.splitlines()) == 1
