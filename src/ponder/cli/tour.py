"""`ponder tour`: in under a minute, what decoding is."""
