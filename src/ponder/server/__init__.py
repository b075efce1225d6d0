"""The HTTP face: OpenAI's endpoints, with vLLM's extensions, over a `LocalModel`.

`run` and what it imports need no torch: the server listens, and says that it is loading, before torch is
there.
"""
