"""The systems of one figure, all loaded, which take turns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ponder.errors import PonderError
from ponder_benchmarks.figures.machine import git_commit, machine
from ponder_benchmarks.figures.result import Comparison, Quantity, Result, Samples
from ponder_benchmarks.figures.settings import RunSettings
from ponder_benchmarks.figures.systems import PONDER
from ponder_benchmarks.peers.process import PeerProcess, Program

Say = Callable[[str], None]

_SLACK = 1e-3  # of the parameters: some files store the frequencies of positions too


@dataclass(frozen=True, slots=True)
class Turn:
    """One call of a worker.

    `own` are further arguments for ponder alone; `work` is what every answer must say was done.
    """

    call: str
    arguments: Mapping[str, Any]
    own: Mapping[str, Any] = field(default_factory=dict)
    work: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: a turn for each round (numbered from 0, warm-up first) and its answer's figure."""

    name: str
    unit: str
    higher_is_better: bool
    turn: Callable[[int], Turn]
    figure: Callable[[Mapping[str, Any]], float]
    ponder_only: bool = False


class Session:
    """Loaded systems; made by `open_session`."""

    def __init__(self, run: RunSettings, systems: Mapping[str, PeerProcess]) -> None:
        self.run = run
        self._systems = systems
        self._described: dict[str, dict[str, Any]] = {}
        self._started_at = now()
        self._machine = machine()

    def load(self, say: Say) -> None:
        """Load every system and see that all have the same model.

        Raises
        ------
        PonderError : a package is missing, loading failed, or vocabulary or parameters differ.
        """
        for label, system in self._systems.items():
            say(f"loading {label}")
            system.call("load", self.run.timeout_s, system.program.options)
            self._described[label] = system.call("describe", self.run.timeout_s, {})
        for label, described in self._described.items():
            same_model(label, described, self._described[PONDER])

    @property
    def vocab_size(self) -> int:
        """How many tokens the model knows."""
        return int(self._described[PONDER]["vocab_size"])

    @property
    def ponder(self) -> Mapping[str, Any]:
        """What ponder's worker says of itself."""
        return self._described[PONDER]

    def result(
        self,
        figure: str,
        settings: Any,
        comparisons: Sequence[Comparison],
        quantities: Sequence[Quantity] = (),
    ) -> Result:
        """Return what was found, with the settings (a dataclass) and what it was found with and on."""
        return Result(
            figure=figure,
            run=self.run,
            settings=asdict(settings),
            started_at=self._started_at,
            machine=self._machine,
            git_commit=git_commit(),
            systems={
                label: {
                    **described,
                    **program_json(self._systems[label].program),
                    "idle_cpu_share": _share(self._systems[label]),
                }
                for label, described in self._described.items()
            },
            comparisons=comparisons,
            quantities=quantities,
        )

    def compare(self, cases: Sequence[Case], say: Say) -> tuple[list[Comparison], list[dict[str, Any]]]:
        """Run all cases in rounds; return their samples, and what each round's probe of the machine found.

        In a round each case is run by each system in turn; the next round starts with the next system.

        Raises
        ------
        PonderError : a system failed, or did other work than it was asked for.
        """
        samples: dict[str, dict[str, list[float]]] = {case.name: {} for case in cases}
        answers: dict[str, list[Mapping[str, Any]]] = {case.name: [] for case in cases}
        probes = []
        for number in range(self.run.warmup + self.run.repeats):
            counts = number >= self.run.warmup
            progress = (
                f"repeat {number - self.run.warmup + 1} of {self.run.repeats}" if counts else "warming up"
            )
            if counts:
                say(f"{progress}: what the machine can do")
                probes.append(self._call(PONDER, Turn("probe", {})))
            for case in cases:
                turn = case.turn(number)
                for label in self._order(number, case):
                    say(f"{progress}: {case.name}, {label}")
                    answer = self._call(label, turn)
                    if counts:
                        samples[case.name].setdefault(label, []).append(case.figure(answer))
                    if counts and label == PONDER:
                        answers[case.name].append(answer)
        comparisons = [
            Comparison(
                case.name,
                case.unit,
                case.higher_is_better,
                {label: tuple(samples[case.name][label]) for label in self._order(0, case)},
                answers[case.name],
            )
            for case in cases
        ]
        return comparisons, probes

    def _order(self, number: int, case: Case) -> list[str]:
        labels = [PONDER] if case.ponder_only else list(self._systems)
        first = number % len(labels)
        return labels[first:] + labels[:first]

    def _call(self, label: str, turn: Turn) -> dict[str, Any]:
        arguments = {**turn.arguments, **(turn.own if label == PONDER else {})}
        answer = self._systems[label].call(turn.call, self.run.timeout_s, arguments)
        for name, expected in turn.work.items():
            if answer.get(name) != expected:
                raise PonderError(
                    f"{label} did not do the same work, so nothing is reported: its {name} of {turn.call} "
                    f"are {answer.get(name)}, not {expected}"
                )
        return answer


@contextmanager
def open_session(run: RunSettings, programs: Sequence[Program], say: Say) -> Iterator[Session]:
    """Start and load systems, ponder first; end them on the way out, however that is taken.

    Raises
    ------
    PonderError : what `Session.load` raises.
    """
    with ExitStack() as stack:
        systems = {program.label: stack.enter_context(PeerProcess(program)) for program in programs}
        session = Session(run, systems)
        session.load(say)
        yield session


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def same_model(label: str, described: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Refuse a system whose model is not ponder's.

    Raises
    ------
    PonderError : vocabulary or number of parameters differ; says both.
    """
    for name, slack in (("vocab_size", 0.0), ("parameters", _SLACK)):
        its, own = described.get(name), ours[name]
        if not isinstance(its, int) or abs(its - own) > slack * own:
            raise PonderError(
                f"{label} has another model, so nothing is measured: its {name} is {its}, and ponder's {own}"
            )


def program_json(program: Program) -> dict[str, Any]:
    """Return how a system is started and what file it reads, as JSON values."""
    return {
        "python": program.python,
        "options": {name: value for name, value in program.options.items() if name != "model"},
        "environment": dict(program.environment),
        "model_file": None if program.model is None else _file_json(program.model),
    }


def model_files(model: Path) -> list[Path]:
    """Return a model's file, or the weights of its directory."""
    return sorted(model.glob("*.safetensors")) if model.is_dir() else [model]


def _file_json(model: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for path in model_files(model):
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
                size += len(chunk)
    return {"name": model.name, "bytes": size, "sha256": digest.hexdigest()}


def _share(system: PeerProcess) -> float | None:
    return system.idle_cpu_s / system.idle_s if system.idle_s else None


def one_per_repeat(values: Sequence[float | None]) -> Samples | None:
    """Return samples of which none is missing, else None."""
    there = tuple(value for value in values if value is not None)
    return there if there and len(there) == len(values) else None
