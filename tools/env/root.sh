#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the toolchain root, unless it is in the cache, and print its directory.
#
# The root has all programs that build, check and boot evfd. It is the guest's userland,
# too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/debian.sh"

packages=(
	# building kernels and modules
	gcc gcc-multilib libc6-dev make bc bison flex cpio kmod perl rsync
	libelf-dev libssl-dev pahole xz-utils zstd python3
	rustc rust-src rustfmt rust-clippy cargo bindgen clang-19 lld-19 llvm-19
	# checking
	shellcheck mandoc python3-sphinx gnuplot-nox python3-pip
	# booting a guest and working in it
	qemu-system-x86 qemu-system-data seabios busybox-static erofs-utils
	less mount procps strace
	# fetching kernels
	apt ca-certificates
)

# Unused documentation and translations.
excludes=(
	'/usr/share/doc/*' '/usr/share/man/*' '/usr/share/info/*'
	'/usr/share/locale/*' '/usr/share/lintian/*' '/usr/share/bug/*'
	'/usr/share/icons/*'
)

# Several set-ups start at once on a new machine, but apt-get refuses to run twice at once.
need_mmdebstrap() {
	local missing=()
	flock 9
	command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
		missing+=(debian-archive-keyring)
	[ "$(id -u)" = 0 ] || command -v newuidmap >/dev/null || missing+=(uidmap)
	[ ${#missing[@]} -gt 0 ] || return 0
	[ "$(id -u)" = 0 ] || die "these packages are missing: ${missing[*]}." \
		"Install them: sudo apt-get install ${missing[*]}"
	step "installing ${missing[*]}, which make the toolchain root" \
		install_packages "${missing[@]}"
} 9>"$CACHE/.lock-mmdebstrap"

install_packages() {
	apt-get update
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

make_root() {
	local dir=$1 opts=() x
	for x in "${excludes[@]}"; do
		opts+=(--exclude "$x")
	done
	debian_root "$dir" "${opts[@]}" "${packages[@]}"
	mkdir -p "$dir/mnt/share"
	touch "$dir/etc/resolv.conf" "$dir/etc/hosts"
	# The packages that a kernel is built with, part of its name in the cache.
	dpkg-query --admindir="$dir/var/lib/dpkg" -W \
		gcc-14 rustc bindgen clang-19 pahole >"$dir/toolchain"
}

name=root-$(hash_of "$0" "$TOP/tools/env/debian.sh")
if [ ! -e "$CACHE/$name" ]; then
	need_mmdebstrap
	step "making the toolchain root (Debian $DEBIAN_SUITE)" cached "$name" make_root
fi
echo "$CACHE/$name"
