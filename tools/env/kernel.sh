#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a kernel for guests to boot and for modules to build against, unless it is in
# the cache, and print its directory.
#
# usage: kernel.sh cloud|amd64|rt[-SERIES]
#        kernel.sh debug|debug-kcsan|debug-rt
#        kernel.sh --update
#
# The first three are Debian's own kernels, unmodified. The others are built from the
# same source with checkers on. A SERIES, such as 7.2, replaces the newest series that
# evfd is for. The directory holds
#   vmlinuz   the kernel to boot
#   build     the tree for building modules (KDIR)
#   modules/  the drivers of the guest's disks, named in the order of loading
#
# --update looks for a newer kernel of the series. Without it, the kernel that was
# found first stays in use.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/kernels.sh"
. "$(dirname "$0")/stock.sh"
. "$(dirname "$0")/debug.sh"

kernel=${1:-}
case $kernel in
*-[0-9].*)
	KERNEL_SERIES=${kernel##*-}
	kernel=${kernel%-*}
	;;
esac
release_file=$CACHE/release-$KERNEL_SERIES

# apt_setup DIR: show only the suite with the kernels to apt, when it runs in the root
# with APT_CONFIG=DIR/apt.conf.
apt_setup() {
	local dir=$1
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	echo "deb $(mirror) $DEBIAN_SUITE-backports main" >"$dir/sources.list"
	{
		echo "Dir::Etc::SourceList \"$dir/sources.list\";"
		echo 'Dir::Etc::SourceParts "/dev/null";'
		echo "Dir::State::Lists \"$dir/lists\";"
		echo "Dir::Cache \"$dir/cache\";"
		echo 'Acquire::Languages "none";'
		echo 'APT::Sandbox::User "root";'
		apt_proxies
	} >"$dir/apt.conf"
	in_root env APT_CONFIG="$dir/apt.conf" apt-get -q update
}

# newest_release DIR: print the package version of the series' newest kernel, and its
# release without the flavour.
newest_release() {
	local dir=$1 package abi version source
	package=$(in_root env APT_CONFIG="$dir/apt.conf" \
			apt-cache pkgnames "linux-modules-$KERNEL_SERIES." |
		grep -E '\+deb[0-9]+-cloud-amd64$' | sort -V | tail -n 1) ||
		die "Debian has no kernel $KERNEL_SERIES at this mirror ($(mirror))." \
			"Name another mirror: EVFD_MIRROR=http://.../debian. Or move KERNEL_SERIES" \
			"in tools/env/lib.sh to a series of $DEBIAN_SUITE-backports."
	abi=${package#linux-modules-}
	abi=${abi%-cloud-amd64}
	version=$(package_version "$dir" "$package")
	source=$(package_version "$dir" "linux-source-$KERNEL_SERIES")
	[ "$version" = "$source" ] ||
		die "the mirror is being updated: it has kernel $version, but" \
			"source $source. Try again later."
	echo "$version $abi"
}

package_version() {
	in_root env APT_CONFIG="$1/apt.conf" apt-cache show --no-all-versions "$2" |
		sed -n 's/^Version: //p'
}

record_release() {
	local dir
	dir=$(mktemp -d "$CACHE/.new-release.XXXXXX")
	apt_setup "$dir"
	newest_release "$dir" >"$dir/release"
	mv "$dir/release" "$release_file"
	rm -rf "$dir"
}

# fetch DIR PACKAGE...: put these packages into DIR, in the recorded version.
fetch() {
	local dir=$1 package wanted=()
	shift
	apt_setup "$dir/apt"
	for package; do
		wanted+=("$package=$VERSION")
	done
	(cd "$dir" && in_root env APT_CONFIG="$dir/apt/apt.conf" \
		apt-get -q download "${wanted[@]}") || {
		echo "kernel $VERSION is no longer at the mirror. Move to the newest: make update" >&2
		return 1
	}
	rm -rf "$dir/apt"
}

make_source() {
	local dir=$1 tarball=usr/src/linux-source-$KERNEL_SERIES.tar.xz
	fetch "$dir" "linux-source-$KERNEL_SERIES"
	in_root sh -ec 'cd "$1"; dpkg-deb --fsys-tarfile ./*.deb | tar -xO "./$2" |
		xz -dc | tar -x --no-same-owner --strip-components=1' \
		sh "$dir" "$tarball"
	rm "$dir"/*.deb
}

update() {
	local before=
	[ ! -e "$release_file" ] || before=$(cat "$release_file")
	step "looking for the newest kernel $KERNEL_SERIES" record_release
	if [ "$(cat "$release_file")" = "$before" ]; then
		say "kernel ${before% *} is still the newest"
		return
	fi
	read -r VERSION _ <"$release_file"
	say "kernel $VERSION is used from now on"
	[ -z "$before" ] || find "$CACHE" -maxdepth 1 -name "*-${before% *}*" -exec rm -rf {} +
}

if [ "$kernel" = --update ]; then
	update
	exit
fi
is_kernel "$kernel" ||
	die "there is no kernel '$kernel'. The kernels are: ${KERNELS[*]}"

# shellcheck disable=SC2034 # for stock.sh and debug.sh
ROOT=$("$TOP/tools/env/root.sh")
[ -e "$release_file" ] ||
	step "looking for the newest kernel $KERNEL_SERIES" record_release
read -r VERSION ABI <"$release_file"

case $kernel in
debug*) name=$(debug_name "$kernel") ;;
*) name=$(stock_name "$kernel") ;;
esac
if [ ! -e "$CACHE/$name" ]; then
	SOURCE=$CACHE/source-$VERSION
	[ -e "$SOURCE" ] ||
		step "fetching the source of kernel $VERSION" \
			cached "source-$VERSION" make_source
	case $kernel in
	debug*) step "building the kernel $kernel (about 10 minutes on two cores)" \
		cached "$name" debug_make "$kernel" "$CACHE/$name" ;;
	*) step "preparing Debian's kernel $ABI-$(stock_flavour "$kernel")" \
		cached "$name" stock_make "$kernel" "$CACHE/$name" ;;
	esac
fi
echo "$CACHE/$name"
