"""Both samplers under the same tests."""

import pytest

from ponder.kernels import native as native_kernels
from ponder.sampling import native
from ponder.sampling.sampler import sample_reference


@pytest.fixture(params=["reference", "native"])
def sample(request):
    """The torch sampler and the native one: a function of (logits, rows, params)."""
    if request.param == "reference":
        return sample_reference
    if not native_kernels.available():
        pytest.skip("the native kernels are not built")
    return lambda logits, rows, params: native.sample_many([(logits, rows, params)])
