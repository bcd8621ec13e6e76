# deeprc: one Go binary, and one MPI plugin for each MPI found. `make help` lists the targets; longer recipes stand in .ci/.

PREFIX  ?= /usr/local
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# nvml.h marks as deprecated what its Go binding still names.
export CGO_CFLAGS  ?= -O2 -Wno-deprecated-declarations
export CGO_ENABLED := 1

# lazy: the NVML binding leaves its symbols to be found at run time; bound at start, they would end the program on every CPU node.
LDFLAGS := -X main.version=$(VERSION) -extldflags=-Wl,-z,lazy

.NOTPARALLEL:
.PHONY: help deps build binary quickstart test check bench install docs clean

help: ## this list (the default)
	@echo 'Start with: make quickstart'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@echo 'MPICC="cc mpiicc" adds compiler wrappers to those that build looks for; CC and CGO_CFLAGS are honoured.'

deps: ## install with apt what is missing (gcc, Open MPI, MPICH, OpenBLAS, ...); elsewhere say what to load
	@.ci/go.sh
	@.ci/deps.sh

build: binary ## the binary, and an MPI plugin for each mpicc found; says what it built
	@.ci/plugins.sh || echo 'build: CAUTION: an MPI plugin could not be built (see above); everything else is.'

binary:
	@.ci/go.sh
	go build -buildvcs=false -ldflags '$(LDFLAGS)' -o deeprc .
	@.ci/symbols.sh deeprc

quickstart: deps build ## deps, build, and the main job on its embedded default
	./deeprc run

test: deps binary ## deps, build, check, and every test; no GPU needed
	@.ci/plugins.sh
	@.ci/test.sh

check: ## gofmt, vet, staticcheck, who imports whom, generated files, shell scripts
	@.ci/check.sh

bench: build ## measure training on this machine
	./deeprc bench train

install: build ## install under PREFIX (default /usr/local): bin/deeprc, lib/deeprc/
	install -d '$(PREFIX)/bin' '$(PREFIX)/lib/deeprc'
	install -m 755 deeprc '$(PREFIX)/bin/deeprc'
	set -e; for plugin in libdeeprc-*.so; do if [ -e "$$plugin" ]; then install -m 755 "$$plugin" '$(PREFIX)/lib/deeprc/'; fi; done

docs: ## write again every generated file (go generate)
	go generate ./...

clean: ## remove what build made
	rm -f deeprc libdeeprc-*.so
