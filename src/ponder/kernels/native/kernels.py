"""`Kernels` over the C++ module: packs weights, records the model once, runs it in one call."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import ponder.kernels.native._native as _native
from ponder.checkpoints.config import ModelConfig
from ponder.checkpoints.stored import StoredTensor, dequantize
from ponder.kernels import native
from ponder.kernels.batch import ForwardBatch
from ponder.kernels.cache import Cache, new_pages, page_bytes
from ponder.kernels.layers import Linear, Norm
from ponder.kernels.native.cache import NativeCache
from ponder.kernels.ops import Definition, Forward
from ponder.kernels.torch_kernels import rotated_when_read
from ponder.positions import Buckets, CosSin, Positions, Slopes


class NativeKernels:
    """Kernels for one checkpoint.

    Parameters
    ----------
    exact : keep keys and values in float32, as suits float32 and float16 weights; else bfloat16.
    instruction_set : one of `native.instruction_sets()`; None: `native.instruction_set()`.
    """

    name = "native"

    def __init__(self, *, exact: bool, instruction_set: str | None = None) -> None:
        self.cache_dtype = torch.float32 if exact else torch.bfloat16
        self._isa = instruction_set or native.instruction_set()
        self._arena = _native.Arena()

    def matrix(self, stored: StoredTensor) -> _native.Matrix:
        """Repack a matrix in the format it is stored in. Formats that have no kernels become float32."""
        if stored.kind not in _native.KINDS:
            values = dequantize(stored)
            stored = StoredTensor("F32", stored.shape, values.reshape(-1).view(np.uint8))
        out, inputs = stored.shape
        return _native.pack(
            self._arena, stored.kind, stored.data, out, inputs, stored.rows, torch.get_num_threads()
        )

    def vector(self, stored: StoredTensor) -> torch.Tensor:
        return torch.from_numpy(dequantize(stored))

    def nbytes(self, matrix: _native.Matrix) -> int:
        return matrix.nbytes

    def page_bytes(self, config: ModelConfig) -> int:
        return page_bytes(config, self.cache_dtype)

    def cache(self, config: ModelConfig, num_pages: int) -> Cache:
        return NativeCache(*new_pages(config, num_pages, self.cache_dtype, torch.device("cpu")))

    def compile(self, define: Definition, config: ModelConfig, positions: Positions) -> Forward:
        if positions.rotates == "read":
            raise rotated_when_read(self.name)
        program = _native.Program(
            isa=self._isa,
            hidden=config.hidden_size,
            heads=config.num_heads,
            kv_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            rotated=positions.rotated,
            layers=config.num_layers,
            cache="F32" if self.cache_dtype == torch.float32 else "BF16",
        )
        define(Recorder(program))
        return Replay(program)


class Recorder:
    """`Ops` that write the model down."""

    def __init__(self, program: _native.Program) -> None:
        self._program = program

    def embed(self, table: Any) -> None:
        self._program.embed(table)

    def project(
        self,
        layer: int,
        norm: Norm,
        q: Linear,
        k: Linear,
        v: Linear,
        q_norm: Norm | None,
        k_norm: Norm | None,
        *,
        rotate: bool,
    ) -> None:
        self._program.project(
            layer,
            norm.weight,
            norm.eps,
            *(q.weight, q.bias, k.weight, k.bias, v.weight, v.bias),
            None if q_norm is None else q_norm.weight,
            None if k_norm is None else k_norm.weight,
            rotate,
        )

    def attend(self, layer: int, window: int | None, bias: Slopes | Buckets | None = None) -> None:
        slopes = table = None
        if isinstance(bias, Slopes):
            slopes = bias.slopes
        elif bias is not None:
            table = bias.at(torch.arange(bias.max_distance + 1)).contiguous()
        self._program.attend(layer, window, slopes, table)

    def add_projection(self, o: Linear) -> None:
        self._program.add_projection(o.weight, o.bias)

    def add_feed_forward(self, norm: Norm, gate: Linear, up: Linear, down: Linear) -> None:
        layers = (gate.weight, gate.bias, up.weight, up.bias, down.weight, down.bias)
        self._program.add_feed_forward(norm.weight, norm.eps, *layers)

    def exit(self, depth: int) -> None:
        self._program.exit(depth)

    def logits(self, norm: Norm, head: Any) -> None:
        self._program.logits(norm.weight, norm.eps, head)


class Replay:
    """Runs a recorded program."""

    def __init__(self, program: _native.Program) -> None:
        self._program = program

    def take_times(self) -> dict[str, float]:
        return self._program.take_times()

    def __call__(
        self,
        batch: ForwardBatch,
        cos_sin: CosSin | None,
        cache: Cache,
        key_cos_sin: CosSin | None = None,
    ) -> torch.Tensor:
        assert key_cos_sin is None, "refused when the model was compiled"
        plan = batch.plan
        cos, sin = cos_sin or (torch.empty(len(batch.token_ids), 0),) * 2
        assert isinstance(cache, NativeCache), "made by these kernels"
        # As numpy arrays, of which C++ finds the memory in a fifth of the time.
        logits = self._program.run(
            batch.token_ids.numpy(),
            batch.slot_mapping.numpy(),
            cos.numpy(),
            sin.numpy(),
            np.array(plan.query_lengths, dtype=np.int64),
            np.array(plan.context_lengths, dtype=np.int64),
            torch.cat(tuple(plan.block_tables)).numpy(),
            [plan.trees.get(i) for i in range(len(plan.query_lengths))],
            batch.logit_rows.numpy(),
            None if batch.logit_depths is None else batch.logit_depths.numpy(),
            batch.states,
            *cache.stored,
            torch.get_num_threads(),
        )
        return torch.from_numpy(logits)
