"""How many tokens a page of the cache should hold.

    python benchmarks/scripts/page_size.py [REPEATS]

For each size: milliseconds of a decode step of 32 samples after a 512-token prompt, and of one sample;
milliseconds to copy a page when a fork writes; and the share of cached tokens that 64 chats with 40 tokens of
their own after a common 300-token prefix leave unused in pages that are not full.
"""

import os
import statistics
import sys
import time

os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ["PONDER_KERNELS"] = "reference"  # native ones are built for one size

import torch

import ponder
from machine import write_result
from ponder.asks import Grow, Path
from ponder.engine import Engine
from ponder.sampling import SamplingParams
from ponder.text import TokenIds

SIZES = (8, 16, 32, 64)
PREFIX, OWN, CHATS = 300, 40, 64


def engine_of(local: ponder.LM, size: int) -> Engine:
    """Return an engine whose pages hold `size` tokens."""
    for name, module in list(sys.modules.items()):
        if name.startswith("ponder.") and hasattr(module, "PAGE_SIZE"):
            module.PAGE_SIZE = size
    return Engine(local.model.engine.model, local.model.tokenizer, 16384 // size)


def step_ms(engine: Engine, samples: int) -> float:
    """Return the median of decode steps after a prompt of 512 tokens."""
    params = SamplingParams(n=samples, max_tokens=16, temperature=1.0, top_k=1, ignore_eos=True)
    engine.submit(Grow(Path(TokenIds(tuple(range(1000, 1512)))), params))
    times = []
    while engine.busy:
        start = time.perf_counter()
        engine.step()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[4:])


def copy_ms(engine: Engine) -> float:
    """Return the median time to copy one page."""
    times = []
    for page in range(1, 40):
        start = time.perf_counter()
        engine.pool.copy(0, page)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def unused(size: int) -> float:
    """Return the share of slots that hold no token, or one that another page holds too."""
    shared = PREFIX // size * size
    own_pages = -(-(PREFIX + OWN - shared) // size)
    slots = shared + CHATS * own_pages * size
    return 1 - (PREFIX + CHATS * OWN) / slots


def main(repeats: int) -> None:
    """Measure and write the results."""
    torch.set_num_threads(2)
    lm = ponder.load(device="cpu")
    found: dict[str, dict[int, list[float]]] = {}
    for _ in range(repeats):
        for size in SIZES:
            engine = engine_of(lm, size)
            for name, value in (
                ("step_ms_32", step_ms(engine, 32)),
                ("step_ms_1", step_ms(engine, 1)),
                ("copy_ms", copy_ms(engine)),
            ):
                found.setdefault(name, {}).setdefault(size, []).append(value)
    medians = {
        name: {size: statistics.median(values) for size, values in rows.items()}
        for name, rows in found.items()
    }
    waste = {size: unused(size) for size in SIZES}
    write_result(
        "page_size",
        ("ponder", "torch"),
        {"what": __doc__, "repeats": repeats, **medians, "unused_share": waste},
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
