#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run herd7, which lists the outcomes that a memory model allows. Fetches herd7 unless it
# is in the cache.
#
# usage: herd.sh ARGUMENT...
#
# The model is tools/memory-model in the source of the kernel that evfd is built for. It
# needs herd7 7.58, which the Debian release of the toolchain root does not have. So herd7
# and its libraries come from the next release, and run in the toolchain root.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"

suite=forky
lib=usr/lib/x86_64-linux-gnu

make_herd() {
	local dir=$1 uri opts=() x
	uri=$(mirror)
	while read -r x; do
		opts+=(--aptopt="$x")
	done < <(apt_proxies; apt_validity)
	mmdebstrap --quiet --variant=extract --format=tar \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' "${opts[@]}" \
		--include=herdtools7 "$suite" - "deb $uri $suite main" |
		tar -x -C "$dir" --no-same-owner --wildcards --no-wildcards-match-slash \
			./usr/bin/herd7 ./usr/share/herdtools7/herd \
			"./$lib/ld-linux*" "./$lib/lib*.so*"
}

# The lists of a future release expire. A machine with an older mirror has turned this
# check off in its apt's settings.
apt_validity() {
	apt-config dump 2>/dev/null | grep -E '^Acquire::Check-Valid-Until ".+";$' || true
}

"$TOP/tools/env/root.sh" >/dev/null
name=herd-$(hash_of "$0")
[ -e "$CACHE/$name" ] ||
	step "fetching herd7 (Debian $suite)" cached "$name" make_herd
kdir=$("$TOP/tools/env/kernel.sh" cloud)/build
herd=$CACHE/$name
in_root "$herd/$lib/ld-linux-x86-64.so.2" --library-path "$herd/$lib" \
	"$herd/usr/bin/herd7" -set-libdir "$herd/usr/share/herdtools7/herd" \
	-I "$(realpath "$kdir/source")/tools/memory-model" -conf linux-kernel.cfg "$@"
