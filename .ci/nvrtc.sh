#!/usr/bin/env bash
# .ci/nvrtc.sh FOLDER: puts NVRTC 11.8 into FOLDER, if it is not there, from Debian's non-free component, and prints the library's path.
# A private state of apt is used: the machine's own sources and packages stay as they are. Packages are checked by their sums in lists that
# Debian signs. Needs apt-get and dpkg (not root) and the machine's own Debian sources.
set -euo pipefail
folder=$1
library=$folder/usr/lib/x86_64-linux-gnu/libnvrtc.so.11.2
packages=(libnvrtc11.2 libnvrtc-builtins11.8)

fail() {
	printf 'nvrtc: ERROR: %s\n' "$1" >&2
	exit 1
}

if [[ ! -e $library ]]; then
	if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
		fail 'NVRTC is taken from Debian, and there is no apt-get here. Run make kernels on a Debian and commit what it makes'
	fi
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	[[ -e $keys ]] || fail "$keys is missing: install debian-archive-keyring"
	# NVRTC 11.8 is that of bookworm, whatever release this is.
	# shellcheck disable=SC2016 # apt-get's own variables
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | sed -n '1p')
	[[ -n $mirror ]] || fail 'apt has no Debian source here (apt-get update first?)'
	mkdir -p "$folder"
	private=$(mktemp -d "$folder/apt.XXXXXX")
	private=$(cd "$private" && pwd)
	trap 'rm -rf "$private"' EXIT
	mkdir -p "$private/lists/partial" "$private/cache/archives/partial" "$private/debs"
	printf 'deb [arch=amd64 signed-by=%s] %s bookworm non-free\n' "$keys" "$mirror" >"$private/sources.list"
	options=(-qq -o "Dir::Etc::sourcelist=$private/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::Lists=$private/lists"
		-o "Dir::Cache=$private/cache" -o APT::Architecture=amd64)
	[[ $(id -u) -ne 0 ]] || options+=(-o APT::Sandbox::User=root)
	apt-get "${options[@]}" update >&2 || fail 'the lists of non-free packages could not be had'
	(cd "$private/debs" && apt-get "${options[@]}" download "${packages[@]}" >&2) || fail "${packages[*]} could not be had"
	for deb in "$private"/debs/*.deb; do
		dpkg -x "$deb" "$private/unpacked"
	done
	[[ -e $private/unpacked/usr/lib/x86_64-linux-gnu/libnvrtc.so.11.2 ]] || fail 'the packages do not have libnvrtc.so.11.2'
	rm -rf "${folder:?}/usr"
	mv "$private/unpacked/usr" "$folder/usr"
fi
printf '%s\n' "$library"
