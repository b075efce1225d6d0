"""The child process that renders chat templates; `chat.py` starts it and says why it exists.

Run as `python -I -S template_worker.py LIMITS FOLDER...` with the limits as JSON and the folders that hold
jinja2 and markupsafe. Reads requests from stdin and writes answers to stdout, one JSON object a line:
`{"text": ...}` or `{"error": ...}`, and once `{}` when it is ready. Ends when stdin does. Imports nothing of
ponder, so that it starts in 70 ms.
"""

from __future__ import annotations

import json
import pprint  # noqa: F401, a filter of jinja2 imports it
import signal
import sys
import textwrap  # noqa: F401, likewise
from contextlib import suppress
from datetime import datetime
from typing import Any, NoReturn

if __name__ == "__main__":
    sys.path += sys.argv[2:]

import jinja2
import jinja2.constants
import jinja2.debug
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment


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


def render(template: jinja2.Template, variables: dict[str, Any], limit: int) -> str:
    """Render, and stop at the first piece that makes the output too long."""
    pieces, length = [], 0
    for piece in template.generate(variables):
        pieces.append(piece)
        length += len(piece)
        if length > limit:
            raise TemplateRefusal(f"it wrote more than {limit} characters")
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


def confine(memory_bytes: int) -> None:
    """Bound memory and forbid to open or write files, as far as the system has such limits."""
    try:
        import resource
    except ImportError:
        return
    limits = {resource.RLIMIT_AS: memory_bytes, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_NOFILE: 3}
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (allowed, allowed))


def bound_cpu(seconds: float) -> None:
    """End this process, even inside a C function, after so much CPU time; 0 means no bound."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def main() -> None:
    """Serve renders until stdin ends."""
    limits = json.loads(sys.argv[1])
    jinja = environment()
    # What Python and jinja2 load on first use, while files can still be opened.
    jinja.from_string("{{ 'text' | tojson }}{{ strftime_now('%Z') }}").render()
    confine(limits["memory_bytes"])
    source, template = None, None
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        request = json.loads(line)
        bound_cpu(limits["cpu_seconds"])
        try:
            if template is None or source != request["source"]:
                source = request["source"]
                template = jinja.from_string(source)
            answer = {"text": render(template, request["variables"], limits["output_characters"])}
        except Exception as error:
            answer = {"error": explain(error)}
        encoded = json.dumps(answer)
        bound_cpu(0)
        sys.stdout.write(encoded + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
