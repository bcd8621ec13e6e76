#!/usr/bin/env bash
# The test part of make test, on a built tree: check, every test, then again with the address sanitizer where C is called, and with the
# race detector where goroutines meet. Stops at the first part that fails.
set -euo pipefail

part() {
	local name=$1 start=$SECONDS
	shift
	printf '\ntest: %s\n' "$name: $*"
	"$@"
	printf 'test: %s ok (%d s)\n' "$name" $((SECONDS - start))
}

if [[ -n ${DEEPRC_DATA:-} ]]; then
	printf 'test: DEEPRC_DATA=%s\n' "$DEEPRC_DATA"
else
	printf 'test: DEEPRC_DATA is not set: tests on recorded data sets are skipped\n'
fi

# beside NAME COMMAND...: starts a command that waits more than it computes, beside the parts that compute; finish NAME waits for it.
declare -A job began
logs=$(mktemp -d)
beside() {
	local name=$1
	shift
	setsid "$@" >"$logs/$name" 2>&1 &
	job[$name]=$! began[$name]=$SECONDS
}
finish() {
	local rc=0
	wait "${job[$1]}" || rc=$?
	cat "$logs/$1"
	printf 'since its start %d s\n' $((SECONDS - began[$1]))
	return $rc
}
stop() {
	local pid
	for pid in "${job[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
	rm -rf "$logs"
}
trap stop EXIT

module=$(go list -m)
# -vet=off: check vets all packages.
beside collective go test -vet=off ./collective/...
part check .ci/check.sh
beside program go test -vet=off .
mapfile -t others < <(go list ./... | grep -v -e "^$module\$" -e "^$module/collective")
part tests go test -vet=off "${others[@]}"
# The C of ours that runs in this process. Leaks are not looked for: libraries live as long as the process.
export ASAN_OPTIONS=detect_leaks=0
# Without inlining the Go compiler takes a third of the time for Arrow's generic code; the sanitizers see the same accesses.
sanitized=(-vet=off -gcflags=all=-l -short)
# Nor is C of others (zstd) optimized: ours names its own -O, which comes later and holds, but in collective, where there is little.
plain=(env CGO_CFLAGS="${CGO_CFLAGS--O2} -O0" go test)
address=("${plain[@]}" -asan "${sanitized[@]}")
# All are built first, so that one part's compiling is none of another's beside it.
part address "${address[@]}" -run '^$' ./model ./collective ./gpu ./frame
beside frame "${address[@]}" -run 'Join|Sort|GroupBy|Unique|Partition|SpillPeak|SimpleRecords' ./frame
part address "${address[@]}" -skip 'ReferenceWeights' ./model # files, no C
part address "${address[@]}" -run 'Combine' ./collective
part address "${address[@]}" ./gpu
part address finish frame

part collective finish collective
part program finish program
# Without what one goroutine does: the race detector makes it several times as long, and sees nothing new.
part race "${plain[@]}" -race "${sanitized[@]}" -skip 'TestBench|TestTrainOnce|TestMemoryOnce|TestJournalSurvivesATornLine|TestSamples|ReferenceWeights' \
	./collective/... ./model/... ./stages/...
printf '\ntest: all passed (%d s)\n' "$SECONDS"
