# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions that make Debian's headers of a kernel usable for Rust modules, part of
# evfd-prepare-headers and of tools/env/kernel.sh.
#
# Debian's header packages have no Rust metadata. It is made again from the same source,
# configuration and compiler. Two checks show that the result equals Debian's: of the
# configuration, and of the name of every Rust symbol, which contains a hash of the
# symbol's inputs.
#
# A script that sources this file defines rust_headers_make, which runs make in the tree.
# It may set RUST_HEADERS_ADVICE, the advice for a machine with another toolchain.

# rust_headers_prepare HEADERS TREE RELEASE: make TREE a complete tree of the kernel
# RELEASE, with the configuration and symbols from HEADERS.
rust_headers_prepare() {
	local headers=$1 tree=$2 release=$3
	cp "$headers/.config" "$tree/.config"
	rust_headers_make olddefconfig
	rust_headers_check_config "$headers/.config" "$tree/.config"
	rust_headers_make -j"$(nproc)" modules_prepare
	cp "$headers/Module.symvers" "$tree/"
	rust_headers_check_symbols "$tree"
	echo "$release" >"$tree/include/config/kernel.release"
	echo "#define UTS_RELEASE \"$release\"" >"$tree/include/generated/utsrelease.h"
}

# Only the name by which gcc was called may differ.
rust_headers_check_config() {
	local changes
	if changes=$(diff <(grep -v '^CONFIG_CC_VERSION_TEXT=' "$1") \
			<(grep -v '^CONFIG_CC_VERSION_TEXT=' "$2")); then
		return 0
	fi
	printf '%s\n' "$changes"
	echo "the toolchain here (>) is not the one Debian built this kernel with (<)." \
		"${RUST_HEADERS_ADVICE:-}"
	return 1
}

rust_headers_check_symbols() {
	local tree=$1 theirs=$1/theirs.symbols ours=$1/ours.symbols
	awk '$2 == "vmlinux" || $3 == "vmlinux" { print $2 }' "$tree/Module.symvers" |
		sort >"$theirs"
	sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' \
		"$tree"/rust/exports_*_generated.h | sort >"$ours"
	if [ ! -s "$ours" ] || comm -23 "$ours" "$theirs" | grep .; then
		echo "these Rust symbols are not in Debian's kernel: modules built here" \
			"would not load. Check that the kernel was built with this rustc."
		return 1
	fi
	rm "$theirs" "$ours"
}
