"""Experiments that measure what is claimed of test-time scaling."""
