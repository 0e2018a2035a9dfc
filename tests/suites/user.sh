#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The programs are tests/user/*/*.c. Those named evfd_* test what only evfd has; all
# others must give on evfd the results that they give on native. Those are asked for on
# the first kernel: the others are there for what they tell of evfd.
set -euo pipefail
. "$(dirname "$0")/../lib/shell/lib.sh"

make_results
kernels=$(suite_kernels)
read -r first <<<"$kernels"
# Without KERNEL=, only the programs that race run on rt.
racing=rt
[ -z "${EVFD_KERNEL:-}" ] || racing=
mapfile -t names < <(user_programs)

# implementations KERNEL PROGRAM: what it is run on.
implementations() {
	case $1/$2 in
	*/evfd_*) ;;
	"$first"/*) echo native ;;
	esac
	echo evfd
}

# guest_line KERNEL PROGRAM...: a line for the guest's shell that runs the programs,
# each with a line before its output that names it, and one behind that tells its exit
# status. What would only say that all is well is left out: a serial line is slow.
guest_line() {
	local kernel=$1 program implementation
	shift
	for program; do
		for implementation in $(implementations "$kernel" "$program"); do
			printf '{ echo "@begin %s %s"; ' "$program" "$implementation"
			printf 'EVFD_IMPL=%s /mnt/share/user/%s 2>&1; ' \
				"$implementation" "$program"
			# shellcheck disable=SC2016 # $? is the guest's
			printf 'echo "@end $?"; } | '
			printf 'grep --line-buffered -vE "^# +(RUN|OK) "; '
		done
	done
}

# Reads the guest's output; makes DIR/PROGRAM.IMPLEMENTATION of it, and
# DIR/PROGRAM.IMPLEMENTATION.status.
split_output() {
	awk -v dir="$1" '
		{ sub(/\r$/, "") }
		$1 == "@begin" { file = dir "/" $2 "." $3; next }
		$1 == "@end" && file { print $2 >(file ".status"); file = ""; next }
		file { print >file }'
}

# The names and results in the output of a program, without the numbers.
results_of() {
	sed -n -E 's/^(ok|not ok) [0-9]+ /\1 /p' "$1"
}

report() {
	local kernel=$1 name=$2 dir=$results/$1-$2 native program implementation file
	for program in "${@:3}"; do
		for implementation in $(implementations "$kernel" "$program"); do
			file=$dir/$program.$implementation
			if [ -e "$file.status" ]; then
				tap_from "$file" "$kernel/$program, $implementation"
			else
				tap_not_ok "$kernel/$program, $implementation: did not end"
				[ ! -e "$file" ] || sed 's/^/# /' "$file"
			fi
		done
		native=$results/$first-$name/$program.native
		[ -e "$native" ] || continue
		tap_check "$kernel/$program: evfd gives the results of native" \
			diff <(results_of "$native") <(results_of "$dir/$program.evfd")
	done
}

# run KERNEL NAME PROGRAM...: runs the programs in a guest of their own.
run() {
	local kernel=$1 dir=$results/$1-$2 start=$SECONDS
	shift 2
	mkdir "$dir" "$dir"/{device,eventfd,signalfd,timerfd}
	keep "$dir/output" guest "$kernel" "$(guest_line "$kernel" "$@")"
	echo "$((SECONDS - start))" >"$dir/seconds"
}

# report_run KERNEL NAME PROGRAM...: tells what came of that.
report_run() {
	local kernel=$1 name=$2 dir=$results/$1-$2
	shift 2
	split_output "$dir" <"$dir/output"
	report "$kernel" "$name" "$@"
	ended_well "$dir/output" "$kernel, $name"
	echo "# $kernel, $name: all programs took $(cat "$dir/seconds") s"
}

# Most programs leave a processor of the guest idle most of the time: two guests
# take little longer than one.
for kernel in $kernels; do
	[ "$kernel" != "$racing" ] || continue
	run "$kernel" "64 bits" "${names[@]}" &
	run "$kernel" "32 bits" "${names[@]/%/32}" &
	wait
	report_run "$kernel" "64 bits" "${names[@]}"
	report_run "$kernel" "32 bits" "${names[@]/%/32}"
done
GUEST_OPTIONS=(--smp 1)
run "$first" "one processor" "${SLEEPERS[@]}" "${SLEEPERS[@]/%/32}" &
# With PREEMPT_RT a thread runs what an interrupt does elsewhere, and can be
# preempted by those it races with.
GUEST_OPTIONS=()
racers=(eventfd/races signalfd/races timerfd/races timerfd/abuse)
[ -z "$racing" ] || run "$racing" "64 bits" "${racers[@]}"
wait
report_run "$first" "one processor" "${SLEEPERS[@]}" "${SLEEPERS[@]/%/32}"
[ -z "$racing" ] || report_run "$racing" "64 bits" "${racers[@]}"
tap_done
