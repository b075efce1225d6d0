# `make run`: set up and see it work.  `make test`: set up and run every check.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test lint parity clean

run: $(VENV)/.installed
	@$(BIN)/ponder models pull smollm2-135m
	@$(BIN)/ponder tour

test: $(VENV)/.installed-dev lint
	@$(BIN)/ponder models pull smollm2-135m
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

parity: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/parity

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ponder needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo 'installing ponder and torch into $(VENV): a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo 'installing ponder, torch and the tools of the tests into $(VENV): a minute or two'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .hypothesis
