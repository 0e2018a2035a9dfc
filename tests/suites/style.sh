#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"
cd "$TOP"

in_root() {
	tools/env/in-root.sh "$@"
}

# The files that git has or would take: no product of a build.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done
}

# none COMMAND...: succeeds if COMMAND has no output.
none() {
	local output
	output=$("$@")
	[ -z "$output" ] || {
		printf '%s\n' "$output"
		return 1
	}
}

shell_scripts() {
	files | while read -r file; do
		if [ -f "$file" ] && head -n 2 "$file" | grep -qE '^#!.*sh$|^# shellcheck shell='; then
			echo "$file"
		fi
	done
}

without_spdx() {
	files ':!tests/fuzz/corpus' ':!*.md' ':!LICENSES' ':!COPYING' ':!.gitignore' ':!.rustfmt.toml' ':!.shellcheckrc' |
		while read -r file; do
			head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' || echo "$file"
		done
}

# Unsafe code has a single place, with a twin for modules that use evfd. The fuzzer is left
# out: it only makes system calls.
unsafe_outside() {
	files '*.rs' | grep -vE '^(src/abstractions/|include/rust/|tests/fuzz/)' |
		xargs grep -nE '\bunsafe\b' | grep -vE ':[0-9]+: *//' || true
}

# The abstractions, compiled without the rest of evfd: see tools/check/abstractions. For
# the tree that warnings_of_build() has left.
abstractions_alone() {
	local tree=$TOP/build/style/tree
	in_root env EVFD_HELPERS_RS="$tree/src/generated/helpers.rs" make -s -C "$kdir" \
		M="$tree/tools/check/abstractions" KRUSTFLAGS=-Dwarnings abstractions.o
}

python_lint() {
	files '*.py' | xargs tools/check/pypi.sh ruff check --no-cache
}

# Misspelled words in code, messages and prose. Not meant are macros of mdoc and an operand
# of inline assembly.
spelling() {
	files ':!tests/fuzz/corpus' ':!LICENSES' ':!*/Cargo.lock' |
		xargs tools/check/pypi.sh codespell --ignore-words-list nd,fo,inout
}

# prose OPTION...: prose.py on every file. It skips those without prose.
prose() {
	local names
	mapfile -t names < <(files)
	in_root python3 tools/check/prose.py "$@" "${names[@]}"
}

# proselint on the comments and documents alone. Its names and lines are those of the files.
prose_lint() {
	local out=$TOP/build/style/prose
	rm -rf "$out"
	prose --extract "$out" || return 1
	cd "$out"
	find . -type f -printf '%P\n' | sort |
		xargs "$TOP/tools/check/pypi.sh" proselint check \
			--config "$TOP/tools/check/proselint.json" | sed "s|^$out/||"
}

# A warning only: to split a file, or to move code into a header, can be worse.
warn_of_long_files() {
	files ':!Documentation' ':!*.md' ':!*/Cargo.lock' ':!tests/fuzz/corpus' | xargs wc -l |
		awk '$2 != "total" && $1 > 500 { print "# long: " $2 " has " $1 " lines" }'
}

# warnings_of_build NAME KERNEL [ARGUMENT...]: build all modules with W=1. A warning is an error.
warnings_of_build() {
	tools/build/module.sh --in "$1" --make W=1 --make KCFLAGS=-Werror \
		--make KRUSTFLAGS=-Dwarnings "${@:3}" "$2" \
		samples/pressure samples/shrinker samples/timer tests/kmod
}

# checkpatch_files IGNORED-TYPES: run checkpatch on the files named on stdin. It leaves a file
# in the current directory, so it runs in a directory with links to the checkout.
checkpatch_files() {
	in_root sh -ec 'ln -s "$1"/* /tmp/; shift; cd /tmp; exec xargs perl "$@"' sh \
		"$TOP" "$source/scripts/checkpatch.pl" --root="$source" --strict \
		--terse --no-summary --show-types --ignore "$1" -f
}

# INCLUDE_LINUX is wrong about <linux/nmi.h>, which does not replace <asm/nmi.h>. Some of the
# kernel's names and rules do not exist for programs.
checkpatch() {
	local status=0 dir programs=(lib tests/lib tests/user tests/bench tests/faults tests/preload tests/stress tools/preload)
	local ignored=PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,VOLATILE
	ignored+=,CAMELCASE,ARCH_DEFINES,AVOID_EXTERNS
	files '*.c' '*.h' "${programs[@]/#/:!}" | checkpatch_files INCLUDE_LINUX || status=1
	for dir in "${programs[@]}"; do
		files "$dir/*.c" "$dir/*.h" "$dir/*.S"
	done | checkpatch_files "$ignored" || status=1
	return $status
}

