# Everything a developer runs. `make help` lists the targets.
VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# Tests wait for servers more than they compute. All processes share one Kafka; of each other server
# that a process needs it has its own.
PROCESSES ?= 3
NODE_STAMP := tools/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-nightly test-containers test-clients chaos soak
.PHONY: field-cases mutants lint vectors fmt
.PHONY: bench dist clean
.PHONY: client-go client-java client-node check-client-go check-client-java check-client-node

help: ## list the targets
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,serve]' --group dev
	@touch $@

$(NODE_STAMP): tools/package.json
	@command -v npm >/dev/null || { echo "make lint needs Node.js with npm (Debian: apt-get install nodejs npm)"; exit 1; }
	npm install --prefix tools --no-package-lock --no-audit --no-fund --silent
	@touch $@

setup: $(STAMP) ## make .venv with the command .venv/bin/profiler

demo: $(STAMP) ## stream captured traffic through the whole pipeline (ARGS=--keep runs on)
	@exec $(BIN)/profiler demo $(ARGS)

test: $(STAMP) ## all tests, on real servers (ARGS="-k name" narrows)
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder \
	  --ignore tests/nightly --ignore tests/containers $(ARGS)

test-nightly: $(STAMP) ## the tests that take long: real time-outs, soaks
	$(BIN)/python -m pytest tests/nightly $(ARGS)

test-containers: $(STAMP) ## image and docker-compose.yml in a Docker engine of its own (as root)
	$(BIN)/python -m pytest tests/containers $(ARGS)

test-fast: $(STAMP) ## unit and Lua tests only: under a minute
	$(BIN)/python -m pytest -n auto --dist worksteal tests/unit tests/lua $(ARGS)

test-clients: $(STAMP) ## the callers in all languages: their own checks, and that all agree
	$(BIN)/python -m pytest tests/clients $(ARGS)

chaos: $(STAMP) ## every fault, and an oracle after each (ARGS="--rows zombie", --list, --proof, --help)
	$(BIN)/python -m tests.chaos $(ARGS)

HOURS ?= 0.7

soak: $(STAMP) ## faults at random for HOURS (0.7), a verdict every minute (ARGS="--client librdkafka")
	$(BIN)/python -m tests.chaos --soak $(HOURS) $(ARGS)

# PROFILER, REDIS_URL and KAFKA_BOOTSTRAP name other programs and servers than our own.
CASES ?= ../shared/cases

field-cases: $(STAMP) ## cases of the field in CASES, by the program and on real servers (ARGS="--only 24")
	$(BIN)/python -m tools.run_field_cases $(CASES) $(ARGS)

mutants: $(STAMP) ## small faults in copies of the tree: which ones does no test notice?
	$(BIN)/python -m tools.mutants $(ARGS)

# What tests/clients builds and checks, where a language's tools are installed. Go keeps its own
# account of what is up to date.
CLIENT_JAVA := clients/java/target/.built
CLIENT_NODE := clients/node/dist/.built

client-go:
	cd clients/go && go build -o build/ ./cmd/...

client-java: $(CLIENT_JAVA)
$(CLIENT_JAVA): clients/java/pom.xml $(wildcard lua/rendered/*.lua) $(shell find clients/java/src -type f)
	cd clients/java && mvn --batch-mode --quiet package -DskipTests
	@touch $@

client-node: $(CLIENT_NODE)
$(CLIENT_NODE): $(wildcard clients/node/*.json clients/node/src/*.ts)
	npm install --prefix clients/node --no-package-lock --no-audit --no-fund --silent
	npm --prefix clients/node run --silent build
	@touch $@

check-client-go: client-go
	@cd clients/go && unformatted=$$(gofmt -l .) && test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	cd clients/go && go vet ./... && go test ./...

check-client-java: client-java
	cd clients/java && mvn --batch-mode --no-transfer-progress spotless:check surefire:test

check-client-node: client-node
	npm --prefix clients/node run --silent lint
	npm --prefix clients/node run --silent test

lint: $(STAMP) $(NODE_STAMP) ## style, types, and every check on Lua, image and workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/profiler lua render --check
	$(BIN)/python -m tools.vectors --check
	@command -v luacheck >/dev/null || { echo "make lint needs luacheck (Debian: apt-get install lua-check)"; exit 1; }
	luacheck --quiet lua/rendered
	luacheck --quiet --only 411 431 -- lua/vectors/rules # of two functions with one name the later wins
	tools/node_modules/.bin/stylua --check lua/rendered
	$(BIN)/python -m tools.check_lua_header
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.check_rooms
	$(BIN)/python -m tools.check_boundary
	$(BIN)/python -m tools.check_collection
	$(BIN)/python -m tools.check_adrs
	$(BIN)/python -m tools.audit
	$(BIN)/python -m tools.write_reference --check
	$(BIN)/python -m tools.write_field_cases --check
	$(BIN)/shellcheck .ci/run .ci/install .ci/nightly .ci/compose tests/deploy/build-helm \
	  tests/containers/machine/start $(addprefix tests/containers/stand_ins/,kafka/run kafka/tool redis/entrypoint)
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows

vectors: $(STAMP) ## write lua/vectors anew, from the oracles
	$(BIN)/python -m tools.vectors

fmt: $(STAMP) ## format Python
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(STAMP) ## side-by-side throughput; writes build/bench.json
	$(BIN)/python -m bench $(ARGS)

bench-%: $(STAMP) ## bench-cost, -derived, -instructions, -versions, -growth, -stored, -latency, -scale, -cluster, -metrics, -serve
	$(BIN)/python -m bench $* $(ARGS)

dist: $(STAMP) ## build the source distribution and the wheel into dist/
	$(BIN)/python -m build --outdir dist

clean: ## remove what the targets made
	rm -rf $(VENV) build dist tools/node_modules clients/go/build clients/java/target clients/node/dist clients/node/node_modules
