#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The programs are tests/user/*/*.c. Programs named evfd_* test features of evfd alone; all
# others must give the same results on evfd as on native. They run natively, and for 32 bits,
# on the first kernel only: the other kernels are there to test evfd, whose code does not ask
# whether a caller has 32 bits. There, the programs of event descriptors and timers also run
# with counters and timers in shared memory: those of eventfd/ and timerfd/ and, for these
# kinds, of any/.
set -euo pipefail
. "$(dirname "$0")/../lib/shell/lib.sh"

make_results
kernels=$(suite_kernels)
read -r first <<<"$kernels"
# Without KERNEL=, only the racers below run on rt.
racing=rt
[ -z "${EVFD_KERNEL:-}" ] || racing=
mapfile -t names < <(user_programs)

# implementations KERNEL PROGRAM: the implementations to run it on.
implementations() {
	case $1/$2 in
	*/evfd_*) ;;
	"$first"/*) echo native ;;
	esac
	echo evfd
	case $1/$2 in
	*32 | */eventfd/evfd_cell* | */timerfd/evfd_record* | */timerfd/evfd_2007*) ;;
	"$first"/eventfd/* | "$first"/timerfd/* | "$first"/any/*) printf '%s\n' cell memory ;;
	esac
}

# guest_line KERNEL PROGRAM...: print a line for the guest's shell, which runs the programs.
# The output of each stands between a line with its name and a line with its exit status.
# The messages RUN and OK are left out, because a serial line is slow.
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

# Split a guest's output into $results/KERNEL/PROGRAM.IMPLEMENTATION and
# $results/KERNEL/PROGRAM.IMPLEMENTATION.status.
split_output() {
	awk -v dir="$results/$1" '
		{ sub(/\r$/, "") }
		$1 == "@begin" { file = dir "/" $2 "." $3; next }
		$1 == "@end" && file { print $2 >(file ".status"); file = ""; next }
		file { print >file }'
}

# The names and results in the output of a program, without the numbers.
results_of() {
	sed -n -E 's/^(ok|not ok) [0-9]+ /\1 /p' "$1"
}

# The same without the variants for kinds that are not in shared memory.
shared_results_of() {
	results_of "$1" | grep -vE '\.(timerfd_(alarm|canceled|2007)|signalfd[^.]*)\.'
}

report() {
	local kernel=$1 native program implementation file results_of
	for program in "${@:2}"; do
		for implementation in $(implementations "$kernel" "$program"); do
			file=$results/$kernel/$program.$implementation
			if [ -e "$file.status" ]; then
				tap_from "$file" "$kernel/$program, $implementation"
			else
				tap_not_ok "$kernel/$program, $implementation: did not end"
				[ ! -e "$file" ] || sed 's/^/# /' "$file"
			fi
		done
		native=$results/$first/$program.native
		[ -e "$native" ] || continue
		for implementation in $(implementations "$kernel" "$program"); do
			results_of=results_of
			case $implementation in
			native) continue ;;
			cell | memory) results_of=shared_results_of ;;
			esac
			file=$results/$kernel/$program.$implementation
			tap_check "$kernel/$program: $implementation gives the results of native" \
				diff <("$results_of" "$native") <("$results_of" "$file")
		done
	done
}

# run KERNEL NAME PROGRAM...: run the programs in a guest of their own.
run() {
	local kernel=$1 output=$results/$1-$2 start=$SECONDS folders
	shift 2
	folders=("${@%/*}")
	mkdir -p "${folders[@]/#/$results/$kernel/}"
	keep "$output" guest "$kernel" "$(guest_line "$kernel" "$@")"
	echo "$((SECONDS - start))" >"$output.seconds"
}

# report_run KERNEL NAME PROGRAM...: the results of this guest.
report_run() {
	local kernel=$1 name=$2 output=$results/$1-$2
	shift 2
	split_output "$kernel" <"$output"
	report "$kernel" "$@"
	ended_well "$output" "$kernel, $name"
	echo "# $kernel, $name: all programs took $(cat "$output.seconds") s"
}

odd=() even=()
for i in "${!names[@]}"; do
	if ((i % 2)); then odd+=("${names[i]}"); else even+=("${names[i]}"); fi
done
# Most programs leave a processor of the guest idle most of the time, so a second guest
# takes little more time.
for kernel in $kernels; do
	[ "$kernel" != "$racing" ] || continue
	if [ "$kernel" = "$first" ]; then
		one=("64 bits" "${names[@]}") two=("32 bits" "${names[@]/%/32}")
	else
		one=("guest 1" "${even[@]}") two=("guest 2" "${odd[@]}")
	fi
	run "$kernel" "${one[@]}" &
	run "$kernel" "${two[@]}" &
	wait
	report_run "$kernel" "${one[@]}"
	report_run "$kernel" "${two[@]}"
done
GUEST_OPTIONS=(--smp 1)
run "$first" "one processor" "${SLEEPERS[@]}" "${SLEEPERS[@]/%/32}" &
# With PREEMPT_RT, threads do the work of interrupts, and the threads with which they race
# can preempt them.
GUEST_OPTIONS=()
mapfile -t racers < <(user_programs | grep 'races$')
racers+=(timerfd/abuse)
[ -z "$racing" ] || run "$racing" "64 bits" "${racers[@]}"
wait
report_run "$first" "one processor" "${SLEEPERS[@]}" "${SLEEPERS[@]/%/32}"
[ -z "$racing" ] || report_run "$racing" "64 bits" "${racers[@]}"
tap_done
