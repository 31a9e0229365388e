# `make demo` and `make test` set up what they need: Python 3.11+, pip and make suffice.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test check flow faults slurm slow slow_and_faults browser clean

demo: .venv/installed  ## train dense and block-sparse on synthetic speech, score on voices never heard
	$(BIN)/python -m asr.data.prepare synthetic
	$(BIN)/python train.py +experiment=demo
	$(BIN)/python train.py +experiment=demo sparsity=gradual_block
	$(BIN)/python evaluate.py 'runs=[runs/demo/*]'

test: .venv/installed  ## the default tier
	$(BIN)/pytest -n 2

flow: .venv/installed  ## whole runs and sweeps
	$(BIN)/pytest -n 2 -m flow

faults: .venv/installed  ## stopped and killed processes, full disks, damaged files
	$(BIN)/pytest -n 2 --dist worksteal -m faults

slurm: .venv/installed  ## sweeps on a real SLURM of one node, which each of two workers starts
	$(BIN)/pytest -n 2 --dist loadfile -m slurm tests/slurm

slow: .venv/installed  ## trainings that must reach an error rate
	$(BIN)/pytest -m slow

slow_and_faults: .venv/installed  ## both at once: the first is one training, on one core
	$(BIN)/pytest -n 2 --dist worksteal -m 'slow or faults'

browser: .venv/installed  ## the leaderboard's page in Debian's chromium
	$(BIN)/pytest -m browser tests/leaderboard

check: .venv/installed  ## lint, types, import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/installed: pyproject.toml constraints.txt hatch_build.py $(wildcard asr/inference/core/*.cpp)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build dist  # runs are results, not build output
