"""Grammars of llguidance, followed along tokens."""
