"""Another system's logits, computed in a process of its own and handed over in a file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
import torch

from ponder.errors import ParameterError
from ponder_benchmarks.peers import process
from ponder_benchmarks.peers.process import PeerProcess, Program

_LOAD_S, _LOGITS_S = 600.0, 600.0


def llama_cpp(python: str, model: Path, threads: int, longest: int) -> Program:
    """Return how llama.cpp is started on a GGUF file, to read sequences of `longest` tokens.

    Raises
    ------
    ParameterError : the model is a directory.
    """
    if not model.is_file():
        raise ParameterError("model", str(model), "a .gguf file, beside llama.cpp")
    return Program(
        label="llama.cpp",
        python=python,
        worker=Path(process.__file__).with_name("llama_cpp_logits_worker.py"),
        options={"model": str(model.absolute()), "threads": threads, "longest": longest},
        model=model,
        remedy="pip install 'ponder-benchmarks[llama-cpp]', or say which Python has it: "
        "--peer-python llama.cpp=PYTHON",
    )


def transformers(python: str, model: Path, threads: int) -> Program:
    """Return how transformers is started in float32 on a GGUF file or a directory."""
    return Program(
        label="transformers",
        python=python,
        worker=Path(process.__file__).with_name("transformers_logits_worker.py"),
        options={"model": str(model.absolute()), "threads": threads},
        model=model,
        remedy="pip install 'ponder-benchmarks[transformers]', or say which Python has it: "
        "--peer-python transformers=PYTHON",
    )


class PeerLogits:
    """The `LogitSource` of a `Program`, as a context manager that ends it.

    `chunk` is how many tokens are computed in one pass; None: all.

    Raises
    ------
    PonderError : the program cannot be run, lacks a package, or cannot load its model.
    """

    def __init__(self, program: Program, chunk: int | None = None) -> None:
        self.program, self._chunk = program, chunk
        with ExitStack() as stack:
            self._process = stack.enter_context(PeerProcess(program))
            self._folder = Path(stack.enter_context(TemporaryDirectory(prefix="ponder-logits-")))
            self._process.call("load", _LOAD_S, program.options)
            self.about: dict[str, Any] = self._process.call("describe", _LOAD_S, {})
            self._end = stack.pop_all()

    def __enter__(self) -> PeerLogits:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

    @property
    def name(self) -> str:
        return self.program.label

    def peak_rss_bytes(self) -> int | None:
        """Return the most memory it has had resident; None where the system does not tell."""
        return self._process.peak_rss_bytes()

    def logits(self, tokens: Sequence[int], wanted: int) -> torch.Tensor:
        """Read `tokens` as one sequence; return the logits after each of the last `wanted`."""
        out = self._folder / "logits.npy"
        chunk = self._chunk or len(tokens)
        arguments = {"tokens": list(tokens), "wanted": wanted, "chunk": chunk, "out": str(out)}
        self._process.call("logits", _LOGITS_S, arguments)
        return torch.from_numpy(np.load(out))
