# Needs Python 3.11.4 or newer and make; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WHEEL_DIR := build/wheel

# Installs the wheel, never the checkout, so that what runs is what users get.
define install_wheel
	@rm -rf $(WHEEL_DIR)
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir $(WHEEL_DIR) .
	$(PIP) install --force-reinstall --no-deps $(WHEEL_DIR)/*.whl
endef

.PHONY: help
help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/plot.stamp ## Run the quickstart, on real reviews with DATA=path/to/imdb
	$(install_wheel)
	@mkdir -p build
	$(BIN)/python examples/quickstart.py --picture build/quickstart.png \
		$(if $(DATA),--data "$(DATA)")

.PHONY: check
check: .venv/dev.stamp ## Lint, types, import contract, docstrings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	PYTHONPATH=. $(BIN)/python tools/check_docstrings.py

# From inside tests/ the checkout is not importable. Two workers with one thread each
# do not compete for two cores.
.PHONY: test
test: .venv/dev.stamp ## Build the wheel, install it, test it and its doctests
	$(install_wheel)
	cd tests && OMP_NUM_THREADS=1 TESTED_WHEEL="$$(echo $(CURDIR)/$(WHEEL_DIR)/*.whl)" \
		$(CURDIR)/$(BIN)/pytest -n 2 --doctest-modules . --pyargs sklearn_rnn $(ARGS)

# Runs all examples, on the texts in ../shared/data or SKLEARN_RNN_DATA if available.
.PHONY: docs
docs: .venv/docs.stamp ## Build the site in build/docs; any warning is an error
	$(install_wheel)
	@rm -rf build/docs docs/auto_examples docs/api/generated
	$(BIN)/sphinx-build -W --keep-going -b html docs build/docs

.PHONY: check-site
check-site: .venv/docs.stamp ## Check the site that `make docs` built in a headless browser
	@command -v chromium > /dev/null || { test "$$(id -u)" = 0 && apt-get update -qq && \
		apt-get install -y chromium; } || \
		{ echo "The browser is missing: apt-get install chromium" >&2; exit 1; }
	$(BIN)/python tools/check_site.py build/docs --pictures build/site

# The longer forms of tests that `make test` runs in a short form.
.PHONY: fuzz
fuzz: .venv/dev.stamp ## Predict FUZZ_TEXTS (2,000,000) texts, open FUZZ_ARCHIVES (200,000) hostile files
	FUZZ_TEXTS=$${FUZZ_TEXTS:-2000000} FUZZ_ARCHIVES=$${FUZZ_ARCHIVES:-200000} OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest -n 2 tests/promises/test_any_text.py tests/persistence/test_skops_schema.py $(ARGS)

.PHONY: soak
soak: .venv/dev.stamp ## Fit, predict, save and load SOAK_CYCLES (4,500) times: half an hour
	SOAK_CYCLES=$${SOAK_CYCLES:-4500} OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest tests/promises/test_many_at_once.py -k memory -s $(ARGS)

.PHONY: cluster-test
cluster-test: .venv/dev.stamp ## Search on clusters whose workers are killed CLUSTER_KILL_ROUNDS (6) times
	CLUSTER_KILL_ROUNDS=$${CLUSTER_KILL_ROUNDS:-6} OMP_NUM_THREADS=1 \
		$(BIN)/python -m pytest tests/promises/test_clusters.py tests/test_distributed.py \
		tests/training/test_data_parallel.py tests/training/test_processes.py $(ARGS)

.PHONY: large
large: .venv/dev.stamp ## Read a corpus of CORPUS_MB (2,048) within LIMIT_MB (700) of private memory
	CORPUS_MB=$${CORPUS_MB:-2048} LIMIT_MB=$${LIMIT_MB:-700} \
		$(BIN)/python -m pytest tests/promises/test_larger_than_memory.py -s $(ARGS)

# In its own environment, since what it installs is not a dependency of ours.
.PHONY: audit
audit: ## Look up known vulnerabilities of everything in constraints.txt; asks an online service
	test -x .venv-audit/bin/pip-audit || { $(PYTHON) -m venv .venv-audit && \
		.venv-audit/bin/python -m pip --quiet install pip-audit; }
	.venv-audit/bin/pip-audit --disable-pip --no-deps --requirement constraints.txt $(ARGS)

# In its own environment: the peers' packages are not dependencies of ours.
.PHONY: bench
bench: ## Time this library against its peers, on the reviews in DATA=path/to/imdb
	@test -n "$(DATA)" || { echo "Name the folder of the IMDB reviews: make bench DATA=…" >&2; exit 1; }
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip --quiet install -c constraints.txt \
		-r benchmarks/requirements.txt hatchling .
	.venv-bench/bin/python benchmarks/run.py --data "$(DATA)" --page docs/benchmarks.md

.PHONY: format
format: .venv/dev.stamp ## Format the code and fix what ruff can fix
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: lock
lock: .venv/dev.stamp ## Rewrite constraints.txt from what .venv contains
	@{ sed -n '/^#/p' constraints.txt; \
	   $(PIP) freeze --all --exclude pip --exclude sklearn-rnn | sed 's/+.*//'; } > .venv/lock
	@mv .venv/lock constraints.txt

.PHONY: clean
clean: ## Remove .venv, builds and caches
	rm -rf .venv .venv-audit build dist docs/auto_examples docs/api/generated
	find . \( -name __pycache__ -o -name '.*_cache' -o -name .hypothesis \) -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 4))' || \
		{ echo "sklearn_rnn needs Python 3.11.4 or newer, got $$($(PYTHON) --version 2>&1)." \
		       "Choose another one: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The build backends are installed first, ours and that of jieba, which has no wheel: with
# --no-build-isolation their versions are pinned like the rest.
.venv/%.stamp: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into .venv; torch is large, this takes some minutes."
	$(PIP) install --constraint constraints.txt hatchling setuptools
	$(PIP) install --constraint constraints.txt --no-build-isolation ".[$*]"
	@touch $@
