.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo up test test-fast check lint types layers contracts format bench lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install the locked environment into .venv
	@$(PYTHON) .ci/environment.py

develop: # the locked environment with the tools of tests and checks
	@$(PYTHON) .ci/environment.py dev

demo: setup ## Run a week of traffic through Airflow, delete members, prove it
	@$(BIN)/python -m pipelines.embedded.demo

up: setup ## Start Airflow with its pages on loopback until Ctrl-C
	@$(BIN)/python -m pipelines.embedded.up

test: develop ## Run every test
	$(BIN)/pytest -n 2 --dist loadfile -m "not airflow"
	$(BIN)/pytest -m airflow

test-fast: develop ## Run the tests that need no Airflow and take seconds
	$(BIN)/pytest -n 2 --dist loadfile -m "not airflow and not slow"

check: lint types layers contracts ## Run every static check

lint: develop # style, imports and security
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: develop # strict types
	$(BIN)/mypy

layers: develop # who may import whom
	$(BIN)/lint-imports --no-cache

contracts: develop # every data contract by the ODCS schema, the house policy and its baseline; the suites made of it
	$(BIN)/python -m pipelines.contracts
	$(BIN)/python -m pipelines.quality.suites --check

format: develop ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Measure speed and memory beside GoAccess, plain Python, wc -l, Presidio, delta-rs and bare SQL
	$(BIN)/python -m benchmarks.ingest --lines 1000000 --slope 250000 --check
	$(BIN)/python -m benchmarks.anonymization
	$(BIN)/python -m benchmarks.deletion
	$(BIN)/python -m benchmarks.marts

lock: ## Resolve requirements.lock anew for Python 3.11 to 3.13 (needs uv)
	uv pip compile pyproject.toml .ci/build-requirements.txt --all-extras --universal --python-version 3.11 \
	    --no-emit-index-url --no-annotate --no-header --generate-hashes --quiet --output-file requirements.lock

clean: ## Remove the environment and every cache, but no data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
