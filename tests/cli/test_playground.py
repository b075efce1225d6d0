"""`ponder playground`: a server, its page's address, and a browser where somebody sees it."""

from __future__ import annotations

import signal
import socket
import sys
import webbrowser
from pathlib import Path

import httpx
import pytest

from ponder.cli import playground
from ponder.cli.main import main
from serving import ServeProcess
from tiny_directory import write_tiny_directory


@pytest.mark.slow
def test_the_address_is_printed_and_the_page_is_there(tmp_path: Path) -> None:
    """Where port 8000 is taken, a free one is used; an interrupt ends the server."""
    write_tiny_directory(tmp_path / "small")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8000))
            taken.listen()
        except OSError:
            pass  # it is taken by another
        process = ServeProcess("-m", str(tmp_path / "small"), command=("playground",))
        try:
            assert process.process.stdout is not None
            line = process.process.stdout.readline()
            assert line == f"Playground: {process.url}/\n"
            assert not line.endswith(":8000/\n")
            page = httpx.get(process.url + "/")
            assert page.headers["content-type"].startswith("text/html")
            process.wait_until_loaded()
            process.signal(signal.SIGINT)
            assert process.wait() == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (["--no-playground"], ["playground", "ponder serve"]),
        (["--port", "70000"], ["port", "70000", "65535"]),
        (["-m", "gpt-17"], ["gpt-17"]),
    ],
)
def test_bad_flags(capsys, monkeypatch, args: list[str], parts: list[str]) -> None:
    """One sentence, exit 2, before anything is loaded."""
    monkeypatch.setattr(sys, "argv", ["ponder", "playground", *args])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr().err
    assert (exit_.value.code, said.count("\n")) == (2, 1)
    for part in parts:
        assert part in said


def test_a_port_that_was_asked_for_is_not_exchanged(capsys, monkeypatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        monkeypatch.setattr(sys, "argv", ["ponder", "playground", "--port", port])
        with pytest.raises(SystemExit) as exit_:
            main()
    assert exit_.value.code == 1
    assert port in capsys.readouterr().err


def test_where_a_browser_finds_it() -> None:
    """A server on all addresses is found as localhost."""
    for url, address in (
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/"),
        ("http://[::1]:8000", "http://[::1]:8000/"),
        ("http://0.0.0.0:80", "http://localhost:80/"),
        ("http://[::]:80", "http://localhost:80/"),
    ):
        assert playground._address(url) == address


def test_a_browser_that_is_not_there_is_no_error(monkeypatch) -> None:
    def fail(address: str) -> bool:
        raise webbrowser.Error("no browser")

    monkeypatch.setattr(webbrowser, "open", fail)
    playground._open("http://127.0.0.1:8000/")
