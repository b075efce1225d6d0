"""A file that a constraint is read from."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ponder.errors import ParameterError


def read_text_file(field: str, path: str | PathLike[str], most: int) -> str:
    """Return what is in a file of at most `most` bytes of UTF-8, without a byte order mark.

    Raises
    ------
    ParameterError : the file cannot be read, is larger, or is not UTF-8; by the name of `field`.
    """
    try:
        with Path(path).open("rb") as file:
            read = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise ParameterError(field, str(path), f"a file that can be read ({error})") from None
    if len(read) > most:
        raise ParameterError(field, str(path), f"a file of at most {most} bytes")
    try:
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = read.count(b"\n", 0, error.start) + 1
        raise ParameterError(field, str(path), f"a file in UTF-8, which line {line} is not") from None
