"""How a text was decoded, as a file: what there was to choose from, token by token."""

from ponder.traces.document import Trace
from ponder.traces.file import read_trace, write_trace

__all__ = ["Trace", "read_trace", "write_trace"]
