# `make demo`, `make test` and `make docs` set up what they need on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt
WORKERS ?= 2
# Asked first for torch: without a graphics card the plain index has a build that is 15 times as large.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
CORE := $(VENV)/.core
STAMP := $(VENV)/.installed

.PHONY: demo test test-all lint format bench docs docs-lint walk dist dist-check clean

# What a fit needs, and no more.
$(CORE): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch" 2>/dev/null \
	  || $(PIP) --index-url $(TORCH_INDEX) --retries 0 --timeout 15 torch 2>/dev/null \
	  || $(PIP) torch
	$(PIP) -e .
	touch $(CORE)

# What is needed to change it: tests, types, docs, pictures.
$(STAMP): $(CORE)
	$(PIP) -e ".[plot,dev,docs]"
	touch $(STAMP)

.venv: $(STAMP)

demo: $(CORE)
	$(BIN)/pgmc check examples/titanic/titanic.pgm
	$(BIN)/pgmc fit examples/titanic/titanic.pgm examples/titanic/titanic.csv --counts count --seed 1 --force -o out/titanic.fit
	$(BIN)/pgmc query out/titanic.fit "P(survived | class = 3rd, sex = female)" "P(survived | class = 1st, sex = male)"
	$(BIN)/pgmc graph out/titanic.fit -o out/titanic.svg
	@echo "the graph is in out/titanic.svg: open it in a browser"

test: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS)

test-all: $(STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) -m "slow or not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Generated pages go to docs/reference/, what executed pages print is kept in out/docs-cache.
docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -q -d out/doctrees docs out/docs
	@echo "the site is out/docs/index.html"

# The same without running the pages that are notebooks: every page, link and reference.
docs-lint: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going -q -D nb_execution_mode=off -d out/doctrees-lint docs out/docs-lint

# The tutorial and the guides, typed as a newcomer would with the wheel alone; says the time to the first answer.
walk: $(STAMP)
	$(BIN)/python tests/docs/newcomer.py

# The same bytes from the same commit: the date of files in the archives is that of the commit.
dist: $(STAMP)
	rm -rf dist
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m build --no-isolation --outdir dist .

# Builds twice, installs the wheel into an environment of its own, and does with it what the README says.
dist-check: $(STAMP)
	$(BIN)/python -m pytest tests/release -m "slow or not slow"

bench: $(STAMP)
	$(PIP) -e ".[bench]"
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) out build dist docs/reference
