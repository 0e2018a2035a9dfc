#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Make the guest's file system from the toolchain root, unless it is in the cache, and
# print its name.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"

# Compilers, emulators and documentation tools are left out, because no command in a
# guest needs them and the image must be small.
excludes='^(usr/(include|src|games|libx32|libexec)|usr/lib/(gcc|llvm.*|rustlib|modules|python3.*|bfd-plugins|clang)|usr/share/(qemu|seabios|perl|perl5|bash-completion/completions|python-babel-localedata|sphinx|docutils|javascript|xml|sgml|debhelper|vim)|usr/(bin|sbin)/(qemu|clang|llvm|rust|cargo|bindgen|x86_64-linux-gnu-|mandoc|demandoc|sphinx|rst|gnuplot).*|usr/lib/x86_64-linux-gnu/(lib(LLVM|clang|rustc_driver|lld|std-|test-|asan|tsan|ubsan|lsan|hwasan|python).*|perl.*|.*\.a)|var/(cache|lib)/.*|boot|dev/.*|proc/.*|sys/.*|tmp/.*|run/.*)(/|$)'

make_userland() {
	in_root mkfs.erofs --quiet --all-root -T0 --exclude-regex="$excludes" \
		"$1/image" "$ROOT"
}

ROOT=$("$TOP/tools/env/root.sh")
name=userland-$(hash_of "$0" <(echo "$ROOT"))
[ -e "$CACHE/$name" ] ||
	step "making the guest's file system" cached "$name" make_userland
echo "$CACHE/$name/image"
