# make demo    the main job on the embedded default corpus, in under five minutes on two cores
# make test    lint, types and the whole test suite (what CI runs); libtpu in a process of its own, one at a time
.PHONY: install demo test quick lint types clean
PYTHON ?= python3
BIN := .venv/bin

install: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: install
	$(BIN)/sweep demo

test: lint types
	$(BIN)/python -m pytest -n 2 -m "not tpu_compiler"
	$(BIN)/python -m pytest -m tpu_compiler

quick: install
	$(BIN)/python -m pytest -m "not slow"

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/basedpyright

clean:
	rm -rf .venv runs .pytest_cache .ruff_cache .hypothesis
