#!/bin/sh
# make deps: .ci/deps.sh [slurm] installs with apt whatever of the packages below is missing, and says what and why. Without apt (a cluster), or
# without the right to install, it says what to load instead; only a missing C compiler or Go ends it, since nothing builds without them.
set -eu

# To build: a C compiler (cgo), git (the version), certificates (Go fetches its modules over TLS). To run and test on many
# ranks: two MPIs with their compiler wrappers, Gloo and a C++ compiler for ranks without MPI. For make check: shellcheck.
# For the tests on several hosts, which are network namespaces: iproute2.
packages='gcc libc6-dev make git ca-certificates
openmpi-bin libopenmpi-dev mpich libmpich-dev g++ libgloo-dev
shellcheck iproute2'

# To test job scripts under a real Slurm, of which the test starts its own daemons, on its own hosts (make test, make test-slurm).
# A machine that has a Slurm of its own keeps it as it is. A browser: the test that opens a run's page.
if [ "${1:-}" = slurm ]; then
	command -v sbatch >/dev/null || packages="$packages slurm-wlm munge"
	command -v chromium >/dev/null || command -v google-chrome >/dev/null || packages="$packages chromium"
fi

say() { printf 'deps: %s\n' "$*"; }

# installed PACKAGE: dpkg has it configured.
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

by_hand() {
	say "$1, so nothing is installed; going on with what is here."
	say 'On a cluster load what the site has, for example: module load gcc openmpi (or: gcc mpich).'
	say 'Only Go and gcc are required. Without mpicc there are in-process ranks only.'
}

install() {
	missing=
	for package in $packages; do
		installed "$package" || missing="$missing $package"
	done
	if [ -z "$missing" ]; then
		say 'every package is already installed'
		return
	fi
	if [ "$(id -u)" -eq 0 ]; then
		sudo=
	elif command -v sudo >/dev/null; then
		sudo=sudo
	else
		by_hand "these packages are missing:$missing; but you are not root and there is no sudo"
		return
	fi
	say "installing with apt-get${sudo:+ (through sudo; make build goes without)}:$missing"
	apt="$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0"
	$apt update || say 'apt-get update failed; trying with the package lists that are here'
	# shellcheck disable=SC2086 # a list
	if $apt -y install --no-install-recommends $missing; then
		say 'installed'
	else
		by_hand "apt-get failed (its message stands above) for:$missing"
	fi
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	install
else
	by_hand 'there is no apt-get here'
fi

command -v gcc >/dev/null || command -v "${CC:-cc}" >/dev/null || {
	say 'ERROR: no C compiler: install gcc, or load a module that brings one (module load gcc)'
	exit 1
}
