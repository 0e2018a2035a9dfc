#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a guest's file system with third-party programs that use event descriptors,
# unless it is in the cache, and print its name.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/debian.sh"

packages=(
	libpython3.13-testsuite nodejs stress-ng systemd-tests
	# for the guest
	busybox-static kmod procps
)

# Leaves out documentation, and graphics drivers, which no program here uses.
excludes='^(usr/share/(doc|man|locale|fonts|icons)|usr/lib/x86_64-linux-gnu/(libLLVM|libgallium|dri/).*|var/(cache|lib)/.*|boot|dev/.*|proc/.*|sys/.*|tmp/.*|run/.*)(/|$)'

make_programs() {
	local dir=$1
	mkdir "$dir/root"
	debian_root "$dir/root" "${packages[@]}"
	mkdir -p "$dir/root/mnt/share"
	in_root mkfs.erofs --quiet --all-root -T0 --exclude-regex="$excludes" \
		"$dir/image" "$dir/root"
	rm -rf "$dir/root"
}

"$TOP/tools/env/root.sh" >/dev/null
name=programs-$(hash_of "$0" "$TOP/tools/env/debian.sh")
[ -e "$CACHE/$name" ] ||
	step "fetching programs that use event descriptors" cached "$name" make_programs
echo "$CACHE/$name/image"
