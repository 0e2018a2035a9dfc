# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For the suites: guests, and results in TAP.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
SUITE=${0##*/}
SUITE=${SUITE%.sh}
TAP_COUNT=0

# guest KERNEL COMMAND...: run a command in a guest, with evfd.ko loaded and
# build/KERNEL/share at /mnt/share. A single word is a line for sh; several words are a
# program and its arguments. The kernel log goes to build/KERNEL/SUITE.log. GUEST_OPTIONS
# are options of tools/guest/run.sh. The module's KUnit suites do not run.
GUEST_OPTIONS=()
guest() {
	local kernel=$1
	shift
	"$TOP/tools/guest/run.sh" --kernel "$kernel" --append kunit.enable=0 "${GUEST_OPTIONS[@]}" \
		--share "$TOP/build/$kernel/share" \
		--log "$TOP/build/$kernel/$SUITE.log" -- "$@"
}

# make_results: make the directory $results. The end of the suite removes it, and kills the
# background jobs of the suite, such as guests.
make_results() {
	results=$(mktemp -d)
	trap 'jobs -rp | xargs -r kill || true; rm -rf "$results"' EXIT
}

# keep FILE COMMAND...: run a command, such as guest, with its output in FILE and its exit
# status in FILE.status.
keep() {
	local file=$1 status=0
	shift
	"$@" >"$file" || status=$?
	echo "$status" >"$file.status"
}

# ended_well FILE NAME: ok if the guest that keep ran with FILE ended well.
ended_well() {
	tap_check "$2: all ended well, and no complaint of the kernel" \
		[ "$(cat "$1.status")" = 0 ]
}

# suite_kernels: the kernels of the suite, a line each. They come from "make check KERNEL=" or
# from tests/suites/index.
suite_kernels() {
	"$TOP/tests/run.sh" --kernels "$SUITE"
}

# soak: succeeds in "make soak", where a suite runs its long form.
soak() {
	[ -n "${EVFD_SOAK:-}" ]
}

# build_preload: build libevfd-preload.so and evfd-run, in build/preload. Several suites may
# call this at once.
build_preload() {
	mkdir -p "$TOP/build"
	flock "$TOP/build/.preload-lock" "$TOP/tools/env/in-root.sh" \
		make -s -C "$TOP/tools/preload" O="$TOP/build/preload"
}

# Programs of tests/user that need a guest with one processor: only so does an
# emulated machine come back from sleep.
SLEEPERS=(timerfd/suspend)

# The other programs of tests/user, which can share a guest. any/NAME.c makes two: NAME,
# and evfd_NAME for the kinds that only evfd has.
user_programs() {
	local source name
	for source in "$TOP"/tests/user/*/*.c; do
		name=${source#"$TOP/tests/user/"}
		name=${name%.c}
		[[ " ${SLEEPERS[*]} " = *" $name "* ]] || echo "$name"
		case $name in
		any/evfd_*) ;;
		any/*) echo "any/evfd_${name#any/}" ;;
		esac
	done
}

tap_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "ok $TAP_COUNT - $*"
}

tap_not_ok() {
	TAP_COUNT=$((TAP_COUNT + 1))
	echo "not ok $TAP_COUNT - $*"
}

# tap_check DESCRIPTION COMMAND...: ok if COMMAND succeeds. If it fails, its output becomes
# diagnostics.
tap_check() {
	local description=$1 output
	shift
	if output=$("$@" 2>&1); then
		tap_ok "$description"
	else
		tap_not_ok "$description"
		[ -z "$output" ] || printf '%s\n' "$output" | sed 's/^/# /'
	fi
}

# refuses TEXT COMMAND...: succeeds if COMMAND fails and prints TEXT.
refuses() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		echo "did not fail"
		return 1
	fi
	printf '%s\n' "$output"
	grep -qF -- "$text" <<<"$output"
}

# prints TEXT COMMAND...: succeeds if COMMAND prints exactly TEXT.
prints() {
	local text=$1 output
	shift
	output=$("$@" 2>/dev/null)
	printf '%s\n' "$output"
	[ "$output" = "$text" ]
}

# tap_from FILE PREFIX: repeat the results in FILE as results of the suite. FILE is the (K)TAP
# output of programs, or a kernel log with such output. Of nested results, the innermost
# count. A program with fewer results than it planned has failed.
tap_from() {
	local kind text
	while IFS=$'\t' read -r kind text; do
		case $kind in
		ok) tap_ok "$text" ;;
		not) tap_not_ok "$text" ;;
		*) echo "# $text" ;;
		esac
	done < <(awk -v prefix="$2" -f "$TOP/tests/lib/shell/tap.awk" "$1")
}

tap_done() {
	echo "1..$TAP_COUNT"
}
