"""What all tests share: the default model, loaded once, and a tiny random one."""

import os

# Where tests run side by side each worker has one core: for itself, and for the servers it starts.
os.environ.update({"OMP_NUM_THREADS": "1"} if "PYTEST_XDIST_WORKER" in os.environ else {})
os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as the command line does (ponder/cli/main.py)

import pytest
from hypothesis import HealthCheck, settings

# torch, and what imports it, is imported where it is used: who only hands out tests to workers does without.

DEFAULT_MODEL = "smollm2-135m"

REAL = frozenset(
    {"checkpoint", "default_model"}
)  # fixtures; others over the default model ask for one of them
NOT_QUICK = ("real", "slow", "timed")


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="one case of each test that is quick and not real")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark what needs the default model; leave the quick ones if no others are asked for."""
    for item in items:
        if REAL.intersection(item.fixturenames):
            item.add_marker(pytest.mark.real)
    if config.getoption("quick"):
        quick = [item for item in items if not any(item.get_closest_marker(name) for name in NOT_QUICK)]
        first = {(item.path, item.originalname): item for item in reversed(quick)}
        items[:] = [item for item in quick if first[item.path, item.originalname] is item]


# Each run draws other examples. First calls and busy machines are slow.
settings.register_profile("ponder", settings(), max_examples=50, deadline=None)
settings.load_profile("ponder")
# For tests/arm.sh: an emulated processor takes a minute to draw its first example.
settings.register_profile("emulated", suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="session", autouse=True)
def _threads():
    """Two threads whatever the machine, so that a figure means the same everywhere; one in a worker."""
    import torch

    torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else 2)


@pytest.fixture(scope="session")
def checkpoint():
    """The default model's checkpoint; downloaded into the cache if it is not there yet."""
    from ponder.checkpoints import open_checkpoint
    from ponder.errors import CheckpointError
    from ponder.hub import download, registry

    try:
        registry.resolve(DEFAULT_MODEL)
    except CheckpointError:
        download.pull(DEFAULT_MODEL)
    return open_checkpoint(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def default_model():
    """The default model's file."""
    from ponder.hub import download

    return download.pull(DEFAULT_MODEL)


@pytest.fixture(scope="session")
def tokenizer(checkpoint):
    """The default model's tokenizer."""
    from ponder.text import build_tokenizer

    return build_tokenizer(checkpoint.vocabulary, checkpoint.special)


@pytest.fixture(scope="session")
def local_model(checkpoint):
    """The default model, ready to run."""
    from ponder.backends.local import load_local

    model = load_local(checkpoint.name, device="cpu")
    yield model
    model.close()


@pytest.fixture
def default_engine(local_model):
    """An engine over the default model to be stepped by hand; `local_model`'s own has a thread that does."""
    from ponder.engine import Engine

    return Engine(local_model.engine.model, local_model.tokenizer, 1024)


@pytest.fixture(scope="session")
def tiny_model():
    """A random `LocalModel` of 2 layers over 64 one-letter tokens; see `tiny_models.py` for variations."""
    from tiny_models import tiny_local_model

    model = tiny_local_model()
    yield model
    model.close()
