#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# The posts of a soak run in all for each implementation, and its POSTS_PERCENT on each kernel.
SOAK_POSTS=100000000
declare -A soak_percent=([cloud]=4000 [rt]=600 [debug]=300)

percent_for() {
	if ! soak; then
		case $1 in debug*) echo 20 ;; *) echo 100 ;; esac
	elif [ -n "${EVFD_KERNEL:-}" ]; then
		echo 5000
	else
		echo "${soak_percent[$1]}"
	fi
}

# Add up the lines "# N posts from CONTEXT", which may end like those of a terminal.
add_up() {
	awk '{ sub(/\r$/, "") }
		match($0, /[0-9]+ posts from /) {
			context = substr($0, RSTART + RLENGTH)
			n = substr($0, RSTART) + 0
			posts[context] += n
			all += n
		}
		END {
			for (context in posts)
				printf "# %d posts from %s\n", posts[context], context
			printf "%d\n", all
		}' "$1"
}

# The programs for an implementation of tests/kapi/kapi.h. Only contexts uses the memory.
programs_for() {
	case $1 in
	evfd) echo kapi_calls kapi_hooks kapi_produce kapi_contexts ;;
	cell) echo kapi_calls kapi_hooks kapi_contexts ;;
	memory) echo kapi_contexts ;;
	esac
}

make_results
soak && GUEST_OPTIONS=(--timeout 7200)
declare -A posts=([evfd]=0 [cell]=0 [memory]=0)

# run KERNEL IMPLEMENTATION
run() {
	local kernel=$1 impl=$2 log=$results/$1-$2 start=$SECONDS sums
	keep "$log" guest "$kernel" "cd /mnt/share && insmod evfd_post_test.ko || exit
		export EVFD_IMPL=$impl POSTS_PERCENT=$(percent_for "$kernel")
		for program in $(programs_for "$impl"); do
			./\$program || touch /tmp/failed
		done
		rmmod evfd_post_test && [ ! -e /tmp/failed ]"
	tap_from "$log" "$kernel, $impl"
	ended_well "$log" "$kernel, $impl"
	mapfile -t sums < <(add_up "$log")
	printf '%s\n' "${sums[@]::${#sums[@]}-1}"
	posts[$impl]=$((posts[$impl] + sums[-1]))
	echo "# $kernel, $impl: ${sums[-1]} posts, $((SECONDS - start)) s"
}

for kernel in $(suite_kernels); do
	for impl in evfd cell memory; do
		run "$kernel" "$impl"
	done
done
if soak; then
	for impl in evfd cell memory; do
		tap_check "$impl: ${posts[$impl]} posts in all, none of them lost" \
			[ "${posts[$impl]}" -ge $SOAK_POSTS ]
	done
fi
tap_done
