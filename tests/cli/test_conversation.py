"""What is asked from the command line: `--messages`, prefills, `--template-arg`, standard input."""

import json
import subprocess
import sys

import pytest

from ponder.cli.options import template_args
from ponder.errors import ParameterError

USER = {"role": "user", "content": "Name three colours."}
GREEDY = ("run", "--json", "-t", "0", "--max-tokens", "12")


@pytest.fixture
def file(tmp_path):
    """Return a function that writes a JSON file and returns its path."""

    def write(value, raw=None):
        path = tmp_path / "chat.json"
        path.write_bytes(json.dumps(value).encode() if raw is None else raw)
        return str(path)

    return write


def test_messages_from_a_file(ponder, file):
    """A list, or an object with messages; from standard input too: as the prompt would be sent."""
    expected = json.loads(ponder(*GREEDY, USER["content"]).out)
    parts = {
        "role": "user",
        "content": [{"type": "text", "text": part} for part in ("Name three", " colours.")],
    }
    for value in ([USER], [parts], {"messages": [USER]}, {"messages": [USER], "tools": []}):
        found = json.loads(ponder(*GREEDY, "--messages", file(value)).out)
        assert (found["prompt"], found["outputs"]) == (expected["prompt"], expected["outputs"])
    found = json.loads(ponder(*GREEDY, "--messages", "-", stdin=json.dumps([USER]).encode()).out)
    assert found["outputs"] == expected["outputs"]


def test_a_final_message_goes_on(ponder, file):
    """The assistant's last message is what the answer begins with, and is shown before it."""
    begun = "Sure! Here are"
    messages = file([USER, {"role": "assistant", "content": begun}])
    expected = json.loads(ponder(*GREEDY, "--prefix", begun, USER["content"]).out)
    found = json.loads(ponder(*GREEDY, "--messages", messages, "--continue-final-message").out)
    assert (found["prompt"], found["outputs"]) == (expected["prompt"], expected["outputs"])
    shown = ponder("run", "-t", "0", "--max-tokens", "12", "--messages", messages, "--continue-final-message")
    assert shown.out == begun + expected["outputs"][0]["text"] + "\n"
    answered = json.loads(ponder(*GREEDY, "--messages", messages).out)
    assert f"assistant\n{begun}<|im_end|>" in answered["prompt"]


COMMANDS = (
    ("run", "--max-tokens", "2"),
    ("choose", "-c", "a"),
    ("solve", "-n", "1", "--max-tokens", "2"),
    ("explain",),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_variables_of_the_template(ponder, command):
    """A switch that the model does not have may be off; on, it is refused by name."""
    assert ponder(*command, "--template-arg", "enable_thinking=false", "hi").status == 0
    ran = ponder(*command, "--template-arg", "enable_thinking=true", "hi")
    assert ran.status == 2
    assert "template_args.enable_thinking = True" in ran.err
    assert "no such variable" in ran.err


def test_variables_in_a_chat(ponder):
    """The same for each message."""
    ran = ponder("chat", "--max-tokens", "2", "--template-arg", "style=short", stdin=b"hi\n")
    assert ran.status == 2
    assert "template_args.style = 'short'" in ran.err


def test_how_values_are_read():
    """Numbers, true, false, null, lists and objects as JSON, all else as text."""
    pairs = [
        "a=true",
        "b=null",
        "c=-1.5",
        "d=",
        "e=x=y",
        'f="q"',
        "g=[1]",
        'h={"k": 2}',
        "i=NaN",
        "j=False",
        "k=01",
    ]
    assert template_args(pairs) == {
        "a": True, "b": None, "c": -1.5, "d": "", "e": "x=y", "f": '"q"', "g": [1], "h": {"k": 2},
        "i": "NaN", "j": "False", "k": "01",
    }  # fmt: skip
    with pytest.raises(ParameterError, match="one value for each name"):
        template_args(["a=1", "a=2"])


BAD = {
    "no value": (["--template-arg", "thinking", "hi"], ["template_arg", "NAME=VALUE"]),
    "no name": (["--template-arg", "=1", "hi"], ["template_arg", "names such as"]),
    "of the renderer": (["--template-arg", "messages=1", "hi"], ["template_arg.messages", "renderer"]),
    "raw": (["--raw", "--template-arg", "x=1", "hi"], ["template_args", "raw text"]),
    "goes on without messages": (["--continue-final-message", "hi"], ["continue_final_message", "messages"]),
    "no file": (["--messages", "absent.json"], ["absent.json", "No such file"]),
}

FILES = {
    "no JSON": (b"[{]", ["line 1, column"]),
    "no UTF-8": (b"\xff", ["UTF-8 at byte 0"]),
    "deep": (b"[" * 100_000, ["JSON"]),
    "a number": (b"5", ["messages", "a list of messages"]),
    "a request": (b'{"messages": [], "temperature": 1}', ["messages", "a list of messages"]),
    "nothing": (b"[]", ["messages", "at least one"]),
    "no message": (b'["hi"]', ["messages[0]", "'hi'"]),
    "an unknown member": (b'[{"role": "user", "content": "a", "mood": 1}]', ["messages[0]", "mood"]),
    "parts": (
        b'[{"role": "user", "content": [{"type": "image"}]}]',
        ["messages[0].content[0].type", "text only"],
    ),
    "tools": (
        b'{"messages": [{"role": "user", "content": "a"}],'
        b' "tools": [{"type": "function", "function": {"name": "f"}}]}',
        ["tools = 'f'", "no place for tools"],
    ),
}


def assert_one_line(ran, said):
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1), ran.err
    for part in said:
        assert part in ran.err


@pytest.mark.parametrize(("args", "said"), BAD.values(), ids=BAD.keys())
def test_one_clear_line(ponder, args, said):
    """Exit 2 and a sentence that names what is wrong."""
    assert_one_line(ponder("run", *args), said)


@pytest.mark.parametrize(("raw", "said"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_no_conversation(ponder, file, raw, said):
    """Exit 2 and a sentence that names what is wrong."""
    assert_one_line(ponder("run", "--messages", file(None, raw)), said)


def test_messages_beside_a_prompt(ponder, file):
    """One or the other, and the last message of a conversation that goes on is the assistant's."""
    assert_one_line(ponder("run", "--messages", file([USER]), "hi"), ["messages", "without a prompt"])
    ran = ponder("run", "--messages", file([USER]), "--continue-final-message")
    assert_one_line(ran, ["continue_final_message", "not the assistant's"])
    both = file([USER, {"role": "assistant", "content": "a"}])
    ran = ponder("run", "--messages", both, "--continue-final-message", "--prefix", "b")
    assert_one_line(ran, ["prefix", "continue_final_message"])


@pytest.mark.slow
def test_standard_input_beside_a_prompt_is_joined(tmp_path):
    """A pipe and a file come after the argument; what is neither is left alone."""
    command = [
        sys.executable,
        "-c",
        "from ponder.cli.terminal import read_prompt; print(read_prompt('Say:'))",
    ]
    (tmp_path / "text").write_text("one two\n")
    read = []
    with (tmp_path / "text").open() as file:
        for given in ({"input": "one two\n"}, {"stdin": file}, {"stdin": subprocess.DEVNULL}):
            read.append(subprocess.run(command, capture_output=True, text=True, check=True, **given).stdout)
    assert read == ["Say:\n\none two\n", "Say:\n\none two\n", "Say:\n"]
