"""A model's tokenizer as transformers reads it from the GGUF file, for clients that count tokens."""

from pathlib import Path

from ponder.hub import registry


def saved_tokenizer(model: str, home: Path) -> Path:
    """Write the tokenizer's files below `home`, unless they are there; return their folder."""
    from transformers import AutoTokenizer

    folder = home / "tokenizer"
    if not (folder / "tokenizer_config.json").exists():
        file = registry.resolve(model)
        AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name).save_pretrained(folder)
    return folder
