"""A pytest plugin: `-p kernels.native_module` tests the modules in C++ that are in the folder
$PONDER_NATIVE_MODULES, builds of their own, in place of the installed ones (`make sanitize`)."""

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

NAMES = ("ponder.kernels.native._native", "ponder.constraints._search")

for name in NAMES:
    assert name not in sys.modules, "the installed module has been imported already"
    (file,) = Path(os.environ["PONDER_NATIVE_MODULES"]).glob(f"{name.rpartition('.')[2]}.*.so")
    spec = spec_from_file_location(name, file)
    sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


def pytest_report_header():
    from ponder.constraints import phrase_search
    from ponder.kernels import native

    assert native.missing is None
    assert phrase_search.native
    used = (native._native, phrase_search._search)
    assert used == tuple(sys.modules[name] for name in NAMES)
    return [f"native module: {module.__file__}" for module in used]
