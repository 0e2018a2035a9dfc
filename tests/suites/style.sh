#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Format, lints and documentation: what can be told without running anything.

set -euo pipefail
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/../lib.sh"
cd "$TOP"

in_root() {
	tools/setup/in-root.sh "$@"
}

# What git has or would take, so that no build product is looked at.
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
		[ ! -e "$file" ] || echo "$file"
	done
}

# none COMMAND...: succeeds if COMMAND prints nothing.
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
	files ':!*.md' ':!LICENSES' ':!COPYING' ':!.gitignore' ':!.rustfmt.toml' ':!.shellcheckrc' |
		while read -r file; do
			head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' || echo "$file"
		done
}

# Unsafe code has one place, and its twin for modules that use evfd.
unsafe_outside() {
	files '*.rs' | grep -vE '^(src/abstractions/|include/rust/)' |
		xargs grep -nE '\bunsafe\b' | grep -vE ':[0-9]+: *//' || true
}

too_long() {
	files ':!Documentation' ':!*.md' | xargs wc -l |
		awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }'
}

# What -W1 and the kernel's checkers print, whatever their exit status.
warnings_of_build() {
	tools/setup/build-module.sh --in style --make W=1 --make KCFLAGS=-Werror \
		--make KRUSTFLAGS=-Dwarnings cloud samples/shrinker samples/timer tests/modules
}

# checkpatch_files IGNORED-TYPES: on the files whose names it reads. It leaves
# a file where it runs: that is not the checkout, but looks like it.
checkpatch_files() {
	in_root sh -ec 'ln -s "$1"/* /tmp/; shift; cd /tmp; exec xargs perl "$@"' sh \
		"$TOP" "$source/scripts/checkpatch.pl" --root="$source" --strict \
		--terse --no-summary --show-types --ignore "$1" -f
}

# <linux/nmi.h> is no substitute for <asm/nmi.h>, whatever INCLUDE_LINUX says.
# For programs, some of the kernel's names and rules do not exist.
checkpatch() {
	local status=0 dir programs=(tests/user tests/preload tools/preload)
	local ignored=PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,VOLATILE
	ignored+=,CAMELCASE,ARCH_DEFINES,AVOID_EXTERNS
	files '*.c' '*.h' "${programs[@]/#/:!}" | checkpatch_files INCLUDE_LINUX || status=1
	for dir in "${programs[@]}"; do
		files "$dir/*.c" "$dir/*.h" "$dir/*.S"
	done | checkpatch_files "$ignored" || status=1
	return $status
}

kernel_doc() {
	in_root python3 "$source/tools/docs/kernel-doc" -none -Wall -Werror include/linux/evfd.h
}

source=$(realpath "$(tools/setup/kernel.sh cloud)/build/source")

tap_check "Rust code is formatted" make fmt-check
tap_check "clippy with the kernel's lints has no complaint" make clippy
tap_check "building with W=1 has no warning" warnings_of_build
tap_check "the Rust documentation builds without a warning" make doc
tap_check "no unsafe outside the abstractions" none unsafe_outside
tap_check "checkpatch --strict has no complaint" checkpatch
tap_check "kernel-doc has no complaint" kernel_doc
mapfile -t scripts < <(shell_scripts)
tap_check "shellcheck has no complaint" in_root shellcheck "${scripts[@]}"
tap_check "every file names its licence" none without_spdx
tap_check "no file is longer than 500 lines" none too_long
tap_done
