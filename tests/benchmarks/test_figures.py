"""Systems side by side: turns, refusals, ratios, and each command end to end on ponder alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.test_peer_process import WORKER, gone
from ponder.cli.bench import app
from ponder.errors import CheckpointError, ParameterError, PonderError
from ponder_benchmarks.commands.figures import quantity_line
from ponder_benchmarks.figures.decode import DecodeSettings, decode_case, decode_turn, efficiency
from ponder_benchmarks.figures.load import first_byte_s
from ponder_benchmarks.figures.prompts import prompt_ids
from ponder_benchmarks.figures.result import Comparison
from ponder_benchmarks.figures.session import open_session
from ponder_benchmarks.figures.settings import RunSettings
from ponder_benchmarks.peers.process import Program


def say(line):
    """Say nothing."""


def compare(tmp_path, *, peer=(), cases=("a",), **settings):
    """Compare a stand-in for ponder, 1 s a turn, and one for a peer, 2 s; return comparisons and the log."""
    log = tmp_path / "log"
    made = [
        Program(name, sys.executable, WORKER, {"name": name, "log": str(log), "decode_s": seconds, **options})
        for name, seconds, options in (("ponder", 1.0, {}), ("peer", 2.0, dict(peer)))
    ]
    run = RunSettings(**{"repeats": 2, "warmup": 1, "timeout_s": 20.0, **settings})
    turn = decode_turn([1, 2, 3], 4, 5)
    with open_session(run, made, say) as session:
        comparisons, probes = session.compare([decode_case(case, turn) for case in cases], say)
        result = session.result("decode", DecodeSettings(), comparisons)
    return comparisons, probes, result, log.read_text().split()


def test_systems_take_turns_and_change_who_is_first(tmp_path):
    comparisons, probes, _, log = compare(tmp_path, cases=("a", "b"))
    ours_first, its_first = ["ponder", "peer"] * 2, ["peer", "ponder"] * 2
    assert log == ours_first + its_first + ours_first  # a warm-up, two repeats
    assert [comparison.samples for comparison in comparisons] == [{"ponder": (20, 20), "peer": (10, 10)}] * 2
    assert comparisons[0].advantage("peer") == (2, 2)
    assert len(probes) == 2


def test_a_result_says_who_what_and_on_what(tmp_path):
    *_, result, _ = compare(tmp_path)
    printed = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert printed["cases"][0]["systems"]["peer"] == {"median": 10, "samples": [10, 10]}
    assert printed["cases"][0]["ponder_advantage"]["peer"]["median"] == 2
    assert printed["settings"]["repeats"] == 2
    assert printed["machine"]["cores"] >= 1
    assert printed["systems"]["peer"]["python"] == sys.executable
    assert printed["systems"]["peer"]["idle_cpu_share"] < 0.5


@pytest.mark.parametrize(
    ("peer", "said"),
    [
        ({"tokens": 19}, "peer did not do the same work, .*: its tokens of decode are 19, not 20"),
        ({"vocab_size": 101}, "peer has another model, .*: its vocab_size is 101, and ponder's 100"),
        ({"parameters": 1002}, "peer has another model, .*: its parameters is 1002, and ponder's 1000"),
        ({"misbehave": "die"}, "peer ended with status 3"),
        ({"misbehave": "missing"}, "peer is not installed"),
    ],
)
def test_other_work_is_refused_and_failures_are_told(tmp_path, peer, said):
    with pytest.raises(PonderError, match=said):
        compare(tmp_path, peer=peer)


@pytest.mark.slow
def test_a_peer_that_hangs_ends_it(tmp_path):
    with pytest.raises(PonderError, match="peer did not answer within 2 s"):
        compare(tmp_path, peer={"misbehave": "hang"}, timeout_s=2.0)


def test_ratios_are_of_the_same_repeat_and_over_1_where_ponder_is_better():
    rates = Comparison("case", "tokens/s", True, {"ponder": (10.0, 30.0, 50.0), "peer": (5.0, 10.0, 100.0)})
    times = Comparison("case", "ms", False, {"ponder": (10.0, 30.0, 50.0), "peer": (5.0, 10.0, 100.0)})
    assert rates.advantage("peer") == (2, 3, 0.5)
    assert rates.as_json()["ponder_advantage"]["peer"]["median"] == 2
    assert times.advantage("peer") == pytest.approx((1 / 2, 1 / 3, 2))


def test_efficiency_counts_bytes_and_multiplications_of_a_step():
    """2 branches at 20 tokens/s: a step of 0.1 s that reads 1 GB of weights and 2 * 22 tokens of 10 MB."""
    comparison = Comparison("case", "tokens/s", True, {"ponder": (20.0,)})
    settings = DecodeSettings(prompt_tokens=40, branches=(2,), new_tokens=3)
    ponder = {"weight_bytes": 10**9, "kv_bytes_per_token": 10**7, "linear_macs": 10**9}
    probe = {"read_gb_s": 28.8, "int8_gmac_s": 200.0}
    read, bandwidth, peak = efficiency(comparison, 2, settings, ponder, [probe])
    assert read.median == pytest.approx((1 + 44 * 0.01) / 0.1)
    assert bandwidth.median == pytest.approx(0.5)
    assert peak.median == pytest.approx(0.1)
    _, bandwidth, peak = efficiency(comparison, 2, settings, ponder, [dict.fromkeys(probe)])
    assert bandwidth.median is peak.median is None
    assert quantity_line(peak) == "case: share of integer peak: not measured"


def test_prompts_are_the_same_for_a_seed_and_share_no_beginning():
    assert prompt_ids(1000, 50, 3, 0) == prompt_ids(1000, 50, 3, 0)
    assert prompt_ids(1000, 50, 3, 0)[:3] != prompt_ids(1000, 50, 3, 1)[:3]
    assert prompt_ids(1000, 50, 3, 0)[:3] != prompt_ids(1000, 50, 4, 0)[:3]
    assert len(prompt_ids(1000, 50, 3, 0)) == 50


def test_decode(figure, tmp_path):
    """Every branch grows by every token, and the files are written."""
    files = ("--out", tmp_path / "r.json", "--plot", tmp_path / "r.png")
    printed = figure("decode", "--prompt-tokens", 20, "--branches", "1,3", "--new-tokens", 2, *files)
    assert [case["case"] for case in printed["cases"]] == ["1 branch", "3 branches"]
    assert all(case["systems"]["ponder"]["median"] > 0 for case in printed["cases"])
    assert printed == json.loads((tmp_path / "r.json").read_text())
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    system = printed["systems"]["ponder"]
    assert system["vocab_size"] == 49152
    assert system["parameters"] == 134_515_008
    assert system["model_file"]["bytes"] == 98_362_432
    names = {quantity["name"] for quantity in printed["quantities"]}
    assert {"read bandwidth", "integer peak", "3 branches: share of bandwidth"} <= names


def test_decode_with_sampling(figure):
    sampled = ("--temperature", 0.8, "--top-p", 0.9)
    printed = figure("decode", "--prompt-tokens", 20, "--branches", "2", "--new-tokens", 2, *sampled)
    assert printed["settings"]["temperature"] == 0.8


def test_prefill(figure):
    """Nothing of a prompt is cached, whichever repeat it is; else its count would be refused."""
    printed = figure("prefill", "--prompt-tokens", 40, "--repeats", 1)
    assert printed["cases"][0]["systems"]["ponder"]["median"] > 0


def test_fork(figure):
    printed = figure("fork", "--branches", 2, "--prefix-tokens", "8,40", "--new-tokens", 2)
    short, long = (case["systems"]["ponder"]["median"] for case in printed["cases"])
    assert printed["quantities"][0]["median"] == pytest.approx(long / short)


def test_sample(figure):
    printed = figure("sample", "--rows", 2, "--prompt-tokens", 8)
    drawing, step = (case["systems"]["ponder"]["median"] for case in printed["cases"])
    assert printed["quantities"][0]["median"] == pytest.approx(drawing / step)


def test_load(figure):
    """A process with a model takes longer and more memory than one that only imports."""
    printed = figure("load")
    seconds = printed["cases"][0]["systems"]
    assert seconds["ponder"]["median"] > 0.2
    assert seconds["import torch"]["median"] > 0.2
    over_torch, megabytes, over_file = (quantity["median"] for quantity in printed["quantities"])
    assert over_torch == pytest.approx(seconds["ponder"]["median"] / seconds["import torch"]["median"])
    assert megabytes > 20
    assert over_file == pytest.approx(megabytes * 1e6 / 98_362_432)


@pytest.mark.timed
def test_a_started_process_that_fails_or_hangs_is_told():
    program = Program("it", sys.executable, WORKER)
    fails = [sys.executable, "-c", "raise SystemExit('no model')"]
    with pytest.raises(PonderError, match="it ended with status 1: no model"):
        first_byte_s(program, fails, 20.0)
    with pytest.raises(PonderError, match=r"it did not end within 0\.5 s"):
        first_byte_s(program, [sys.executable, "-c", "import time; time.sleep(60)"], 0.5)
    assert 0.3 < first_byte_s(program, ["sh", "-c", "sleep 0.3; echo a; sleep 0.5; echo b"], 20.0) < 0.75


def test_the_table_names_systems_and_what_was_not_measured(capsys, checkpoint):
    args = ["fork", "--branches", "2", "--prefix-tokens", "8,9", "--new-tokens", "1"]
    app([*args, "--repeats", "1", "--warmup", "0"], standalone_mode=False)
    printed = capsys.readouterr().out
    assert printed.startswith("fork: smollm2-135m, ")
    assert "prefix of 8" in printed
    assert "ms/step" in printed
    assert "ponder: last prefix over first: " in printed


@pytest.mark.parametrize("name", ["llama.cpp", "transformers"])
def test_a_missing_peer_is_one_sentence(figure, tmp_path, name):
    """An interpreter without installed packages has no peer."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(PonderError) as error:
        figure("prefill", "--prompt-tokens", 8, "--against", name, "--peer-python", f"{name}={python}")
    extra = f"ponder-benchmarks[{name.replace('.', '-')}]"
    assert f"{name}" in str(error.value)
    assert f"is not installed for {python} (No module named " in str(error.value)
    assert f"pip install '{extra}', or say which Python has it: --peer-python {name}=" in str(error.value)


