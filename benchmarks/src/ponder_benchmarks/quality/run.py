"""The systems whose arithmetic is measured, loaded, and what came of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from ponder.checkpoints import Checkpoint, open_checkpoint
from ponder.checkpoints.quantized import quantized
from ponder.errors import ParameterError
from ponder.hub.registry import DEFAULT_MODEL
from ponder.kernels import native
from ponder.models import load_transformer
from ponder.text import Tokenizer, build_tokenizer
from ponder_benchmarks.figures.machine import git_commit, machine
from ponder_benchmarks.figures.session import program_json
from ponder_benchmarks.quality.divergence import WINDOW, Kept, LogitSource, Quality, Say, measure, windows
from ponder_benchmarks.quality.peer_logits import PeerLogits, llama_cpp, transformers
from ponder_benchmarks.quality.transformer_logits import TransformerLogits

PEERS = ("llama.cpp",)
REFERENCES = ("ponder", "transformers")

_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What is read, and by whom.

    Attributes
    ----------
    text : a UTF-8 file.
    quantize : what ponder's systems round the weights to, as in `ponder.load`; the reference does not.
    kernels : "native" and "reference"; None: native ones where they are built, and reference ones where the
        weights are rounded.
    reference : of `REFERENCES`: float32 by ponder's reference kernels, or by transformers, which reads the
        text first and is ended before ponder's models are loaded.
    against : of `PEERS`; `peer_python` names the interpreters of other systems, by default this one.
    tokens : how many of the text are read; None: all.
    window : tokens of a window; its second half is scored.
    chunk : tokens computed in one pass; None: a whole window.
    """

    text: Path
    model: str = DEFAULT_MODEL
    quantize: str | None = None
    kernels: tuple[str, ...] | None = None
    reference: str = "ponder"
    against: tuple[str, ...] = ()
    peer_python: Mapping[str, str] = field(default_factory=dict)
    tokens: int | None = None
    window: int = WINDOW
    chunk: int | None = None

    def __post_init__(self) -> None:
        for name in self.against:
            if name not in PEERS:
                raise ParameterError("against", name, " or ".join(PEERS))
        if self.reference not in REFERENCES:
            raise ParameterError("reference", self.reference, " or ".join(REFERENCES))
        if self.chunk is not None and self.chunk < 1:
            raise ParameterError("chunk", self.chunk, "1 token or more")
        kernels = self.kernels or ()
        if len(set(kernels)) < len(kernels):
            raise ParameterError("kernels", ",".join(kernels), "each once")


@dataclass(frozen=True, slots=True)
class QualityResult:
    """What came of it: `results` has the reference first, `systems` what each is, by its name."""

    settings: QualitySettings
    started_at: str
    text: Mapping[str, Any]
    systems: Mapping[str, Mapping[str, Any]]
    results: Sequence[Quality]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "figure": "quality",
            "settings": {**asdict(self.settings), "text": self.settings.text.name},
            "started_at": self.started_at,
            "machine": machine(),
            "git_commit": git_commit(),
            "text": dict(self.text),
            "systems": {name: dict(described) for name, described in self.systems.items()},
            "results": [asdict(result) for result in self.results],
        }


