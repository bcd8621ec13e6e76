#!/usr/bin/env bash
# Proves the first page of the README on a Debian with nothing on it: .ci/fresh-debian.sh [FOLDER]
# As root. Makes a minimal Debian of this machine's own release and apt sources under FOLDER (default: deeprc-fresh in the temporary
# folder), with git, make and this machine's Go and nothing else; clones HEAD (not the uncommitted) into it; runs `make quickstart` and `make
# test` there, and says how long each took. Not part of CI. Removes the Debian at the end, keeps FOLDER/debs, so that the next run is quick.
set -euo pipefail

# Inside the mount and process namespace, which takes the mounts and the processes with it when it ends.
if [[ ${1:-} == --inside ]]; then
	root=$2
	mount --rbind /dev "$root/dev"
	mount --rbind /sys "$root/sys"
	mkdir -p "$root/usr/local/go"
	mount --bind "$(go env GOROOT)" "$root/usr/local/go"
	settings=()
	for name in GOPROXY GOSUMDB GONOSUMDB GOPRIVATE GOINSECURE GOFLAGS; do
		value=$(go env "$name")
		[[ -z $value ]] || settings+=("$name=$value")
	done
	for name in http_proxy https_proxy no_proxy; do
		[[ -z ${!name:-} ]] || settings+=("$name=${!name}")
	done
	in_debian() {
		chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 "${settings[@]}" \
			PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
	}
	timed() {
		local start=$SECONDS
		printf '\nfresh: %s\n' "$*"
		in_debian "$@" || {
			printf 'fresh: FAILED after %d s: %s\n' $((SECONDS - start)) "$*"
			exit 1
		}
		took+=("$(printf '%4d s  %s' $((SECONDS - start)) "$*")")
	}
	took=()
	timed apt-get -qq update
	timed env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o Dpkg::Use-Pty=0 install --no-install-recommends git make
	timed make -C /root/deeprc quickstart
	timed make -C /root/deeprc test
	printf '\nfresh: passed\n'
	printf 'fresh: %s\n' "${took[@]}"
	exit
fi

[[ $(id -u) -eq 0 ]] || {
	echo 'fresh: must be run as root (it makes a chroot)' >&2
	exit 1
}
command -v debootstrap >/dev/null || {
	echo 'fresh: installing debootstrap with apt-get'
	apt-get -qq update
	DEBIAN_FRONTEND=noninteractive apt-get -y -qq install --no-install-recommends debootstrap
}

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${1:-${TMPDIR:-/tmp}/deeprc-fresh}
mkdir -p "$work/debs"
work=$(cd "$work" && pwd)
root=$(mktemp -d "$work/debian.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"

release=$(. /etc/os-release && echo "$VERSION_CODENAME")
# shellcheck disable=SC2016 # apt-get's own variables
sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
	awk -v r="$release" '$3 == r || index($3, r "-") == 1' | sort -u)
mirror=$(awk -v r="$release" '$3 == r { print $2; exit }' <<<"$sources")
[[ -n $mirror ]] || {
	echo "fresh: apt has no source for $release here (apt-get update first?)" >&2
	exit 1
}
proxies=$(apt-config dump Acquire | grep -iE '^Acquire::https?::proxy' || true)
proxy=$(apt-config shell p Acquire::http::Proxy | sed "s/^p='\(.*\)'$/\1/")
[[ -z $proxy ]] || export http_proxy=$proxy

echo "fresh: debootstrap of $release in $root"
debootstrap --variant=minbase --cache-dir="$work/debs" "$release" "$root" "$mirror" >"$work/debootstrap.log" 2>&1 || {
	tail -n 20 "$work/debootstrap.log"
	exit 1
}
printf '%s\n' "$sources" >"$root/etc/apt/sources.list"
printf '%s\n' "$proxies" >"$root/etc/apt/apt.conf.d/90proxy"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
# The certificates that this site added; ca-certificates takes them in when it is installed.
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
git clone -q --no-hardlinks "$repo" "$root/root/deeprc"
echo "fresh: minimal Debian ready after $SECONDS s; commit $(git -C "$root/root/deeprc" rev-parse --short HEAD)"

unshare --mount --propagation private --pid --fork --kill-child --mount-proc="$root/proc" "$repo/.ci/fresh-debian.sh" --inside "$root"
