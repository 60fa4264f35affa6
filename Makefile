# `make demo` and `make test` set up everything they need on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
STAMP := $(VENV)/.installed

.PHONY: demo test test-all lint format bench docs clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[plot,dev,docs]"
	touch $(STAMP)

.venv: $(STAMP)

demo: $(STAMP)
	$(BIN)/pgmc check examples/titanic/titanic.pgm
	$(BIN)/pgmc fit examples/titanic/titanic.pgm examples/titanic/titanic.csv --counts count --seed 1 --force -o out/titanic.fit
	$(BIN)/pgmc query out/titanic.fit "P(survived | class = 3rd, sex = female)" "P(survived | class = 1st, sex = male)"
	$(BIN)/pgmc graph out/titanic.fit -o out/titanic.png
	$(BIN)/pgmc graph out/titanic.fit -o out/titanic.svg
	@echo "the graph is in out/titanic.png and out/titanic.svg"

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

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[bench]"
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) out build dist
