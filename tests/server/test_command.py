"""`ponder serve`: flags, environment, file."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from serving import ServeProcess, ended, error
from tiny_directory import write_tiny_directory


def serve(*args: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a `ponder serve` that should end by itself; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "ponder", "serve", *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **(env or {})},
        check=False,
    )
    assert done.stdout == "" or done.returncode == 0
    return done.returncode, done.stderr or done.stdout


@pytest.mark.slow
def test_help_needs_no_torch() -> None:
    """It is quick, and names the flags."""
    status, said = serve("--help")
    assert status == 0
    for flag in ("--port", "--api-key", "--max-n", "--config", "--max-waiting", "--draft"):
        assert flag in said
    code = "import sys, ponder.cli.serve, ponder.server.run; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["-m", "gpt-17"], ["gpt-17"]),
        (["--draft", "gpt-17"], ["gpt-17"]),
        (["--port", "70000"], ["port", "70000", "65535"]),
        (["--port", "x"], ["port"]),
        (["--max-n", "0"], ["max_n", "0"]),
        (["--api-key", "two words"], ["api_key"]),
        (["--allowed-origin", "*"], ["allowed_origin", "*", "https://"]),
        (["--served-model-name", "x" * 300], ["served_model_name", "256"]),
        (["--max-logprobs", "-2"], ["max_logprobs", "-2"]),
        (["--config", "absent.toml"], ["absent.toml"]),
        (["--frobnicate"], ["frobnicate"]),
    ],
)
def test_bad_flags(capsys, monkeypatch, args: list[str], parts: list[str]) -> None:
    """One sentence, exit 2, before anything is loaded."""
    status, said = ended(capsys, monkeypatch, *args)
    assert status == 2
    assert said.count("\n") == 1
    assert all(part in said for part in parts)
    assert "two words" not in said


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("port = '8000'", ["port", "8000", "whole number"]),
        ("port = 8000.5", ["port", "8000.5"]),
        ("port = true", ["port", "True"]),
        ("quiet = 1", ["quiet", "true or false"]),
        ("api-key = 'one'", ["api-key", "list"]),
        ("prot = 1", ["prot", "port"]),
        ("max-n = 3\nmax_n = 4", ["max_n"]),
        ("port = ", ["TOML"]),
        ("config = 'x.toml'", ["config"]),
    ],
)
def test_bad_files(capsys, monkeypatch, tmp_path: Path, text: str, parts: list[str]) -> None:
    """One sentence that names the key, exit 2."""
    path = tmp_path / "ponder.toml"
    path.write_text(text)
    status, said = ended(capsys, monkeypatch, "--config", str(path))
    assert status == 2
    assert said.count("\n") == 1
    assert all(part in said for part in parts)


@pytest.mark.slow
def test_port_in_use() -> None:
    """One sentence, exit 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = serve("--port", str(port))
    assert status == 1
    assert said.count("\n") == 1
    assert str(port) in said


@pytest.mark.slow
def test_missing_extra() -> None:
    """One sentence that says what to install."""
    code = (
        "import sys, importlib.util as u\n"
        "found = u.find_spec\n"
        "import ponder.cli.serve as s\n"
        "s.find_spec = lambda name: None if name == 'fastapi' else found(name)\n"
        "sys.argv = ['ponder', 'serve']\n"
        "from ponder.cli.main import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'ponder[server]'" in done.stderr


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A small model's directory."""
    write_tiny_directory(tmp_path / "small")
    return str(tmp_path / "small")


@pytest.mark.slow
def test_flags_before_environment_before_file(small: str, tmp_path: Path) -> None:
    """Each beats the next; what only the file says holds."""
    path = tmp_path / "ponder.toml"
    path.write_text(
        'max-n = 2\nmax-prompts = 3\nmax-logprobs = 4\napi-key = ["from-file"]\n'
        'served-model-name = ["one", "two"]\nallowed-origin = ["https://app.example"]\n'
    )
    env = {"PONDER_SERVE_MAX_PROMPTS": "5", "PONDER_SERVE_MAX_LOGPROBS": "6", "PONDER_API_KEY": "a b"}
    served = ServeProcess("-m", small, "--config", str(path), "--max-logprobs", "7", **env)
    try:
        served.wait_until_loaded()
        url = served.url + "/v1/completions"
        assert httpx.post(url, json={}, headers={"Authorization": "Bearer from-file"}).status_code == 401
        for key in ("a", "b"):
            headers = {"Authorization": f"Bearer {key}", "Origin": "https://app.example"}
            listed = httpx.get(served.url + "/v1/models", headers=headers).json()["data"]
            assert [card["id"] for card in listed] == ["one", "two"]
            for body, most in (
                ({"n": 9}, "to 2"),
                ({"prompt": ["a"] * 9}, "most 5"),
                ({"logprobs": 9}, "to 7"),
            ):
                refused = httpx.post(url, json={"prompt": "a", **body}, headers=headers)
                assert error(refused, 400)["message"].endswith(most)
    finally:
        served.kill()


@pytest.mark.slow
def test_draft_model(small: str) -> None:
    """A second model guesses for the requests that say so; where it is the first, it is always right."""
    served = ServeProcess("-m", small, "--draft", small)
    try:
        served.wait_until_loaded()
        body = {"prompt": "the capital is", "temperature": 0, "max_tokens": 12, "ignore_eos": True}
        plain, guessed = (
            httpx.post(served.url + "/v1/completions", json={**body, **more}, timeout=60).json()
            for more in ({}, {"draft": True, "draft_tokens": 3})
        )
        assert guessed["choices"] == plain["choices"]
        details = guessed["usage"]["completion_tokens_details"]
        assert details["accepted_prediction_tokens"] > 0
        assert details["rejected_prediction_tokens"] == 0
    finally:
        served.kill()
