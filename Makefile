# `make train`, `make play` and `make test`. Each sets up what it needs, in .venv, the first time.
# ARGS passes options on: make train ARGS="--epochs 1", make test ARGS="-k conv".

PYTHON ?= python3
OLDEST_PYTHON ?= python3.11
VENV ?= .venv
ARGS ?=
BIN = $(VENV)/bin

# What is run by the interpreter as well: only so is it seen which lines of a kernel a test goes through.
KERNELS = tests/kernels tests/functional tests/layers tests/data/test_augment.py tests/data/test_batches.py \
	tests/test_optim.py tests/test_losses.py tests/test_predictor.py tests/test_one_image.py tests/test_one_call_*.py

.PHONY: train play test interpreted coverage docs lowest audit lint types floors clean

train: $(VENV)/installed
	$(BIN)/jitcnn train $(ARGS)

play: $(VENV)/installed-play
	$(BIN)/jitcnn play $(ARGS)

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

interpreted: $(VENV)/installed-dev
	NUMBA_DISABLE_JIT=1 COVERAGE_FILE=.coverage.interpreted $(BIN)/python -m pytest --cov --cov-report= --cov-fail-under=0 $(ARGS) $(KERNELS)

# After `make interpreted` and `COVERAGE_FILE=.coverage.compiled make test ARGS="--cov --cov-report="`.
coverage: $(VENV)/installed-dev
	$(BIN)/coverage combine --keep .coverage.interpreted .coverage.compiled
	$(BIN)/coverage report

# Warnings are errors; the lessons are executed.
docs: $(VENV)/installed-dev
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "open docs/_build/html/index.html"

# The wheel with every dependency at its lower bound, on the oldest Python. `make lowest` needs that Python, and no compiler.
lowest: $(VENV)/installed-dev
	rm -rf .venv-lowest
	$(OLDEST_PYTHON) -m venv .venv-lowest
	$(BIN)/python -m build --quiet --wheel --outdir .venv-lowest/dist .
	$(BIN)/python .ci/lowest.py pyproject.toml >.venv-lowest/requirements.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --only-binary :all: \
		.venv-lowest/dist/*.whl --requirement .venv-lowest/requirements.txt
	cd .venv-lowest && bin/jitcnn train --dataset digits --epochs 1 --limit 128 >train.txt || { cat train.txt; exit 1; }
	cd .venv-lowest && bin/jitcnn check >check.txt || { cat check.txt; exit 1; }
	@tail -n 1 .venv-lowest/check.txt
	@tr '\n' ' ' <.venv-lowest/requirements.txt && echo

audit: $(VENV)/installed-dev
	$(BIN)/pip-audit --progress-spinner off --skip-editable

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	$(BIN)/mypy

floors: $(VENV)/installed-dev
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) .venv-lowest dist docs/_build docs/lessons

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "jitcnn needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 train"; exit 1; }
	@echo "setting up $(VENV) (first time only, a minute or so)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-play: $(VENV)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[play]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-dev: $(VENV)/python pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed $(VENV)/installed-play
