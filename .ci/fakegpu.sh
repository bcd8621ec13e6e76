#!/bin/sh
# .ci/fakegpu.sh OUTPUT [FLAG...]: builds the software GPU (gpu/fake), for tests only. FLAGs are for the compiler, $CXX, else g++.
set -eu
output=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
cxx=${CXX:-g++}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
pids=
for source in "$root"/gpu/fake/*.cc; do
	"$cxx" -std=c++17 -O1 -g -Wall -Wno-unknown-pragmas -fPIC -fvisibility=hidden "$@" -I "$root/gpu/kernels" -I "$root/model" \
		-c -o "$objects/$(basename "$source").o" "$source" &
	pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
"$cxx" -shared "$@" -o "$output.new" "$objects"/*.o
mv "$output.new" "$output"
