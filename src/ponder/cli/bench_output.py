"""What the commands of `ponder bench` write."""

from __future__ import annotations

from pathlib import Path

from ponder.errors import ParameterError


def check_files(output: Path | None, plot: Path | None) -> None:
    """Refuse files that could not be written, which would otherwise show after minutes of measuring.

    Raises
    ------
    ParameterError : the folder is not there, or the picture is no .png file.
    """
    for name, path in (("out", output), ("plot", plot)):
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise ParameterError(name, str(path), "a file in a folder that is there")
    if plot is not None and plot.suffix != ".png":
        raise ParameterError("plot", str(plot), "a file that ends in .png")
