#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# In the guest: evfd-run, and the words in EVFD_PRELOAD.
cd /mnt/share || exit 1
# shellcheck source=tests/lib/shell/lib.sh
. ./lib.sh
run=preload/evfd-run

# gives STATUS PATTERN COMMAND...: succeeds if the command exits with the status and
# prints the pattern.
gives() {
	local want=$1 pattern=$2 status=0
	shift 2
	"$@" >/tmp/output 2>&1 || status=$?
	cat /tmp/output
	echo "status $status"
	[ "$status" = "$want" ] && grep -qE -- "$pattern" /tmp/output
}

# These programs make a descriptor of each kind, and exit with the status given.
cp one one32 /tmp/
bad_user() {
	setpriv --reuid 1000 --regid 1000 --clear-groups "$@"
}

all='^evfd-preload: one(32)?: 1 eventfd, 1 timerfd, 1 signalfd, 0 by the system$'
none='^evfd-preload: one(32)?: 0 eventfd, 0 timerfd, 0 signalfd, 3 by the system$'

echo 1..27
for one in ./one ./one32; do
	tap_check "$one: the trace counts the descriptors" gives 0 "$all" $run -t $one
	tap_check "$one: the same with strict" gives 0 "$all" $run -s -t $one
	tap_check "$one: its exit status is passed on" gives 7 "$all" $run -t $one 7
	tap_check "$one: children that it forks are counted" \
		gives 0 ': 2 eventfd, 2 timerfd, 2 signalfd, 0 by' $run -t $one 0 fork
	tap_check "$one: each executed program writes its own trace" \
		gives 0 "$all" $run -t sh -c "$one; exit \$?"
	tap_check "$one: an ordinary user may" bad_user sh -c \
		"HOME=/ $run -s $one"
done
tap_check "a trace goes to a file" gives 0 "$all" env EVFD_PRELOAD=trace=/tmp/to \
	sh -c "$run ./one && cat /tmp/to"
tap_check "other preloaded libraries stay" gives 0 'libevfd-preload.so:/lib/x' \
	env LD_PRELOAD=/lib/x sh -c "$run sh -c 'echo \$LD_PRELOAD' 2>/dev/null"
tap_check "no program: usage" gives 125 '^usage: evfd-run' $run
tap_check "unknown option: usage" gives 125 '^usage: evfd-run' $run -x true
tap_check "no such program: 127" gives 127 'not found' $run ./missing
tap_check "no library: its directory" gives 125 'there is no libevfd-preload.so' \
	sh -c "cp $run /tmp/; /tmp/evfd-run true"

chmod 600 /dev/evfd
tap_check "the device is not allowed: falls back" \
	gives 0 "$none" bad_user env EVFD_PRELOAD=trace $run ./one
tap_check "the device is not allowed: strict ends the program" \
	gives 134 "one: evfd-preload: /dev/evfd can't be used: Permission denied" \
	bad_user $run -s ./one
rm /dev/evfd
for one in ./one ./one32; do
	tap_check "$one: the device is missing: falls back" gives 0 "$none" $run -t $one
	tap_check "$one: the device is missing: strict ends the program" gives 134 \
		"^one(32)?: evfd-preload: /dev/evfd can't be used: No such file" \
		$run -s $one
done
: >/dev/evfd
tap_check "the device is another file: falls back" gives 0 "$none" $run -t ./one
tap_check "the device is another file: strict ends the program" gives 134 \
	"can't be used: Inappropriate ioctl" $run -s ./one
tap_check "strict: a program without descriptors succeeds" gives 0 'fine' $run -s echo fine
