# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Debian's own kernels, part of kernel.sh.

. "$TOP/tools/install/rust-headers.sh"

stock_flavour() {
	case $1 in
	cloud) echo cloud-amd64 ;;
	amd64) echo amd64 ;;
	rt) echo rt-amd64 ;;
	esac
}

stock_name() {
	echo "kernel-$VERSION-$1-$(hash_of "$TOP"/tools/{env/stock.sh,install/rust-headers.sh} "$ROOT/toolchain")"
}

# stock_make KERNEL FINAL DIR: make the kernel in DIR, which will be renamed to FINAL.
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
	# shellcheck disable=SC2034 # for rust-headers.sh
	local RUST_HEADERS_ADVICE="'make update' moves to the newest of both."
	rust_headers_make() {
		in_root make -s -C "$SOURCE" O="$build" "$@"
	}
	rust_headers_prepare "$headers" "$build" "$release"
}

# The modules that the guest needs before it has a file system, in the order of loading.
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
