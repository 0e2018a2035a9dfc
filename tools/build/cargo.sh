#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run cargo on tests/CRATE, in the toolchain root.
#
# usage: cargo.sh CRATE ARGUMENT...
#
# What it downloads and builds is in the cache. Where it downloads from is for
# the caller's own settings to say, if there are any: those in the environment
# and in the caller's config.toml. Whom to trust there is this machine's to say.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
[ $# -gt 1 ] || die "usage: cargo.sh CRATE ARGUMENT..."
crate=$1
shift
cd "$TOP/tests/$crate"

home=$CACHE/cargo
mkdir -p "$home"

# take FILE NAME: have the caller's FILE, or none, as NAME where cargo looks.
take() {
	if [ -e "$1" ]; then
		cp "$1" "$home/.new-$2.$$"
		mv "$home/.new-$2.$$" "$home/$2"
	else
		rm -f "$home/$2"
	fi
}

take "${CARGO_HOME:-$HOME/.cargo}/config.toml" config.toml
take "${CARGO_HTTP_CAINFO:-${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}}" ca.crt
variables=(CARGO_HOME="$home" CARGO_TERM_COLOR=never
	CARGO_TARGET_DIR="$CACHE/$crate-$(hash_of Cargo.lock)")
while read -r x; do
	variables+=("$x=${!x}")
done < <(compgen -e | grep -E '^CARGO_(HTTP|NET|SOURCE|REGISTRY|REGISTRIES)_' || true)
[ ! -e "$home/ca.crt" ] || variables+=(CARGO_HTTP_CAINFO="$home/ca.crt")
in_root env "${variables[@]}" cargo "$@"
