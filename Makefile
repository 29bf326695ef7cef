# Everything a developer runs. `make help` lists the targets.
VENV   := .venv
PYTHON ?= python3
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# There where visitor-profiler-native is installed, which needs Rust or a wheel in dist/.
NATIVE_STAMP   := $(VENV)/.native
NATIVE_SOURCES := $(wildcard native/Cargo.* native/*.toml native/*.pyi) \
  $(shell find native/src -name '*.rs' 2>/dev/null)
# Tests wait for servers more than they compute. All processes share one Kafka; of each other server
# that a process needs it has its own.
PROCESSES ?= 3
NODE_STAMP := tools/node_modules/.installed
WEB_STAMP := web/node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast test-nightly test-containers test-clients chaos soak
.PHONY: field-cases mutants fuzz native-memory lint vectors fmt web pictures
.PHONY: bench dist release-check docs clean
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

# Not made where this machine cannot; then the Python engine runs, and each target says so again.
$(NATIVE_STAMP): $(NATIVE_SOURCES) | $(STAMP)
	@$(BIN)/python -m tools.native setup

$(WEB_STAMP): web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "web/ needs Node.js with npm (Debian: apt-get install nodejs npm)"; exit 1; }
	npm ci --prefix web --no-audit --no-fund --silent
	@touch $@

setup: $(NATIVE_STAMP) ## make .venv with the command .venv/bin/profiler

demo: $(NATIVE_STAMP) ## stream captured traffic through the whole pipeline (on a terminal until Ctrl-C; ARGS=--no-keep ends)
	@exec $(BIN)/profiler demo $(ARGS)

test: $(NATIVE_STAMP) ## all tests, on real servers (ARGS="-k name" narrows)
	@test ! -e $(NATIVE_STAMP) || $(BIN)/python -m tools.native test
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder \
	  --ignore tests/nightly --ignore tests/containers $(ARGS)

test-nightly: $(NATIVE_STAMP) ## the tests that take long: real time-outs, soaks
	$(BIN)/python -m pytest tests/nightly $(ARGS)

test-containers: $(STAMP) ## image and docker-compose.yml in a Docker engine of its own (as root)
	$(BIN)/python -m pytest tests/containers $(ARGS)

test-fast: $(NATIVE_STAMP) ## unit and Lua tests only: under a minute
	$(BIN)/python -m pytest -n auto --dist worksteal tests/unit tests/lua $(ARGS)

test-clients: $(NATIVE_STAMP) ## the callers in all languages: their own checks, and that all agree
	$(BIN)/python -m pytest tests/clients $(ARGS)

chaos: $(NATIVE_STAMP) ## every fault, and an oracle after each (ARGS="--rows zombie", --list, --proof, --help)
	$(BIN)/python -m tests.chaos $(ARGS)

HOURS ?= 0.7

soak: $(NATIVE_STAMP) ## faults at random for HOURS (0.7), a verdict every minute (ARGS="--client librdkafka")
	$(BIN)/python -m tests.chaos --soak $(HOURS) $(ARGS)

# PROFILER, REDIS_URL and KAFKA_BOOTSTRAP name other programs and servers than our own.
CASES ?= ../shared/cases

field-cases: $(NATIVE_STAMP) ## cases of the field in CASES, by the program and on real servers (ARGS="--only 24")
	$(BIN)/python -m tools.run_field_cases $(CASES) $(ARGS)

mutants: $(NATIVE_STAMP) ## small faults in copies of the tree: which ones does no test notice?
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

lint: $(STAMP) $(NODE_STAMP) $(WEB_STAMP) ## style, types, and every check on Lua, image and workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/profiler lua render --check
	$(BIN)/python -m tools.vectors --check
	@command -v luacheck >/dev/null || { echo "make lint needs luacheck (Debian: apt-get install lua-check)"; exit 1; }
	luacheck --quiet lua/rendered
	luacheck --quiet --only 411 431 -- lua/vectors/rules # of two functions with one name the later wins
	tools/node_modules/.bin/stylua --check lua/rendered
	npm --prefix web run --silent lint
	$(BIN)/python -m tools.check_lua_header
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.check_rooms
	$(BIN)/python -m tools.check_boundary
	$(BIN)/python -m tools.check_collection
	$(BIN)/python -m tools.check_adrs
	$(BIN)/python -m tools.check_words
	$(BIN)/python -m tools.site
	$(BIN)/python -m tools.audit
	$(BIN)/python -m tools.write_reference --check
	$(BIN)/python -m tools.write_field_cases --check
	$(BIN)/shellcheck .ci/run .ci/install .ci/nightly .ci/compose tests/deploy/build-helm \
	  tests/containers/machine/start $(addprefix tests/containers/stand_ins/,kafka/run kafka/tool redis/entrypoint)
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --quiet .github/workflows
	@$(BIN)/python -m tools.native lint

fuzz: $(NATIVE_STAMP) ## both engines on random input (ARGS="records --inputs 5000000 --seed 1", or replies)
	$(BIN)/python -m tests.fuzz $(ARGS)

native-memory: $(NATIVE_STAMP) ## the tests of native/ under valgrind and a sanitizer
	@$(BIN)/python -m tools.native memory

web: $(WEB_STAMP) ## build the live page and the demo's shop into the package, from web/
	npm --prefix web run --silent build

pictures: $(STAMP) ## take docs/images/live-*.png and shop.png anew, from a demo in a browser
	$(BIN)/python -m tools.page_pictures

vectors: $(STAMP) ## write lua/vectors anew, from the oracles
	$(BIN)/python -m tools.vectors

fmt: $(STAMP) ## format Python
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(NATIVE_STAMP) ## side-by-side throughput; writes build/bench.json
	$(BIN)/python -m bench $(ARGS)

bench-%: $(NATIVE_STAMP) ## bench-cost, -derived, -instructions, -stages, -versions, -growth, -stored, -latency, -recovery, -scale, -cluster, -metrics, -serve, -flame
	$(BIN)/python -m bench $* $(ARGS)

docs: $(STAMP) ## the documentation as a site in build/site; every link and anchor is checked
	$(BIN)/python -m tools.site

dist: $(STAMP) ## build both distributions and the bill of materials into dist/
	$(BIN)/python -m tools.release
	@$(BIN)/python -m tools.native wheel

release-check: $(STAMP) ## the same, built twice and compared; the wheel runs on each Python that is here
	$(BIN)/python -m tools.release --check

clean: ## remove what the targets made
	rm -rf $(VENV) build dist native/target tools/node_modules web/node_modules clients/go/build clients/java/target clients/node/dist clients/node/node_modules
