#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build the directory that guests see as /mnt/share: all modules, samples and test
# programs, for a kernel of the cache.
#
# usage: share.sh [--samples|--bench] cloud|amd64|rt|debug
#
# The result is build/KERNEL/share. --samples builds only evfd.ko and the samples,
# --bench only the modules and programs of the benchmarks.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"

modules=(samples/pressure samples/shrinker samples/timer)
programs=(samples)
case ${1:-} in
--samples) shift ;;
--bench)
	shift
	modules=(tests/kmod)
	programs=(tests/bench)
	;;
*)
	modules+=(tests/kmod)
	programs+=(tests/user tests/kapi tests/bench tests/stress tests/faults)
	;;
esac
[ $# = 1 ] || die "usage: share.sh [--samples|--bench] cloud|amd64|rt|debug"
kernel=$1
bin=$TOP/build/bin

build_programs() {
	local source dir
	source=$(realpath "$("$TOP/tools/env/kernel.sh" "$kernel")/build/source")
	for dir in "${programs[@]}"; do
		in_root make -s -j"$(nproc)" -C "$TOP/$dir" O="$bin/$dir" KSRC="$source"
	done
}

"$TOP/tools/build/module.sh" "$kernel" "${modules[@]}"
step "building the programs" build_programs

share=$TOP/build/$kernel/share
rm -rf "$share"
mkdir "$share"
cp "$TOP/build/$kernel"/*.ko "$TOP/samples/demo.sh" "$share/"
for dir in "${programs[@]}"; do
	case $dir in
	tests/user) cp -r "$bin/$dir" "$share/user" ;;
	*) cp "$bin/$dir"/* "$share/" ;;
	esac
done
