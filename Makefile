# SPDX-License-Identifier: BSD-3-Clause
# `make` lists the targets. They need Python 3.10 or newer, a C++20 compiler and make; everything else
# comes from PyPI into .venv.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILD := build/make
JOBS ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export CMAKE_BUILD_PARALLEL_LEVEL := $(JOBS)
# Programs of .venv come first: another mpirun would start copies of a serial LAMMPS.
export PATH := $(abspath $(BIN)):$(PATH)

# What pyproject.toml asks for to build; installed here so that a rebuild compiles only what changed.
REQUIREMENTS := $(shell sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ') cmake ninja
SOURCES := CMakeLists.txt pyproject.toml $(shell find csrc lammps_plugin python tests/cpp -type f -not -name '*.pyc')

.PHONY: help demo test lint bench clean install

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## Fit a potential to the DFT data in examples/silicon, check it, run it in LAMMPS
	$(BIN)/python examples/silicon/demo.py --output demo

test: install ## Build everything and run the C++, Python and LAMMPS tests
	$(BIN)/ctest --test-dir $(BUILD) --output-on-failure --no-tests=error -j $(JOBS)
	$(BIN)/python -m pytest tests/python tests/lammps

lint: install ## Check style and formatting
	$(BIN)/ruff check python tests examples benchmarks
	$(BIN)/ruff format --check python tests examples benchmarks
	find csrc lammps_plugin tests/cpp -name '*.[ch]pp' -print0 -o -name '*.cu' -print0 | xargs -0 $(BIN)/clang-format --dry-run -Werror

bench: install ## Measure speed against what one would use instead
	$(BIN)/python benchmarks/run.py

install: $(VENV)/installed ## Create .venv, build, and install the package with everything for development

clean: ## Delete .venv, build and demo
	rm -rf $(VENV) build demo

$(VENV)/tools: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Tektite needs Python 3.10 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install 'pip>=22.1' $(REQUIREMENTS)
	@touch $@

$(VENV)/installed: $(VENV)/tools $(SOURCES)
	@mkdir -p build
	@echo "building (the log is in build/install.log)"
	@set -o pipefail; $(BIN)/python -m pip install -v --no-build-isolation \
		--config-settings=build-dir=$(BUILD) --config-settings=cmake.define.TEKTITE_TESTS=ON \
		--config-settings=cmake.define.TEKTITE_CUDA_WERROR=ON '.[lammps,dev]' 2>&1 | \
		tee build/install.log | sed -un 's/^ *\(\[[0-9]*\/[0-9]*\]\)/\1/p' || \
		{ grep -n -A 12 -E 'error|Error' build/install.log | head -60; \
		  echo "the build failed: see build/install.log"; exit 1; }
	@touch $@
