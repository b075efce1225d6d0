"""Who runs what is asked of a language model (`ponder.asks`)."""
