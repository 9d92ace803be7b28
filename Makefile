# The one runner. `make demo` and `make test` need Python 3.11 with venv, and make; nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Starting a database is creating a thousand files: scratch folders go to shared memory if there is any.
QUICK := $(shell test -w /dev/shm && echo /dev/shm || echo /tmp)

# The suite runs as three lots side by side, because each waits for servers most of its time. Contracts stay together: the
# suite that looks whether all of them were run is one of them.
STACKS := tests/crash tests/entrypoints
SERVERS := tests/contracts tests/adapters

.PHONY: help demo test lot-stacks lot-servers lot-rest check lint types imports fast clean spec docs-generated planted-contracts bench \
  simulate repeatable crash-points crash fuzz limits model planted mutate docs dist

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV): about a minute, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[server,embedded,taxjar]' --group dev
	@touch $@

demo: $(STAMP) ## sell tickets on embedded servers, refund, be disputed, cancel an event, pay a venue out
	@$(BIN)/ticketpay demo

test: $(STAMP) ## the whole suite, linters first
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory --keep-going -j3 --output-sync=target lot-stacks lot-servers lot-rest

lot-stacks: $(STAMP)
	TMPDIR=$(QUICK) $(BIN)/pytest -q $(STACKS)

lot-servers: $(STAMP)
	TMPDIR=$(QUICK) $(BIN)/pytest -q $(SERVERS)

lot-rest: $(STAMP)
	TMPDIR=$(QUICK) $(BIN)/pytest -q $(addprefix --ignore=,$(STACKS) $(SERVERS))

fast: $(STAMP) ## the suite without the servers
	$(BIN)/pytest -q -m 'not server'

check: lint types imports ## linters only

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

spec: $(STAMP) ## write the specification by rule-book section; fails when a section has no test
	$(BIN)/python tools/gen_spec.py

docs-generated: $(STAMP) ## write the generated reference pages
	$(BIN)/python tools/gen_states.py
	$(BIN)/python tools/gen_settings.py
	$(BIN)/python tools/gen_errors.py
	$(BIN)/python tools/gen_events.py
	$(BIN)/python tools/gen_schema.py
	$(BIN)/python tools/gen_cli.py
	$(BIN)/python tools/gen_metrics.py
	$(BIN)/python tools/gen_tax.py
	$(BIN)/python tools/gen_spec.py
	$(BIN)/ticketpay openapi > docs/reference/openapi.json

planted-contracts: $(STAMP) ## plant a violation for every import contract and see it reported
	$(BIN)/python tools/planted_contracts.py

bench: $(STAMP) ## ratios against baselines in the same run
	$(BIN)/python -m bench.money
	$(BIN)/python -m bench.imports
	$(BIN)/python -m bench.ledger
	$(BIN)/python -m bench.limits
	$(BIN)/python -m bench.balances
	$(BIN)/python -m bench.refunds
	$(BIN)/python -m bench.payouts
	$(BIN)/python -m bench.sales
	$(BIN)/python -m bench.mass_refund
	$(BIN)/python -m bench.soak

SEEDS ?= 1000
simulate: $(STAMP) ## simulate SEEDS histories with crashes and faults (about 75 ms each)
	$(BIN)/python -m tests.simulation $(SEEDS)

repeatable: $(STAMP) ## play 100 histories twice and compare their traces (15 s)
	$(BIN)/python -m tests.simulation 100 --twice

crash-points: $(STAMP) ## list every boundary of every use case at which the suite crashes it
	$(BIN)/python -m tests.simulation.crash_points

CYCLES ?= 50
crash: $(STAMP) ## kill and pause the real processes CYCLES times while buyers buy (50: about 2 min)
	TMPDIR=$(QUICK) CYCLES=$(CYCLES) $(BIN)/pytest -q tests/crash

EXAMPLES ?= 2000
fuzz: $(STAMP) ## fuzz headers, tokens, keys, bodies and cursors with EXAMPLES cases a property (20000: about 14 min)
	EXAMPLES=$(EXAMPLES) $(BIN)/pytest -q --timeout 0 tests/fuzz

TRACES ?= 1000000
limits: $(STAMP) ## judge the rate limit by TRACES drawn traces against two references, some on Valkey (about 2 min)
	$(BIN)/python -m tests.limits $(TRACES)

model: $(STAMP) ## search the states of two payments of one order for a broken promise (1 min of CPU)
	$(BIN)/python -m tests.model

$(VENV)/.docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group docs
	@touch $@

docs: $(VENV)/.docs ## build the docs site into docs/_build; a link that leads nowhere fails (30 s)
	$(BIN)/sphinx-build -W --keep-going -q -E -a -b html docs docs/_build
	@echo "docs/_build/index.html"

dist: $(STAMP) ## build wheel and sdist twice, compare, and use the wheel where nothing else is (90 s)
	$(BIN)/python tools/dist.py

$(VENV)/.mutation: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group mutation
	@touch $@

mutate: $(VENV)/.mutation ## mutation testing of the pure packages; MODULES="money ledger" limits it (all: about 2 h)
	$(BIN)/python tools/mutate.py $(MODULES)

planted: $(STAMP) ## plant one bug after the other and write down which test found which (about 2 h)
	TMPDIR=$(QUICK) $(BIN)/python tools/planted.py

clean: ## forget the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutation
