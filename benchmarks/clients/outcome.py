"""What a suite is told of the server, and what it says of each of its tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Verdict = Literal["passed", "refused", "not applicable", "failed"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers, and what a suite's programs run with.

    Attributes
    ----------
    url : where it listens, without /v1 and without a slash at the end.
    model : the name that it answers to first.
    python : the interpreter of the suite's own environment, where its packages are installed.
    """

    url: str
    model: str
    python: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one test.

    Attributes
    ----------
    name : of the test, unlike the suite's others.
    verdict : "refused": the server answered 4xx, and its error names the parameter or the feature;
        "not applicable": the test asks for something that no server of this model could have.
    reason : why it did not pass; of a refusal the server's own words. Empty where it passed.
    """

    name: str
    verdict: Verdict
    reason: str = ""
