#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The long form injects failures into every test of every program of tests/user.
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

make_results
GUEST_OPTIONS=(--injected)

# start NAME LINE: run a line of shell in a guest.
start() {
	keep "$results/$1" guest debug "cd /mnt/share; $2"
}

# report NAME: the results of that guest.
report() {
	tap_from <(grep -v '^# site ' "$results/$1") "debug, $1"
	ended_well "$results/$1" "debug, $1"
}

# Succeeds if every call in evfd.ko that may fail has failed. Prints the others.
sites_left() {
	tr -d '\r' <"$results/calls" | sed -n 's/^# site //p' | sort -u >"$results/seen"
	"$TOP/tools/env/in-root.sh" objdump -dr "$TOP/build/debug/evfd.ko" |
		python3 "$TOP/tests/faults/sites.py" | sort -u >"$results/sites"
	[ -s "$results/sites" ] && ! comm -13 "$results/seen" "$results/sites" | grep .
}

# The long form runs the others as well.
some_tests=(eventfd/counter:read_takes_all eventfd/epoll:level timerfd/evfd_memory)

start calls "insmod evfd_post_test.ko; ./faults_calls; a=\$?; rmmod evfd_post_test
	./faults_load /mnt/share; b=\$?
	./faults_runs ${some_tests[*]/#/user/} && [ \$a\$b = 00 ]"
report calls
tap_check "every call in evfd.ko that may fail has failed" sites_left
if soak; then
	mapfile -t names < <(user_programs)
	names=("${names[@]/#/user/}")
	GUEST_OPTIONS+=(--timeout 86400)
	# Two guests, because most tests leave a processor idle.
	for half in 0 1; do
		programs=()
		for ((i = half; i < ${#names[@]}; i += 2)); do
			programs+=("${names[i]}")
		done
		start "half $half" "./faults_runs -n 60 -s 10 ${programs[*]}" &
	done
	wait
	report "half 0"
	report "half 1"
	start "calls, 32 bits" "insmod evfd_post_test.ko; ./faults_calls32"
	report "calls, 32 bits"
fi
tap_done
