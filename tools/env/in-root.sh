#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run a command in the toolchain root.
#
# usage: in-root.sh [--root ROOT] [--bind DIR]... COMMAND [ARGUMENT...]
#
# The checkout, the cache and each DIR have the same names there and here. The command
# runs in the current directory if that is in one of them. ROOT is another root to
# enter. Needs root, or user namespaces.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

enter() {
	local root=$1 dir
	shift
	mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
	mount --bind "$(realpath /etc/resolv.conf)" "$root/etc/resolv.conf"
	mount --bind "$(realpath /etc/hosts)" "$root/etc/hosts"
	while [ "$1" != -- ]; do
		dir=$1
		shift
		mkdir -p "$root$dir"
		mount --bind "$dir" "$root$dir"
	done
	shift
	# After the cache, which holds the root and would show these mounts there.
	for dir in /dev /proc /sys; do
		mount --rbind "$dir" "$root$dir"
	done
	# The caller's death ends the command, even in a wait.
	exec setpriv --pdeathsig TERM chroot "$root" /usr/bin/env -i \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
		HOME=/tmp TERM="${TERM:-dumb}" LC_ALL=C.UTF-8 \
		${http_proxy+http_proxy="$http_proxy"} \
		${https_proxy+https_proxy="$https_proxy"} \
		/bin/sh -c 'cd "$0" 2>/dev/null || cd /; exec "$@"' "$PWD" "$@"
}

if [ "${1:-}" = --inside ]; then
	shift
	enter "$@"
fi

root=
if [ "${1:-}" = --root ]; then
	root=$2
	shift 2
fi
binds=("$TOP" "$CACHE")
while [ "${1:-}" = --bind ]; do
	binds+=("$(realpath "$2")")
	shift 2
done
[ $# -gt 0 ] || die "usage: in-root.sh [--root ROOT] [--bind DIR]... COMMAND [ARGUMENT...]"

[ -n "$root" ] || root=$("$TOP/tools/env/root.sh")
ns=(--mount)
[ "$(id -u)" = 0 ] || ns+=(--user --map-root-user)
unshare "${ns[@]}" true 2>/dev/null ||
	die "unshare ${ns[*]} is refused here: run as root, or allow user namespaces"
exec unshare "${ns[@]}" "$TOP/tools/env/in-root.sh" --inside "$root" "${binds[@]}" -- "$@"
