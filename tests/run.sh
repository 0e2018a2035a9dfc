#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the test suites of tests/suites/index.
#
# usage: run.sh                  run the suites
#        run.sh --list           print each suite and its description
#        run.sh --kernels SUITE  print the kernels of the suite, a line each
#
# ONLY=SUITE runs a single suite. With EVFD_KERNEL, set by "make check KERNEL=", the suites
# that can boot this kernel run, and boot no other. With EVFD_SOAK, set by "make soak", the
# long forms run, and then on each debug kernel the suites that can boot it.
#
# A suite writes TAP, with the plan at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/lib/shell/index.sh

# Some suites run two guests at once on any machine.
PROCESSORS=$(nproc)
[ "$PROCESSORS" -gt 1 ] || PROCESSORS=2

kernels_of() {
	if [ -n "${others[$1]}" ]; then
		echo "${EVFD_KERNEL:-${kernels[$1]}}"
	else
		echo "${kernels[$1]}"
	fi
}

# The suites for EVFD_KERNEL.
suites_for_kernel() {
	local suite
	for suite in "${suites[@]}"; do
		case ${others[$suite]}:$EVFD_KERNEL in
		any:* | debug:debug*) echo "$suite" ;;
		esac
	done
}

suites_for_soak() {
	local suite
	for suite in "${suites[@]}"; do
		[ "${long[$suite]}" = no ] || echo "$suite"
	done
}

# tied COMMAND... &: run COMMAND as a job that ends with this script, even if SIGKILL ends
# the script. The kernel signals only the first process of the job, which signals the
# others: they form a process group.
tied() {
	exec setsid setpriv --pdeathsig TERM bash -c '
		trap "trap - TERM; kill 0" TERM
		"$@" &
		wait $!' tied "$@" </dev/null
}

# Build everything the suites share, and meanwhile start their downloads. A suite reports
# its own failed download.
prepare() {
	local suite kernel needed
	for suite; do
		if [ -n "${fetches[$suite]}" ]; then
			tied "${fetches[$suite]}" >/dev/null &
		fi
	done
	mapfile -t needed < <(for suite; do
		kernels_of "$suite"
	done | tr ' ' '\n' | sort -u)
	for kernel in "${needed[@]}"; do
		[ -n "$kernel" ] || continue
		tied tools/build/share.sh "$kernel" &
		wait $! || return 1
	done
	wait
}

# count SUITE STATUS: count the results of a suite after its end.
count() {
	local suite=$1 status=$2 log=$logs/$1 results planned ok not skip
	skip=$(grep -cE '^ok [0-9]+ .*# SKIP' "$log") || true
	ok=$(($(grep -cE '^ok [0-9]+' "$log" || true) - skip))
	not=$(grep -cE '^not ok [0-9]+' "$log") || true
	results=$((ok + not + skip))
	[ "$not" = 0 ] ||
		awk -v suite="$suite" -f tests/lib/shell/failures.awk "$log" >>"$logs/failed"
	planned=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | tail -n 1)
	if [ "$status" != 0 ] || [ "$planned" != "$results" ] || [ "$results" = 0 ]; then
		echo "not ok - suite $suite ended early: status $status," \
			"$results results, ${planned:-none} planned" | tee -a "$logs/failed"
		not=$((not + 1))
	fi
	passed=$((passed + ok))
	failed=$((failed + not))
	skipped=$((skipped + skip))
	echo "# suite $suite: $ok passed, $not failed, $skip skipped," \
		"$((SECONDS - ${started[$suite]})) s"
}

# Wait for the end of any running suite, and show its output unless it was shown live.
finish_one() {
	local pid suite status=0
	wait -n -p pid "${!running[@]}" || status=$?
	suite=${running[$pid]}
	unset "running[$pid]"
	free=$((free + ${processors[$suite]}))
	if [ -n "$quiet" ]; then
		echo "# suite $suite"
		cat "$logs/$suite"
	fi
	count "$suite" "$status"
}

# run_suites SUITE...: run as many at once as there are processors. The output of a single
# suite is shown live, the output of several at their ends.
run_suites() {
	local suite free=$PROCESSORS quiet=''
	local -A running=() started=()
	[ $# = 1 ] || quiet=1
	for suite; do
		while [ "$free" -lt "${processors[$suite]}" ]; do
			finish_one
		done
		free=$((free - ${processors[$suite]}))
		echo "# suite $suite${quiet:+ begins}"
		started[$suite]=$SECONDS
		: >"$logs/$suite"
		tied "tests/suites/$suite.sh" >"$logs/$suite" &
		running[$!]=$suite
		[ -n "$quiet" ] || tail -n +1 -s 0.2 -f --pid=$! "$logs/$suite"
	done
	while [ ${#running[@]} != 0 ]; do
		finish_one
	done
}

# run SUITE...
run() {
	prepare "$@" || {
		echo "not ok - a kernel, module or program for the suites could not be built"
		failed=$((failed + 1))
		return
	}
	run_suites "$@"
}

# known SUITE: refuse a name without a line in the index.
known() {
	[ -z "${shows[$1]:-}" ] || return 0
	echo "There is no suite '$1'. The suites are:" >&2
	printf '%s\n' "${suites[@]}" >&2
	exit 1
}

load_index
case ${1:-} in
--list)
	for suite in "${suites[@]}"; do
		printf '  %-12s %s\n' "$suite" "${shows[$suite]}"
	done
	exit
	;;
--kernels)
	known "$2"
	kernels_of "$2" | tr ' ' '\n'
	exit
	;;
esac

if [ -n "${ONLY:-}" ]; then
	known "$ONLY"
	chosen=("$ONLY")
elif [ -n "${EVFD_SOAK:-}" ]; then
	mapfile -t chosen < <(suites_for_soak)
elif [ -n "${EVFD_KERNEL:-}" ]; then
	mapfile -t chosen < <(suites_for_kernel)
else
	chosen=("${suites[@]}")
fi

passed=0 failed=0 skipped=0
logs=$(mktemp -d)
: >"$logs/failed"
trap 'rm -rf "$logs"' EXIT
run "${chosen[@]}"
if [ -n "${EVFD_SOAK:-}" ] && [ -z "${ONLY:-}" ]; then
	unset EVFD_SOAK
	for EVFD_KERNEL in "${KERNELS[@]}"; do
		[[ $EVFD_KERNEL = debug* ]] || continue
		export EVFD_KERNEL
		mapfile -t chosen < <(suites_for_kernel)
		run "${chosen[@]}"
	done
fi
cat "$logs/failed"
echo "# in all: $SECONDS s"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$((passed + failed))" != 0 ]
