# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What makes Debian's headers of a kernel usable for modules in Rust, part of
# evfd-prepare-headers and of tools/env/kernel.sh.
#
# Debian's header packages have no Rust metadata. It is made again from the
# same source, configuration and compiler; that the result is what Debian built
# is checked on the configuration and on the name of every Rust symbol, which
# holds a hash of what it was made from.
#
# Who sources this defines rust_headers_make, which runs make in the tree, and
# may set RUST_HEADERS_ADVICE, what to do about another toolchain.

# rust_headers_prepare HEADERS TREE RELEASE: make what of the kernel RELEASE is
# in HEADERS into a whole in TREE.
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

# The name gcc was called by is the only thing that may differ.
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
			"would not load. Is rustc the one it was built with?"
		return 1
	fi
	rm "$theirs" "$ours"
}
