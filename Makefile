# Needs Python >= 3.11, git and make; brings everything else with it.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)

.PHONY: demo test real check lint types layers wheel bench catalogue clean

demo: $(UV) ## chat, streamed: with your own provider if one is configured, else simulated
	@$(UV) sync --quiet --locked --no-default-groups --extra cli
	@$(UV) run --no-sync aisopod demo

test: $(UV) ## all tests that need no download beyond the test tools
	$(UV) sync --quiet --locked
	$(UV) run --no-sync pytest -n 2 -m "not real"

real: $(UV) ## vendors' SDKs, and a real model under llama.cpp
	$(UV) sync --quiet --locked --group real
	$(UV) run --no-sync pytest -m real

check: lint types layers ## everything that reads the code without running it

lint: $(UV)
	$(UV) sync --quiet --locked
	$(UV) run --no-sync ruff check .
	$(UV) run --no-sync ruff format --check .

types: $(UV)
	$(UV) sync --quiet --locked
	$(UV) run --no-sync mypy

layers: $(UV)
	$(UV) sync --quiet --locked
	$(UV) run --no-sync lint-imports

wheel: $(UV) ## build the wheel, install it alone, and chat with it
	UV=$(UV) scripts/check_wheel.sh

bench: $(UV) ## CPU per streamed chunk and per request, beside peers
	$(UV) sync --quiet --locked
	$(UV) run --no-sync python benchmarks/streaming.py

catalogue: $(UV) ## rebuild the list of models from its pinned sources (needs the network)
	$(UV) sync --quiet --locked
	$(UV) run --no-sync python scripts/build_catalogue.py

clean:
	rm -rf .cache .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.cache/uv/bin/uv:
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/python -m pip install --quiet uv
