"""What a file is that somebody takes for a model, by its first bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path

_HEAD = 4096
_WEB_PAGE = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_OLLAMA_BLOB = re.compile(r"sha256[-:][0-9a-f]{64}")
_OLLAMA_WEIGHTS = "application/vnd.ollama.image.model"
_STARTS = (
    (
        b"PK\x03\x04",
        "a zip archive or a pickle, which can run code: convert the model to GGUF or safetensors",
    ),
    (b"\x80\x02", "a pickle, which can run code: convert the model to GGUF or safetensors"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"lmgg", "a model in the format that came before GGUF: convert it again, or get a newer file"),
    (b"tjgg", "a model in the format that came before GGUF: convert it again, or get a newer file"),
    (b"fmgg", "a model in the format that came before GGUF: convert it again, or get a newer file"),
)


def is_gguf(path: Path) -> bool:
    """Tell whether a file begins as a GGUF file does, whatever it is called."""
    return _head(path)[:4] == b"GGUF"


def stands_in(path: Path, *, web_pages: bool = True) -> str | None:
    """Return what a file is that was fetched in another's place, if it is such, and what to do about it."""
    head = _head(path)
    if head.startswith(b"version https://git-lfs.github.com/"):
        return "a Git LFS pointer, and not the file: fetch it with git lfs pull"
    if web_pages and _WEB_PAGE.match(head):
        return (
            "a web page, and not the file: on huggingface.co the file is under /resolve/ where its page is "
            "under /blob/"
        )
    return None


def what_it_is(path: Path) -> str | None:
    """Return what a file is, if it is known and holds no weights to read, and what to do about it."""
    stand_in, head = stands_in(path), _head(path)
    if stand_in is not None:
        return stand_in
    if not head:
        return "empty: get it anew"
    for start, described in _STARTS:
        if head.startswith(start):
            return described
    if b"application/vnd.ollama.image" in head or b"application/vnd.docker.distribution.manifest" in head:
        return f"a list of the parts of an Ollama model: {_ollama_weights(path)}"
    if head[8:9] == b"{" and 0 < int.from_bytes(head[:8], "little") < 2**27:
        return "a safetensors file: give the directory that holds it and a config.json"
    if _OLLAMA_BLOB.fullmatch(path.name):
        return "a part of an Ollama model without weights: the weights are the largest of these files"
    return None


def _ollama_weights(path: Path) -> str:
    try:
        with path.open("rb") as file:
            layers = json.loads(file.read(2**20))["layers"]
        digest = next(str(one["digest"]) for one in layers if one.get("mediaType") == _OLLAMA_WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return "give the largest file of the folder blobs"
    return f"its weights are the file {digest.replace(':', '-')[:80]} of the folder blobs"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError:
        return b"?"
