# shellcheck shell=bash
# Settings that every job script here shares; sourced by them. Edit the first part for your site; each can also be set from outside.

# --- edit -----------------------------------------------------------------------------------------------------------------
# The modules with which deeprc was built (make build names the mpicc it used), for example:
#   module purge
#   module load gcc openmpi

# The folder that holds deeprc and its plugins (libdeeprc-mpi-*.so): the clone, or PREFIX/bin after make install.
: "${DEEPRC_HOME:=$PWD}"

# The MPI whose plugin the ranks load: openmpi or mpich (MPICH, Intel MPI, MVAPICH, Cray MPICH). It must be the one whose launcher
# starts them; under srun the environment alone does not tell the two apart. Under Slurm also gloo, which needs no MPI.
: "${DEEPRC_MPI:=openmpi}"
# --- end of edit ----------------------------------------------------------------------------------------------------------

export DEEPRC_HOME DEEPRC_MPI

# Slurm's PMIx: with its default fence about one in eight starts of Open MPI died in MPI_Init (Slurm 22.05); with ring none did.
export SLURM_PMIX_FENCE="${SLURM_PMIX_FENCE:-ring}"

# load_modules NAME...: in a batch shell, too, which may not have read the site's profile.
load_modules() {
	local profile
	set +eu # the module commands are not written for them
	for profile in /etc/profile.d/{lmod,z00_lmod,modules}.sh; do
		command -v module >/dev/null && break
		# shellcheck source=/dev/null
		[[ ! -r $profile ]] || . "$profile"
	done
	module load "$@" || {
		echo "cannot load the modules $*: see module avail" >&2
		exit 1
	}
	set -eu
}

# yield_when_crowded RANKS CORES: with more ranks than cores on a node a waiting rank must give its core away. Open MPI finds this out by
# itself only under its own mpirun; a job of 6 ranks under srun took 20 s without, 8 s with it.
yield_when_crowded() {
	if (($1 > $2)); then
		export OMPI_MCA_mpi_yield_when_idle=1
	fi
}

# mpi_launcher: the mpirun of $DEEPRC_MPI, by Debian's name for it where there is one.
mpi_launcher() {
	command -v "mpirun.$DEEPRC_MPI" || command -v mpirun || {
		echo "no mpirun on PATH: load the MPI module named in jobscripts/env.sh" >&2
		return 1
	}
}

[[ -x $DEEPRC_HOME/deeprc ]] || {
	echo "no $DEEPRC_HOME/deeprc: set DEEPRC_HOME to the folder that holds it (jobscripts/env.sh), or build it: make build" >&2
	exit 1
}
[[ $DEEPRC_MPI =~ ^(openmpi|mpich|gloo)$ ]] || {
	echo "DEEPRC_MPI is '$DEEPRC_MPI'; it must be openmpi, mpich or, under Slurm, gloo (jobscripts/env.sh)" >&2
	exit 1
}
