"""Which kernels run where, and what is said when those asked for cannot be had."""

import warnings

import pytest
import torch

from ponder.errors import ParameterError, PonderWarning, UnsupportedError
from ponder.kernels import native, select_kernels
from ponder.kernels.native import _native
from ponder.tree import PAGE_SIZE

CPU = torch.device("cpu")


def test_native_kernels_are_the_default_on_the_cpu(monkeypatch):
    monkeypatch.delenv("PONDER_KERNELS", raising=False)
    assert select_kernels(CPU).name == "native"
    assert select_kernels(torch.device("meta")).name == "reference"
    assert select_kernels(CPU, torch.float64).name == "reference"


def test_the_caller_overrides_the_environment(monkeypatch):
    monkeypatch.setenv("PONDER_KERNELS", "reference")
    assert select_kernels(CPU).name == "reference"
    assert select_kernels(CPU, row_invariant=True).name == "row_invariant"
    assert select_kernels(CPU, name="native").name == "native"


@pytest.mark.parametrize("name", ["fast", "Native", "portable"])
def test_names_that_are_none(monkeypatch, name):
    with pytest.raises(ParameterError, match=f"kernels = '{name}'.* native or reference$"):
        select_kernels(CPU, name=name)
    monkeypatch.setenv("PONDER_KERNELS", name.upper())
    with pytest.raises(
        ParameterError, match=f"PONDER_KERNELS = '{name.upper()}'.* native or reference or .*portable"
    ):
        select_kernels(CPU)


def test_the_environment_names_an_instruction_set(monkeypatch):
    """It holds for models and for sampling."""
    for name in native.instruction_sets():
        monkeypatch.setenv("PONDER_KERNELS", name)
        assert select_kernels(CPU).name == "native"
        assert native.instruction_set() == name
    monkeypatch.setenv("PONDER_KERNELS", "native")
    assert native.instruction_set() == native.instruction_sets()[0]


def test_native_kernels_off_the_cpu():
    with pytest.raises(UnsupportedError, match=r"kernels = 'native' .*'cuda:0'.* only on 'cpu'"):
        select_kernels(torch.device("cuda:0"), name="native")


def test_without_native_kernels(monkeypatch):
    """Torch kernels take their place, and what is missing is said once; who insists is refused."""
    monkeypatch.delenv("PONDER_KERNELS", raising=False)
    monkeypatch.setattr(native, "missing", "No module named '_native'")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for _ in range(3):
            assert select_kernels(CPU).name == "reference"
    assert [type(warning.message) for warning in said] == [PonderWarning]
    assert "C++ compiler" in str(said[0].message)
    with pytest.raises(UnsupportedError, match="not to be had here: No module"):
        select_kernels(CPU, name="native")


def test_pages_are_as_large_as_the_kernels_think():
    assert _native.PAGE_SIZE == PAGE_SIZE
