"""A system in a child process: what it answers, how it fails, and that it ends."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ponder.errors import PonderError
from ponder_benchmarks.peers.process import PeerProcess, Program

WORKER = Path(__file__).with_name("stand_in_worker.py")
DECODE = {"prompt": [1, 2, 3], "branches": 2, "new_tokens": 5}


def program(tmp_path, **options):
    """Return the stand-in worker as a program."""
    return Program("peer", sys.executable, WORKER, {"name": "peer", "log": str(tmp_path / "log"), **options})


def decode(process, timeout_s=30.0):
    """Load a system and let it decode."""
    process.call("load", timeout_s, process.program.options)
    return process.call("decode", timeout_s, DECODE)


def running(pid):
    """Return whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid, within_s=10.0):
    """Wait for a process to end."""
    until = time.monotonic() + within_s
    while running(pid) and time.monotonic() < until:
        time.sleep(0.02)
    return not running(pid)


def test_it_answers_and_prints_elsewhere(tmp_path):
    with PeerProcess(program(tmp_path)) as process:
        assert decode(process) == {"seconds": 0.0, "prompt_tokens": 3, "tokens": 10}
        assert process.call("describe", 30.0, {})["vocab_size"] == 100


@pytest.mark.slow
def test_it_is_idle_between_calls_and_ends_with_its_context(tmp_path):
    with PeerProcess(program(tmp_path)) as process:
        process.call("load", 30.0, process.program.options)
        pid = process.call("pid", 30.0, {})["pid"]
        time.sleep(0.5)
        process.call("pid", 30.0, {})
        assert process.idle_s >= 0.5
        assert process.idle_cpu_s <= 0.05
        assert running(pid)
    assert not running(pid)


@pytest.mark.parametrize(
    ("misbehave", "said"),
    [
        ("die", "peer ended with status 3: the last words"),
        ("raise", "peer failed: ValueError: no such thing"),
        ("babble", "peer ended with status 1: TypeError: "),
    ],
)
def test_failures_are_one_sentence(tmp_path, misbehave, said):
    made = program(tmp_path, misbehave=misbehave)
    with PeerProcess(made) as process, pytest.raises(PonderError, match="^" + said) as error:
        decode(process)
    assert "\n" not in str(error.value)


def test_a_call_that_failed_leaves_the_process_usable(tmp_path):
    with PeerProcess(program(tmp_path, misbehave="raise")) as process:
        with pytest.raises(PonderError):
            decode(process)
        assert process.call("describe", 30.0, {})["parameters"] == 1000


def test_a_package_that_is_missing_is_named_with_its_remedy(tmp_path):
    made = program(tmp_path, misbehave="missing")
    made = Program(made.label, made.python, made.worker, made.options, remedy="do this")
    with PeerProcess(made) as process, pytest.raises(PonderError) as error:
        decode(process)
    assert str(error.value) == (
        f"peer is not installed for {sys.executable} (No module named 'no_such_package'): do this"
    )


@pytest.mark.slow
def test_one_that_hangs_is_ended(tmp_path):
    with PeerProcess(program(tmp_path, misbehave="hang")) as process:
        process.call("load", 30.0, process.program.options)
        pid = process.call("pid", 30.0, {})["pid"]
        start = time.monotonic()
        with pytest.raises(PonderError, match=r"peer did not answer within 0\.5 s and was ended"):
            process.call("decode", 0.5, DECODE)
        assert time.monotonic() - start < 5.0
        assert not running(pid)


def test_one_that_was_killed_says_by_what(tmp_path):
    with PeerProcess(program(tmp_path)) as process:
        process.call("load", 30.0, process.program.options)
        os.kill(process.call("pid", 30.0, {})["pid"], 9)
        with pytest.raises(PonderError, match="peer was ended by SIGKILL"):
            process.call("pid", 30.0, {})


def test_an_interpreter_that_cannot_be_run_is_one_sentence(tmp_path):
    with pytest.raises(PonderError, match=r"peer: /no/such/python cannot be run: No such file"):
        PeerProcess(Program("peer", "/no/such/python", WORKER))


@pytest.mark.skipif(sys.platform != "linux", reason="the parent's death is noticed on Linux")
def test_a_killed_parent_takes_a_busy_child_with_it(tmp_path):
    parent = f"""
        from pathlib import Path
        from ponder_benchmarks.peers.process import PeerProcess, Program
        options = {{"name": "peer", "log": {str(tmp_path / "log")!r}, "misbehave": "hang"}}
        with PeerProcess(Program("peer", {sys.executable!r}, Path({str(WORKER)!r}), options)) as process:
            process.call("load", 30.0, options)
            print(process.call("pid", 30.0, {{}})["pid"], flush=True)
            process.call("decode", 60.0, {DECODE!r})
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent)], stdout=subprocess.PIPE) as process:
        pid = int(process.stdout.readline())
        until = time.monotonic() + 10
        while not (tmp_path / "log").exists() and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
    assert gone(pid)
