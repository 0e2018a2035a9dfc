#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run herd7, which tells what a memory model allows. It is fetched when it is not
# there.
#
# usage: herd.sh ARGUMENT...
#
# The model is that of the kernel that evfd is built for, in its source:
# tools/memory-model. That wants herd7 7.58, which the release of Debian that all
# else comes from does not have; so herd7 comes from the next one, with the
# libraries that it was built with, and is run in the toolchain root.
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

# A release to come changes all the time, and says how long its lists are valid.
# A machine that goes by a mirror which is older has told its apt.
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
