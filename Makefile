# What CI runs, a person can run: .ci/run calls `check`, `test` and, where there are corpora,
# `test-corpora`. Everything that is made lies in target/ and .venv/.

PROFILE := local
FUNCTIONS := collect finish-streams ingest-objects ingest-stream maintain-lake
# Some of them share one.
PACKAGES := $(notdir $(wildcard functions/*))
ARCH ?= x86_64
STACK ?= alluvium
TARGET ?= read
FUZZ_SECONDS ?= 600
CONTRACTS ?= infra/tables
CORPORA ?= $(or $(ALLUVIUM_CORPORA),../shared/corpora)
VENV := .venv
PYTHON := PYTHONDONTWRITEBYTECODE=1 $(VENV)/bin/python
# What tests write lies in target/ too, and only what a failed test wrote stays there.
PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider \
	--basetemp target/pytest -o tmp_path_retention_policy=failed
# Two at a time, each with folders of its own; those of a file are one after the other where they
# share what a file has made. Tests on the local AWS share that, and are always alone.
BY_FILE := -n 2 --dist loadfile
BY_TEST := -n 2 --dist worksteal
LOCAL_AWS := $(PYTHON) infra/local/local_aws.py
CARGO := cargo
LOCKED := --locked --profile $(PROFILE)

.PHONY: help
help: ## Print this help
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-27s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: local $(VENV)/installed ## Show the main job on a local AWS; KEEP=1 leaves it running
	$(LOCAL_AWS) $(if $(KEEP),keep,run) $(VENV)/bin/python -B infra/local/demo.py

# One build for whatever runs here: the command, the tests, the functions on the local AWS.
.PHONY: local
local: ## Build the alluvium command and the functions for this machine
	$(CARGO) build $(LOCKED) --workspace --bins
	@for function in $(FUNCTIONS); do \
		mkdir -p target/lambda/$$function && \
		cp target/$(PROFILE)/$$function target/lambda/$$function/bootstrap || exit 1; \
	done

.PHONY: check
check: local $(VENV)/installed ## Check format, lints, docs, the template and the contracts
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(LOCKED) --workspace --test aws --test stream_corpora -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(LOCKED) --workspace --no-deps --document-private-items
	$(VENV)/bin/cfn-lint --non-zero-exit-code informational infra/template.yaml
	target/$(PROFILE)/alluvium contract check $(CONTRACTS) events/contracts

.PHONY: test
test: local $(VENV)/readers ## Run all tests that need nothing from outside
	$(CARGO) test $(LOCKED) --workspace
	$(PYTEST) $(BY_FILE) tests --ignore tests/corpora --ignore tests/aws
	$(LOCAL_AWS) run $(MAKE) test-on-local-aws

# Needs the variables of a local AWS: `make test` sets them.
.PHONY: test-on-local-aws
test-on-local-aws:
	$(CARGO) test $(LOCKED) --workspace --test aws
	$(PYTEST) tests/aws

# Takes some ten minutes, two cores and up to 5 GiB.
.PHONY: model
model: ## Explore the protocol of writing and swapping: NAME="exploration or trace"
	$(CARGO) run $(LOCKED) --package alluvium-protocol -- $(if $(NAME),"$(NAME)")

.PHONY: test-readers
test-readers: local $(VENV)/readers ## Run the reader matrix: DuckDB, PyArrow, Polars, DataFusion, Spark
	$(PYTEST) tests/readers

FILES ?= 10000
.PHONY: test-many-files
test-many-files: local $(VENV)/installed ## Send many small files through the queue: FILES=10000
	$(LOCAL_AWS) run env FILES=$(FILES) $(PYTEST) tests/aws/test_many_files.py

RECORDS ?= 300
.PHONY: test-freshness
test-freshness: local $(VENV)/installed ## Measure the time from a record put to its row read: RECORDS=300
	$(LOCAL_AWS) run env RECORDS=$(RECORDS) $(PYTEST) tests/aws/test_freshness.py

FILES_SMALL ?= 10176
MIB ?= 2048
.PHONY: measure-compaction
measure-compaction: local $(VENV)/installed ## Measure a compaction of many files, and of many bytes: FILES_SMALL=10176 MIB=2048
	$(PYTHON) tests/measure_compaction.py --files $(FILES_SMALL) --mib $(MIB)

.PHONY: measure-memory
measure-memory: MB := 256 1000
measure-memory: local $(VENV)/installed ## Measure the memory that loading takes, of large and nasty files: MB="256 1000 10000"
	$(PYTHON) tests/measure_memory.py --mb $(MB)

.PHONY: cost
cost: $(VENV)/readers ## Reckon what loading costs on AWS, by size of files and records, beside Firehose and Glue
	$(CARGO) build --locked --release --workspace --bin alluvium
	PYTHONPATH=tests $(PYTHON) -m cost target/release/alluvium

MB ?= 256
SHAPES ?= telemetry nested sparse
RUNS ?= 1
.PHONY: bench
bench: FILES :=
bench: $(VENV)/bench ## Measure loading beside other programs: FILES="a.json b.ndjson" MB=256 SHAPES="telemetry nested sparse" RUNS=1
	$(CARGO) build --locked --release --workspace --bin alluvium --bin bounds
	$(PYTHON) tests/bench/side_by_side.py --mb $(MB) --runs $(RUNS) --shapes $(SHAPES) --files $(FILES)

STARTS ?= 20
.PHONY: measure-start
measure-start: $(VENV)/installed ## Measure cold starts of the functions, built for release: STARTS=20
	$(CARGO) build --locked --release --workspace $(FUNCTIONS:%=--bin %)
	$(PYTHON) tests/measure_start.py --runs $(STARTS)

.PHONY: test-corpora
test-corpora: local $(VENV)/installed ## Run the tests on real events: CORPORA=folder
	@test -d "$(CORPORA)" || { echo "no corpora in $(CORPORA): name their folder with CORPORA=" >&2; exit 1; }
	ALLUVIUM_CORPORA="$(abspath $(CORPORA))" $(CARGO) test $(LOCKED) --workspace --test stream_corpora
	ALLUVIUM_CORPORA="$(CORPORA)" $(PYTEST) $(BY_TEST) tests/corpora

# Needs cargo-fuzz (`cargo install cargo-fuzz`) and a C++ compiler. Sanitizers are not for stable
# compilers, so the pinned one is told to be none.
.PHONY: fuzz
fuzz: ## Look for input that breaks reading or shredding: TARGET=read or shred, FUZZ_SECONDS=600
	@cargo fuzz --version || { echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2; exit 1; }
	mkdir -p target/fuzz/corpus/$(TARGET)
	cd tests/fuzz && CARGO_TARGET_DIR=$(CURDIR)/target/fuzz RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir . $(TARGET) \
		$(CURDIR)/target/fuzz/corpus/$(TARGET) $(wildcard $(CURDIR)/tests/fuzz/seeds/$(TARGET)) -- -max_total_time=$(FUZZ_SECONDS) \
		-rss_limit_mb=1024 -max_len=4096 -artifact_prefix=$(CURDIR)/target/fuzz/$(TARGET)-

.PHONY: local-up
local-up: local $(VENV)/installed ## Start a local AWS and deploy the stack to it, or deploy it again
	$(LOCAL_AWS) up

.PHONY: local-down
local-down: $(VENV)/installed ## Stop the local AWS
	$(LOCAL_AWS) down

# A target says which event it means, and its prerequisites mean the same.
.PHONY: event
event:
	@test -f "$(EVENT)" || { echo "no such event: EVENT=$(EVENT); see events" >&2; exit 1; }

INVOKE = $(LOCAL_AWS) invoke $(@:invoke-%=%) "$(EVENT)"

.PHONY: invoke-ingest-objects
invoke-ingest-objects: EVENT ?= events/ingest-objects/s3.json
invoke-ingest-objects: event local-up ## Invoke the function on the local AWS: EVENT=events/ingest-objects/s3.json
	$(INVOKE)

.PHONY: invoke-collect
invoke-collect: EVENT ?= events/collect/one-object.json
invoke-collect: event local-up ## Invoke the function on the local AWS: EVENT=events/collect/one-object.json
	$(INVOKE)

.PHONY: invoke-ingest-stream
invoke-ingest-stream: EVENT ?= events/ingest-stream/kinesis.json
invoke-ingest-stream: event local-up ## Invoke the function on the local AWS: EVENT=events/ingest-stream/kinesis.json
	$(INVOKE)

.PHONY: invoke-finish-streams
invoke-finish-streams: EVENT ?= events/finish-streams/schedule.json
invoke-finish-streams: event local-up ## Invoke the function on the local AWS: EVENT=events/finish-streams/schedule.json
	$(INVOKE)

.PHONY: invoke-plan-compaction
invoke-plan-compaction: EVENT ?= events/plan-compaction/all.json
invoke-plan-compaction: event local-up ## Invoke the function on the local AWS: EVENT=events/plan-compaction/all.json
	$(INVOKE)

.PHONY: invoke-begin-swap
invoke-begin-swap: EVENT ?= events/begin-swap/partition.json
invoke-begin-swap: event local-up ## Invoke the function on the local AWS: EVENT=events/begin-swap/partition.json
	$(INVOKE)

.PHONY: invoke-merge-files
invoke-merge-files: EVENT ?= events/merge-files/bin.json
invoke-merge-files: event local-up ## Invoke the function on the local AWS: EVENT=events/merge-files/bin.json
	$(INVOKE)

.PHONY: invoke-commit-swap
invoke-commit-swap: EVENT ?= events/commit-swap/merged.json
invoke-commit-swap: event local-up ## Invoke the function on the local AWS: EVENT=events/commit-swap/merged.json
	$(INVOKE)

.PHONY: invoke-summarize-compaction
invoke-summarize-compaction: EVENT ?= events/summarize-compaction/done.json
invoke-summarize-compaction: event local-up ## Invoke the function on the local AWS: EVENT=events/summarize-compaction/done.json
	$(INVOKE)

.PHONY: invoke-vacuum-lake
invoke-vacuum-lake: EVENT ?= events/vacuum-lake/all.json
invoke-vacuum-lake: event local-up ## Invoke the function on the local AWS: EVENT=events/vacuum-lake/all.json
	$(INVOKE)

.PHONY: build
build: $(VENV)/installed ## Build the functions for AWS Lambda: ARCH=x86_64 or arm64
	PATH="$(abspath $(VENV))/bin:$$PATH" $(CARGO) lambda build --locked --release --disable-optimizations \
		--target $(subst arm64,aarch64,$(ARCH))-unknown-linux-gnu $(PACKAGES:%=--package %)

# Uses the account and region of your AWS configuration.
.PHONY: deploy
deploy: build local ## Deploy to AWS: ARCH=x86_64 or arm64, STACK=name, PARAMETERS="Name=value ..."
	target/$(PROFILE)/alluvium contract check $(CONTRACTS)
	$(VENV)/bin/sam deploy --config-file $(CURDIR)/infra/samconfig.toml --template-file infra/template.yaml \
		--stack-name $(STACK) --parameter-overrides Architecture=$(ARCH) $(PARAMETERS)
	$(MAKE) deploy-contracts

OUTPUT = Outputs[?OutputKey==\`$(1)\`].OutputValue|[0]
.PHONY: deploy-contracts
deploy-contracts: local $(VENV)/installed ## Deploy contracts to the lake of the stack: CONTRACTS=infra/tables, STACK=name
	@set -- $$($(VENV)/bin/aws cloudformation describe-stacks --stack-name $(STACK) --output text \
		--query "Stacks[0].[$(call OUTPUT,LakeBucketName),$(call OUTPUT,DatabaseName)]") && \
	test -n "$$2" && \
	target/$(PROFILE)/alluvium contract deploy $(CONTRACTS) --lake "s3://$$1" --database "$$2"

.PHONY: redrive
redrive: local $(VENV)/installed ## Send dead letters back to the queue of the stack: STACK=name, DRY_RUN=1 only counts
	@set -- $$($(VENV)/bin/aws cloudformation describe-stacks --stack-name $(STACK) --output text \
		--query "Stacks[0].[$(call OUTPUT,LandingDeadLetterQueueUrl),$(call OUTPUT,LandingQueueUrl)]") && \
	test -n "$$2" && \
	target/$(PROFILE)/alluvium redrive --from "$$1" --to "$$2" $(if $(DRY_RUN),--dry-run)

.PHONY: clean
clean: ## Stop the local AWS and remove everything that was made
	@test ! -d target/local-aws/kept || $(LOCAL_AWS) down
	rm -rf target $(VENV)

# The tools and readers that build, deploy and check, in the versions that are known to work.
REQUIREMENTS := tests/requirements.txt infra/local/requirements.txt
$(VENV)/installed: $(REQUIREMENTS)
	python3 -m venv --clear $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check $(REQUIREMENTS:%=--requirement %)
	touch $@

# Spark, its Java and the other readers take 900 MB, which nothing but the reader matrix needs.
$(VENV)/readers: tests/readers/requirements.txt $(VENV)/installed
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

# ClickHouse takes 500 MB, which nothing but the benchmark needs.
$(VENV)/bench: tests/bench/requirements.txt $(VENV)/installed
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@
