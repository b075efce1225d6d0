"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from ponder.errors import ParameterError

MAX_HEADER_BYTES = 32 * 1024
MAX_PIPELINED_BYTES = 256 * 1024  # sent before the answer to what came before
HEADER_SECONDS = 15.0  # for a request's headers to arrive, from their first byte
BODY_SECONDS = 30.0  # for its body
WRITE_SECONDS = 60.0  # a client that reads nothing for so long is given up
RETRY_SECONDS = 5  # what Retry-After says
MAX_NAME = 256  # characters of a model's name

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(:(?P<port>[1-9][0-9]{0,4}))?",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen, whom to answer, and how much one request may ask for.

    Attributes
    ----------
    host, port : where to listen; port 0 takes a free one.
    api_key : keys of which a request needs one; none: no key is needed.
    served_model_name : what the model is called, instead of its own name; the first where nobody says which.
    allowed_host : names by which this server may be called besides those of the loopback interface.
    allowed_origin : origins, such as https://example.org, whose pages may use this server.
    max_n : of `n`, `best_of`, `num_beams` and `stochastic_beams`.
    max_prompts : in one request.
    max_texts : that may grow for one request: prompts times the largest of those.
    max_tokens : of one text; None: what the model's context holds.
    max_logprobs : alternatives to a token; -1: the whole vocabulary.
    max_nodes : tokens of a tree that is expanded.
    max_solve_tokens : that are generated for one problem to be solved.
    max_stored, max_stored_bytes : responses that are remembered for each key, and their bytes of JSON.
    max_body_bytes : of a request.
    max_connections : at once; None: no limit.
    health_timeout_s : how long the decode loop may take to answer before it counts as stuck. One step can
        take seconds where long prompts are computed on a slow machine.
    playground : serve the page at /.
    quiet : log errors only.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: tuple[str, ...] = ()
    served_model_name: tuple[str, ...] = ()
    allowed_host: tuple[str, ...] = ()
    allowed_origin: tuple[str, ...] = ()
    max_n: int = 128
    max_prompts: int = 256
    max_texts: int = 512
    max_tokens: int | None = None
    max_logprobs: int = 20
    max_nodes: int = 4096
    max_solve_tokens: int = 65536
    max_stored: int = 1000
    max_stored_bytes: int = 64 * 2**20
    max_body_bytes: int = 4 * 2**20
    max_connections: int | None = None
    health_timeout_s: float = 20.0
    playground: bool = True
    quiet: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise ParameterError("port", self.port, "a whole number from 0 to 65535")
        for name in (
            *("max_n", "max_prompts", "max_texts", "max_tokens", "max_nodes", "max_solve_tokens"),
            *("max_stored", "max_stored_bytes", "max_body_bytes", "max_connections"),
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ParameterError(name, value, "a whole number, 1 or more")
        if self.max_logprobs < -1:
            raise ParameterError("max_logprobs", self.max_logprobs, "a whole number, 0 or more, or -1: all")
        if not 0 < self.health_timeout_s < 1e6:
            raise ParameterError("health_timeout_s", self.health_timeout_s, "a number of seconds over 0")
        for key in self.api_key:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                # The key itself is not shown: errors end in logs.
                raise ParameterError("api_key", "...", "printable ASCII characters without spaces")
        for name in self.served_model_name:
            if not name or len(name) > MAX_NAME or not name.isprintable():
                allowed = f"1 to {MAX_NAME} printable characters"
                raise ParameterError("served_model_name", name, allowed)
        for origin in self.allowed_origin:
            if not _is_origin(origin):
                allowed = "an origin as browsers send it: scheme://host or scheme://host:port, such as https://example.org"
                raise ParameterError("allowed_origin", origin, allowed)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def _is_origin(origin: str) -> bool:
    """Whether a browser may write an origin so: no path, no user, and not its scheme's own port."""
    found = _ORIGIN.fullmatch(origin)
    return found is not None and (found["scheme"].lower(), found["port"]) not in (
        ("http", "80"),
        ("https", "443"),
    )
