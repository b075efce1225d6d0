"""Renders chat templates in the child process of `chat.py`, which says why there is one."""

from __future__ import annotations

import json
import pprint  # noqa: F401, a filter of jinja2 imports it
import textwrap  # noqa: F401, likewise
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn

import jinja2
import jinja2.constants
import jinja2.debug
import jinja2.meta
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_CHARACTERS = 8 * 2**20  # in JSON up to 12 bytes each, and the parent reads 2**27
MAX_WORD, MAX_WORDS = 100, 2**16
WARM_UP = {"source": "{{ 'text' | tojson }}{{ strftime_now('%Z') }}", "variables": {}}


class TemplateRefusal(Exception):
    """The template called `raise_exception`, or wrote too much."""


class GenerationTag(Extension):
    """`{% generation %}` marks a model's answers for training; to render it is to render what it holds."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


def raise_exception(message: object) -> NoReturn:
    """Let a template refuse a conversation."""
    raise TemplateRefusal(str(message))


def strftime_now(pattern: str) -> str:
    """Give a template the date."""
    return datetime.now().strftime(pattern)


def to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    """Write JSON as transformers' `tojson` does; jinja2's own escapes HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def environment() -> ImmutableSandboxedEnvironment:
    """Make the environment that chat templates are written for (transformers, `chat_template_utils`)."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[GenerationTag, loopcontrols]
    )
    made.filters["tojson"] = to_json
    made.globals |= {"raise_exception": raise_exception, "strftime_now": strftime_now}
    return made


def render(template: jinja2.Template, variables: dict[str, Any]) -> str:
    """Render, and stop at the first piece that makes the output too long."""
    pieces, length = [], 0
    for piece in template.generate(variables):
        pieces.append(piece)
        length += len(piece)
        if length > MAX_CHARACTERS:
            raise TemplateRefusal(f"it wrote more than {MAX_CHARACTERS} characters")
    return "".join(pieces)


def explain(error: Exception) -> str:
    """Say in a clause what a template did wrong."""
    match error:
        case TemplateRefusal():
            return str(error)
        case jinja2.TemplateSyntaxError():
            return f"syntax error in line {error.lineno}: {error.message}"
        case jinja2.exceptions.SecurityError():
            return f"not allowed: {error}"
        case MemoryError():
            return "it needs more memory than it may have"
        case _:
            return f"{type(error).__name__}: {error}"


@lru_cache(maxsize=1)
def compiled(source: str) -> jinja2.Template:
    """Compile a template; the last one is kept."""
    return environment().from_string(source)


def about(source: str) -> dict[str, list[str]]:
    """Return the variables that a template reads, and the names of members and short constants in it."""
    tree = environment().parse(source)
    constants = {node.value for node in tree.find_all(nodes.Const) if isinstance(node.value, str)}
    words = {node.attr for node in tree.find_all(nodes.Getattr)} | constants
    variables = jinja2.meta.find_undeclared_variables(tree)
    return {
        name: sorted(word for word in found if len(word) <= MAX_WORD)[:MAX_WORDS]
        for name, found in (("variables", variables), ("words", words))
    }


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return `{"text": ...}`, or `{"error": ...}` with a clause; of a request that asks so, `about`."""
    try:
        if request.get("about"):
            return about(request["source"])
        return {"text": render(compiled(request["source"]), request["variables"])}
    except Exception as error:
        return {"error": explain(error)}
