"""Load on an OpenAI-compatible server, and what it did under it."""