kernel_doc() {
	in_root python3 "$source/tools/docs/kernel-doc" -none -Wall -Werror include/linux/*.h
}

man_lint() {
	in_root mandoc -T lint -W warning "${man_pages[@]}"
}

# References to missing pages of evfd, and names of its headers without a page.
man_missing() {
	local name
	sed -nE 's/^\.(Xr|It Xr) ((ioctl_)?(evfd|kevent)[^ ]*) ([0-9]).*/\2.\5/p' "${man_pages[@]}" |
		sort -u | while read -r name; do
		[ -e "Documentation/man/$name" ] || echo "there is no page $name"
	done
	sed -nE 's/^#define ((EVFD|KEVENT)_[A-Z0-9_]+)\s.*/\1/p; s/^.*\b(evfd_[a-z_]+)\(.*;$/\1/p' \
		include/uapi/linux/*.h include/linux/evfd.h | sort -u |
		while read -r name; do
			[ "$name" = EVFD_IOC_MAGIC ] || grep -qw -- "$name" "${man_pages[@]}" ||
				echo "no page names $name"
		done
}

# Missing tests: the design names them for bugs found elsewhere.
tests_missing() {
	awk '/^ +(\* )?- / { file = "" }
	     match($0, /[a-z_.\/0-9]+: ``/) { file = substr($0, RSTART, RLENGTH - 4) }
	     file { n = split($0, part, "``")
		    for (i = 2; i <= n; i += 2) print file, part[i] }' \
		Documentation/design/history.rst |
		while read -r file name; do
			case $file in
			kunit) grep -qwr "fn $name" src/tests ;;
			*.h) grep -qE "^TEST.*\b${name}[,)]" "tests/lib/c/$file" ;;
			*) grep -qsE "^TEST.*\b${name}[,)]" tests/{user,kapi}/"$file".c ;;
			esac || echo "$file has no test $name"
		done
}

# The files that the recipes name, but that are not there. Capitals stand for a name.
recipe_files_missing() {
	local file
	grep -ohE '`(Documentation|include|samples|src|tests|tools)/[^` ]+`' CONTRIBUTING.md \
		Documentation/new-descriptor.rst |
		tr -d '`' | grep -vE '[A-Z]{4}|_name|gate|[*]' | sort -u | while read -r file; do
		[ -e "$file" ] || echo "there is no $file"
	done
}

# The programs of sections 2 and 4, for 64 and 32 bits.
man_programs() {
	local out=$TOP/build/man/programs
	rm -rf "$out"
	tools/check/man-examples.sh "$out" Documentation/man/*.[24] &&
		in_root sh -ec 'for file in "$1"/*.c; do
			for bits in 64 32; do
				gcc -std=gnu11 -m$bits -O2 -Wall -Wextra -Werror \
					-idirafter include/uapi -idirafter lib/c/include \
					-o "${file%c}$bits" "$file"
			done
		done' sh "$out"
}

# Each header for programs, by itself: as C and C++, for 64 and 32 bits.
program_headers() {
	in_root sh -ec 'cd lib/c/include; for header in evfd/*.h; do
		for bits in 64 32; do
			set -- -m$bits -O2 -Wall -Wextra -pedantic -Werror -fsyntax-only -I. \
				-idirafter ../../../include/uapi -include "$header"
			gcc -std=gnu11 "$@" -x c /dev/null
			clang++-19 -std=c++17 "$@" -x c++ /dev/null
		done
	done'
}

# The modules of section 9, against the build of warnings_of_build().
man_modules() {
	local out=$TOP/build/man/modules
	rm -rf "$out"
	tools/check/man-examples.sh "$out" Documentation/man/*.9 || return 1
	{
		echo "ccflags-y := -I$TOP/include -I$TOP/include/uapi"
		(cd "$out" && printf 'obj-m += %s\n' *.c | sed 's/\.c$/.o/')
	} >"$out/Kbuild"
	in_root make -s -C "$kdir" M="$out" W=1 KCFLAGS=-Werror CONFIG_DEBUG_INFO_BTF_MODULES= \
		KBUILD_EXTRA_SYMBOLS="$TOP/build/style/tree/Module.symvers" modules
}

kdir=$(tools/env/kernel.sh cloud)/build
source=$(realpath "$kdir/source")

tap_check "Rust code is formatted" make fmt-check
tap_check "clippy with the kernel's lints has no complaint" make clippy
tap_check "building with W=1 by gcc has no warning" warnings_of_build style cloud
tap_check "nor has it by clang, with the KUnit suites" warnings_of_build style-debug debug
tap_check "clippy has no complaint about these" \
	warnings_of_build clippy-debug debug --make CLIPPY=1
tap_check "the documentation builds without a warning" make doc
tap_check "the code in the tutorial builds without a warning" tools/check/tutorial.sh build
tap_check "its program passes in a guest" tools/check/tutorial.sh program
tap_check "the files that the recipes name are there" none recipe_files_missing
tap_check "no unsafe outside the abstractions" none unsafe_outside
tap_check "the abstractions compile without the rest of evfd" abstractions_alone
tap_check "the files of src/ import in one direction" in_root python3 tools/check/layers.py src
tap_check "checkpatch --strict has no complaint" checkpatch
tap_check "kernel-doc has no complaint" kernel_doc
mapfile -t man_pages < <(files 'Documentation/man/*')
tap_check "mandoc has no complaint about the manual pages" man_lint
tap_check "the manual pages name everything" none man_missing
tap_check "the programs in the manual pages compile" man_programs
tap_check "so do the modules" man_modules
tap_check "the headers for programs compile as C and as C++" program_headers
mapfile -t scripts < <(shell_scripts)
tap_check "the tests that the design names are there" none tests_missing
tap_check "shellcheck has no complaint" in_root shellcheck "${scripts[@]}"
tap_check "ruff has no complaint about Python code" python_lint
tap_check "every file names its licence" none without_spdx
tap_check "comments and documents keep to plain words" prose --limits
tap_check "proselint has no complaint about comments and documents" prose_lint
tap_check "codespell finds no misspelled word" spelling
warn_of_long_files
tap_done
