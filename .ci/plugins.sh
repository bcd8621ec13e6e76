#!/bin/sh
# Builds libdeeprc-mpi-openmpi.so and libdeeprc-mpi-mpich.so beside the binary, one for each family of MPI whose compiler wrapper
# is found, and libdeeprc-gloo.so where Gloo's headers are; says what it built. Wrappers looked
# at: those named in $MPICC, mpicc, and Debian's mpicc.openmpi and mpicc.mpich; the first of a family that builds wins; for Gloo
# $CXX, else g++. Fails when a compiler fails, after trying them all.
set -eu
built=
failed=

say() { printf 'build: %s\n' "$*"; }

# compile PLUGIN COMPILER...: a running job may have the old plugin mapped, so write beside it, then rename.
compile() {
	plugin=$1
	shift
	if "$@" -O2 -Wall -shared -fPIC -fvisibility=hidden -o "$plugin.new"; then
		mv "$plugin.new" "$plugin"
		say "$plugin ($(command -v "$1"))"
	else
		rm -f "$plugin.new"
		say "ERROR: $1 could not build $plugin (its message stands above)"
		return 1
	fi
}

# family WRAPPER: openmpi or mpich (which includes Intel MPI, MVAPICH and Cray MPICH: one ABI), by the macros of its mpi.h.
family() {
	macros=$(printf '#include <mpi.h>\n' | "$1" -E -dM -x c - 2>/dev/null) || return 0
	case $macros in
	*'#define OPEN_MPI '* | *'#define OMPI_MAJOR_VERSION '*) echo openmpi ;;
	*'#define MPICH_VERSION '* | *'#define MPICH_NUMVERSION '* | *'#define I_MPI_VERSION '* | *'#define MVAPICH_VERSION '* | *'#define MVAPICH2_VERSION '*) echo mpich ;;
	esac
}

[ -x deeprc ] && say "deeprc ($(du -h deeprc | cut -f1))"

for wrapper in ${MPICC:-} mpicc mpicc.openmpi mpicc.mpich; do
	path=$(command -v "$wrapper") || {
		case " ${MPICC:-} " in *" $wrapper "*)
			say "ERROR: MPICC names $wrapper, which is not on PATH"
			failed="$failed $wrapper"
			;;
		esac
		continue
	}
	kind=$(family "$wrapper")
	if [ -z "$kind" ]; then
		say "ERROR: $path cannot compile a file that includes mpi.h, or its MPI is of neither family (Open MPI, MPICH)"
		failed="$failed $wrapper"
		continue
	fi
	case " $built " in *" $kind "*) continue ;; esac
	if compile "libdeeprc-mpi-$kind.so" "$wrapper" collective/shim/mpi.c; then
		built="$built $kind"
	else
		failed="$failed $wrapper"
	fi
done
[ -n "$built$failed" ] || say 'no MPI plugin: no mpicc found. Ranks run in one process only; load an MPI module, or name a wrapper: make build MPICC=...'

cxx=${CXX:-g++}
if ! command -v "$cxx" >/dev/null || ! printf '#include <gloo/config.h>\n' | "$cxx" -E -x c++ - >/dev/null 2>&1; then
	say "no Gloo plugin: $cxx or Gloo's headers (Debian: libgloo-dev) not found. Ranks without MPI (--comm gloo) need it"
elif ! compile libdeeprc-gloo.so "$cxx" -std=c++14 collective/shim/gloo.cc -lgloo; then
	failed="$failed $cxx"
fi

[ -z "$failed" ]
