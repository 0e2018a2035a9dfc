# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the suites share: running guests, and telling results in TAP.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd -P)
SUITE=${0##*/}
SUITE=${SUITE%.sh}
TAP_COUNT=0

# guest KERNEL COMMAND...: run a command in a guest that has evfd.ko loaded and
# build/KERNEL/share at /mnt/share. A single word is a line for sh, several
# are a program and its arguments. Leaves the kernel log in build/KERNEL/SUITE.log.
# GUEST_OPTIONS are options of tools/guest/run.sh. The module's KUnit suites are not run.
GUEST_OPTIONS=()
guest() {
	local kernel=$1
	shift
	"$TOP/tools/guest/run.sh" --kernel "$kernel" --append kunit.enable=0 "${GUEST_OPTIONS[@]}" \
		--share "$TOP/build/$kernel/share" \
		--log "$TOP/build/$kernel/$SUITE.log" -- "$@"
}

# make_results: make $results, a directory. It goes when the suite ends, and so does
# what the suite has begun, such as a guest.
make_results() {
	results=$(mktemp -d)
	trap 'jobs -rp | xargs -r kill || true; rm -rf "$results"' EXIT
}

# keep FILE COMMAND...: run a command as guest is one, with its output in FILE and
# its exit status in FILE.status.
keep() {
	local file=$1 status=0
	shift
	"$@" >"$file" || status=$?
	echo "$status" >"$file.status"
}

# ended_well FILE NAME: tell whether a guest, run by keep, did.
ended_well() {
	tap_check "$2: all ended well, and no complaint of the kernel" \
		[ "$(cat "$1.status")" = 0 ]
}

# suite_kernels: the kernels that the suite runs on, a line each: that of "make check KERNEL=",
# or those of tests/suites/index.
suite_kernels() {
	"$TOP/tests/run.sh" --kernels "$SUITE"
}

# soak: succeeds in "make soak", where a suite is to run its long form.
soak() {
	[ -n "${EVFD_SOAK:-}" ]
}

# build_preload: build libevfd-preload.so and evfd-run, in build/preload. Suites that do
# may run at once.
build_preload() {
	mkdir -p "$TOP/build"
	flock "$TOP/build/.preload-lock" "$TOP/tools/env/in-root.sh" \
		make -s -C "$TOP/tools/preload" O="$TOP/build/preload"
}

# Programs of tests/user that need a guest with one processor: only so does an
# emulated machine come back from sleep.
SLEEPERS=(timerfd/suspend)

# The other programs of tests/user, which can share a guest.
user_programs() {
	local source name
	for source in "$TOP"/tests/user/*/*.c; do
		name=${source#"$TOP/tests/user/"}
		name=${name%.c}
		[[ " ${SLEEPERS[*]} " = *" $name "* ]] || echo "$name"
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

# tap_check DESCRIPTION COMMAND...: ok if COMMAND succeeds; its output is shown
# as diagnostics if it does not.
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

# refuses TEXT COMMAND...: succeeds if COMMAND fails and says TEXT.
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

# prints TEXT COMMAND...: succeeds if COMMAND prints that and nothing else.
prints() {
	local text=$1 output
	shift
	output=$("$@" 2>/dev/null)
	printf '%s\n' "$output"
	[ "$output" = "$text" ]
}

# tap_from FILE PREFIX: tell the results in FILE, the (K)TAP output of one or
# more programs or a kernel log with it, as our own. Of nested results, the
# innermost count. A program that tells less than it planned has failed.
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
