"""transformers' `generate` as a worker for contrast.py, of whatever version this Python has.

    python benchmarks/scripts/generate_worker.py MODEL_DIR THREADS

Reads one JSON object a line, {"ids", "options"}, and answers each with {"seconds", "ids"}; the first line out
has the versions. The model is a Hugging Face directory, held in bfloat16. Needs torch and transformers alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers


def load(folder: Path) -> Any:
    """Load the model; versions before 5 know the base of the positions by another name."""
    config = transformers.AutoConfig.from_pretrained(folder)
    if transformers.__version__ < "5":
        config.rope_theta = json.loads((folder / "config.json").read_text())["rope_parameters"]["rope_theta"]
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, config=config, torch_dtype=torch.bfloat16
    )


def main(folder: Path, threads: int) -> None:
    """Answer until the input ends."""
    torch.set_num_threads(threads)
    model = load(folder)
    print(json.dumps({"transformers": transformers.__version__, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        options = asked["options"]
        if "negative_prompt_ids" in options:
            options["negative_prompt_ids"] = torch.tensor([options["negative_prompt_ids"]])
        ids = torch.tensor([asked["ids"]])
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                eos_token_id=None,
                pad_token_id=2,
                **{"do_sample": False, **options},
            )
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "ids": out[0, len(asked["ids"]) :].tolist()}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
