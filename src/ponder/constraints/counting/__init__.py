"""Counting: rules that read a character at a time, as tables over tokens."""
