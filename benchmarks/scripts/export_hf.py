"""A GGUF model as a Hugging Face directory in bfloat16, for systems that read nothing else (vLLM).

    python benchmarks/scripts/export_hf.py OUT_DIR [MODEL]

Weights are dequantised by ponder's own reader; configuration and tokenizer come from transformers. The model
is a name, by default ponder's default model, or a `.gguf` file.
Needs `pip install 'ponder-benchmarks[transformers]'`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from ponder.checkpoints import open_checkpoint
from ponder.checkpoints.hf_directory import file_name
from ponder.checkpoints.layout import tensor_shapes
from ponder.hub import registry


def export(model: str, folder: Path) -> None:
    """Write `folder`: config.json, model.safetensors and the tokenizer's files."""
    checkpoint = open_checkpoint(model)
    path = checkpoint.path
    if path.suffix.lower() != ".gguf":
        raise SystemExit(f"{path} is not a .gguf file")
    folder.mkdir(parents=True, exist_ok=True)
    config = AutoConfig.from_pretrained(path.parent, gguf_file=path.name)
    config.architectures = [AutoModelForCausalLM._model_mapping[type(config)].__name__]
    config.dtype = torch.bfloat16
    config.tie_word_embeddings = checkpoint.config.tie_embeddings
    config.save_pretrained(folder)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(folder)
    tensors = {
        file_name(name): checkpoint.tensors.tensor(name).to(torch.bfloat16).contiguous()
        for name in tensor_shapes(checkpoint.config)
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("model", nargs="?", default=registry.DEFAULT_MODEL)
    arguments = parser.parse_args()
    export(arguments.model, arguments.out_dir)
