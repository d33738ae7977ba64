# Everything here works from a bare checkout with Python 3.11 to 3.13 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
KUBE_CACHE ?= $(HOME)/.cache/nodeward/kube
NCA_VERSION := 2.1.0
OPA_VERSION := v1.22.3
LOCKS  := requirements.lock requirements-dev.lock
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-find-links \
  --python-version 3.11 --exclude-newer '7 days' --custom-compile-command 'make lock'

export KUBE_CACHE
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): $(LOCKS) pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 13) else "Nodeward needs Python 3.11 to 3.13; name one with PYTHON=")'
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: setup
setup: $(STAMP) ## make .venv with hash-locked dependencies and the command nodeward

.PHONY: run
run: $(STAMP) ## start both doors on loopback with the demo cluster
	exec $(BIN)/nodeward demo

.PHONY: test
test: $(STAMP) kube netns ## run every suite; a suite that could not run fails it
	$(BIN)/pytest -n 2 --dist loadgroup --no-skips

.PHONY: test-apiserver
test-apiserver: $(STAMP) kube ## run the suite against a real API server
	$(BIN)/pytest tests/apiserver --no-skips

.PHONY: races
races: $(STAMP) kube ## write 1,000 pairs of objects back to back, twice, and count false denials
	NODEWARD_PAIRS=1000 $(BIN)/pytest tests/apiserver/test_read_your_writes.py -s --no-skips

# What cannot be had is named by the suite that misses it, and fails that.
.PHONY: kube
kube: $(STAMP) ## build kube-apiserver, etcd, kubectl and helm into KUBE_CACHE, once
	@[ -n "$$KUBEBUILDER_ASSETS" ] || PYTHON=$(abspath $(BIN))/python tests/kube/build || true

.PHONY: nightly
nightly: $(STAMP) ## compare sets, traces and the model in WORLDS worlds (100,000), from FIRST on
	$(BIN)/python -m tests.agreement --output build/proof/agreement.json $(if $(WORLDS),--worlds $(WORLDS)) $(if $(FIRST),--first $(FIRST)) $(if $(RESUME),--resume)

.PHONY: mutants
mutants: $(STAMP) ## try COUNT (300) mutants of each pure floor, or of FLOOR, drawn by SEED
	$(BIN)/python -m tests.mutants --output build/proof/mutants.json $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED)) $(if $(FLOOR),--floor $(FLOOR))

PROOFS := conformance reach-conformance kernel nightly mutants fuzz soak
.PHONY: proof
proof: $(STAMP) ## write docs/proof.md from the runs whose numbers are in build/proof; ALL=1 runs them first, for hours
	$(if $(ALL),$(MAKE) --no-print-directory $(PROOFS))
	$(BIN)/python -m tests.proof build/proof docs/proof.md

.PHONY: kernel
kernel: $(STAMP) netns ## send PACKETS through a real kernel, from SEED on; writes build/proof/kernel.json
	$(BIN)/python -m tests.kernel --packets $(or $(PACKETS),10000) --seed $(or $(SEED),0) --json build/proof/kernel.json

.PHONY: netns
netns:
	@tests/system-packages nftables iproute2 || true

.PHONY: conformance
conformance: $(STAMP) ## compare traces with the measured worlds in DATA, an archive or a folder
	$(BIN)/python -m tests.conformance.measured $(or $(DATA),tests/conformance/felix.tar.xz --output build/proof/conformance.json)

.PHONY: coverage
coverage: $(STAMP) kube netns ## run every suite and report branch coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 --dist loadgroup
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: check
check: $(STAMP) ## format, lint, types, import contracts, OpenAPI, dependencies, spelling, YAML
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/nodeward openapi --check openapi.yaml
	$(BIN)/codespell
	$(BIN)/yamllint --strict -d '{extends: default, rules: {line-length: disable, document-start: disable}}' .pre-commit-config.yaml $(wildcard deploy)

.PHONY: reach-conformance
reach-conformance: $(STAMP) ## ask reach for every flow of the measured worlds
	$(BIN)/python -m tests.conformance.reached tests/conformance/felix.tar.xz --output build/proof/reach.json

.PHONY: docs
docs: $(STAMP) ## write the pages that are generated from the code, and the specimens of tests/cases
	$(BIN)/python docs/generate.py
	$(BIN)/python -m tests.specimens
	$(BIN)/nodeward openapi --write openapi.yaml

.PHONY: format
format: $(STAMP) ## format the code and mend what ruff can
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: lock
lock: $(STAMP) ## resolve the dependencies anew, none younger than a week
	$(COMPILE) pyproject.toml -o requirements.lock
	$(COMPILE) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

.PHONY: bench
bench: $(STAMP) ## measure decoding, audit and reviews; writes build/bench.json
	$(BIN)/python -m tests.bench $(BENCH)

.PHONY: fuzz
fuzz: $(STAMP) ## answer REVIEWS mutated reviews, a million unless told otherwise
	$(BIN)/python -m tests.fuzz --output build/proof/fuzz.json $(if $(REVIEWS),--reviews $(REVIEWS))

.PHONY: bench-peers
bench-peers: ## install in build/peers what `make bench` compares with: network-config-analyzer and OPA
	$(PYTHON) -m venv build/peers/nca
	build/peers/nca/bin/pip install --quiet --disable-pip-version-check network-config-analyzer==$(NCA_VERSION)
	GOBIN=$(abspath build/peers) go install -trimpath github.com/open-policy-agent/opa@$(OPA_VERSION)

.PHONY: soak
soak: $(STAMP) ## ask a door for MINUTES (30) in a cluster of SIZE (L) whose policies change
	$(BIN)/python -m tests.soak --output build/proof/soak.json $(if $(SIZE),--size $(SIZE)) $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: wheel
wheel: $(STAMP) ## build the wheel, install it alone and run the cases with it
	rm -rf build/wheel
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/wheel .
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/python -m pip install --quiet --require-hashes -r requirements.lock
	build/wheel/venv/bin/python -m pip install --quiet --no-deps build/wheel/*.whl
	build/wheel/venv/bin/python -m pip check
	cd build/wheel && venv/bin/nodeward version && venv/bin/nodeward explain object-ignored && venv/bin/nodeward test ../../tests/cases

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(VENV) build dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