@pytest.mark.parametrize(
    ("args", "field"),
    [
        (("decode", "--branches", "1,x"), "branches"),
        (("decode", "--branches", "0"), "branches"),
        (("decode", "--branches", "2,2"), "branches"),
        (("decode", "--prompt-tokens", 0), "prompt_tokens"),
        (("decode", "--temperature", -1), "temperature"),
        (("fork", "--prefix-tokens", ""), "prefix_tokens"),
        (("profile", "--rows", "1,1"), "rows"),
        (("profile", "--prompt", ""), "prompt"),
        (("profile", "--prompt-tokens", 0), "prompt_tokens"),
        (("sample", "--temperature", 0), "temperature"),
        (("sample", "--against", "vllm"), "against"),
        (("prefill", "--against", "llama"), "against"),
        (("prefill", "--against", "llama.cpp,llama.cpp"), "against"),
        (("prefill", "--against", "llama.cpp", "--peer-python", "llama.cpp=/no/python"), "peer_python"),
        (("prefill", "--peer-python", "vllm"), "peer_python"),
        (("prefill", "--against", "vllm"), "vllm_model"),
        (("prefill", "--transformers-dtype", "int8"), "transformers_dtype"),
        (("prefill", "--threads", 0), "threads"),
        (("prefill", "--timeout", 0), "timeout_s"),
        (("load", "--out", "/no/such/folder/x"), "out"),
        (("load", "--plot", "x.pdf"), "plot"),
    ],
)
def test_bad_options_are_named(figure, args, field):
    with pytest.raises(ParameterError) as error:
        figure(*args)
    assert error.value.field == field


def test_an_unknown_model_waits_for_nothing(figure):
    with pytest.raises(CheckpointError, match="no-such-model"):
        figure("decode", "--model", "no-such-model")


@pytest.mark.skipif(sys.platform != "linux", reason="children are found in /proc")
def test_an_interrupt_ends_the_children(checkpoint):
    command = [sys.executable, "-m", "ponder", "bench", "decode", "--repeats", "100000", "--branches", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        listed, until = Path(f"/proc/{process.pid}/task/{process.pid}/children"), time.monotonic() + 30
        while not (children := listed.read_text().split()) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1.0)
        os.kill(process.pid, signal.SIGINT)
        try:
            _, said = process.communicate(timeout=30)
        finally:
            process.kill()  # else leaving the block waits for it
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert children
    assert all(gone(int(child)) for child in children)
