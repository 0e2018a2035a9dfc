#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Install the files for programs, administrators and DKMS, or remove them.
#
# usage: install.sh install|uninstall
#
# Variables, which make passes: prefix (/usr/local), DESTDIR. The file
# lib/evfd/installed below the prefix lists the installed files, which uninstall
# removes.
set -euo pipefail
umask 022

TOP=$(cd "$(dirname "$0")/../.." && pwd -P)
DESTDIR=${DESTDIR:-}
prefix=${prefix:-/usr/local}
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$TOP/dkms.conf")
lib=$prefix/lib/evfd
src=/usr/src/evfd-$version
list=$DESTDIR$lib/installed
# shellcheck disable=SC2153 # /var/lib/dkms is not below the prefix
dkms=$DESTDIR/var/lib/dkms/evfd

say() {
	printf 'evfd: %s\n' "$@" >&2
}

refuse() {
	say "$@"
	exit 1
}

# directory DIR: make it, and note the directories that were missing.
directory() {
	[ ! -d "$DESTDIR$1" ] || return 0
	directory "$(dirname "$1")"
	mkdir "$DESTDIR$1"
	echo "$1/" >>"$new_list"
}

# put MODE SOURCE TARGET
put() {
	directory "$(dirname "$3")"
	if [ -L "$2" ]; then
		cp -P "$2" "$DESTDIR$3"
	else
		install -m "$1" "$2" "$DESTDIR$3"
	fi
	echo "$3" >>"$new_list"
}

put_system() {
	local files=$TOP/tools/install/files
	local header
	for header in evfd.h kevent.h; do
		put 644 "$TOP/include/uapi/linux/$header" "$prefix/include/linux/$header"
	done
	for header in counter.h kevent.h timer.h; do
		put 644 "$TOP/lib/c/include/evfd/$header" "$prefix/include/evfd/$header"
	done
	put 644 "$files/70-evfd.rules" "$prefix/lib/udev/rules.d/70-evfd.rules"
	put 644 "$files/evfd.conf" "$prefix/lib/modules-load.d/evfd.conf"
}

# The results of "make preload", if there are any.
put_preload() {
	local built=$TOP/build/preload file
	[ -e "$built/evfd-run" ] || {
		say "evfd-run is left out because it is not built. Build it: make preload"
		return 0
	}
	while read -r file; do
		put 644 "$built/$file" "$lib/$file"
	done < <(cd "$built" && find . ! -type d ! -name evfd-run -printf '%P\n' | sort)
	put 755 "$built/evfd-run" "$prefix/bin/evfd-run"
	sed -i "s|^dir=@LIBDIR@\$|dir=$lib|" "$DESTDIR$prefix/bin/evfd-run"
}

put_manual() {
	local page
	for page in "$TOP"/Documentation/man/*.[1-9]; do
		[ ! -e "$page" ] ||
			put 644 "$page" "$prefix/share/man/man${page##*.}/${page##*/}"
	done
}

# The source of the module, with the headers for modules that post.
put_source() {
	local file mode
	while read -r file; do
		mode=644
		[ ! -x "$TOP/$file" ] || mode=755
		put "$mode" "$TOP/$file" "$src/$file"
	done < <(cd "$TOP" && {
		ls Kbuild Makefile dkms.conf README.md tools/build/check-kdir.sh
		find src include -path src/generated -prune -o -type f -regex '.*\.\([ch]\|rs\|mk\)' \
			! -name '*.mod.c' -print
		find LICENSES tools/install -type f
	} | sort)
	directory "$prefix/sbin"
	ln -sfn "$src/tools/install/evfd-prepare-headers" \
		"$DESTDIR$prefix/sbin/evfd-prepare-headers"
	echo "$prefix/sbin/evfd-prepare-headers" >>"$new_list"
}

# dkms_has [VERSION]: succeed, with a message, if the installed source is in use by DKMS
# and not of VERSION.
dkms_has() {
	local name
	name=$(sed -n 's|^/usr/src/evfd-\([^/]*\)/dkms.conf$|\1|p' "$list")
	[ -n "$name" ] && [ -e "$dkms/$name" ] && [ "$name" != "${1:-}" ] || return 1
	say "DKMS still has evfd $name. Remove it first: dkms remove evfd/$name --all"
}

# Remove in reverse order, so the files in a directory go first. A directory goes only
# if it is empty.
remove_listed() {
	local name
	while read -r name; do
		case $name in
		*/) rmdir "$DESTDIR$name" 2>/dev/null || true ;;
		*) rm -f "$DESTDIR$name" ;;
		esac
	done < <(tac "$list")
}

do_install() {
	[ ! -e "$list" ] || ! dkms_has "$version" || exit 1
	[ ! -e "$list" ] || remove_listed
	mkdir -p "$DESTDIR/"
	new_list=$(mktemp)
	trap 'rm -f "$new_list"' EXIT
	directory "$lib"
	put_system
	put_preload
	put_manual
	put_source
	put 644 "$new_list" "$lib/installed"
	install -m 644 "$new_list" "$list"
	[ -n "$DESTDIR" ] || say "installed. To build and load the module:" \
		"  dkms install evfd/$version && modprobe evfd"
}

do_uninstall() {
	[ -e "$list" ] || refuse "nothing is installed with prefix=$prefix: there is no $list"
	! dkms_has || exit 1
	remove_listed
}

case ${1:-} in
install | uninstall) ;;
*) refuse "usage: install.sh install|uninstall" ;;
esac
"do_$1"
