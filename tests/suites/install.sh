#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"
cd "$TOP"

kdir=$(tools/env/kernel.sh cloud)/build
release=$(cat "$kdir/include/config/kernel.release")
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
root=$(tools/env/dkms-root.sh)

dir=$(mktemp -d)
# Named like the directory of a guest: if the suite is killed, a later guest removes it.
machine=$(mktemp -d "$(dirname "$root")/.guest.dkms.XXXXXX")
trap 'rm -rf "$dir" "$machine"' EXIT

# A copy of the checkout, with a build of evfd-run and a single manual page.
copy=$dir/evfd
make_copy() {
	local lib=$copy/build/preload/lib
	mkdir -p "$copy"
	git ls-files -z --cached --others --exclude-standard -- ':!Documentation/man' |
		xargs -0 cp --parents -t "$copy"
	mkdir -p "$lib"/{x86_64,i386}-linux-gnu "$copy/Documentation/man"
	touch "$lib"/{x86_64,i386}-linux-gnu/libevfd-preload.so "$copy/Documentation/man/evfd.4"
	ln -s lib/i386-linux-gnu "$copy/build/preload/lib32"
	printf '#!/bin/sh\ndir=@LIBDIR@\necho "$dir"\n' >"$copy/build/preload/evfd-run"
	# Products of a build are no sources.
	mkdir "$copy/src/generated"
	touch "$copy/src/generated/uapi.rs" "$copy/src/exports/exports.o" \
		"$copy/src/exports/.exports.o.cmd"
}

list() {
	(cd "$1" && find . ! -type d -printf '/%P\n' | sort)
}

# installed PREFIX: the files of an installation.
installed() {
	sed "s|^|$1/|" <<-'END'
		bin/evfd-run
		include/evfd/counter.h
		include/evfd/kevent.h
		include/evfd/timer.h
		include/linux/evfd.h
		include/linux/kevent.h
		lib/evfd/installed
		lib/evfd/lib/i386-linux-gnu/libevfd-preload.so
		lib/evfd/lib/x86_64-linux-gnu/libevfd-preload.so
		lib/evfd/lib32
		lib/modules-load.d/evfd.conf
		lib/udev/rules.d/70-evfd.rules
		sbin/evfd-prepare-headers
		share/man/man4/evfd.4
	END
	git ls-files --cached --others --exclude-standard -- Kbuild Makefile dkms.conf \
		README.md LICENSES src include tools/install tools/build/check-kdir.sh |
		sed "s|^|/usr/src/evfd-$version/|"
}

# in_copy TARGET [VARIABLE=VALUE...]
in_copy() {
	make --no-print-directory -C "$copy" DESTDIR="$dir/dest" "$@"
}

test_files() {
	tap_check "make install installs" in_copy install
	tap_check "every file, and no other" \
		prints "$(installed /usr/local | sort)" list "$dir/dest"
	tap_check "evfd-run knows where its library is" \
		prints /usr/local/lib/evfd sh "$dir/dest/usr/local/bin/evfd-run"
	list "$dir/dest" >"$dir/first"
	tap_check "installing twice is installing once" in_copy install
	tap_check "with the same files" prints "$(cat "$dir/first")" list "$dir/dest"
	tap_check "make uninstall uninstalls" in_copy uninstall
	tap_check "all of it, directories too" prints '' find "$dir/dest" -mindepth 1
	tap_check "with nothing there it is refused" \
		refuses "nothing is installed" in_copy uninstall
	in_copy install prefix=/opt/evfd
	tap_check "another prefix is taken" \
		prints "$(installed /opt/evfd | sort)" list "$dir/dest"
	tap_check "and evfd-run knows it" \
		prints /opt/evfd/lib/evfd sh "$dir/dest/opt/evfd/bin/evfd-run"
	touch "$dir/dest/opt/evfd/bin/another"
	in_copy uninstall prefix=/opt/evfd
	tap_check "make uninstall leaves others' files" \
		prints /opt/evfd/bin/another list "$dir/dest"
	rm -rf "$dir/dest"
}

test_dkms_source_is_kept() {
	in_copy install
	mkdir -p "$dir/dest/var/lib/dkms/evfd/$version"
	tap_check "a source that DKMS uses is not removed" \
		refuses "dkms remove evfd/$version --all" in_copy uninstall
	tap_check "but may be installed again" in_copy install
	sed -i 's/^PACKAGE_VERSION=.*/PACKAGE_VERSION="99"/' "$copy/dkms.conf"
	tap_check "nor replaced by another version's" \
		refuses "dkms remove evfd/$version --all" in_copy install
	rm -rf "$dir/dest"
}

# A Debian of its own. A full copy takes half a minute, so most of its files are links into
# the cache: programs replace these files, but never write to them.
make_machine() {
	local written
	cp -al "$root/." "$machine/"
	for written in etc var root usr/local usr/lib/modules; do
		rm -rf "${machine:?}/$written"
		cp -a "$root/$written" "$machine/$written"
	done
}

