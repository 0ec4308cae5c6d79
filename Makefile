# What CI runs, a person can run: .ci/run calls `check`, `test` and, where there are corpora,
# `test-corpora`. Everything that is made lies in target/ and .venv/.

PROFILE := local
CORPORA ?= $(or $(ALLUVIUM_CORPORA),../shared/corpora)
VENV := .venv
PYTHON := $(VENV)/bin/python
# What tests write lies in target/ too, and only what a failed test wrote stays there.
PYTEST := PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m pytest -q -p no:cacheprovider \
	--basetemp target/pytest -o tmp_path_retention_policy=failed
CARGO := cargo
LOCKED := --locked --profile $(PROFILE)

.PHONY: help
help: ## Print this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the alluvium command: target/local/alluvium
	$(CARGO) build $(LOCKED) --workspace --bins

.PHONY: check
check: ## Check format, lints and docs
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --workspace --no-deps --document-private-items

.PHONY: test
test: build $(VENV)/installed ## Run all tests that need nothing from outside
	$(CARGO) test $(LOCKED) --workspace
	$(PYTEST) tests --ignore tests/corpora

.PHONY: test-corpora
test-corpora: build $(VENV)/installed ## Run the tests on real events: CORPORA=folder
	@test -d "$(CORPORA)" || { echo "no corpora in $(CORPORA): name their folder with CORPORA=" >&2; exit 1; }
	ALLUVIUM_CORPORA="$(CORPORA)" $(PYTEST) tests/corpora

.PHONY: clean
clean: ## Remove everything that was made
	rm -rf target $(VENV)

# The readers that check what is written, in the versions that are known to work.
$(VENV)/installed: tests/requirements.txt
	python3 -m venv --clear $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@
