#!/usr/bin/env bash
# deeprc on this machine alone:  jobscripts/mpirun_local.sh RANKS [experiment.toml] [more arguments of deeprc run]
# (deeprc run --ranks N needs no MPI at all; this is the way a cluster runs it.)
set -euo pipefail
[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || {
	echo "usage: $0 RANKS [experiment.toml] [more arguments of deeprc run]" >&2
	exit 2
}
ranks=$1
shift
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${DEEPRC_HOME:=$(dirname "$scripts")}"
# shellcheck source=jobscripts/env.sh
. "$scripts/env.sh"
yield_when_crowded "$ranks" "$(nproc)"

mpirun=$(mpi_launcher)
options=()
if [[ $DEEPRC_MPI == openmpi ]]; then
	options=(--oversubscribe --bind-to none)
	# Open MPI refuses root; in a container everybody is.
	[[ $(id -u) -ne 0 ]] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
exec "$mpirun" -n "$ranks" "${options[@]}" "$DEEPRC_HOME/deeprc" run "$@"
