"""Code that is not to be trusted with time, memory or files runs in a confined child process."""

from ponder.sandbox.process import ConfinedProcess, Limits

__all__ = ["ConfinedProcess", "Limits"]
