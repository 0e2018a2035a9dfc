# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Debian's own kernels, part of kernel.sh.
#
# Debian's header packages have no Rust metadata. It is made again from the
# same source, configuration and compiler; that the result is what Debian built
# is checked on the configuration and on the name of every Rust symbol, which
# holds a hash of what it was made from.

stock_flavour() {
	case $1 in
	cloud) echo cloud-amd64 ;;
	amd64) echo amd64 ;;
	rt) echo rt-amd64 ;;
	esac
}

stock_name() {
	echo "kernel-$VERSION-$1-$(hash_of "$TOP/tools/setup/stock.sh" "$ROOT/toolchain")"
}

# stock_make KERNEL FINAL DIR: make in DIR what will be FINAL.
stock_make() {
	local final=$2 dir=$3 release
	release=$ABI-$(stock_flavour "$1")
	mkdir "$dir/packages" "$dir/build" "$dir/modules"
	fetch "$dir/packages" "linux-headers-$release" \
		"linux-binary-unsigned-$release" "linux-modules-$release"
	in_root sh -ec 'cd "$1"; for deb in *.deb; do dpkg-deb -x "$deb" .; rm "$deb"; done' \
		sh "$dir/packages"
	mv "$dir/packages/usr/lib/modules/$release/vmlinuz.unsigned" "$dir/vmlinuz"
	stock_prepare "$dir/packages/usr/src/linux-headers-$release" "$dir/build" "$release"
	stock_boot_modules "$dir" "$release"
	rm -rf "$dir/packages"
	sed -i "s|$dir|$final|g" "$dir/build/Makefile"
}

stock_prepare() {
	local headers=$1 build=$2 release=$3
	cp "$headers/.config" "$build/.config"
	in_root make -s -C "$SOURCE" O="$build" olddefconfig
	stock_check_config "$headers/.config" "$build/.config"
	in_root make -s -C "$SOURCE" O="$build" -j"$(nproc)" modules_prepare
	cp "$headers/Module.symvers" "$build/"
	stock_check_symbols "$build"
	echo "$release" >"$build/include/config/kernel.release"
	echo "#define UTS_RELEASE \"$release\"" >"$build/include/generated/utsrelease.h"
}

# The name gcc was called by is the only thing that may differ.
stock_check_config() {
	local changes
	if changes=$(diff <(grep -v '^CONFIG_CC_VERSION_TEXT=' "$1") \
			<(grep -v '^CONFIG_CC_VERSION_TEXT=' "$2")); then
		return 0
	fi
	printf '%s\n' "$changes"
	echo "the toolchain here (>) is not the one Debian built this kernel with (<)." \
		"'make update' moves to the newest of both."
	return 1
}

stock_check_symbols() {
	local build=$1 theirs=$1/theirs.symbols ours=$1/ours.symbols
	awk '$2 == "vmlinux" || $3 == "vmlinux" { print $2 }' "$build/Module.symvers" |
		sort >"$theirs"
	sed -n 's/^EXPORT_SYMBOL_RUST_GPL(\(.*\));$/\1/p' \
		"$build"/rust/exports_*_generated.h | sort >"$ours"
	if [ ! -s "$ours" ] || comm -23 "$ours" "$theirs" | grep .; then
		echo "these Rust symbols are not in Debian's kernel: modules built here" \
			"would not load. Is rustc the one it was built with?"
		return 1
	fi
	rm "$theirs" "$ours"
}

# What the guest needs before it has a file system, in the order of loading.
stock_boot_modules() {
	local dir=$1 release=$2 root=$1/packages module number=10
	mkdir -p "$root/lib"
	ln -sfn ../usr/lib/modules "$root/lib/modules"
	in_root depmod -b "$root" "$release"
	for module in virtio_blk erofs; do
		in_root modprobe -d "$root" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' |
		while read -r module; do
			number=$((number + 1))
			in_root xz -dc "$module" >"$dir/modules/$number-$(basename "$module" .xz)"
		done
	[ -n "$(ls "$dir/modules")" ]
}
