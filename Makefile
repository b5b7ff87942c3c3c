# Names for commands; what depends on what is in dvc.yaml, and only there.
override SHELL := /bin/bash
override .SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ARGS ?=
HOST := 127.0.0.1
PORT ?=
PROFILE ?=
PYTHON ?= python3
REPO ?=
TABLE ?= results
TYPE ?= q8_0
# A value is text, and names in it come from strangers: make expands nothing in it, hands
# it to no other make, and a recipe reads it from the environment, where a quote or a
# dollar in it means nothing.
override SETTINGS := ARGS HOST PORT PROFILE PYTHON REPO TABLE TYPE
override TYPED := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
$(foreach name,$(SETTINGS) $(TYPED),$(eval override $(name) := $$(value $(name))))
export $(SETTINGS)
override MAKEOVERRIDES :=

# Files of tests side by side, one more than cores where some only wait; models compute
# on one core each.
override PYTEST := OMP_NUM_THREADS=1 python tools/with_args.py pytest --dist=loadfile --no-loadscope-reorder \
	--numprocesses=$$(python -c 'import os; print((os.cpu_count() or 1) + 1)')

# What stands below runs from .venv, so nobody has to activate it.
override SYSTEM_PATH := $(value PATH)
export SYSTEM_PATH
override PATH := $(CURDIR)/.venv/bin:$(value PATH)
export PATH
# Compiling torch and transformers anew costs each of many short processes seconds.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z][a-z.-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | \
		while IFS=$$'\t' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

.PHONY: setup
setup: .venv/.installed ## Create .venv with every pinned version (PYTHON=python3.12 picks another)

.venv/.installed: pyproject.toml constraints.txt tools/setup.sh tools/hashes.txt tools/uv.txt tools/overrides.txt tools/overrides-cpu.txt
	@PATH="$$SYSTEM_PATH" tools/setup.sh "$$PYTHON"

.PHONY: llama.cpp
llama.cpp: .venv/.installed ## Fetch and build llama.cpp, or find LLAMA_CPP_DIR or PATH
	@tools/llama_cpp.sh

.PHONY: clone
clone: .venv/.installed ## Bring the repositories that params or a PROFILE name by URL
	@python scripts/clone.py --profile="$$PROFILE"

# DVC does not watch a user's repository, so it is always harvested anew.
override USE_REPO := $(if $(REPO),diffscribe use -- "$$REPO")

.PHONY: repro
repro: llama.cpp ## Run every stage whose inputs changed (REPO=~/code/app: on that history)
	@$(USE_REPO)
	@dvc repro

.PHONY: own-history
own-history: llama.cpp ## The same on all rows, and three times the changes: half an hour
	@$(USE_REPO)
	@diffscribe train --profile own-history

.PHONY: gate
gate: .venv/.installed ## Label a sample and put it before you: reports/gate/index.html
	@diffscribe gate draw
	@python scripts/label.py prompts/teacher reports/gate/harvested.jsonl \
		reports/gate/labeled.jsonl reports/gate/label_failures.jsonl \
		reports/gate/label.json reports/gate/metrics.json
	@diffscribe gate show reports/gate/labeled.jsonl

.PHONY: train
train: llama.cpp ## Run the pipeline as an experiment: make train [PROFILE=name] [ARGS=--queue]
	@python tools/with_args.py diffscribe train --profile="$$PROFILE"

.PHONY: public
public: llama.cpp ## Rebuild diffscribe-135m from its public histories (docs/public.md; days)
	@python scripts/clone.py --profile public
	@diffscribe train --profile public
	@diffscribe ship

.PHONY: tool-calls
tool-calls: llama.cpp ## Train on the tool calls of an assistant's logs (docs/tool-calls.md)
	@dvc repro pipelines/tool_calls/dvc.yaml

.PHONY: success-memory
success-memory: llama.cpp ## Train on what an agent remembers and tried (docs/success-memory.md)
	@dvc repro pipelines/success_memory/dvc.yaml

.PHONY: test
test: llama.cpp ## Run all tests but the hostile ones (ARGS="--cov=diffscribe": their coverage)
	@$(PYTEST) -m "not hostile" --durations=10

.PHONY: test-fast
test-fast: .venv/.installed ## Run the quick tests: no model, browser or process of a stage or verb
	@$(PYTEST) --quiet -m "not slow and not hostile"

# All of them are in one file, so they are dealt out test by test.
.PHONY: hostile
hostile: .venv/.installed ## Read repositories that attack their reader
	@pytest --numprocesses=auto -m hostile --durations=5

.PHONY: check
check: .venv/.installed ## Lint, formatting and types
	@ruff check .
	@ruff format --check .
	@mypy

.PHONY: exp-show
exp-show: .venv/.installed ## Compare experiments: params that differ, and the metrics
	@dvc exp show --only-changed --hide-workspace --no-pager \
		--drop '^(Created|train_loss|validation_token_accuracy|(src|scripts|prompts|data|models|benchmark_sets)\b)'

.PHONY: mlflow
mlflow: .venv/.installed ## Show the recorded runs in a browser (PORT=5000)
	@MLFLOW_DISABLE_TELEMETRY=true mlflow ui --host "$$HOST" --port "$${PORT:-5000}" \
		--backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$$PWD/mlflow.db}"

.PHONY: serve
serve: llama.cpp ## Serve the student with llama-server (PORT=8080, TYPE=q4_k_m)
	@model="models/gguf/student-$$TYPE.gguf"; test -f "$$model" || { echo "serve: no $$model;" \
		"run 'make repro' first, or name a type of merge_quantize.types with TYPE=" >&2; exit 2; }; \
	server=$$(python -c 'from diffscribe.doors.llama_cpp import program; print(program("llama-server"))'); \
	exec "$$server" --model "$$model" --host "$$HOST" --port "$${PORT:-8080}"

.PHONY: docs
docs: .venv/.installed ## Write a table of README.md (TABLE=own-history), params.schema.json, the man page
	@python tools/docs.py "$$TABLE"

.PHONY: constraints
constraints: .venv/.installed ## Resolve pyproject.toml again into constraints.txt
	@tools/constraints.sh

.PHONY: self-bundle
self-bundle: ## Pack this repository's history up to HEAD into data/self.bundle
	@tools/self_bundle.sh

.PHONY: clean
clean: ## Remove what the stages wrote; .venv, .tools, clones, runs and caches stay
	@git clean -qfdX --exclude='!/data/clones/' --exclude='!/reports/bench/' -- data models reports
