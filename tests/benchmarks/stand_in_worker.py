"""A worker whose work and behaviour are known; see `ponder_benchmarks/peers/serve.py`."""

import os
import time


def load(name, log, decode_s=0.0, tokens=None, misbehave=None, vocab_size=100, parameters=1000):
    """Return a system that notes its calls in a file."""
    if misbehave == "missing":
        import no_such_package  # noqa: F401
    return StandIn(name, log, decode_s, tokens, misbehave, vocab_size, parameters)


class StandIn:
    """Answers as told."""

    def __init__(self, name, log, decode_s, tokens, misbehave, vocab_size, parameters):
        self.name, self.log, self.decode_s, self.tokens = name, log, decode_s, tokens
        self.misbehave, self.vocab_size, self.parameters = misbehave, vocab_size, parameters

    def describe(self):
        """Say what was loaded."""
        return {"versions": {}, "vocab_size": self.vocab_size, "parameters": self.parameters}

    def probe(self):
        """Measure nothing."""
        return {}

    def decode(self, prompt, branches, new_tokens):
        """Say that it was done, unless it is to misbehave."""
        with open(self.log, "a") as file:
            file.write(f"{self.name}\n")
        print("what libraries print")  # is not an answer
        if self.misbehave == "die":
            os.write(2, b"some warning\nthe last words\n")
            os._exit(3)
        if self.misbehave == "hang":
            time.sleep(60)
        if self.misbehave == "raise":
            raise ValueError("no such thing")
        if self.misbehave == "babble":
            return object()
        tokens = branches * new_tokens if self.tokens is None else self.tokens
        return {"seconds": self.decode_s, "prompt_tokens": len(prompt), "tokens": tokens}

    def pid(self):
        """Return this process's id."""
        return {"pid": os.getpid()}
