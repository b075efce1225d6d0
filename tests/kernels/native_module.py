"""A pytest plugin: `-p kernels.native_module` tests the native module at $PONDER_NATIVE_MODULE, a build of
its own, in place of the installed one (`make sanitize`)."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location

NAME = "ponder.kernels.native._native"

assert NAME not in sys.modules, "the installed module has been imported already"
spec = spec_from_file_location(NAME, os.environ["PONDER_NATIVE_MODULE"])
sys.modules[NAME] = module_from_spec(spec)
spec.loader.exec_module(sys.modules[NAME])


def pytest_report_header():
    from ponder.kernels import native

    assert native.missing is None
    assert native._native is sys.modules[NAME]
    return f"native module: {native._native.__file__}"
