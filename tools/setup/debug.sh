# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The debug kernel, part of kernel.sh: built from the source of Debian's, with
# the options in debug.config and little else.

debug_name() {
	echo "kernel-$VERSION-debug-$(hash_of "$TOP"/tools/setup/{debug.sh,debug.config} "$ROOT/toolchain")"
}

# KASAN goes with Rust only when clang builds the kernel.
debug_kmake() {
	in_root nice make -s -C "$SOURCE" LLVM=-19 "$@"
}

# debug_make FINAL DIR: make in DIR what will be FINAL.
debug_make() {
	local final=$1 dir=$2 build=$2/build
	mkdir "$build" "$dir/modules"
	debug_kmake O="$build" KCONFIG_ALLCONFIG="$TOP/tools/setup/debug.config" allnoconfig
	debug_check_config "$build/.config"
	debug_kmake O="$build" -j"$(nproc)" bzImage modules
	cp "$build/arch/x86/boot/bzImage" "$dir/vmlinuz"
	find "$build" -name '*.o' -not -path '*/scripts/*' -not -path '*/tools/*' -delete
	rm -f "$build"/vmlinux* "$build"/arch/x86/boot/{bzImage,vmlinux.bin}
	sed -i "s|$dir|$final|g" "$build/Makefile"
}

# Kconfig silently drops what has an unmet dependency.
debug_check_config() {
	local line lost=0
	while read -r line; do
		case $line in
		CONFIG_*=n)
			! grep -q "^${line%=n}=" "$1" && continue
			;;
		CONFIG_*)
			grep -qxF "$line" "$1" && continue
			;;
		*) continue ;;
		esac
		echo "not as debug.config says: $line"
		lost=1
	done <"$TOP/tools/setup/debug.config"
	return $lost
}
