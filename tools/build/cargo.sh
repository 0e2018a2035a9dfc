#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run cargo on tests/CRATE, in the toolchain root.
#
# usage: cargo.sh CRATE ARGUMENT...
#
# Downloads and results stay in the cache. The caller's own settings, if any, select
# the servers: the variables of cargo and the caller's config.toml. The trusted
# certificates are those of this machine.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
[ $# -gt 1 ] || die "usage: cargo.sh CRATE ARGUMENT..."
crate=$1
shift
cd "$TOP/tests/$crate"

home=$CACHE/cargo
mkdir -p "$home"

# take FILE NAME: copy the caller's FILE to cargo's home as NAME. Without a FILE,
# remove NAME.
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
