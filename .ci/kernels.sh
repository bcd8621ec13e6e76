#!/usr/bin/env bash
# make kernels: compiles gpu/kernels/*.cu to PTX (compute_80) and cubins (sm_80, sm_90), which are packed, committed and embedded, and writes the sums
# of what they are made of, and their own, into gpu/kernels/SHA256SUMS. DEEPRC_LIBNVRTC names another NVRTC than that of .ci/nvrtc.sh.
set -euo pipefail
shopt -s nullglob
kernels=gpu/kernels
private=$kernels/nvrtc # ignored by git
library=${DEEPRC_LIBNVRTC:-$(.ci/nvrtc.sh "$private")}

mkdir -p "$private"
"${CC:-gcc}" -O2 -Wall -o "$private/nvrtc" .ci/nvrtc.c -ldl
made=$(mktemp -d "$private/made.XXXXXX")
trap 'rm -rf "$made"' EXIT
for source in "$kernels"/*.cu; do
	name=${source%.cu}
	for target in compute_80:.ptx sm_80:.sm_80.cubin sm_90:.sm_90.cubin; do
		compiled=$made/$(basename "$name")${target#*:}
		LD_LIBRARY_PATH=$(dirname "$library") "$private/nvrtc" "$library" "$source" "$compiled" \
			--gpu-architecture="${target%%:*}" --std=c++17 --include-path="$kernels" --include-path=model
		gzip -9 -n "$compiled"
	done
done
rm -f "$kernels"/*.gz
mv "$made"/*.gz "$kernels"
sha256sum "$kernels"/*.cu "$kernels"/*.h model/vecmath.h model/*_ops.h "$kernels"/*.gz >"$kernels/SHA256SUMS"
du -ch "$kernels"/*.gz | sed -n '$s/^/kernels: /p'
