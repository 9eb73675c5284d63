# `make demo` and `make test` start from nothing but Python 3.11 or newer: they make .venv, install into it, run.

VENV := .venv
BIN := $(VENV)/bin

# The first interpreter that is new enough and can make a virtual environment. PYTHON=... overrules it.
PYTHON ?= $(shell for python in python3 python python3.11 python3.12 python3.13 python3.14; do \
	$$python -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)

PYTHON_FLOORS := .venv-floors
FLOORS ?= tests/kernels/test_linking.py tests/kernels/test_cache.py tests/files tests/models/test_models.py tests/losses tests/network/test_network.py tests/network/test_weights.py tests/network/test_binder.py tests/windows/test_several.py tests/models/test_functional.py tests/interop \
	tests/sklearn tests/training/test_frames.py tests/windows/test_frames.py

.PHONY: demo test test-bounds test-fuzz fuzz test-floors test-arm test-opaque test-cudasim cudasim-kernels cudasim-layers cudasim-fits cudasim-rooms ptx-whole ptx-recurrent ptx-others test-gpu test-ptx gpu-check-dry drills parity package docs lint bench compare clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed-plot
	$(BIN)/python -m nlstm demo

test: $(VENV)/installed-test,plot
	$(BIN)/python -m pytest $(ARGS)

# On a device whose arrays only kernels can read: what reaches for their memory is found.
OPAQUE ?= tests/opaque tests/layers tests/losses tests/metrics tests/optimizers tests/training tests/models tests/files tests/inspection \
	--ignore=tests/models/test_processes.py

test-opaque: $(VENV)/installed-test,plot
	$(BIN)/python -m pytest --device opaque $(OPAQUE) $(ARGS)

# CUDA in Numba's simulator, which needs no GPU: the kernels, then the rooms above on that device.
CUDASIM ?= tests/layers tests/losses tests/metrics tests/optimizers tests/files $(addprefix tests/training/test_,batches.py stateful_training.py \
	training.py run.py masked_loss.py several_outputs.py doors.py errors.py feeds.py frames.py hints.py left_open.py progress.py reader.py) \
	$(addprefix tests/models/test_,forks.py frozen.py functional.py former.py model_config.py models.py nested.py pop.py shapes_seen.py \
	structures.py summary.py summary_encoding.py weights_given.py) $(addprefix tests/windows/test_,backtest.py frames.py several.py windows.py \
	windows_copies.py windows_dataset.py scalers.py) $(addprefix tests/callbacks/test_,callbacks.py callbacks_averages.py callbacks_files.py \
	callbacks_monitoring.py optuna_pruning.py tensor_board.py) $(addprefix tests/inspection/test_,leakage.py trace.py)

# Two at a time, each with its output whole.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync)

test-cudasim: $(VENV)/installed-test,plot
	$(SIDE_BY_SIDE) cudasim-fits cudasim-rooms cudasim-layers cudasim-kernels

cudasim-kernels:
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest tests/kernels/cuda $(ARGS)

cudasim-layers:
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest --device cuda tests/layers $(ARGS)

FITS := tests/training/% tests/models/%
cudasim-fits:
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest --device cuda $(filter $(FITS),$(CUDASIM)) $(ARGS)

cudasim-rooms:
	NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest --device cuda $(filter-out tests/layers $(FITS),$(CUDASIM)) $(ARGS)

# On an NVIDIA GPU, with numba-cuda installed beside: what is not the simulator's own.
test-gpu: $(VENV)/installed-test,plot
	NLSTM_GPU_TESTS=1 $(BIN)/python -m pytest tests/kernels/cuda $(ARGS)
	$(BIN)/python -m pytest --device cuda $(CUDASIM) $(ARGS)

# Every CUDA kernel compiled for two kinds of GPU, without one: 150 MB of compilers, in an environment of their own.
PYTHON_PTX := .venv-ptx
PTX_PACKAGES := numba-cuda==0.30.4 nvidia-nvvm==13.0.* nvidia-cuda-nvrtc==13.0.* nvidia-cuda-nvcc==13.0.* nvidia-nvjitlink==13.0.*

test-ptx: $(PYTHON_PTX)/installed
	$(SIDE_BY_SIDE) ptx-whole ptx-recurrent ptx-others

ptx-whole: ARGS += -k "lstm_whole"
ptx-recurrent: ARGS += -k "(lstm or gru) and not lstm_whole"
ptx-others: ARGS += -k "not (lstm or gru)"
ptx-whole ptx-recurrent ptx-others:
	NLSTM_PTX_TESTS=1 $(PYTHON_PTX)/bin/python -m pytest tests/kernels/cuda/test_ptx.py $(ARGS)

