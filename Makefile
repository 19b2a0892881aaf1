# Everything works in a fresh clone: each target sets up what it needs.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
# What makes packages; nothing else needs it.
PACKERS := $(VENV)/.packers

BROWSER := tests/browser/node_modules/.stamp

.PHONY: help venv demo test unit integration browser screenshots soak kerberos alerts lint bench dist deb rpm deb-check rpm-check dist-check clean system

help:
	@echo "make demo        set everything up and show a batch of scripts run on an embedded SSH host"
	@echo "make test        set everything up and run all tests (KEEP=1 with demo leaves the service running)"
	@echo "make browser     the tests of the console in Chromium; make screenshots renews the pictures of the documentation"
	@echo "make soak        the long runs: random trouble, fifty kills of the service, every page in Chromium"
	@echo "make kerberos    the tests that need a KDC, which is installed for them"
	@echo "make alerts      the rules and the dashboard for Prometheus and Grafana, with Prometheus' own tool"
	@echo "make lint        ruff and mypy"
	@echo "make bench       the numbers of the README"
	@echo "make dist        wheel, source archive and dist/smartdyn.pyz (one file that runs everywhere)"
	@echo "make deb, rpm    packages for this architecture and version of Python, with systemd units"
	@echo "make dist-check  builds all of them twice, under different circumstances, and compares them byte by byte"
	@echo "make deb-check   the .deb in a Debian of its own with systemd; rpm-check looks into the .rpm and has rpm install it in one"

venv: $(STAMP)

$(STAMP): setup.py
	@test -x $(BIN)/python || tools/make-venv $(VENV)
	@echo "Installing smartdyn and its tools into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=24" "setuptools>=77" wheel
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  --editable ".[test,lint]" --config-settings editable_mode=compat
	@touch $(STAMP)

demo: venv
	@$(BIN)/smartdyn demo $(if $(KEEP),--keep)

# The tests need a real sshd and several accounts on this machine.
system:
	@tools/need /usr/sbin/sshd:openssh-server ssh-agent:openssh-client sudo:sudo setfacl:acl busybox:busybox pgrep:procps \
	  ip:iproute2 dropbear:dropbear-bin dash:dash ksh93:ksh mksh:mksh tcsh:tcsh fish:fish zsh:zsh chromium:chromium \
	  node:nodejs npm:npm openssl:openssl

test: unit integration

unit: venv
	@$(BIN)/python -m twisted.trial -j2 tests.unit

integration: venv system $(BROWSER)
	@$(BIN)/python -m twisted.trial -j2 tests.integration

# What drives Chromium; without npm those tests are skipped, and say so.
$(BROWSER): tests/browser/package-lock.json
	@if command -v npm >/dev/null 2>&1; then \
	  cd tests/browser && npm ci --silent --no-audit --no-fund && touch node_modules/.stamp; \
	else \
	  echo "npm is missing: install node 18 or newer to try the console in a browser"; \
	fi

browser: venv system $(BROWSER)
	@$(BIN)/python -m twisted.trial tests.integration.test_browser tests.integration.test_live

# The pictures have few colours, so that they are small.
screenshots: venv system $(BROWSER)
	@tools/need pngquant:pngquant
	@$(BIN)/python -m tools.screenshots

# What takes longer than anybody wants to wait for after each change.
soak: venv system $(BROWSER)
	@SMARTDYN_SOAK=1 $(BIN)/python -m twisted.trial tests.unit.engine.test_state_machine tests.integration.test_durability \
	  tests.integration.test_outage tests.integration.test_cuts tests.integration.test_live tests.integration.test_browser

# Logging in with tickets, against a KDC that is made for it: its packages are needed for nothing else.
kerberos: venv system
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && ! command -v krb5kdc >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    gcc libkrb5-dev krb5-kdc krb5-admin-server krb5-user >/dev/null; \
	fi
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  --editable ".[kerberos]" --config-settings editable_mode=compat
	@$(BIN)/python -m twisted.trial tests.integration.test_kerberos

# What Prometheus and Grafana are given, with Prometheus' own tool: its package is needed for nothing else.
alerts: venv
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 && ! command -v promtool >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null; \
	fi
	@$(BIN)/python -m twisted.trial tests.integration.test_monitoring

lint: venv
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet . || { echo "Run: $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/mypy smartdyn tests benchmarks docs/example/smartdyn_example.py packaging/man/settings_page.py
	@MYPYPATH=packaging/check:tests/support $(BIN)/mypy packaging/check/*.py

bench: venv system
	@$(BIN)/python -m benchmarks

# Two builds of one commit make the same packages and the same one file, byte by byte.
dist deb rpm deb-check rpm-check dist-check: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

$(PACKERS): $(STAMP)
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
	  --editable ".[dist]" --config-settings editable_mode=compat
	@touch $(PACKERS)

dist: $(PACKERS)
	@rm -rf build dist/smartdyn-*.whl dist/smartdyn-*.tar.gz dist/smartdyn.pyz
	@$(BIN)/python -m build --sdist --no-isolation --outdir dist . >/dev/null
	@packaging/source-archive dist/smartdyn-*.tar.gz build/source
	@umask 022 && $(BIN)/python -m build --wheel --no-isolation --outdir dist build/source >/dev/null
	@packaging/libraries $(BIN)/python dist/smartdyn-*.whl build/libraries
	@cp -a build/libraries build/everywhere
	@packaging/other-pythons $(BIN)/python build/everywhere 3.12 3.13 3.14
	@$(BIN)/shiv --compressed --reproducible --console-script smartdyn --site-packages build/everywhere \
	  --preamble build/source/packaging/preamble.py --python '/usr/bin/env python3' --output-file dist/smartdyn.pyz
	@SHIV_ROOT=$$(mktemp -d) $(BIN)/python dist/smartdyn.pyz --version
	@ls -l dist

# The packages hold the same libraries; each needs its distribution's own tool.
deb: dist
	@tools/need dpkg-buildpackage:dpkg-dev dh:debhelper lintian:lintian
	@rm -f dist/*.deb
	@packaging/deb/build $(BIN)/python build/libraries
	@lintian --fail-on error,warning dist/*.deb
	@ls -l dist/*.deb

rpm: dist
	@tools/need rpmbuild:rpm rpmlint:rpmlint
	@rm -f dist/*.rpm
	@packaging/rpm/build $(BIN)/python build/libraries
	@rpmlint --config packaging/rpm/rpmlint.toml dist/*.rpm
	@ls -l dist/*.rpm

dist-check: $(PACKERS)
	@tools/need git:git
	@time packaging/check/twice "$$PWD"/$(VENV)

# Packages are tried for real; as root, since systems are made for them.
deb-check: deb
	@tools/need debootstrap:debootstrap systemd-nspawn:systemd-container
	@time packaging/check/boot deb dist/smartdyn_*.deb dist/smartdyn.pyz

rpm-check: rpm
	@tools/need debootstrap:debootstrap systemd-nspawn:systemd-container
	@time packaging/check/rpm "$$PWD"/dist/smartdyn-*.rpm

clean:
	@rm -rf .venv tests/browser/node_modules build dist *.egg-info _trial_temp* .mypy_cache .ruff_cache .hypothesis
