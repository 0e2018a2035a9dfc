#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

make_results

kernels=$(suite_kernels)
read -r first <<<"$kernels"

# The demo itself checks the output of the tutorial and of the timer.
log=$results/demo
keep "$log" guest "$first" bash /mnt/share/demo.sh
sed 's/^/# /' "$log"
ended_well "$log" "demo, which checks the output of the samples"
for text in '== Two processes:' 'Parent read 7 (0x7) from efd' \
	'== The same with a semaphore:' 'Tick 5'; do
	tap_check "demo prints '$text'" grep -qF "$text" "$log"
done
for clock in MONOTONIC REALTIME BOOTTIME TAI REALTIME_ALARM; do
	tap_check "demo reports a timer on $clock" grep -qE \
		"^$clock +has expired (once|more than once), [0-9]+\.[0-9]{3} ms late$" "$log"
done
tap_check "demo's timers expire as often as they should" grep -qx \
	'All have expired as often as they should' "$log"
for line in 'eventfd: the worker has posted [1-3]' 'timerfd: a tick' \
	'signalfd: SIGTERM of the worker' 'signalfd: SIGCHLD of the worker' \
	'Shut down after 3 posts and some ticks'; do
	tap_check "demo's event loop prints '$line'" grep -qx "$line" "$log"
done
for loop in kevent epoll; do
	tap_check "demo's loop on $loop has all events" grep -qxE \
		"$loop: 1000[0-9]{2} socket events, some ticks and wake-ups" "$log"
done
# 10,000 events for each call to wait.
tap_check "demo's loop on kevent hardly ever waits" \
	grep -qE '^kevent: [0-9]+ calls: [0-9] to wait, ' "$log"
tap_check "demo's ring passes all items with either counter" \
	[ "$(grep -cE '^(eventfd|cell): 1000000 items, [0-9]+ system calls$' "$log")" = 2 ]
# Of the eventfd, each item takes a call.
tap_check "a cell takes at most a tenth of an eventfd's calls" awk \
	'/ items, [0-9]+ system calls$/ { calls[$1] = $4 }
	END { exit !(calls["eventfd:"] >= 1000000 && calls["cell:"] <= calls["eventfd:"] / 10) }' \
	"$log"
for line in 'KEVENT_TIMER: a tick' 'KEVENT_POSIX_TIMER: an expiration' \
	'KEVENT_POLL: a pseudoterminal has input' 'KEVENT_SOCKET: a message' \
	'KEVENT_PIPE: data' 'KEVENT_INODE: a new entry of a directory' \
	'KEVENT_PROCESS: the end of a child, with status 42' 'KEVENT_SIGNAL: SIGCHLD' \
	'KEVENT_USER: raised by a thread, without a call' \
	'KEVENT_AIO: a read has ended, with 5 bytes' \
	'KEVENT_NAIO: a receive has ended, with 5 bytes' \
	'KEVENT_PRODUCER: memory pressure, told by a module'; do
	tap_check "demo's loop with all sources prints '$line'" grep -qx "$line" "$log"
done
tap_check "demo reports memory pressure" grep -qE \
	'^Notified of memory pressure after [0-9]+ MiB, and released them$' "$log"

tap_check "the README's program prints 4" \
	[ "$(guest "$first" /mnt/share/readme)" = 4 ]

for kernel in $kernels; do
	keep "$results/$kernel" guest "$kernel" 'insmod /mnt/share/evfd_shrinker.ko &&
		insmod /mnt/share/evfd_timer.ko && insmod /mnt/share/kevent_pressure.ko &&
		/mnt/share/samples_api && rmmod kevent_pressure evfd_timer evfd_shrinker'
	tap_from "$results/$kernel" "$kernel"
	ended_well "$results/$kernel" "$kernel"
done
tap_done
