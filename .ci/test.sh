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

# packages PREFIX...: our packages in these folders that exist.
packages() { go list -f '{{.ImportPath}}' ./... | grep -E "^$(go list -m)/($(IFS='|'; echo "$*"))(/|\$)" || true; }

if [[ -n ${DEEPRC_DATA:-} ]]; then
	printf 'test: DEEPRC_DATA=%s\n' "$DEEPRC_DATA"
else
	printf 'test: DEEPRC_DATA is not set: tests on recorded data sets are skipped\n'
fi

# The tests of collective wait for processes more than they compute: they run beside the parts that compute.
log=$(mktemp)
setsid go test ./collective/... >"$log" 2>&1 &
collective=$! began=$SECONDS
trap 'kill -- "-$collective" 2>/dev/null || true; rm -f "$log"' EXIT

part check .ci/check.sh
mapfile -t others < <(go list ./... | grep -v "^$(go list -m)/collective")
part tests go test "${others[@]}"
# The C of ours that runs in this process. Leaks are not looked for: libraries live as long as the process.
mapfile -t withc < <(packages model)
export ASAN_OPTIONS=detect_leaks=0
[[ ${#withc[@]} -eq 0 ]] || part address go test -asan -short "${withc[@]}"
part address go test -asan -short -run 'Combine' ./collective
part address go test -asan -short -run 'Join|Sort|GroupBy|Unique|Partition|SpillPeak|SimpleRecords' ./frame

finish() {
	local rc=0
	wait "$collective" || rc=$?
	cat "$log"
	printf 'since its start %d s\n' $((SECONDS - began))
	return $rc
}
part collective finish
mapfile -t racy < <(packages collective model stages)
[[ ${#racy[@]} -eq 0 ]] || part race go test -race -short "${racy[@]}"
printf '\ntest: all passed (%d s)\n' "$SECONDS"
