#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Runs the samples in a guest with evfd.ko loaded, and checks their output:
# demo.sh [DIRECTORY-OF-PROGRAMS-AND-MODULES]

set -euo pipefail

share=${1:-/mnt/share}
output=$(mktemp)
trap 'rm -f "$output"' EXIT

section() {
	printf '\n== %s\n' "$*"
}

# run PROGRAM ARGUMENT...: show the command, run it, and keep its output.
run() {
	printf '$ %s\n' "$*"
	"$share/$1" "${@:2}" | tee "$output"
}

# Compare the output of the last run with stdin.
check() {
	if ! diff "$output" -; then
		echo "The sample should have printed the lines marked with '>'," \
			"not those with '<'." >&2
		exit 1
	fi
}

section "A Debian kernel as Debian ships it, with evfd.ko loaded"
uname -rv
grep '^evfd ' /proc/modules
ls -l /dev/evfd /dev/kevent

section "Two processes: each read takes the sum of earlier writes"
run tutorial -t 100 1 2 3 4 5
check <<'END'
Child writing 1 to efd
Parent read 1 (0x1) from efd
Child writing 2 to efd
Child writing 3 to efd
Parent read 2 (0x2) from efd
Child writing 4 to efd
Parent read 7 (0x7) from efd
Child writing 5 to efd
Child completed write loop
Parent read 5 (0x5) from efd
END

section "The same with a semaphore: each read takes 1"
run tutorial -s -t 100 1 2 3 4 5
check <<'END'
Child writing 1 to efd
Parent read 1 (0x1) from efd
Child writing 2 to efd
Child writing 3 to efd
Parent read 1 (0x1) from efd
Child writing 4 to efd
Parent read 1 (0x1) from efd
Child writing 5 to efd
Child completed write loop
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
Parent read 1 (0x1) from efd
END

section "Timers on five clocks, in one epoll loop"
run clocks

section "Posts, ticks and signals in one epoll loop, until SIGTERM"
run eventloop

section "The same loop on /dev/kevent and on epoll: calls to learn of 100,000 events"
run loops

section "A million work items from one thread to another: calls of an eventfd and of a cell"
run ring

section "One loop on /dev/kevent with a source of every type, a kernel module among them"
insmod "$share/kevent_pressure.ko"
run sources
rmmod kevent_pressure

section "A kernel module in C posts on memory pressure, a program waits in epoll"
insmod "$share/evfd_shrinker.ko"
run waiter shrinker
rmmod evfd_shrinker

section "A kernel module in Rust posts from a timer, a program waits in epoll"
insmod "$share/evfd_timer.ko"
run waiter timer 5 100
check <<'END'
Waiting for 5 ticks, one every 100 ms
Tick 1
Tick 2
Tick 3
Tick 4
Tick 5
END
rmmod evfd_timer
