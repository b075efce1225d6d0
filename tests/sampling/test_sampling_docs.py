"""docs/sampling.md has every parameter, as the parameter describes itself."""

from dataclasses import fields
from pathlib import Path

from ponder.sampling import SEMANTICS, SamplingParams

PAGE = Path(__file__).parents[2] / "docs" / "sampling.md"


def off(default: float | None) -> str:
    """A default as the table has it; None is one that depends on the semantics."""
    return "–" if default is None else f"{default:g}"


def table() -> str:
    """The numbers among the parameters."""
    head = "| parameter | what it does | off | allowed |\n|---|---|---|---|\n"
    rows = (one for one in fields(SamplingParams) if one.metadata)
    return head + "".join(
        f"| `{one.name}` | {one.metadata['help']} | {off(one.default)} | {one.metadata['range'].allowed} |\n"
        for one in rows
    )


def test_the_table_is_that_of_the_code():
    """To mend it, put `table()` between its two marks."""
    text = PAGE.read_text(encoding="utf-8")
    written = text.split("<!-- parameters -->\n")[1].split("<!-- end of parameters -->")[0]
    assert written == table()


def test_all_parameters_and_semantics_are_there():
    """Also those that are no numbers."""
    text = PAGE.read_text(encoding="utf-8")
    names = [one.name for one in fields(SamplingParams)] + [name for name in SEMANTICS if name != "ponder"]
    assert [name for name in names if f"`{name}`" not in text] == []
