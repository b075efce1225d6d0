"""What the logits worker uses of llama-cpp-python, over a "model" whose logits are known.

After a sequence, token t has the logit cos(t * (1 + sum of (position + 1) * token)).
"""

import ctypes
import math
import os
from types import SimpleNamespace

VOCAB_SIZE = int(os.environ.get("FAKE_VOCAB_SIZE", "64"))


def row(tokens):
    """Return the logits after a sequence."""
    total = 1 + sum((i + 1) * token for i, token in enumerate(tokens))
    return [math.cos(t * (total % 1000)) for t in range(VOCAB_SIZE)]


def llama_log_callback(function):
    return function


def llama_log_set(callback, data):
    print("a library prints what it likes")


def llama_backend_init():
    pass


def llama_model_default_params():
    return SimpleNamespace()


def llama_context_default_params():
    return SimpleNamespace(n_ctx=0, n_batch=0, n_threads=0, n_threads_batch=0)


def llama_model_load_from_file(path, params):
    return None if os.environ.get("FAKE_DAMAGED") else SimpleNamespace(path=path)


def llama_init_from_model(model, params):
    return SimpleNamespace(params=params, tokens=[], rows={})


def llama_get_memory(context):
    return context


def llama_memory_clear(memory, data):
    memory.tokens.clear()


def llama_model_get_vocab(model):
    return model


def llama_vocab_n_tokens(vocab):
    return VOCAB_SIZE


def llama_n_threads(context):
    return context.params.n_threads


def llama_print_system_info():
    return b"FAKE = 1"


def llama_batch_init(size, embeddings, sequences):
    return SimpleNamespace(
        n_tokens=0,
        token=[-1] * size,
        pos=[-1] * size,
        logits=[False] * size,
        n_seq_id=[0] * size,
        seq_id=[[-1] for _ in range(size)],
    )


def llama_decode(context, batch):
    if not 0 < batch.n_tokens <= context.params.n_batch:
        return 1
    context.rows = {}
    for i in range(batch.n_tokens):
        if batch.pos[i] != len(context.tokens) or batch.n_seq_id[i] != 1 or batch.seq_id[i][0] != 0:
            return 2
        context.tokens.append(batch.token[i])
        if batch.logits[i]:
            context.rows[i] = (ctypes.c_float * VOCAB_SIZE)(*row(context.tokens))
    return 0


def llama_get_logits_ith(context, i):
    return ctypes.cast(context.rows[i], ctypes.POINTER(ctypes.c_float))
