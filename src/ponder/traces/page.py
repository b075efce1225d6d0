"""A trace as one page that needs nothing else: no network, and no script but its own."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib import resources

from ponder.traces.document import Trace
from ponder.traces.file import trace_json

# What an HTML parser may take for the end of a script, or a comment in one, and what JavaScript calls a line.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(trace: Trace) -> str:
    """Return the page.

    Its policy allows the one style and the one script that are in it, by their hashes, and no connections.
    The trace is data in it, and all that comes from a trace is shown as text.
    """
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": html.escape(f"Trace of {trace.model}"),
        "style": style,
        "trace": trace_json(trace).translate(_ESCAPES),
        "script": script,
    }
    written, *rest = _part("page.html").split("@")
    # Alternating text and names, so that nothing that was put in is looked at again.
    return written + "".join(parts[one] if i % 2 == 0 else one for i, one in enumerate(rest))


def _part(name: str) -> str:
    return resources.files("ponder.traces").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
