#!/usr/bin/env bash
# The test part of make test, on a built tree: check, every test, then again with the race detector where goroutines meet, and with the
# address sanitizer where C is called. Stops at the first part that fails.
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

part check .ci/check.sh
part tests go test ./...
mapfile -t racy < <(packages collective model stages)
[[ ${#racy[@]} -eq 0 ]] || part race go test -race -short "${racy[@]}"
# The C of ours that runs in this process. Leaks are not looked for: libraries live as long as the process.
mapfile -t withc < <(packages model)
export ASAN_OPTIONS=detect_leaks=0
[[ ${#withc[@]} -eq 0 ]] || part address go test -asan -short "${withc[@]}"
part address go test -asan -short -run 'Combine' ./collective
part address go test -asan -short -run 'Join|Sort|GroupBy|Unique|Partition|SpillPeak|SimpleRecords' ./frame
printf '\ntest: all passed (%d s)\n' "$SECONDS"
