# shellcheck shell=bash
# How a PBS or Torque job runs deeprc, and goes on after its time limit. Sourced by pbs_*.pbs and torque.pbs, after env.sh.

# Seconds after which the run is told to stop, so that its checkpoint is written before walltime; 0: never.
: "${DEEPRC_WARN_AFTER:=3300}"
# How often the job may be submitted again, and how often it was.
: "${DEEPRC_REQUEUES:=20}"
: "${DEEPRC_STARTS:=0}"
# The job's name for deeprc run --job. A job that is submitted again has another number, and keeps this.
: "${DEEPRC_JOB:=pbs-${PBS_JOBID//[^A-Za-z0-9_.-]/_}}"
# The number in the array, of a job that is of one: PBS's, Torque's, or, of one that is submitted again by itself, what it was.
: "${DEEPRC_MEMBER:=${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-}}}"
export DEEPRC_REQUEUES DEEPRC_STARTS DEEPRC_JOB DEEPRC_MEMBER

# The exit code of a run that was told to stop and has written its checkpoint.
stopped=75

# run_pbs ARGUMENTS: deeprc run ARGUMENTS on every rank of the job. Before the time limit the run writes a checkpoint and ends; then the
# job is submitted again, and goes on with the same run, which --job finds. (To requeue a job, as under Slurm, takes an operator's rights.)
run_pbs() {
	local nodes=$PBS_NODEFILE ranks mpirun hosts rc=0
	if ((${DEEPRC_CORES_PER_RANK:-1} > 1)); then # Torque's file has a line a core
		nodes=$(mktemp)
		awk -v cores="$DEEPRC_CORES_PER_RANK" 'seen[$1]++ % cores == 0' "$PBS_NODEFILE" >"$nodes"
	fi
	ranks=$(wc -l <"$nodes")
	yield_when_crowded "$(sort "$nodes" | uniq -c | sort -n | awk 'END { print $1 }')" "${NCPUS:-${PBS_NUM_PPN:-$(nproc)}}"

	# Many MPIs, Debian's among them, were built without PBS support: they are told the hosts, and reach them over ssh.
	mpirun=$(mpi_launcher)
	case $DEEPRC_MPI in
	openmpi)
		# Open MPI sends its own settings to the other hosts, and of the rest only what is named here.
		hosts=(--hostfile "$nodes" -x DEEPRC_MPI -x DEEPRC_STOPPED -x PATH)
		for name in LD_LIBRARY_PATH NCPUS PBS_NUM_PPN PBS_JOBID OMP_NUM_THREADS; do
			[[ -z ${!name:-} ]] || hosts+=(-x "$name")
		done
		;;
	mpich) hosts=(-f "$nodes") ;;
	esac
	# mpirun passes SIGUSR1 on to the ranks. Rank 0, on this node, tells by a file that it has stopped: MPICH's mpirun loses the exit code at times.
	DEEPRC_STOPPED=$(mktemp)
	export DEEPRC_STOPPED
	timeout --foreground --preserve-status --signal=USR1 "$DEEPRC_WARN_AFTER" \
		"$mpirun" -n "$ranks" "${hosts[@]}" "$DEEPRC_HOME/deeprc" run "$@" --job "$DEEPRC_JOB" || rc=$?
	[[ $nodes == "$PBS_NODEFILE" ]] || rm -f "$nodes"
	[[ ! -s $DEEPRC_STOPPED ]] || rc=$stopped
	rm -f "$DEEPRC_STOPPED"
	if ((rc == stopped && DEEPRC_WARN_AFTER > 0 && SECONDS >= DEEPRC_WARN_AFTER)); then
		submit_again
	fi
	return "$rc"
}

# submit_again: this script once more, with the job's name; of an array this job alone.
submit_again() {
	if ((DEEPRC_STARTS >= DEEPRC_REQUEUES)); then
		echo "the job was submitted again $DEEPRC_REQUEUES times (DEEPRC_REQUEUES) and ends here; its run goes on with deeprc run --resume" >&2
		return
	fi
	DEEPRC_STARTS=$((DEEPRC_STARTS + 1))
	sed '/^#PBS -[Jt] /d' "$0" | qsub -v "DEEPRC_JOB,DEEPRC_STARTS,DEEPRC_REQUEUES,DEEPRC_MEMBER${CONFIG:+,CONFIG}" ||
		echo "cannot submit the job again from this node: do it by hand, with qsub -v DEEPRC_JOB=$DEEPRC_JOB" >&2
}
