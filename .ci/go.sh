#!/bin/sh
# Is there a Go that can build this module? Silent when there is, one clear sentence when not.
# From 1.21 on, an older Go fetches the one that go.mod asks for by itself.
set -eu
need=$(awk '$1 == "go" { print $2 }' go.mod)

fail() {
	printf 'go: ERROR: %s. Unpack a current Go (https://go.dev/dl) and put its bin folder first on PATH, or load a module (module load go).\n' "$1" >&2
	exit 1
}

command -v go >/dev/null || fail "there is no go command on PATH, and deeprc needs Go $need"
own=$(cd / && GOTOOLCHAIN=local go env GOVERSION)
minor=$(printf '%s\n' "$own" | sed 's/.*go1\.\([0-9]*\).*/\1/')
[ "$minor" -ge 21 ] || fail "$(command -v go) is $own, deeprc needs Go $need (any Go from 1.21 on fetches that one itself)"
# Unlike go env, go list refuses a go.mod that asks for more than it has and cannot fetch.
said=$(go list -m 2>&1) || fail "$(command -v go) is $own, deeprc needs Go $need, and it could not be fetched: $said"