on_machine() {
	tools/env/in-root.sh --root "$machine" "$@"
}

# The commands of the README, without those for packages, for loading modules and for the
# firmware.
readme_commands() {
	sed -n '/^## Installing/,/^## /{/^```sh/,/^```/{
		/^sudo \(apt-get\|modprobe\|mokutil\) /d
		/^make /p
		s/^sudo //p
	}}' README.md
}

prepare() {
	on_machine "$TOP/tools/install/evfd-prepare-headers" "${1:-$release}"
}

# The names of all files in the directories of an installation.
names_there() {
	local tops=(etc usr/local usr/src usr/lib/modules var/lib/dkms var/lib/evfd)
	find "${tops[@]/#/$machine/}" ! -path '*/updates' ! -path '*/dkms/mok.*' \
		2>/dev/null | sort || true
}

test_dkms() {
	local command module=usr/lib/modules/$release/updates/dkms/evfd.ko.xz
	names_there >"$dir/before"
	while read -r command; do
		tap_check "the README's line: $command" on_machine sh -c "$command" </dev/null
	done < <(readme_commands)
	tap_check "DKMS has installed the module" [ -e "$machine/$module" ]
	tap_check "of this version" \
		prints "$version" on_machine modinfo -k "$release" -F version evfd
	tap_check "with an author" \
		prints "the evfd authors" on_machine modinfo -k "$release" -F author evfd
	tap_check "and a hash of its source" grep -qE '^[0-9A-F]{23}$' \
		<(on_machine modinfo -k "$release" -F srcversion evfd)
	tap_check "signed with the key that DKMS makes" \
		prints "DKMS module signing key" on_machine modinfo -k "$release" -F signer evfd
	tap_check "udev takes the rule" \
		on_machine udevadm verify /usr/local/lib/udev/rules.d/70-evfd.rules
	cp -al "$machine/var/lib/evfd/$release" "$machine/root/tree"
	touch "$machine/var/lib/evfd/$release/as-it-was"
	tap_check "the prepared tree is used again" prints "/var/lib/evfd/$release" prepare
	tap_check "unchanged" [ -e "$machine/var/lib/evfd/$release/as-it-was" ]
}

# The README's last lines, on the machine with its own kernel.
test_guest() {
	local excludes='^(usr/(src|lib/(gcc|llvm.*|rustlib))|usr/lib/x86_64-linux-gnu/lib(LLVM|clang|rustc).*|var/lib/evfd|dev/.*|proc/.*|sys/.*|tmp/.*|run/.*)(/|$)'
	sed -n '/^```c$/,/^```$/p; /^## /q' README.md | sed '/^```/d' >"$machine/root/readme.c"
	tap_check "the README's program builds with the installed files" \
		on_machine gcc -o /usr/local/bin/readme /root/readme.c
	tools/env/in-root.sh --bind "$dir" --bind "$machine" mkfs.erofs --quiet --all-root -T0 \
		--exclude-regex="$excludes" "$dir/image" "$machine"
	rm "$machine/root/readme.c" "$machine/usr/local/bin/readme"
	in_guest >"$dir/output" || true
	tap_check "modprobe loads it, and the program runs" \
		prints $'character special file 666\n4' head -n 2 "$dir/output"
	tap_check "a program that does not know it runs on it" prints \
		$'3\nevfd-preload: python3: 1 eventfd, 0 timerfd, 0 signalfd, 0 by the system' \
		sed -n '3,$p' "$dir/output"
	rm "$dir/image"
}

in_guest() {
	tools/guest/run.sh --no-module --userland "$dir/image" -- \
		"modprobe evfd && stat -c '%F %a' /dev/evfd && readme &&
		$(sed -n 's/^\(evfd-run -t .*[^ ]\)  *#.*/\1/p' README.md)"
}

# The README's way without DKMS.
test_sign() {
	local built=$machine/root/evfd module=/lib/modules/$release/updates/evfd.ko.xz
	mkdir "$built"
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$built"
	in_built() {
		on_machine make -C /root/evfd "$@"
	}
	tap_check "make builds for the running kernel" in_built
	tap_check "make sign says how to make a key" \
		refuses "mokutil --import" in_built sign KEY=/root/none
	tap_check "make sign modules_install signs and installs" in_built sign modules_install
	tap_check "with DKMS's key" \
		prints "DKMS module signing key" on_machine modinfo -F signer "$module"
	tap_check "make sign signs only once" refuses "is signed already" in_built sign
	rm -r "$built" "${machine:?}/usr$module"
}

