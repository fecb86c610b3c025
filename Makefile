# The commands that README.md names.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
STAMP := $(VENV)/.dev
BENCH := $(VENV)/.bench
INSTALL = $(BIN)/pip install --quiet --config-settings editable_mode=compat --editable

.PHONY: run test pages lint types unit home-assistant mutants pictures bench bench-control hil-virtual hil-upgrade hil-case hil-case-operator deb deb-check release install install-files uninstall clean

run: $(RUN)  ## the daemon on a simulated case, live in this terminal
	@exec $(BIN)/a1d --simulate

test: lint types unit  ## everything that must be green

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/shellcheck systemd/*.sh a1d/doctor/*.sh debian/*.sh debian/a1d.p* debian/a1d-mqtt.p* .ci/run

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

# Home Assistant's own MQTT integration on a1d-mqtt. It wants a Python of its own; tests/home_assistant says more.
HA := .venv-home-assistant
HA_PYTHON ?= python3.13
home-assistant: $(HA)/.made
	$(HA)/bin/pytest -c tests/home_assistant/pytest.ini --rootdir . tests/home_assistant

$(HA)/.made: pyproject.toml
	$(HA_PYTHON) -m venv $(HA)
	$(HA)/bin/pip install --quiet --prefer-binary --config-settings editable_mode=compat --editable '.[home-assistant]'
	touch $@

MUTANTS := $(VENV)/.mutants
mutants: $(MUTANTS)  ## would the tests notice a slip? Hours; ONLY='a1d.case.fan*' for one module
	rm -rf mutants
	CI=1 $(BIN)/mutmut run $(if $(ONLY),'$(ONLY)')
	@$(BIN)/mutmut results

pages: $(STAMP)  ## man pages, completions and systemd/config.yaml anew, after a change of commands or settings; needs scdoc
	$(BIN)/python -m docs.pages

pictures: $(STAMP)  ## docs/view.svg and docs/curve.svg, as the view draws them; a test holds that they are
	$(BIN)/python -m tests.pictures

bench: $(STAMP)  ## figures beside their floors
	$(BIN)/python -m tests.bench

bench-control: $(BENCH)  ## how quiet and how cool: a1d, its peers and the optimum on a model; minutes
	$(BIN)/python -m tests.bench.control $(BENCH_ARGS)

SUITE ?= trixie
hil-virtual: $(STAMP)  ## every check in virtual machines with a virtual case (root): hil/README.md
	$(BIN)/python -m hil.host --suite '$(SUITE)' --only '$(ONLY)'

hil-upgrade: $(STAMP)  ## the button after a release upgrade of Debian 12 to 13, in a virtual machine (root): hil/README.md
	$(BIN)/python -m hil.release_upgrade

# With the installed a1d's own Python: it has all that is needed. -B: root leaves nothing in the sources.
hil-case hil-case-operator:  ## on a real Pi in its case (root), without and with an operator: hil/README.md
	@test -x '$(or $(PREFIX),/opt/a1d)/bin/python' || { echo 'a1d is not installed: sudo make install' >&2; exit 1; }
	@'$(or $(PREFIX),/opt/a1d)/bin/python' -B -m hil.suite --rig case --only '$(ONLY)' \
	    $(if $(filter %-operator,$@),--operator) $(if $(YES),--yes)

# In debian/build.sh Debian's own Python builds; this one only fetches.
deb: $(RUN)  ## the Debian packages of these sources, in dist/: docs/release.md
	@PYTHON=$(BIN)/python sh debian/build.sh dist

deb-check: $(STAMP)  ## the packages on Debian 12 and 13, in chroots (root): lintian, install, upgrade, remove, refuse
	A1D_DEB=1 $(BIN)/pytest tests/deb -v

release: $(STAMP)  ## VERSION=1.2.3 KEY=...: one commit, one tag, and all that is published, tried: docs/release.md
	@PYTHON=$(CURDIR)/$(BIN)/python sh debian/release.sh '$(VERSION)' '$(KEY)'

# By the environment: there no character of theirs means anything to a shell.
export DESTDIR PREFIX BINDIR PYTHON
install install-files uninstall:  ## the service on this system (root); DESTDIR, PREFIX: systemd/install.sh
	@sh systemd/install.sh $@

$(RUN): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) '.[mqtt]'
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
	rm -rf $(VENV) $(HA) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants
