#!/bin/sh
# symbols.sh BINARY: fails when BINARY lacks a symbol of ours. The NVML binding links with --unresolved-symbols, which would
# hide a missing C function of this project until its first call.
set -eu
missing=$(ldd -r "$1" 2>&1 | grep 'undefined symbol' | grep -v 'symbol: nvml' || true)
[ -z "$missing" ] || {
	printf '%s: ERROR: C functions are declared but nowhere defined:\n%s\n' "$1" "$missing" >&2
	exit 1
}
