# Every target sets up what it needs first; `make help` explains them.
PYTHON ?= python3
ARGS ?=

# ROS 2 traffic stays on this machine.
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
# Nodes, demo and tests are many processes: none compiles what another has compiled.
export PYTHONDONTWRITEBYTECODE :=

set_up := $(PYTHON) -m setup_environment
run := .venv/bin/zoox-prediction
ros_python := .venv/bin/ros-python

.PHONY: help python setup setup-tests demo demo-drive evaluate benchmark test lint pytest golden format constraints clean
.DEFAULT_GOAL := help
.NOTPARALLEL:

help:
	@echo 'make demo        play a recording through the real nodes and watch them    ARGS="--recording PATH"'
	@echo 'make evaluate    score every predictor on recordings                       ARGS="--recordings A B"'
	@echo 'make benchmark   measure how long the parts take                           ARGS="messages"'
	@echo 'make test        lint, types and all tests'
	@echo 'make lint        ruff and mypy only'
	@echo 'make pytest      the tests only, those without nodes on all processors     ARGS="test/core -k name"'
	@echo 'make golden      draw the rasters anew that the tests compare with'
	@echo 'make demo-drive  simulate the drive anew that the demo plays, and draw the README'\''s picture'
	@echo 'make format      lay the code out as the lint wants it'
	@echo 'make setup       make .venv ready and do nothing else; every target above does it first'
	@echo 'make constraints ask for the newest versions of all packages'
	@echo 'make clean       delete everything that make has made'
	@echo
	@echo 'PYTHON=python3.12 names the interpreter to make .venv from (3.10 or newer).'

python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "set-up: there is no '$(PYTHON)': run 'sudo apt install python3 python3-venv python3-dev'" >&2; exit 1; }

setup: python
	@$(set_up)

setup-tests: python
	@$(set_up) --tests

demo: setup
	@$(run) demo $(ARGS)

demo-drive: setup-tests
	rm -rf recordings
	@$(run) simulate --seed 11 --seconds 15 --range 150 --sensors config/sensor_suite_small.yaml --out recordings $(ARGS)
	@$(run) render scene recordings --at 6 --output docs/scene.png

evaluate: setup
	@$(run) evaluate $(ARGS)

benchmark: setup
	@$(run) benchmark $(ARGS)

test: lint pytest

lint: setup-tests
	.venv/bin/python -m ruff check
	.venv/bin/python -m ruff format --check
	.venv/bin/python -m mypy

pytest: setup-tests
ifeq ($(strip $(ARGS)),)
	@status=0; \
	$(ros_python) -m pytest --numprocesses auto --dist worksteal test/core test/golden test/setup || status=$$?; \
	$(ros_python) -m pytest test/ros test/launch || status=$$?; \
	exit $$status
else
	$(ros_python) -m pytest $(ARGS)
endif

golden: setup-tests
	.venv/bin/python test/golden/golden_rasters.py

format: setup-tests
	.venv/bin/python -m ruff check --fix
	.venv/bin/python -m ruff format

constraints: setup-tests
	.venv/bin/python -m pip install --quiet uv
	{ echo "# Written by 'make constraints': versions that were tested together, for every supported Python."; \
	  cd requirements && ../.venv/bin/python -m uv pip compile --quiet --universal --upgrade --python-version 3.10 \
	    --no-header --no-annotate runtime.txt sim.txt test.txt build.txt ros_wheels.txt; } > constraints.partial
	mv constraints.partial requirements/constraints.txt

clean:
	rm -rf .venv .setup build install log dist *.egg-info constraints.partial \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find zoox_prediction setup_environment test launch -name __pycache__ -type d -prune -exec rm -rf {} +
