#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build evfd.ko, and the modules in each DIR, for a kernel of the cache.
#
# usage: module.sh [--in NAME] [--make ARGUMENT]... cloud|amd64|rt|debug [DIR...]
#
# The results are build/NAME/*.ko, where NAME is the kernel's unless given. The
# build runs in build/NAME/tree, which has links to the sources, so kernels do not
# share objects. Each ARGUMENT goes to make, W=1 for example.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
. "$(dirname "$0")/../env/debug.sh"

arguments=() name=''
while :; do
	case ${1:-} in
	--make) arguments+=("$2") ;;
	--in) name=$2 ;;
	*) break ;;
	esac
	shift 2
done
[ $# -gt 0 ] || die "usage: module.sh [--in NAME] [--make ARGUMENT]... KERNEL [DIR...]"
kernel=$1
shift

kernel_dir=$("$TOP/tools/env/kernel.sh" "$kernel")
kdir=$kernel_dir/build
out=$TOP/build/${name:-$kernel}
tree=$out/tree
mkdir -p "$tree/tests" "$tree/tools/check"
exec {lock}>"$out/.lock"
flock "$lock"
for dir in Kbuild dkms.conf src include samples tests/kmod tools/check/abstractions; do
	[ ! -e "$TOP/$dir" ] || cp -rsfT "$TOP/$dir" "$tree/$dir"
done
find "$tree" -xtype l -delete

# Objects built for another tree are useless.
if [ "$(cat "$out/kdir" 2>/dev/null)" != "$kdir" ]; then
	find "$tree" ! -type l ! -type d -delete
	rm -f "$out"/*.ko
	echo "$kdir" >"$out/kdir"
fi

# A module's BTF needs a vmlinux, which the tree does not have.
flags=(CONFIG_DEBUG_INFO_BTF_MODULES=)
case $kernel in
debug*) mapfile -t flags < <(debug_flags "$kernel" "$kernel_dir") ;;
esac

# build NAME DIR [ARGUMENT...]
build() {
	local name=$1 dir=$2 start=$SECONDS
	shift 2
	say "building $name for the $kernel kernel ..."
	in_root make -s -C "$kdir" M="$dir" -j"$(nproc)" "${flags[@]}" \
		"${arguments[@]}" "$@" modules
	# -u: a guest may be using a module that has not changed.
	cp -u "$dir"/*.ko "$out/"
	say "building $name for the $kernel kernel: $((SECONDS - start)) s"
}

build evfd.ko "$tree"
for dir; do
	build "$dir" "$tree/$dir" KBUILD_EXTRA_SYMBOLS="$tree/Module.symvers"
done
