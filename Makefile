# Everything a newcomer needs is `make demo`; `make help` lists the rest.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/.peers
WORKERS ?= 2
SEED ?= 1
MINUTES ?= 1
SEEDS ?= 0:1000

.DEFAULT_GOAL := help
.PHONY: help demo dev test faults chaos crashes bench browser fuzz plans check fix openapi providers \
  pins clean

help: ## show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z][a-z\/-]*:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ run
demo: $(READY) ## set up, then run the main job on embedded servers and check every result
	@$(BIN)/leadfall demo $(ARGS)

dev: $(READY) ## everything in one terminal, data kept in .leadfall
	@$(BIN)/leadfall dev --port 8080 --data-dir .leadfall $(ARGS)

providers: $(READY) ## each provider's capabilities, prices, limits and sources, and whether your key works
	@$(BIN)/leadfall providers $(ARGS)

##@ test
test: $(READY) check ## set up, then every check and every test
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

faults: $(READY) ## the fault tests, the long ones at full size
	FAULT_LEADS=2000 FAULT_VENDOR_SCALE=0.01 FAULT_SLOW_LEADS=1000 FAULT_EVERY_POINT=1 \
	  FAULT_LOSING_SEEDS=20 FAULT_EXAMPLES=1000 FAULT_KILLS=200 FAULT_CROWD=100000 \
	  FAULT_CROWD_AHEAD=100 $(BIN)/pytest tests/faults $(ARGS)

chaos: $(READY) ## strike everything under load for MINUTES, as SEED decides; then compare all books
	@$(BIN)/python -m tests.faults.chaos --seed $(SEED) --minutes $(MINUTES) $(ARGS)

crashes: $(READY) ## end flows where SEEDS (first:last) decide, let others recover, compare all books
	@$(BIN)/python -m tests.faults.crash --seeds $(SEEDS) $(ARGS)

bench: $(READY) $(PEERS) ## measure the speed of everything against bare limits; write docs/BENCHMARKS.md (with ARGS bench.md)
	@$(if $(ARGS),,rm -f $${BENCH_FILE:-bench.json})
	@# On the disk, where a commit costs what it costs; tests keep their databases in memory.
	@TMPDIR=$${TMPDIR:-/tmp} $(BIN)/pytest tests/bench --verbose --durations=0 $(ARGS); code=$$?; \
	  $(BIN)/python -m tests.bench.page $(if $(ARGS),--page bench.md) $${BENCH_FILE:-bench.json}; \
	  exit $$code

browser: $(READY) ## /docs of a running API in a real browser (needs chromium)
	$(BIN)/pytest tests/browser $(ARGS)

fuzz: $(READY) ## thousands of requests made from the OpenAPI document, and each documented error
	FUZZ_EXAMPLES=25 $(BIN)/pytest tests/fuzz $(ARGS)

plans: $(READY) ## what pages, counts and selections read of a million leads (some minutes)
	PLAN_LEADS=1000000 $(BIN)/pytest --timeout 900 tests/store/test_lead_plans.py \
	  tests/api/test_lead_plans.py $(ARGS)

check: $(READY) ## types, lint, format, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY) ## let the formatter and the linter repair what they can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(READY) ## write the OpenAPI document anew from routes and models
	$(BIN)/leadfall openapi service/api/openapi/openapi.json

##@ set-up
$(READY): requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements/dev.txt
	@# Its only news is that an editable install is one.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	@touch $@

$(PEERS): requirements/peers.txt $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements/peers.txt
	@touch $@

pins: ## pin the newest versions that pyproject.toml allows (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml --output-file requirements/runtime.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --extra embedded --group dev pyproject.toml --output-file requirements/dev.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --constraint requirements/dev.txt --group peers --output-file requirements/peers.txt

clean: ## remove the environment and the data of `make dev`
	rm -rf .venv .leadfall
