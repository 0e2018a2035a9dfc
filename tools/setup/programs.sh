#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a guest's file system with programs of others that use event descriptors,
# unless it is there, and print its name.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=(
	libpython3.13-testsuite nodejs stress-ng systemd-tests
	# what a guest needs
	busybox-static kmod procps
)

# Drivers for graphics, which nothing here draws with.
excludes='^(usr/share/(doc|man|locale|fonts|icons)|usr/lib/x86_64-linux-gnu/(libLLVM|libgallium|dri/).*|var/(cache|lib)/.*|boot|dev/.*|proc/.*|sys/.*|tmp/.*|run/.*)(/|$)'

make_programs() {
	local dir=$1 uri opts=() x
	uri=$(mirror)
	while read -r x; do
		opts+=(--aptopt="$x")
	done < <(apt_proxies)
	mkdir "$dir/root"
	mmdebstrap --quiet --variant=apt --format=tar \
		--aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Languages "none"' "${opts[@]}" \
		--include="$(IFS=,; echo "${packages[*]}")" "$DEBIAN_SUITE" - \
		"deb $uri $DEBIAN_SUITE main" \
		"deb $uri $DEBIAN_SUITE-updates main" |
		tar -x -C "$dir/root" --no-same-owner --exclude='./dev/*'
	mkdir -p "$dir/root/mnt/share"
	in_root mkfs.erofs --quiet --all-root -T0 --exclude-regex="$excludes" \
		"$dir/image" "$dir/root"
	rm -rf "$dir/root"
}

"$TOP/tools/setup/root.sh" >/dev/null
name=programs-$(hash_of "$0")
[ -e "$CACHE/$name" ] ||
	step "fetching programs that use event descriptors" cached "$name" make_programs
echo "$CACHE/$name/image"
