# deeprc: one Go binary, and one plugin for each MPI found and for Gloo. `make help` lists the targets; longer recipes stand in .ci/.

PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# nvml.h marks as deprecated what its Go binding still names.
export CGO_CFLAGS  ?= -O2 -Wno-deprecated-declarations
export CGO_ENABLED := 1

# lazy: the NVML binding leaves its symbols to be found at run time; bound at start, they would end the program on every CPU node.
LDFLAGS := -X main.version=$(VERSION) -extldflags=-Wl,-z,lazy

.NOTPARALLEL:
.PHONY: help deps deps-slurm build binary quickstart test test-mpi test-slurm test-duckdb check bench bench-mpi peers golden kernels fakegpu install docs clean

help: ## this list (the default)
	@echo 'Start with: make quickstart'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo 'MPICC="cc mpiicc" adds compiler wrappers to those that build looks for; CC and CGO_CFLAGS are honoured.'

deps: ## install with apt what is missing (gcc, Open MPI, MPICH, Gloo, ...); elsewhere say what to load
	@.ci/go.sh
	@.ci/deps.sh

deps-slurm: # make deps, and a Slurm and a browser for the tests
	@.ci/go.sh
	@.ci/deps.sh slurm

build: binary ## the binary, an MPI plugin for each mpicc found and one for Gloo; says what it built
	@.ci/plugins.sh || echo 'build: CAUTION: a plugin could not be built (see above); everything else is.'

binary:
	@.ci/go.sh
	go build -buildvcs=false -ldflags '$(LDFLAGS)' -o deeprc .
	@.ci/symbols.sh deeprc

quickstart: deps build ## deps, build, and the main job on its embedded default
	./deeprc run

test: deps-slurm binary ## deps, build, check, and every test; no GPU needed
	@.ci/plugins.sh
	@.ci/test.sh

test-mpi: deps binary ## the conformance suite and the seeded failures of every communicator, under Open MPI and MPICH at 1, 2 and 4 ranks
	go test ./collective/... -count=1 -v -run 'Suite|MPI|Failure|Tasks|Tells|Chaos|Shrink|Hosts'

test-slurm: deps-slurm binary ## the job scripts under a real Slurm of five nodes, which the test starts on this machine (Debian and root; else it says why not)
	@.ci/plugins.sh
	go test . -count=1 -v -run 'TestSlurm'

test-duckdb: ## hold the table operators to DuckDB on random tables (module bench/duckdb, whose driver go fetches); DEEPRC_TEST_SEED, DEEPRC_TEST_ROUNDS
	@.ci/go.sh
	cd bench/duckdb && go mod tidy -diff && go vet . && go test -count=1 -timeout 0 .

check: ## gofmt, vet, staticcheck, who imports whom, generated files, shell scripts
	@.ci/check.sh

bench: build ## measure training on this machine
	./deeprc bench train

bench-mpi: build ## time the collectives against MPI's own in C (bench/collective.c), on 2 ranks under each MPI
	set -e; for mpi in openmpi mpich; do \
		mpicc.$$mpi -O2 -Wall -o bench/collective-$$mpi bench/collective.c; \
		./deeprc bench collective --c-program bench/collective-$$mpi --launcher "mpirun.$$mpi -n 2"; \
	done

peers: ## the Python environment of bench/peers, whose engines deeprc bench frame --peers and bench train --peer compare with
	python3 -m venv bench/peers/venv
	bench/peers/venv/bin/pip install --quiet --requirement bench/peers/requirements.txt

golden: ## compute again the reference values of model/testdata/golden with PyTorch, NeuralForecast and NeuralHydrology (bench/golden)
	python3 -m venv bench/golden/venv
	bench/golden/venv/bin/pip install --quiet --requirement bench/golden/requirements.txt
	bench/golden/venv/bin/python bench/golden/all.py

kernels: ## compile gpu/kernels/*.cu again, with NVRTC from Debian's non-free packages (a private copy; no GPU or CUDA needed)
	@.ci/kernels.sh

fakegpu: # the software GPU of the tests, to run the program on: DEEPRC_LIBCUDA and DEEPRC_LIBCUBLAS name it
	@.ci/fakegpu.sh "$(CURDIR)/gpu/fake/libfakegpu.so"

install: build ## install under PREFIX (default /usr/local): bin/deeprc, lib/deeprc/
	install -d '$(PREFIX)/bin' '$(PREFIX)/lib/deeprc'
	install -m 755 deeprc '$(PREFIX)/bin/deeprc'
	set -e; for plugin in libdeeprc-*.so; do if [ -e "$$plugin" ]; then install -m 755 "$$plugin" '$(PREFIX)/lib/deeprc/'; fi; done

docs: ## write again every generated file (go generate)
	go generate ./...

clean: ## remove what build made
	rm -f deeprc libdeeprc-*.so gpu/fake/libfakegpu.so bench/collective-*
