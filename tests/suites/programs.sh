#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Some programs expect the time that they measure to be within a millisecond of the requested
# time. So the guests run on the clock of --icount, which no other load of the host stops.
# The bound of each program counts on this clock; a debug kernel takes half an hour of the
# host's time to the same moment.
set -euo pipefail
. "$(dirname "$0")/../lib/shell/lib.sh"

make_results
kernel=$(suite_kernels)
if [ "$kernel" = debug-kcsan ]; then
	tap_ok "the programs # SKIP with KCSAN, even natively, they are too slow to pass"
	tap_done
	exit
fi
share=$TOP/build/programs-share
# Seconds of the host's time.
timeout=1800
[[ $kernel != debug* ]] || timeout=7200

build() {
	local source selftests
	source=$(realpath "$("$TOP/tools/env/kernel.sh" "$kernel")/build/source")
	selftests=$source/tools/testing/selftests
	build_preload
	rm -rf "$share"
	mkdir -p "$share/kernel"
	cp -a "$TOP/build/preload" "$TOP/tests/others"/* "$share/"
	# shellcheck disable=SC2016 # for the inner shell
	"$TOP/tools/env/in-root.sh" sh -ec 'cd "$1"
		for name in filesystems/eventfd/eventfd_test timens/timerfd \
			filesystems/epoll/epoll_wakeup_test; do
			gcc -O2 -w -D_GNU_SOURCE -pthread -I. -o "$2/${name##*/}" "$name.c"
		done' sh "$selftests" "$share/kernel"
}

# start GROUP: run the group in a guest, with its output in $results/GROUP.
start() {
	keep "$results/$1" "$TOP/tools/guest/run.sh" --kernel "$kernel" --icount --mem 1536 \
		--userland "$image" --share "$share" --timeout "$timeout" \
		-- bash /mnt/share/guest.sh "$1" "$kernel"
}

# part FILE PROGRAM native|evfd: the output of this run, with its line @end.
part() {
	awk -v program="$2" -v on="$3" '
		$1 == "@begin" { inside = $2 == program && $3 == on; next }
		inside { print }
		$1 == "@end" { inside = 0 }' "$1"
}

# The names of passed tests in the output of Python, or in TAP.
passed() {
	sed -nE 's/^(test[^ ]* \(.*\)).* \.\.\. ok$/\1/p; s/^ok [0-9]+ (.*)$/\1/p' | sort
}

# Succeeds if each test passed natively has passed on evfd.
no_fewer() {
	! comm -23 <(passed <"$results/native") <(passed <"$results/evfd") | grep .
}

# report PROGRAM EVENTFDS TIMERFDS SIGNALFDS: the results of its two runs. A number is 1 if the
# program must have used evfd's descriptors of this kind, or else 0.
report() {
	local program=$1 group
	local end want=("${@:2}") i
	for group in interpreters others; do
		grep -q "^@begin $program " "$results/$group" && break
	done
	for i in native evfd; do
		part "$results/$group" "$program" $i >"$results/$i"
	done
	tap_check "$program passes natively" show_unless '^@end 0 ' "$results/native"
	tap_check "$program passes on evfd" show_unless '^@end 0 ' "$results/evfd"
	tap_check "$program: each test passed natively passes on evfd" no_fewer
	read -ra end < <(grep '^@end ' "$results/evfd" || echo @end - 0 0 0 1)
	for i in 0 1 2; do
		[ "${want[i]}" = 0 ] || tap_check \
			"$program: its ${kinds[i]} descriptors were evfd's" [ "${end[i + 2]}" != 0 ]
	done
	tap_check "$program: no descriptor was the system's" [ "${end[5]}" = 0 ]
}

# show_unless PATTERN FILE: without a matching line, print the end of the file, then the lines
# that name what failed, and fail. The runner repeats the last five.
show_unless() {
	grep -q "$1" "$2" || {
		tail -n 40 "$2"
		grep -E '^(FAIL|ERROR|not ok|[A-Za-z]*Error:)' "$2" | tail -n 4
		tail -n 1 "$2"
		return 1
	}
}

kinds=(event timer signal)
build
image=$("$TOP/tools/env/programs.sh")
start interpreters &
start others &
wait
report python-os 1 1 0
report python-signal 0 0 0
report python-selectors 0 0 0
report node-workers 1 0 0
report systemd-event 0 1 1
report kernel-eventfd_test 1 0 0
report kernel-timerfd 0 1 0
report kernel-epoll_wakeup_test 1 0 0
report stress-ng-eventfd 1 0 0
report stress-ng-timerfd 0 1 0
report stress-ng-sigfd 0 0 1
part "$results/interpreters" node-workers evfd >"$results/evfd"
for worker in 0 1 2 3; do
	tap_check "node-workers: worker $worker got all messages, and has read" \
		grep -qx "worker $worker: 20100 40200 true 0" "$results/evfd"
done
for group in interpreters others; do
	ended_well "$results/$group" "$group"
done
tap_done
