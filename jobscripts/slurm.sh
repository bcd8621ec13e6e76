# shellcheck shell=bash
# How a Slurm job runs deeprc, and goes on after its time limit. Sourced by the slurm_*.sbatch, after env.sh.

# Seconds between Slurm's warning and the time limit: those of --signal=B:USR1@… in the script.
: "${DEEPRC_WARNING:=300}"
# How often the job may start again: a run that gets nowhere between two limits does not go on for ever.
: "${DEEPRC_REQUEUES:=20}"

# The exit code of a run that was told to stop and has written its checkpoint.
stopped=75

# most LIST: the greatest number of Slurm's lists, as 4 of 2(x3),4.
most() {
	tr ',' '\n' <<<"$1" | sed 's/(.*//' | sort -n | tail -n 1
}

# run_slurm ARGUMENTS: deeprc run ARGUMENTS on every task of the job, of all its parts where it is heterogeneous. On the warning the run
# writes a checkpoint and ends; then the job is requeued, and its next start goes on with the same run, which --job finds.
run_slurm() {
	local pmi group cores program launch rc=0
	case $DEEPRC_MPI in
	openmpi) pmi=pmix ;;
	mpich) pmi=pmi2 ;;
	gloo) pmi=none ;;
	esac
	# Without kill-on-bad-exit the other ranks would wait for a dead one until the time limit. Since 22.05 srun does not take
	# --cpus-per-task from the job, and would bind each task to one core.
	program=("$DEEPRC_HOME/deeprc" run "$@" --job "slurm-${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}")
	launch=(srun "--mpi=${DEEPRC_SRUN_MPI:-$pmi}" --kill-on-bad-exit=1)
	if ((${SLURM_HET_SIZE:-1} > 1)); then
		for ((group = 0; group < SLURM_HET_SIZE; group++)); do
			((group == 0)) || launch+=(: "--mpi=${DEEPRC_SRUN_MPI:-$pmi}" --kill-on-bad-exit=1)
			cores="SLURM_CPUS_PER_TASK_HET_GROUP_$group"
			launch+=("--het-group=$group" "--cpus-per-task=${!cores:-1}" "${program[@]}")
			crowded "_HET_GROUP_$group"
		done
	else
		launch+=("--cpus-per-task=${SLURM_CPUS_PER_TASK:-1}" "${program[@]}")
		crowded ''
	fi

	warned=
	late=
	step=
	trap warning USR1
	"${launch[@]}" &
	step=$!
	[[ -z $warned ]] || warning
	while :; do # a signal ends wait, not the step
		rc=0
		wait "$step" || rc=$?
		kill -0 "$step" 2>/dev/null || break
	done
	[[ -z $late ]] || kill "$late" 2>/dev/null || true
	if [[ -n $warned ]] && ((rc == stopped || rc == 128 + 10)); then # SIGUSR1 itself has ended what was not yet ready for it
		requeue
	fi
	return "$rc"
}

# crowded SUFFIX: yields where a node of that part of the job has more ranks than cores.
crowded() {
	local tasks="SLURM_TASKS_PER_NODE$1" cores="SLURM_JOB_CPUS_PER_NODE$1"
	yield_when_crowded "$(most "${!tasks:-1}")" "$(most "${!cores:-1}")"
}

# warning: passes Slurm's on to the ranks. A run that does not end in time, as one that still reads its data, is requeued all the same.
warning() {
	echo "the time limit is near: the run writes a checkpoint and ends; the job starts again" >&2
	warned=yes
	[[ -z $step ]] || kill -USR1 "$step" 2>/dev/null || true
	if [[ -z $late ]]; then
		(
			trap 'kill "$!"' TERM
			sleep "$((DEEPRC_WARNING > 30 ? DEEPRC_WARNING - 20 : 10))" &
			wait "$!" && requeue
		) &
		late=$!
	fi
}

# requeue: puts the job into the queue again, which ends this start of it.
requeue() {
	if ((${SLURM_RESTART_COUNT:-0} >= DEEPRC_REQUEUES)); then
		echo "the job was started again $DEEPRC_REQUEUES times (DEEPRC_REQUEUES) and ends here; its run goes on with deeprc run --resume" >&2
		return
	fi
	scontrol requeue "${SLURM_HET_JOB_ID:-$SLURM_JOB_ID}" || echo "scontrol cannot requeue the job; its run goes on with deeprc run --resume" >&2
}
