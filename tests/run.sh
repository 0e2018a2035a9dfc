#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the test suites: all of them, or with ONLY=suite that one. With EVFD_KERNEL,
# which "make check KERNEL=" sets, those that boot kernels are run on that one.
# With EVFD_SOAK, which "make soak" sets, those that have a long form are run in
# it, and then on each debug kernel those that can be.
#
# A suite is an executable tests/suites/NAME.sh that writes TAP, its plan at
# the end. Its second comment line says what it tests; one that begins with
# "# kernels:" names the kernels it boots, "or KERNEL" if it can be any other, "or
# another debug kernel" if it can be one of these. One that begins with "# processors:"
# tells how many it keeps busy, if not one; one that begins with "# fetches:" names a
# script that fetches what it alone needs.
set -euo pipefail
cd "$(dirname "$0")/.."

passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
# Some suites run two guests at once wherever they are run.
PROCESSORS=$(nproc)
[ "$PROCESSORS" -gt 1 ] || PROCESSORS=2

suites() {
	# Those come last that leave no processor to another.
	printf '%s\n' style setup kunit memory-model install bench posts abuse races samples \
		faults fuzz preload programs user unload
}

# says SUITE WHAT: what a suite's comment line that begins with that says.
says() {
	sed -n "s/^# $2: *//p" "tests/suites/$1.sh"
}

kernels_of() {
	local kernels
	kernels=$(says "$1" kernels)
	case $kernels in
	*', or '*) echo "${EVFD_KERNEL:-${kernels%,*}}" ;;
	*) echo "$kernels" ;;
	esac
}

# The suites that can be run on the kernel that was asked for.
suites_for_kernel() {
	local suite others='KERNEL'
	[[ "$EVFD_KERNEL" != debug* ]] || others+='|another debug kernel'
	for suite in $(suites); do
		! says "$suite" kernels | grep -qE ", or ($others)\$" || echo "$suite"
	done
}

# The suites that have a long form.
suites_for_soak() {
	local suite
	for suite in $(suites); do
		! grep -qw soak "tests/suites/$suite.sh" || echo "$suite"
	done
}

# Starts what fetches something for a suite alone. If that fails, the suite tells.
fetch_for() {
	local script
	script=$(says "$1" fetches)
	[ -n "$script" ] || return 0
	setpriv --pdeathsig TERM "$script" </dev/null >/dev/null &
}

# Build all that the suites share. Prints how long each step takes.
prepare() {
	local suite kernel
	for suite; do
		fetch_for "$suite"
	done
	for suite; do
		kernels_of "$suite"
	done | tr ' ' '\n' | sort -u | while read -r kernel; do
		[ -z "$kernel" ] || tools/build/share.sh "$kernel" </dev/null || return 1
	done || return 1
	wait
}

# How many processors a suite keeps busy.
processors_of() {
	local wanted
	wanted=$(says "$1" processors)
	echo "${wanted:-1}"
}

# count SUITE STATUS: counts the results of a suite that has ended.
count() {
	local suite=$1 status=$2 log=$logs/$1 results planned ok not skip
	skip=$(grep -cE '^ok [0-9]+ .*# SKIP' "$log") || true
	ok=$(($(grep -cE '^ok [0-9]+' "$log" || true) - skip))
	not=$(grep -cE '^not ok [0-9]+' "$log") || true
	results=$((ok + not + skip))
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | tail -n 1)
	if [ "$status" != 0 ] || [ "$planned" != "$results" ] || [ "$results" = 0 ]; then
		echo "not ok - suite $suite ended early: status $status," \
			"$results results, ${planned:-none} planned"
		not=$((not + 1))
	fi
	passed=$((passed + ok))
	failed=$((failed + not))
	skipped=$((skipped + skip))
	echo "# suite $suite: $ok passed, $not failed, $skip skipped," \
		"$((SECONDS - ${started[$suite]})) s"
}

# Waits until one of the suites that run has ended, and shows what it has printed, if
# nobody has yet.
finish_one() {
	local pid suite status=0
	wait -n -p pid "${!running[@]}" || status=$?
	suite=${running[$pid]}
	unset "running[$pid]"
	free=$((free + $(processors_of "$suite")))
	if [ -n "$quiet" ]; then
		echo "# suite $suite"
		cat "$logs/$suite"
	fi
	count "$suite" "$status"
}

# run_suites SUITE...: as many at once as there are processors for. One that is alone
# is heard while it runs, the others when they have ended.
run_suites() {
	local suite free=$PROCESSORS quiet=''
	local -A running=() started=()
	[ $# = 1 ] || quiet=1
	for suite; do
		while [ "$free" -lt "$(processors_of "$suite")" ]; do
			finish_one
		done
		free=$((free - $(processors_of "$suite")))
		echo "# suite $suite${quiet:+ begins}"
		started[$suite]=$SECONDS
		: >"$logs/$suite"
		setpriv --pdeathsig TERM "tests/suites/$suite.sh" </dev/null >"$logs/$suite" &
		running[$!]=$suite
		[ -n "$quiet" ] || tail -n +1 -s 0.2 -f --pid=$! "$logs/$suite"
	done
	while [ ${#running[@]} != 0 ]; do
		finish_one
	done
}

if [ "${1:-}" = --list ]; then
	for suite in $(suites); do
		printf '  %-12s %s\n' "$suite" \
			"$(sed -n '3s/^# //p' "tests/suites/$suite.sh")"
	done
	exit
fi

if [ -n "${ONLY:-}" ]; then
	suites | grep -qxF -- "$ONLY" || {
		echo "There is no suite '$ONLY'. The suites are:" >&2
		suites >&2
		exit 1
	}
	chosen=("$ONLY")
elif [ -n "${EVFD_SOAK:-}" ]; then
	mapfile -t chosen < <(suites_for_soak)
elif [ -n "${EVFD_KERNEL:-}" ]; then
	mapfile -t chosen < <(suites_for_kernel)
else
	mapfile -t chosen < <(suites)
fi

# run SUITE...
run() {
	prepare "$@" || {
		echo "not ok - what the suites need could not be built"
		failed=$((failed + 1))
		return
	}
	run_suites "$@"
}

run "${chosen[@]}"
if [ -n "${EVFD_SOAK:-}" ] && [ -z "${ONLY:-}" ]; then
	unset EVFD_SOAK
	for EVFD_KERNEL in debug debug-kcsan debug-rt; do
		export EVFD_KERNEL
		mapfile -t chosen < <(suites_for_kernel)
		run "${chosen[@]}"
	done
fi
echo "# in all: $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$((passed + failed))" != 0 ]