# Like an upgrade of the kernel by apt, without the steps that take minutes.
test_upgrade() {
	local module=$machine/usr/lib/modules/$release/updates/dkms/evfd.ko.xz
	on_machine dkms unbuild "evfd/$version" -k "$release" >/dev/null
	mkdir -p "$machine/var/lib/evfd"
	cp -al "$machine/root/tree" "$machine/var/lib/evfd/$release"
	tap_check "a new kernel has no module" [ ! -e "$module" ]
	tap_check "Debian's hook builds it" \
		on_machine /etc/kernel/header_postinst.d/dkms "$release"
	tap_check "and installs it" [ -e "$module" ]
}

test_removal() {
	tap_check "dkms remove removes the module" on_machine dkms remove "evfd/$version" --all
	tap_check "and the tree prepared for it" [ ! -e "$machine/var/lib/evfd" ]
	tap_check "make uninstall succeeds then" on_machine make -C "$TOP" uninstall
	names_there >"$dir/after"
	tap_check "nothing is left" diff "$dir/before" "$dir/after"
}

# Replace make, which takes minutes to prepare a tree, by a copy of the tree prepared before.
fake_make() {
	cat >"$machine/usr/local/bin/make" <<-'END'
		#!/bin/sh
		case $* in
		*modules_prepare) cp -a /root/tree/. "$3/" ;;
		*olddefconfig) [ ! -e /root/config ] || cp /root/config "$3/.config" ;;
		esac
	END
	chmod 755 "$machine/usr/local/bin/make"
	mkdir "$dir/source"
	tar -cJf "$dir/source.tar.xz" -C "$dir" source
	mv "$dir/source.tar.xz" "$machine"/usr/src/linux-source-*.tar.xz
}

test_another_kernel() {
	local headers=$machine/usr/src/linux-headers-$release
	fake_make
	tap_check "the right tree is taken" prints "/var/lib/evfd/$release" prepare
	cp "$headers/Module.symvers" "$dir/"
	sed -i 's/_RNvN/_RNxN/' "$headers/Module.symvers"
	tap_check "a kernel with other Rust symbols is refused" \
		refuses "these Rust symbols are not in Debian's kernel" prepare
	tap_check "and the unfinished tree is gone" \
		prints "$release" ls -A "$machine/var/lib/evfd"
	cp "$dir/Module.symvers" "$headers/"
	rm -rf "$machine/var/lib/evfd"
	sed '/^CONFIG_PAHOLE_VERSION=/d' "$headers/.config" >"$machine/root/config"
	tap_check "so is another configuration" \
		refuses "not the one Debian built this kernel with" prepare
	tap_check "which leaves no tree either" prints '' ls -A "$machine/var/lib/evfd"
}

# away FILE COMMAND...: run a command while a file of the machine is out of the way.
away() {
	local file=$machine/$1 status=0
	shift
	mv "$file" "$file.away"
	"$@" || status=$?
	mv "$file.away" "$file"
	return $status
}

test_refusals() {
	local source
	tap_check "a kernel without headers is refused" \
		refuses "apt-get install linux-headers-9.9.9" prepare 9.9.9
	mkdir -p "$machine/usr/lib/modules/9.9.9/build"
	touch "$machine/usr/lib/modules/9.9.9/build/"{.config,Module.symvers}
	tap_check "a kernel without Rust is refused" refuses "built without Rust" prepare 9.9.9
	grep '^CONFIG_RUST' "$kdir/.config" >"$machine/usr/lib/modules/9.9.9/build/.config"
	tap_check "headers that are not Debian's are refused" \
		refuses "For a kernel of your own, use its tree" prepare 9.9.9
	tap_check "a missing package is named" \
		refuses "apt-get install bison" away usr/bin/bison prepare
	tap_check "rust-src too" refuses "apt-get install rust-src" \
		away usr/lib/rustlib/src/rust/library/core prepare
	source=$(cd "$machine" && ls usr/src/linux-source-*.tar.xz)
	tap_check "without the source, the package and its version are named" \
		refuses "apt-get install $(basename "$source" .tar.xz)=" away "$source" prepare
	printf '#!/bin/sh\n[ "$1" = --version ] || exec /usr/bin/rustc "$@"\n%s\n' \
		'echo "rustc 1.0.0 (another one)"' >"$machine/usr/local/bin/rustc"
	chmod 755 "$machine/usr/local/bin/rustc"
	tap_check "another rustc is refused" \
		refuses "/usr/local/bin/rustc: rustc 1.0.0" prepare
	rm "$machine/usr/local/bin/rustc"
	sed -i "/^Package: linux-source-/,/^\$/s/^Version: .*/Version: 1/" \
		"$machine/var/lib/dpkg/status"
	tap_check "another version of the source is refused" refuses "here:   1" prepare
}

make_copy
test_files
test_dkms_source_is_kept
make_machine
test_dkms
test_guest
test_sign
test_upgrade
test_removal
test_another_kernel
test_refusals
tap_done
