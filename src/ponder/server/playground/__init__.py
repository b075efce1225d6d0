"""Endpoints of ponder's own under /ponder/v1: what the playground shows between a setting and a text."""
