#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Check whether evfd.ko can be built in a kernel tree. If not, explain why.
#
# usage: check-kdir.sh KDIR
set -euo pipefail

kdir=$1

refuse() {
	printf 'evfd: %s\n' "$@" \
		"Or leave this machine's kernel alone: 'make demo' and 'make guest' build" \
		"the module for a Debian kernel and run it in a virtual machine." >&2
	exit 1
}

[ -e "$kdir/include/config/auto.conf" ] || refuse \
	"there is no prepared kernel tree in $kdir." \
	"Name one that is configured with CONFIG_RUST=y: make KDIR=dir"

if [ ! -e "$kdir/rust/libkernel.rmeta" ]; then
	grep -q '^CONFIG_RUST=y' "$kdir/include/config/auto.conf" || refuse \
		"the kernel of $kdir is configured without Rust." \
		"Name a tree that is configured with CONFIG_RUST=y: make KDIR=dir"
	refuse "the tree $kdir has no Rust metadata (rust/libkernel.rmeta)." \
		"Header packages do not contain it. For a Debian kernel," \
		"tools/install/evfd-prepare-headers makes the missing files. For another kernel," \
		"name a whole tree in which 'make modules_prepare' was run: make KDIR=dir"
fi

# With or without quotes, depending on the kernel's version.
wanted=$(sed -n 's/^CONFIG_RUSTC_VERSION_TEXT="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' \
	"$kdir/include/config/auto.conf")
rustc=${RUSTC:-rustc}
found=$("$rustc" --version 2>/dev/null) || found="none"
[ "$found" = "$wanted" ] || refuse \
	"the kernel of $kdir was built by another compiler." \
	"  the kernel's: $wanted" \
	"  $rustc here:  $found" \
	"Rust modules need the very same: put it into PATH, or say RUSTC=program."

command -v "${BINDGEN:-bindgen}" >/dev/null || refuse \
	"bindgen is missing. It makes the Rust types of the C headers." \
	"Install it (Debian's package: bindgen), or say BINDGEN=program."
