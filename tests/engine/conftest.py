"""What tests of the engine alone share: a tiny model, and a single thread for it."""

import pytest
import torch

from tiny_models import tiny_tokenizer, tiny_transformer


@pytest.fixture(scope="module")
def one_thread():
    """A tiny product is not worth a second thread's waking."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def model():
    return tiny_transformer(seed=4)


@pytest.fixture(scope="module")
def vocabulary():
    return tiny_tokenizer()
