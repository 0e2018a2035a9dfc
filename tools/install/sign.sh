#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Sign evfd.ko with the machine owner's key, for Secure Boot.
#
# usage: sign.sh KDIR MODULE KEY CERTIFICATE
#
# Runs scripts/sign-file of KDIR. The certificate is in DER form, like mokutil needs it.
set -euo pipefail

kdir=$1 module=$2 key=$3 cert=$4

refuse() {
	printf 'evfd: %s\n' "$@" >&2
	exit 1
}

[ -e "$module" ] || refuse "there is no $module. Build it: make"
[ -x "$kdir/scripts/sign-file" ] || refuse "there is no sign-file in $kdir/scripts." \
	"Name a prepared kernel tree: make sign KDIR=dir"
if [ ! -r "$key" ] || [ ! -r "$cert" ]; then
	refuse \
		"cannot read the key $key and the certificate $cert." \
		"Say KEY=file CERT=file, or make a pair and enrol it at the next boot:" \
		"  openssl req -new -x509 -newkey rsa:2048 -nodes -days 36500 -outform DER \\" \
		"    -subj '/CN=evfd module signing/' -keyout evfd.key -out evfd.der" \
		"  mokutil --import evfd.der"
fi
hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"$/\1/p' "$kdir/.config" \
	"$kdir/include/config/auto.conf" 2>/dev/null | head -n 1)

# Only one signature: the kernel sees only the last of several.
if tail -c 28 "$module" | grep -aq '^~Module signature appended~$'; then
	refuse "$module is signed already. For an unsigned module, build again: make clean && make"
fi
"$kdir/scripts/sign-file" "${hash:-sha256}" "$key" "$cert" "$module"
tail -c 28 "$module" | grep -aq '^~Module signature appended~$' ||
	refuse "sign-file did not sign $module"
