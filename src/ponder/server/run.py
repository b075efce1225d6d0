"""A server's life: listen, load, serve, drain, end. torch is imported only in the thread that loads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ponder.server.front.guard import Guard, log
from ponder.server.front.listening import HttpServer, listen, url_of
from ponder.server.front.metrics import Metrics
from ponder.server.front.settings import ServerSettings

if TYPE_CHECKING:
    from ponder.server.served import Served

INTERRUPTED = 130


class Server:
    """Listens from the start, loads a model, serves it until it is told to stop.

    Parameters
    ----------
    load : loads the model, in a thread, while requests are answered with 503.

    Attributes
    ----------
    url : where it listens.

    Raises
    ------
    OSError : the address cannot be listened on.
    """

    def __init__(self, settings: ServerSettings, load: Callable[[], Served]) -> None:
        self._settings = settings
        self._load = load
        self._metrics = Metrics()
        self._guard = Guard(settings, self._metrics)
        self._listener = listen(settings.host, settings.port)
        self.url = url_of(self._listener)
        self._http = HttpServer(self._guard)
        self._model: Served | None = None
        self._failure: BaseException | None = None

    def run(self) -> int:
        """Serve; return 0 once everything was answered after `stop`, 130 when it was stopped before.

        In the main thread SIGINT and SIGTERM do what `stop` does. Raises what `load` raises.
        """
        self._say(f"listening on {self.url}")
        # A daemon: a signal while a model loads should not wait for it.
        threading.Thread(target=self._prepare, name="ponder-load", daemon=True).start()
        self._http.run([self._listener])
        if self._model is not None:
            self._model.close()
        if self._failure is not None:
            raise self._failure
        return INTERRUPTED if self._http.force_exit else 0

    def stop(self) -> None:
        """Take no new requests and end when those that run are answered; called again, end at once."""
        self._http.stop()

    def _prepare(self) -> None:
        try:
            from ponder.server.app import create_app

            model = self._load()
            self._guard.inner = create_app(model, self._settings, self._metrics)
            self._model = model
            self._say(f"{model.name} is ready after {model.load_s:.1f} s")
        except BaseException as error:
            self._failure = error
            self._http.should_exit = True

    def _say(self, what: str) -> None:
        if not self._settings.quiet:
            log(f"ponder: {what}")
