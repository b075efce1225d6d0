"""Other systems, and ponder itself, each in a process of its own that answers in its turn."""
