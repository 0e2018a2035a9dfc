# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The debug kernels, part of kernel.sh: built from the source of Debian's kernel, with the
# options in debug.config and in debug-*.config, and few others.

# debug_config KERNEL: print the options of that kernel.
debug_config() {
	local own=${1#debug-}
	[ "$1" != debug ] || own=kasan
	cat "$TOP/tools/env/debug.config" "$TOP/tools/env/debug-$own.config"
}

# debug_name KERNEL
debug_name() {
	echo "kernel-$VERSION-$1-$({
		debug_config "$1"
		cat "$TOP"/tools/env/{debug.sh,rustc-kcsan} "$ROOT/toolchain"
	} | hash_of -)"
}

# debug_flags KERNEL DIR: print the arguments of make, for the kernel and for modules.
# KASAN works with Rust only if clang builds the kernel.
debug_flags() {
	echo LLVM=-19
	if [ "$1" = debug-kcsan ]; then
		printf '%s\n' "RUSTC=$2/rustc-kcsan" "KRUSTFLAGS=-Zsanitizer=thread \
-Cllvm-args=-tsan-distinguish-volatile=1 -Cllvm-args=-tsan-compound-read-before-write=1"
	fi
}

# debug_make KERNEL FINAL DIR: make the kernel in DIR, which will be renamed to FINAL.
debug_make() {
	local kernel=$1 final=$2 dir=$3 build=$3/build flags
	mkdir "$build" "$dir/modules"
	cp "$TOP/tools/env/rustc-kcsan" "$dir/"
	mapfile -t flags < <(debug_flags "$kernel" "$dir")
	debug_config "$kernel" >"$dir/config"
	debug_kmake KCONFIG_ALLCONFIG="$dir/config" allnoconfig
	debug_check_config "$dir/config" "$build/.config"
	debug_kmake -j"$(nproc)" bzImage modules
	cp "$build/arch/x86/boot/bzImage" "$dir/vmlinuz"
	find "$build" -name '*.o' -not -path '*/scripts/*' -not -path '*/tools/*' -delete
	rm -f "$build"/vmlinux* "$build"/arch/x86/boot/{bzImage,vmlinux.bin}
	sed -i "s|$dir|$final|g" "$build/Makefile"
}

# Part of debug_make.
debug_kmake() {
	in_root nice make -s -C "$SOURCE" O="$build" "${flags[@]}" "$@"
}

# debug_check_config WANTED CONFIG: check that CONFIG has the options in WANTED, because
# Kconfig silently drops options with an unmet dependency.
debug_check_config() {
	local line lost=0
	while read -r line; do
		case $line in
		CONFIG_*=n)
			! grep -q "^${line%=n}=" "$2" && continue
			;;
		CONFIG_*)
			grep -qxF "$line" "$2" && continue
			;;
		*) continue ;;
		esac
		echo "Kconfig has not accepted: $line"
		lost=1
	done <"$1"
	return $lost
}
