PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help

.PHONY: help sample test test-slow lint format check verify docs clean

help:            ## Show the targets
	@grep -E '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[data,dev,docs,export]"
	@touch $(STAMP)

sample: $(STAMP)  ## Samples of the default model: sample.png
	$(BIN)/ganzoo sample --out sample.png --force

test: $(STAMP)  ## The fast tests
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile

test-slow: $(STAMP)  ## The tests that take minutes
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)  ## ruff, mypy, and the documentation built strictly
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mkdocs build --quiet --strict --site-dir site

format: $(STAMP)  ## Let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

verify: $(STAMP)  ## Manifest, hashes and golden samples of every bundled model
	$(BIN)/ganzoo manifest check
	$(BIN)/ganzoo verify --all

check: lint test  ## lint and test

docs: $(STAMP)  ## Regenerate what is written from the code, and build the site: site/index.html
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

clean:           ## Remove what was built
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache sample.png
