"""What a server is told when it starts."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ponder.errors import ParameterError

MAX_HEADER_BYTES = 32 * 1024
MAX_PIPELINED_BYTES = 256 * 1024  # sent before the answer to what came before
HEADER_SECONDS = 15.0  # for a request's headers to arrive, from their first byte
BODY_SECONDS = 30.0  # for its body
WRITE_SECONDS = 60.0  # a client that reads nothing for so long is given up
RETRY_SECONDS = 5  # what Retry-After says


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where to listen, whom to answer, and how much one request may ask for.

    Attributes
    ----------
    host, port : where to listen; port 0 takes a free one.
    api_key : keys of which a request needs one; none: no key is needed.
    allowed_host : names by which this server may be called besides those of the loopback interface.
    max_n : of `n`, `best_of`, `num_beams` and `stochastic_beams`.
    max_prompts : in one request.
    max_texts : that may grow for one request: prompts times the largest of those.
    max_tokens : of one text; None: what the model's context holds.
    max_logprobs : alternatives to a token.
    max_body_bytes : of a request.
    max_connections : at once; None: no limit.
    health_timeout_s : how long the decode loop may take to answer before it counts as stuck. One step can
        take seconds where long prompts are computed on a slow machine.
    quiet : log errors only.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: tuple[str, ...] = ()
    allowed_host: tuple[str, ...] = ()
    max_n: int = 128
    max_prompts: int = 256
    max_texts: int = 512
    max_tokens: int | None = None
    max_logprobs: int = 20
    max_body_bytes: int = 4 * 2**20
    max_connections: int | None = None
    health_timeout_s: float = 20.0
    quiet: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port < 2**16:
            raise ParameterError("port", self.port, "a whole number from 0 to 65535")
        for name in ("max_n", "max_prompts", "max_texts", "max_tokens", "max_body_bytes", "max_connections"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ParameterError(name, value, "a whole number, 1 or more")
        if self.max_logprobs < 0:
            raise ParameterError("max_logprobs", self.max_logprobs, "a whole number, 0 or more")
        if not 0 < self.health_timeout_s < 1e6:
            raise ParameterError("health_timeout_s", self.health_timeout_s, "a number of seconds over 0")
        for key in self.api_key:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                # The key itself is not shown: errors end in logs.
                raise ParameterError("api_key", "...", "printable ASCII characters without spaces")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
