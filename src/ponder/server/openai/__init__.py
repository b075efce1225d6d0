"""OpenAI's endpoints, with vLLM's extensions: requests into plans, events into answers."""
