# The commands of every checkout. Each one sets up what it needs in .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check bench soak format clean
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing iris and its development tools into $(VENV) (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP)          ## compile and run a Python kernel, show its MSL, check it against NumPy
	@$(BIN)/iris demo

check: $(STAMP)         ## lint, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check             ## every check and every test
	$(BIN)/python -m pytest -n auto

soak: $(STAMP)          ## 2,000 random kernels against the IR interpreter
	$(BIN)/python -m pytest -n auto -m soak --soak

bench: $(STAMP)         ## this machine's figures, beside the peers that are installed
	$(BIN)/python -m benchmarks

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
