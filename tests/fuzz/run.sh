#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Fuzz evfd in a guest with the debug kernel.
#
# usage: run.sh SECONDS CALLS [PROGRAM|DIR]
#
# Ends after SECONDS, or after that many CALLS if CALLS is not 0. In that case kmemleak is
# off, because it takes nearly half of the time. Leaves the results in build/fuzz/out:
# see "Fuzzing" in Documentation/testing.rst. With a PROGRAM, or a DIR of programs,
# repeats these instead, and does not touch build/fuzz/out.
set -euo pipefail
. "$(dirname "$0")/../../tools/env/lib.sh"

[ $# -ge 2 ] || die "usage: run.sh SECONDS CALLS [PROGRAM|DIR]"
seconds=$1 calls=$2 repro=${3:-}
parameters=kunit.autorun=0
if [ "$calls" = 0 ]; then
	calls=1000000000000
else
	parameters+=' kmemleak=off'
fi
build=$TOP/build/fuzz
share=$build/share
memory=$build/memory
out=$build/out

# Every block needs a call to KCOV of its own, so the compiler must not prune any.
"$TOP/tools/build/module.sh" --in fuzz --make KCOV_INSTRUMENT=y \
	--make 'KCFLAGS=-g -fsanitize-coverage=no-prune' \
	--make 'KRUSTFLAGS=-Cdebuginfo=2 -Cllvm-args=-sanitizer-coverage-prune-blocks=0' \
	debug tests/kmod
cargo() {
	"$TOP/tools/build/cargo.sh" fuzz "$@"
}
step "building the fuzzer" cargo build --release --locked
fuzzer=$(cargo metadata --format-version 1 --locked --no-deps |
	sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release/evfd-fuzz

how=fuzz
if [ -n "$repro" ]; then
	how=repeat
	out=$build/repeated
	[ -e "$repro" ] || die "REPRO=$repro: there is no such file or directory"
fi
rm -rf "$share" "$out"
mkdir -p "$share/programs" "$out"
cp "$build"/evfd.ko "$build"/evfd_post_test.ko "$fuzzer" "$share/"
if [ -n "$repro" ]; then
	cp -rT "$repro" "$share/programs$([ -d "$repro" ] || echo /program)"
else
	cp "$TOP"/tests/fuzz/corpus/* "$share/programs/"
fi
rm -f "$memory"
truncate -s 4M "$memory"

# The fuzzer loads the module itself, so that code run by loading counts too.
status=0
"$TOP/tools/guest/run.sh" --kernel debug --no-module --injected --append "$parameters" \
	--timeout "$((seconds + 900))" --memory "$memory" --share "$share" \
	--log "$build/guest.log" -- /mnt/share/evfd-fuzz "$how" /mnt/share "$seconds" "$calls" \
	/mnt/share/programs || status=$?
in_root "$fuzzer" take "$memory" "$out"
in_root objdump -drl --inlines --no-show-raw-insn -j .text -j .init.text -j .exit.text \
	"$build/evfd.ko" | in_root python3 "$TOP/tests/fuzz/coverage.py" "$out/reached" "$TOP/src" \
	>"$out/coverage"
tail -n 1 "$out/coverage"
if [ -e "$out/crash-last" ]; then
	say "to run this again: make fuzz REPRO=${out#"$TOP/"}/crash-last"
	say "or with the programs before it: make fuzz REPRO=${out#"$TOP/"}/crash"
	[ "$status" != 0 ] || status=1
fi
exit "$status"