def run_quality(settings: QualitySettings, say: Say) -> QualityResult:
    """Load all systems, let them read the text, compare them.

    Raises
    ------
    CheckpointError : the model is unknown, damaged or not supported; `quantize` and it is quantised already.
    ParameterError : the text is no text or shorter than a window; the window is longer than the context; a
        peer cannot read the model.
    UnsupportedError : kernels that are not to be had here.
    PonderError : a peer cannot be run, or its logits cannot be compared.
    """
    started_at = datetime.now(UTC).isoformat(timespec="seconds")
    raw = _read(settings.text)
    checkpoint = open_checkpoint(settings.model)
    context = checkpoint.config.context_length
    if settings.window > context:
        raise ParameterError("window", settings.window, f"at most {context}, the model's context")
    ids, begin = encode(build_tokenizer(checkpoint.vocabulary, checkpoint.special), raw.decode())
    pieces = windows(ids, settings.window, settings.tokens, begin)
    text = {
        "name": settings.text.name,
        "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "tokens": len(ids),
        "windows": len(pieces),
    }
    systems: dict[str, Mapping[str, Any]] = {}
    sources: list[LogitSource] = []
    with ExitStack() as stack:
        reference: LogitSource | None = None
        if settings.reference == "transformers":
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="ponder-reference-")))
            reference = _transformers(settings, checkpoint, pieces, folder, systems, say)
        for name in settings.against:
            say(f"loading {name}")
            peer = stack.enter_context(_peer(name, settings, checkpoint))
            systems[peer.name] = {**peer.about, **program_json(peer.program)}
            sources.append(peer)
        say("loading ponder")
        own = _ponder(settings, checkpoint, systems)
        if reference is None:
            reference, *own = own
        results = measure(reference, [*own, *sources], pieces, say)
    return QualityResult(settings, started_at, text, systems, results)


def _read(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError("text", str(path), f"a file of UTF-8 text ({error})") from None
    return raw


def encode(tokenizer: Tokenizer, text: str) -> tuple[list[int], int | None]:
    """Return a text's tokens, and the token that the model wants before them."""
    begins = tokenizer.bos_id is not None and tokenizer.encode("a")[:1] == [tokenizer.bos_id]
    return tokenizer.encode(text, add_bos=False), tokenizer.bos_id if begins else None


def _peer(name: str, settings: QualitySettings, checkpoint: Checkpoint) -> PeerLogits:
    python = settings.peer_python.get(name, sys.executable)
    program = llama_cpp(python, checkpoint.path, torch.get_num_threads(), settings.window)
    return PeerLogits(program, settings.chunk)


def _transformers(
    settings: QualitySettings,
    checkpoint: Checkpoint,
    pieces: Sequence[Sequence[int]],
    folder: Path,
    systems: dict[str, Mapping[str, Any]],
    say: Say,
) -> Kept:
    """Let transformers read all windows, and end it; describe it in `systems`."""
    python = settings.peer_python.get("transformers", sys.executable)
    say("loading transformers")
    with PeerLogits(transformers(python, checkpoint.path, torch.get_num_threads())) as peer:
        kept = Kept(peer, pieces, folder, say)
        memory = {"peak_rss_bytes": peer.peak_rss_bytes()}
        systems[peer.name] = {**peer.about, **program_json(peer.program), **memory}
    return kept


def _ponder(
    settings: QualitySettings, checkpoint: Checkpoint, systems: dict[str, Mapping[str, Any]]
) -> list[TransformerLogits]:
    """Load the reference, if it is ponder's, then what is compared with it; describe them in `systems`."""
    rounded = checkpoint if settings.quantize is None else quantized(checkpoint, settings.quantize)
    kernels = settings.kernels
    if kernels is None:
        built = ("native",) if native.missing is None else ()
        kernels = built if settings.quantize is None else (*built, "reference")
    suffix = "" if settings.quantize is None else f", {settings.quantize}"
    wanted = [("reference", "reference", checkpoint)] if settings.reference == "ponder" else []
    wanted += [(f"ponder {name}{suffix}", name, rounded) for name in kernels]
    sources: list[TransformerLogits] = []
    for label, name, weights in wanted:
        model = load_transformer(weights, _CPU, kernels=name)
        chunk = None if label == "reference" else settings.chunk  # the reference computes a window at once
        sources.append(TransformerLogits(label, model, settings.window, chunk))
        systems[label] = {
            "versions": {package: metadata.version(package) for package in ("ponder", "torch")},
            "kernels": model.kernels.name,
            "cache_dtype": str(model.cache_dtype).removeprefix("torch."),
            "weight_bytes": model.weight_bytes,
            "vocab_size": model.config.vocab_size,
            "threads": torch.get_num_threads(),
        }
    return sources
