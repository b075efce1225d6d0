"""Names of models, and downloads, to files."""
