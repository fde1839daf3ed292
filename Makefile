VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
JOBS ?= 2
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder
export OMP_NUM_THREADS ?= 2

.PHONY: help install quickstart check test test-all smoke gpu bench golden catalogue clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make the virtual environment with the pinned versions

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables setuptools setuptools-scm
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[quickstart,dev]'
	touch $@

quickstart: install ## Set up, then fine-tune on real pictures and on real texts (about 3 minutes)
	$(BIN)/tl finetune quickstart_images
	$(BIN)/tl finetune quickstart_texts

check: install ## Lint, types, laws of the architecture, up-to-date tables
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/catalogue.py --check

test: install ## The tests that CI runs (about 12 minutes on 2 cores), JOBS of them at once
	$(PYTEST) -m 'not slow'

test-all: install ## All tests, the slow ones too
	$(PYTEST)

smoke: install ## Really run every shipped recipe, small
	$(BIN)/python -m pytest tests/test_smoke.py

gpu: ## What needs a CUDA GPU: its tests, then speed beside timm and the Trainer (under 8 minutes; no network)
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) scripts/gpu.py

bench: install ## Measure tl against its peers into recipes/howto/figures.md, then the loop, the cache and transfer (hours)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[bench]'
	$(BIN)/python scripts/bench/peers.py build/bench --write
	$(BIN)/python scripts/bench/overhead.py
	$(BIN)/python scripts/bench/startup.py
	$(BIN)/python scripts/bench/stages.py
	$(BIN)/python scripts/bench/cache_memory.py
	$(BIN)/python scripts/bench/probe.py
	$(BIN)/python scripts/bench/transfer.py

golden: install ## Write the golden losses anew (say why in the commit)
	$(BIN)/python scripts/golden.py

catalogue: install ## Write the tables of recipes/README.md anew
	$(BIN)/python scripts/catalogue.py

clean: ## Remove what the other targets made, except runs
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache build dist
