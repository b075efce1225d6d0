"""How many of something a text may have."""

from __future__ import annotations

from ponder.errors import ParameterError


def check_limits(minimum: object, maximum: object, most: int) -> None:
    """Refuse limits that are no whole numbers from 0 to `most`, or a maximum below the minimum.

    A maximum of None stands for none.
    """
    for field, value in (("minimum", minimum), ("maximum", maximum)):
        if value is None and field == "maximum":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            raise ParameterError(field, value, f"a whole number from 0 to {most}")
    if isinstance(minimum, int) and isinstance(maximum, int) and maximum < minimum:
        raise ParameterError("maximum", maximum, f"at least the minimum, {minimum}")
