#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Some of them expect the time that they measure to be what they have asked for
# within a millisecond. So the guests run on the clock of --icount, which no other
# load of the host's stops. By that, each program has its bound; a debug kernel
# takes half an hour of the host's time to the same moment.
set -euo pipefail
. "$(dirname "$0")/../lib/shell/lib.sh"

make_results
kernel=$(suite_kernels)
if [ "$kernel" = debug-kcsan ]; then
	tap_ok "the programs # SKIP natively they are too slow with KCSAN for what they expect"
	tap_done
	exit
fi
share=$TOP/build/programs-share
# In seconds of the host's.
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
	# shellcheck disable=SC2016 # $... is that shell's
	"$TOP/tools/env/in-root.sh" sh -ec 'cd "$1"
		for name in filesystems/eventfd/eventfd_test timens/timerfd \
			filesystems/epoll/epoll_wakeup_test; do
			gcc -O2 -w -D_GNU_SOURCE -pthread -I. -o "$2/${name##*/}" "$name.c"
		done' sh "$selftests" "$share/kernel"
}

# start GROUP: runs it in a guest, with its output in $results/GROUP.
start() {
	keep "$results/$1" "$TOP/tools/guest/run.sh" --kernel "$kernel" --icount --mem 1024 \
		--userland "$image" --share "$share" --timeout "$timeout" \
		-- bash /mnt/share/guest.sh "$1" "$kernel"
}

# part FILE PROGRAM native|evfd: what that run has printed, with its @end.
part() {
	awk -v program="$2" -v on="$3" '
		$1 == "@begin" { inside = $2 == program && $3 == on; next }
		inside { print }
		$1 == "@end" { inside = 0 }' "$1"
}

# The tests that passed, as Python and TAP tell them.
passed() {
	sed -nE 's/^(test[^ ]* \(.*\)).* \.\.\. ok$/\1/p; s/^ok [0-9]+ (.*)$/\1/p' | sort
}

# Whether each test that passed natively has passed on evfd.
no_fewer() {
	! comm -23 <(passed <"$results/native") <(passed <"$results/evfd") | grep .
}

# tell PROGRAM EVENTFDS TIMERFDS SIGNALFDS: what its two runs did. Of each kind of
# which the number is 1 it must have used evfd's.
tell() {
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
	tap_check "$program: what passes natively passes on evfd" no_fewer
	read -ra end < <(grep '^@end ' "$results/evfd" || echo @end - 0 0 0 1)
	for i in 0 1 2; do
		[ "${want[i]}" = 0 ] || tap_check \
			"$program: its ${kinds[i]} descriptors were evfd's" [ "${end[i + 2]}" != 0 ]
	done
	tap_check "$program: none was the system's" [ "${end[5]}" = 0 ]
}

# show_unless PATTERN FILE: fails, and prints the end of the file, without it.
show_unless() {
	grep -q "$1" "$2" || {
		tail -n 40 "$2"
		return 1
	}
}

kinds=(event timer signal)
build
image=$("$TOP/tools/env/programs.sh")
start interpreters &
start others &
wait
tell python-os 1 1 0
tell python-signal 0 0 0
tell python-selectors 0 0 0
tell node-workers 1 0 0
tell systemd-event 0 1 1
tell kernel-eventfd_test 1 0 0
tell kernel-timerfd 0 1 0
tell kernel-epoll_wakeup_test 1 0 0
tell stress-ng-eventfd 1 0 0
tell stress-ng-timerfd 0 1 0
tell stress-ng-sigfd 0 0 1
part "$results/interpreters" node-workers evfd >"$results/evfd"
for worker in 0 1 2 3; do
	tap_check "node-workers: worker $worker got all messages, and has read" \
		grep -qx "worker $worker: 20100 40200 true 0" "$results/evfd"
done
for group in interpreters others; do
	ended_well "$results/$group" "$group"
done
tap_done
