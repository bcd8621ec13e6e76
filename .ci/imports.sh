#!/usr/bin/env bash
# Proves who imports whom, tests included:  main -> stages -> { frame, model } -> collective -> gpu -> nothing of ours.
# A package imports only from folders of a higher number than its own, or from its own folder; so frame and model do not know each other.
set -euo pipefail
module=$(go list -m)
# shellcheck disable=SC2016 # go list's own variables
imports='{{$p := .ImportPath}}{{range .Imports}}{{$p}} {{.}}{{"\n"}}{{end}}{{range .TestImports}}{{$p}} {{.}}{{"\n"}}{{end}}{{range .XTestImports}}{{$p}} {{.}}{{"\n"}}{{end}}'
go list -f "$imports" ./... | sort -u | awk -v module="$module" '
	BEGIN { level["stages"] = 1; level["frame"] = level["model"] = 2; level["collective"] = 3; level["gpu"] = 4; level["inputs"] = level["jobscripts"] = 5 }
	# The top folder of a package of ours; "main" for the root, and for the leaves (bench, jobscripts, ...) that nobody may import.
	function folder(path) {
		if (path == module) return "main"
		sub("^" module "/", "", path); sub("/.*", "", path)
		return path in level ? path : "main"
	}
	NF == 2 && ($2 == module || index($2, module "/") == 1) {
		n++
		from = folder($1); to = folder($2)
		if (from == to && from != "main") next
		if (level[from] + 0 >= level[to] + 0) { printf "%s must not import %s\n", $1, $2; bad = 1 }
	}
	END {
		if (bad) print "the arrows are: main -> stages -> { frame, model } -> collective -> gpu"
		exit bad
	}'
