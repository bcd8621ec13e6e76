#!/usr/bin/env bash
# make check: what can be said of the code without running it. Every step runs; each that fails says so, and the whole fails at the end.
set -uo pipefail
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
failed=()

step() {
	local name=$1 start=$SECONDS
	shift
	if "$@"; then
		printf 'check: %-12s ok (%d s)\n' "$name" $((SECONDS - start))
	else
		printf 'check: %-12s FAILED\n' "$name"
		failed+=("$name")
	fi
}

# listed PATTERN...: files of the work tree that match, tracked or not yet, without the ignored and the deleted.
listed() {
	git ls-files -z --cached --others --exclude-standard -- "$@" | sort -zu |
		while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done
}

unformatted() {
	local files
	files=$(listed '*.go' | xargs -0 -r gofmt -l) || return 1
	[[ -z $files ]] || {
		printf 'not gofmt-ed (gofmt -w them):\n%s\n' "$files"
		return 1
	}
}

# Generated files, by their first line's mark, with their contents' sums: go generate must change none and add none.
generated() {
	listed | xargs -0 -r grep -lZE -m1 '^(//|#|/\*|<!--|;;) ?Code generated .*DO NOT EDIT' | xargs -0 -r sha256sum
}

regenerate() {
	local before after
	before=$(generated)
	go generate ./... || return 1
	after=$(generated)
	[[ $before == "$after" ]] || {
		printf 'go generate changed these files; commit them as they are now:\n'
		diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") | awk '/^[<>]/ { print "  " $3 }' | sort -u
		return 1
	}
}

scripts() {
	if ! command -v shellcheck >/dev/null; then
		printf 'check: shellcheck is not installed (make deps installs it): bash -n only\n'
		listed '*.sh' '*.sbatch' '*.pbs' .ci/run | xargs -0 -r -n1 bash -n
		return
	fi
	listed '*.sh' '*.sbatch' '*.pbs' .ci/run | xargs -0 -r shellcheck -x
}

.ci/go.sh || exit 1
step gofmt unformatted
step modules go mod tidy -diff
step vet go vet ./...
# At Go's own 100, staticcheck spends a fifth of its time on garbage; so it takes up to 2 GB instead of 0.7.
step staticcheck env GOGC=400 go run "$staticcheck" ./...
step imports .ci/imports.sh
step generated regenerate
step scripts scripts
[[ ${#failed[@]} -eq 0 ]] || {
	printf 'check: FAILED: %s\n' "${failed[*]}"
	exit 1
}
