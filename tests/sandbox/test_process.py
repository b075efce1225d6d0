"""A confined process answers within its limits, and never outlives who asked."""

import gc
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ponder.errors import PonderError
from ponder.sandbox import ConfinedProcess, Limits

WORKER = Path(__file__).with_name("worker.py")
LIMITS = Limits(cpu_seconds=0.5, clock_seconds=2.0, memory_bytes=2**29)


@pytest.fixture
def process():
    made = ConfinedProcess(WORKER, (), LIMITS)
    yield made
    made.close()


def running(pid: int) -> bool:
    """Whether the process exists and is no zombie that waits for whoever inherited it."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout
    return state.strip()[:1] not in ("", "Z")


@pytest.mark.parametrize("value", [None, 1.5, "\0\r\n\u2028\ud800 😀", [{"a": []}], "a" * 10**6])
def test_values_pass_unchanged(process, value):
    assert process.ask({"echo": value}) == {"echo": value}


@pytest.mark.timed
@pytest.mark.parametrize(
    "request_",
    [
        pytest.param({"work": 60}, id="processor"),
        pytest.param({"sleep": 60}, id="clock"),
        pytest.param({"hoard": 2**30}, id="memory"),
        pytest.param({"open": str(WORKER)}, id="file"),
        pytest.param({"connect": 1}, id="socket"),
        pytest.param({"exit": 0}, id="exit"),
        pytest.param({"say": "no JSON"}, id="no JSON"),
        pytest.param({"say": "[" * 10**5}, id="deep JSON"),
    ],
)
def test_whoever_goes_to_a_limit_is_ended_and_the_next_is_served(process, request_):
    assert process.ask({"echo": 1}) == {"echo": 1}
    started = time.monotonic()
    assert process.ask(request_) is None
    assert time.monotonic() - started < 4
    assert process.ask({"echo": 2}) == {"echo": 2}


def test_files_open_where_they_may():
    process = ConfinedProcess(WORKER, (), Limits(0.5, 2.0, 2**29, opens_files=True))
    assert process.ask({"open": str(WORKER)}) == {}
    assert process.ask({"hoard": 2**30}) is None
    process.close()


@pytest.mark.slow
def test_the_limits_are_for_one_answer(process):
    process.start()
    child = process._process
    for _ in range(4):
        assert process.ask({"work": 0.2}) == {}
    assert process._process is child


def test_a_request_may_come_with_open_files():
    process = ConfinedProcess(WORKER, (), Limits(0.5, 2.0, 2**29, opens_files=True), takes_handles=True)
    process.wait()
    for said in ("first", "second"):
        read, write = os.pipe()
        os.write(write, said.encode())
        assert process.ask({"read": 100}, handles=[read]) == {"value": said}
        os.close(read)
        os.close(write)
    process.close()


def test_what_it_started_ends_with_it(process):
    child = process.ask({"leave": 60})["child"]
    assert running(child)
    process.close()
    deadline = time.monotonic() + 5
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(child)


def test_a_request_may_have_a_shorter_limit(process):
    process.wait()
    started = time.monotonic()
    assert process.ask({"sleep": 60}, 0.1) is None
    assert time.monotonic() - started < 2


def test_it_holds_no_secrets(process, monkeypatch):
    monkeypatch.setenv("SECRET", "hunter2")
    assert process.ask({"environment": "SECRET"}) == {"value": None}
    command = ["ps", "eww", "-o", "command=", "-p", str(process._process.pid)]
    shown = subprocess.run(command, capture_output=True, text=True).stdout
    assert "worker.py" in shown
    assert "hunter2" not in shown


@pytest.mark.parametrize(
    "program", ["import ponder", "import numpy", "def answer(request):\n    return {}", "1 / 0"]
)
def test_one_that_does_not_start_is_one_clear_error(program, tmp_path):
    (tmp_path / "broken.py").write_text(program)
    process = ConfinedProcess(tmp_path / "broken.py", ("absent_package",), LIMITS)
    for _ in range(2):
        with pytest.raises(PonderError, match=r"broken\.py did not start"):
            process.ask({})


def test_packages_are_there_by_name(tmp_path):
    (tmp_path / "worker.py").write_text(
        "import numpy\nWARM_UP = {}\ndef answer(request):\n    return {'sum': int(numpy.ones(3).sum())}"
    )
    process = ConfinedProcess(tmp_path / "worker.py", ("numpy",), Limits(2.0, 5.0, 2**34))
    assert process.ask({}) == {"sum": 3}
    process.close()


def test_an_interrupted_request_leaves_no_answer_for_the_next(process, monkeypatch):
    assert process.ask({"echo": 1}) == {"echo": 1}

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(json, "loads", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.ask({"echo": 2})
    assert process.ask({"echo": 3}) == {"echo": 3}


@pytest.mark.slow
def test_no_process_and_no_pipe_is_left():
    closed, forgotten, failed = (ConfinedProcess(WORKER, (), LIMITS) for _ in range(3))
    for process in (closed, forgotten, failed):
        process.start()
    children = [process._process for process in (closed, forgotten, failed)]
    assert failed.ask({"exit": 1}) is None
    closed.close()
    del forgotten, process
    gc.collect()
    for child in children:
        assert child.stdin.closed
        assert child.stdout.closed
        with pytest.raises(ChildProcessError):
            os.waitpid(child.pid, os.WNOHANG)


@pytest.mark.slow
@pytest.mark.parametrize("request_", [{"echo": 1}, {"work": 60}], ids=["idle", "busy"])
def test_it_ends_with_a_killed_parent(request_):
    program = """
import json, sys, threading
from pathlib import Path
from ponder.sandbox import ConfinedProcess, Limits
process = ConfinedProcess(Path(sys.argv[1]), (), Limits(1.0, 60.0, 2**29))
process.start()
print(process._process.pid, flush=True)
process.ask(json.loads(sys.argv[2]))
threading.Event().wait()
"""
    command = [sys.executable, "-c", program, str(WORKER), json.dumps(request_)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.3)
        assert running(pid)
        parent.kill()
    deadline = time.monotonic() + 5
    while running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(pid)