$(PYTHON_PTX)/installed: pyproject.toml
	$(PYTHON) -m venv $(PYTHON_PTX)
	$(PYTHON_PTX)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]' $(PTX_PACKAGES)
	@touch '$@'

# What the first minutes on a GPU would run, at tiny sizes in the simulator.
gpu-check-dry: $(VENV)/installed-test,plot
	out=$$(mktemp -d) && NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m benchmarks.gpu_check --dry --out "$$out"; status=$$?; rm -rf "$$out"; exit $$status

# With kernels that look whether each place they read or write is inside its array; slowly at first,
# as all of them are compiled for it.
BOUNDS ?= tests/bounds tests/kernels tests/layers tests/models tests/training tests/network tests/losses tests/metrics \
	tests/optimizers tests/windows tests/data tests/callbacks

test-bounds: $(VENV)/installed-test,plot
	NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR='$(CURDIR)/.bounds' PYTHONPATH='$(CURDIR)/tests/bounds/site' \
		$(BIN)/python -m pytest $(BOUNDS) $(ARGS)

# Models, data and arguments as they are drawn, in processes that may die: 5,000 draws, always the same.
test-fuzz: $(VENV)/installed-test,plot
	$(BIN)/python -m tests.fuzz --draws 5000 $(ARGS)

# 100,000 others each day, also of what needs kernels of its own; goes on where it was stopped.
FIRST ?= $(shell expr $$(date +%s) / 86400 '*' 100000)

fuzz: $(VENV)/installed-test,plot
	$(BIN)/python -m tests.fuzz --wide --first $(FIRST) --draws 100000 --state .fuzz/$(FIRST).json $(ARGS)

# Kills, damaged files, full disks, interrupts, threads, forks and growth, done whole: minutes, and a
# table of counts. They are among the tests in a small form.
drills: $(VENV)/installed-test
	NLSTM_DRILLS=whole $(BIN)/python -m pytest tests/drills $(ARGS)

# With the oldest versions that pyproject.toml allows, in an environment of their own.
test-floors: $(PYTHON_FLOORS)/installed
	$(PYTHON_FLOORS)/bin/python -m pytest $(FLOORS) $(ARGS)

$(PYTHON_FLOORS)/installed: pyproject.toml
	$(PYTHON) -m venv $(PYTHON_FLOORS)
	$(PYTHON_FLOORS)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test,floors]'
	@touch '$@'

# On an emulated ARM processor, slowly; needs Debian's apt-get.
test-arm:
	tests/arm.sh $(ARGS)

# Beside live Keras and PyTorch, which are installed for it: a test that is skipped is a failure. Layers on
# CUDA in the simulator too.
PARITY ?= tests/parity tests/reference tests/compat tests/torch
PARITY_CUDASIM ?= $(addprefix tests/parity/test_,gru.py layers.py lstm.py metrics.py)

parity: $(VENV)/installed-test,peers
	NLSTM_PEERS=required $(BIN)/python -m pytest $(PARITY) $(ARGS)
	NLSTM_PEERS=required NUMBA_ENABLE_CUDASIM=1 $(BIN)/python -m pytest --device cuda $(PARITY_CUDASIM) $(ARGS)

# The files for a release, looked into and installed in an empty environment.
package: $(VENV)/installed-package
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python tests/package.py dist

# The pages of docs/ and the API: docs/_build/html/index.html. A warning, or a name that leads nowhere, is an error.
docs: $(VENV)/installed-docs
	rm -rf docs/api/generated
	$(BIN)/python -m sphinx --nitpicky --fail-on-warning --keep-going --quiet --jobs auto docs docs/_build/html $(ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

# Every benchmark once, on the working tree as it stands. `ARGS="--bench fit"` picks some.
bench: $(VENV)/installed-bench
	$(BIN)/python -m asv machine --yes --config benchmarks/asv/asv.conf.json
	$(BIN)/python -m asv run --config benchmarks/asv/asv.conf.json --python=same --quick --show-stderr $(ARGS)

compare: $(VENV)/installed-peers
	$(BIN)/python benchmarks/compare.py $(ARGS)

# One stamp file per set of extras: pip runs again only when pyproject.toml has changed.
$(VENV)/installed-%: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch '$@'

$(BIN)/pip:
	@test -n '$(PYTHON)' || { echo 'make: no Python 3.11 or newer (with venv) found; try make PYTHON=/path/to/python' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) $(PYTHON_FLOORS) $(PYTHON_PTX) .arm .bounds .fuzz build dist docs/_build docs/api/generated .pytest_cache .hypothesis .mypy_cache .ruff_cache benchmarks/asv/.asv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
