# The commands that README.md names.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
STAMP := $(VENV)/.dev
BENCH := $(VENV)/.bench
INSTALL = $(BIN)/pip install --quiet --config-settings editable_mode=compat --editable

.PHONY: run test lint types unit mutants pictures bench bench-control hil-virtual hil-case hil-case-operator install install-files uninstall clean

run: $(RUN)  ## the daemon on a simulated case, live in this terminal
	@exec $(BIN)/a1d --simulate

test: lint types unit  ## everything that must be green

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck systemd/*.sh .ci/run

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/pytest -n auto --dist loadfile

MUTANTS := $(VENV)/.mutants
mutants: $(MUTANTS)  ## would the tests notice a slip? About half an hour; ONLY='a1d.case.fan*' for one module
	rm -rf mutants
	CI=1 $(BIN)/mutmut run $(if $(ONLY),'$(ONLY)')
	@$(BIN)/mutmut results

pictures: $(STAMP)  ## docs/view.svg and docs/curve.svg, as the view draws them; a test holds that they are
	$(BIN)/python -m tests.pictures

bench: $(STAMP)  ## figures beside their floors
	$(BIN)/python -m tests.bench

bench-control: $(BENCH)  ## how quiet and how cool: a1d, its peers and the optimum on a model; two minutes
	$(BIN)/python -m tests.bench.control $(BENCH_ARGS)

SUITE ?= trixie
hil-virtual: $(STAMP)  ## every check in virtual machines with a virtual case (root): hil/README.md
	$(BIN)/python -m hil.host --suite '$(SUITE)' --only '$(ONLY)'

# With the installed a1d's own Python: it has all that is needed. -B: root leaves nothing in the sources.
hil-case hil-case-operator:  ## on a real Pi in its case (root), without and with an operator: hil/README.md
	@test -x '$(or $(PREFIX),/opt/a1d)/bin/python' || { echo 'a1d is not installed: sudo make install' >&2; exit 1; }
	@'$(or $(PREFIX),/opt/a1d)/bin/python' -B -m hil.suite --rig case --only '$(ONLY)' \
	    $(if $(filter %-operator,$@),--operator) $(if $(YES),--yes)

# By the environment: there no character of theirs means anything to a shell.
export DESTDIR PREFIX BINDIR PYTHON
install install-files uninstall:  ## the service on this system (root); DESTDIR, PREFIX: systemd/install.sh
	@sh systemd/install.sh $@

$(RUN): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) .
	touch $@

$(STAMP): $(RUN)
	$(INSTALL) '.[dev]'
	touch $@

$(BENCH): $(STAMP)
	$(INSTALL) '.[bench]'
	touch $@

$(MUTANTS): $(STAMP)
	$(INSTALL) '.[dev,mutants]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants
