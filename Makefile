# `make run`: set up and see it work.  `make check`: the quick checks.  `make test`: set up and run every check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE  # compiled tests are kept for the next worker, and the next time

# What the native kernels are built from: when it changes, ponder is installed again.
SOURCES := pyproject.toml CMakeLists.txt $(wildcard csrc/*)

.PHONY: run check quick test together lint parity sanitize arm clean

run: $(VENV)/.installed
	@$(BIN)/ponder models pull smollm2-135m
	@$(BIN)/ponder tour

test:
	@$(MAKE) --no-print-directory --jobs=2 lint together
	$(BIN)/python -m pytest -m timed $(TIMED)

together: $(VENV)/.installed-dev
	@$(BIN)/ponder models pull smollm2-135m
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not timed"

# Files with tests that measure time: to read the others takes longer than some of these.
TIMED = $(shell grep -rl --include='test_*.py' 'mark\.timed' tests)

# Tests that compare with a package whose import alone takes seconds.
PEERS = $(shell grep -rlE '^(import|from) (transformers|openai|lm_eval|parity|decoders.hf_twin|rewards.reward_models)' tests) tests/parity

# While one writes: one case of each test that is quick and needs no real model, while ruff and mypy read the code.
check: $(VENV)/.installed-dev
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint quick

quick: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --quick $(addprefix --ignore=,$(PEERS))

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

parity: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/parity

# The tests of what is in C++, over a build of its own, with GCC's sanitizers of addresses and undefined behaviour.
# Output is not captured at the descriptor: what the sanitizers say as they end the process would be lost.
sanitize: $(VENV)/.installed-dev
	CXX='$(CXX)' $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/sanitize \
	  --config-settings=build-dir=build/sanitize --config-settings=cmake.define.PONDER_SANITIZE=ON .
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=tests PONDER_NATIVE_MODULES=build/sanitize \
	  $(BIN)/python -m pytest --capture=sys -p kernels.native_module -m 'not real' $(wildcard tests/*/test_native_*.py) \
	  tests/constraints/test_ban.py tests/constraints/test_phrases.py

# The kernels' tests on an emulated ARM processor.
arm: $(BIN)/python
	PYTHON=$(BIN)/python tests/arm.sh

# The playground's page. What is built is committed, so only those who change web/ need Node.
STATIC := src/ponder/server/static

web: web/node_modules/.installed
	npm --prefix web run build

# Whether what is committed is what web/ gives, and web/ is sound.
web-check:
	@rm -f web/node_modules/.installed
	@$(MAKE) --no-print-directory web/node_modules/.installed
	npm --prefix web run check
	npm --prefix web test
	PONDER_STATIC=$(abspath build/web) npm --prefix web run build
	diff -r build/web $(STATIC)

web/node_modules/.installed: web/package-lock.json
	@command -v npm > /dev/null || { echo 'the page is built with Node 20.19 or newer: nodejs.org'; exit 1; }
	npm --prefix web ci --ignore-scripts --no-audit --no-fund
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ponder needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(BIN)/python
	@echo 'installing ponder and torch into $(VENV): a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable .
	@touch $@

# For the tests pip fetches packages while another one compiles: each takes a minute or two.
$(VENV)/.installed-dev: $(VENV)/.packages $(VENV)/.compiled
	@touch $@ $(VENV)/.installed

$(VENV)/.packages: tests/packages.py pyproject.toml benchmarks/pyproject.toml | $(BIN)/python
	@echo 'installing torch and the tools of the tests into $(VENV)'
	@$(BIN)/python tests/packages.py > $(VENV)/packages.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --requirement $(VENV)/packages.txt
	@touch $@

$(VENV)/.compiled: $(SOURCES) benchmarks/pyproject.toml | $(BIN)/python
	@echo 'compiling ponder into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --editable . --editable benchmarks
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
