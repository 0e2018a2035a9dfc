#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Say why evfd.ko can't be built in a kernel tree, if it can't.
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
		"Header packages come without. For a kernel of Debian's," \
		"tools/install/evfd-prepare-headers makes what is missing; for another" \
		"name a whole tree, in which 'make modules_prepare' has been run: make KDIR=dir"
fi

# In quotes or not, as the version of the kernel has it.
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
	"bindgen is missing, which makes the Rust types of the C headers." \
	"Install it, or say BINDGEN=program."
