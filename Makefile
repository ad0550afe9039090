# Every target is a line; `make help` lists them. PYTHON is only used to make .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PROFILE ?= demo
USER_ID ?= luke
PORT ?= 5000
MODEL_PORT ?= 5001

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-slow test-all test-gpu lint format lab ui chat serve-model seedling check-seedling bench-data bench-train bench-start bench-memory bench-replay bench-gpu clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 16

setup: .venv/.installed  ## make .venv and install the pinned versions, when they are missing

.venv/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup  ## reflections to a registered, answering echo: offline, on the CPU, minutes
	@$(BIN)/echoes sample
	@$(BIN)/echoes run --profile demo

run: setup  ## the chain of another profile or person: make run PROFILE=laptop USER_ID=agnes
	@$(BIN)/echoes run --profile $(PROFILE) --user $(USER_ID)

test: setup  ## the fast tests
	$(BIN)/python -m pytest

test-slow: setup  ## only the slow tests
	$(BIN)/python -m pytest -m slow --timeout 1500

test-all: setup  ## the fast and the slow tests
	$(BIN)/python -m pytest -m 'slow or not slow' --timeout 1500

test-gpu: setup  ## the tests that need a CUDA GPU, on a machine with one
	ECHOES_TEST_GPU=1 $(BIN)/python -m pytest -m gpu -n 0 --timeout 1500

lint: setup  ## style of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## mend what lint finds, where it can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: setup  ## open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir notebooks

ui: setup  ## compare runs in the MLflow UI: make ui PORT=5000
	@$(BIN)/echoes ui --port $(PORT)

chat: setup  ## talk to the echo in the terminal
	@$(BIN)/echoes chat --user $(USER_ID)

serve-model: setup  ## talk to the echo over HTTP: make serve-model MODEL_PORT=5001
	@$(BIN)/echoes serve-model --user $(USER_ID) --port $(MODEL_PORT)

seedling: setup  ## train the embedded base model from nothing; goes on after a kill
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m echoes_lib.models.seedling.build --work data/seedling

check-seedling: setup  ## measure the embedded base model against what it promises; JSON
	@$(BIN)/echoes check seedling

bench-data: setup  ## measure reading and dataset building for 1, 100 and 1,000 people; JSON
	@$(BIN)/python benchmarks/bench_data.py

bench-train: setup  ## our trainer beside TRL's, as it comes and tuned by hand, in turns; JSON
	@$(BIN)/python benchmarks/bench_train.py

bench-start: setup  ## seconds from papermill's start to the first optimizer step; JSON
	@$(BIN)/python benchmarks/bench_start.py

bench-memory: setup  ## the memory plan beside what a training takes; JSON
	@$(BIN)/python benchmarks/bench_memory.py

bench-replay: setup  ## what repeating stage 1 in stage 2 does; JSON
	@$(BIN)/python benchmarks/bench_replay.py

bench-gpu: setup  ## a 7B base in four bits on a CUDA GPU, beside TRL's trainer; JSON
	@$(BIN)/python benchmarks/bench_gpu.py

clean:  ## delete what chains made (runs/ and mlruns/); reflections and .venv stay
	rm -rf runs mlruns/mlflow.db mlruns/artifacts
