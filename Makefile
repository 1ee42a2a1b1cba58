# lab · serve · test · run · notebooks · format · bench · clean. Everything runs in .venv, which the first of them makes.

PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
LAB_FLAGS ?=
SERVE_FLAGS ?=
TEST_FLAGS ?= -n auto
NB ?=
RUN = .venv/bin/python -m
READY = .venv/.installed
RAY = .venv/.ray-installed

# Idle OpenMP threads sleep instead of spinning: with two busy notebooks on two cores that is 10 times faster.
export OMP_WAIT_POLICY ?= PASSIVE
# Programs that a recipe's program calls by name (nbgrader calls alembic) come from .venv too.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup lab serve test run notebooks format bench clean

setup: $(READY) $(RAY)

lab: $(READY)
	-@$(RUN) helpers.doctor
	$(RUN) jupyterlab --ServerApp.root_dir=. $(LAB_FLAGS) notebooks/en/0_start_here.ipynb

serve: $(READY)  # the first time, it trains a small model
	$(RUN) service.make_model
	$(RUN) service $(SERVE_FLAGS)

test: $(READY) $(RAY)  # on all cores, each test with one thread; TEST_FLAGS= for one after the other
	OMP_NUM_THREADS=1 $(RUN) pytest $(TEST_FLAGS)

run: $(READY)
	$(RUN) tools.run_notebooks $(NB)

notebooks: $(READY)
	$(RUN) tools.run_notebooks --in-place $(NB)

format: $(READY)
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: $(READY)
	for script in benchmarks/*.py; do .venv/bin/python "$$script" || exit 1; done

clean:  # what the commands above made, .venv excepted
	rm -rf build .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -exec rm -rf {} +

# Remade when the requirements are newer; else no network is needed.
$(READY): requirements.txt requirements-torchao.txt requirements-files.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=/path/to/a/newer/python")'
	$(PYTHON) -m venv .venv
	$(RUN) pip install -r requirements.txt
	$(RUN) pip install --no-deps --upgrade --target .venv/torchao -r requirements-torchao.txt
	$(RUN) pip install --no-deps --upgrade --target .venv/files -r requirements-files.txt
	@touch $@

# For 4.4c alone, which is skipped without it: who only reads need not wait for it.
$(RAY): requirements-ray.txt | $(READY)
	$(RUN) pip install -r requirements-ray.txt
	@touch $@
