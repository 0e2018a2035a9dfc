#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make a root like the machine of a user who installs evfd, unless it is in the cache,
# and print its directory: Debian with the cloud kernel's headers, its source and the
# packages in the README.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/debian.sh"

# The packages of the README's last apt-get line.
readme_packages() {
	sed -n '/^## Installing/,/^## /{
		s/^sudo apt-get install \([^-].*\)/\1/p
	}' "$TOP/README.md"
}

make_dkms_root() {
	local dir=$1 include=()
	read -ra include < <(readme_packages)
	include+=("linux-headers-$ABI-cloud-amd64=$VERSION"
		"linux-modules-$ABI-cloud-amd64=$VERSION"
		"linux-source-$KERNEL_SERIES=$VERSION" udev busybox-static)
	debian_root "$dir" --backports --exclude '/usr/share/doc/*' \
		--exclude '/usr/share/man/*' --exclude '/usr/share/locale/*' \
		"${include[@]}"
	touch "$dir/etc/resolv.conf" "$dir/etc/hosts"
	# The running kernel is not the root's own, so uname must not report it.
	printf '#!/bin/sh\n[ "$*" = -r ] && echo "%s" || exec /usr/bin/uname "$@"\n' \
		"$ABI-cloud-amd64" >"$dir/usr/local/bin/uname"
	chmod 755 "$dir/usr/local/bin/uname"
}

"$TOP/tools/env/kernel.sh" cloud >/dev/null
read -r VERSION ABI <"$CACHE/release-$KERNEL_SERIES"
name=dkms-$VERSION-$(hash_of "$0" "$TOP/tools/env/debian.sh" <(readme_packages))
[ -e "$CACHE/$name" ] ||
	step "making a Debian root to install in" cached "$name" make_dkms_root
echo "$CACHE/$name"
