"""`ponder playground`: a server for this machine, and its page in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from errno import EADDRINUSE
from ipaddress import ip_address
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from ponder.cli.options import takes
from ponder.cli.serve import OPTIONS, Config, server_of
from ponder.errors import ParameterError

if TYPE_CHECKING:
    from ponder.server.run import Server


@takes(**OPTIONS)
def playground(
    config: Config = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, where there is a screen.")
    ] = True,
    *,
    model: dict[str, Any],
    server: dict[str, Any],
    engine: dict[str, Any],
) -> int:
    """Open the playground: a page that shows each token, what it was chosen from, and what settings change.

    It serves a model as `ponder serve` does, with the same flags, prints the page's address and opens it.
    If port 8000 is taken and no other was asked for, it takes a free one.
    """
    if server["playground"] is False:
        raise ParameterError("playground", False, "left out, or true: `ponder serve` goes without the page")
    listening = _listen(model, server, engine)
    address = _address(listening.url)
    print(f"Playground: {address}", flush=True)
    if browser and _has_screen():
        # A daemon: some browsers do not return before they are closed.
        Thread(target=_open, args=(address,), name="ponder-browser", daemon=True).start()
    return listening.run()


def _listen(model: Mapping[str, Any], server: Mapping[str, Any], engine: Mapping[str, Any]) -> Server:
    try:
        return server_of(model, server, engine)
    except OSError as error:
        if error.errno != EADDRINUSE or server["port"] is not None:
            raise
        return server_of(model, {**server, "port": 0}, engine)


def _address(url: str) -> str:
    """Return where a browser on this machine finds a server, which may listen on all addresses."""
    parts = urlsplit(url)
    if ip_address(parts.hostname or "").is_unspecified:
        return f"http://localhost:{parts.port}/"
    return f"{url}/"


def _has_screen() -> bool:
    """Whether somebody sees a window that opens: not over a plain ssh connection, nor in a script."""
    if not sys.stderr.isatty():
        return False
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def _open(address: str) -> None:
    with suppress(webbrowser.Error):  # the address was printed
        webbrowser.open(address)
