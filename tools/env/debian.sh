# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Functions of the scripts that make a Debian root, beside lib.sh. These scripts hash this
# file into the names of their roots in the cache.

# debian_root DIR [--backports] [--exclude PATH]... PACKAGE...: make a root with these
# packages, their dependencies, and the packages of every Debian system. --backports adds
# the backports suite, --exclude leaves files out.
#
# The root is unpacked from a stream, without device nodes. So all files belong to the
# caller and can be removed like any directory.
debian_root() {
	local dir=$1 uri opts=() backports=() x
	uri=$(mirror)
	while read -r x; do
		opts+=(--aptopt="$x")
	done < <(apt_proxies)
	shift
	while [[ $1 = --* ]]; do
		case $1 in
		--backports) backports=("deb $uri $DEBIAN_SUITE-backports main") ;;
		--exclude)
			opts+=(--dpkgopt="path-exclude=$2")
			shift
			;;
		*) die "debian_root has no option $1" ;;
		esac
		shift
	done
	mmdebstrap --quiet --variant=apt --format=tar \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' "${opts[@]}" \
		--include="$(IFS=,; echo "$*")" "$DEBIAN_SUITE" - \
		"deb $uri $DEBIAN_SUITE main" \
		"deb $uri $DEBIAN_SUITE-updates main" "${backports[@]}" |
		tar -x -C "$dir" --no-same-owner --exclude='./dev/*'
}
