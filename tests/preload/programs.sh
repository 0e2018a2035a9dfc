#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: run test programs with libevfd-preload.so, and check that they use it.
#
# usage: programs.sh PROGRAM...
cd /mnt/share || exit 1
trace=/tmp/trace

# Succeeds if there were descriptors of evfd, and no descriptor of the system.
used() {
	awk '/^evfd-preload: / { ours += $3 + $5 + $7; other += $9 }
		END { exit !(ours && !other) }' "$trace"
}

for program; do
	echo "@begin $program"
	rm -f "$trace"
	file=./$program
	[ -e "$file" ] || file=programs/$program
	EVFD_IMPL=preload EVFD_PRELOAD=strict,trace=$trace \
		preload/evfd-run "$file" 2>&1 | grep -vE '^# +(RUN|OK) '
	status=${PIPESTATUS[0]}
	if used; then
		echo "@end $status ours"
	else
		echo "@end $status not ours"
		cat "$trace"
	fi
done
