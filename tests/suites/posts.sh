#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# The posts of a soak run in all, and its POSTS_PERCENT on each kernel.
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

make_results
soak && GUEST_OPTIONS=(--timeout 7200)
posts=0

for kernel in $(suite_kernels); do
	log=$results/$kernel start=$SECONDS
	keep "$log" guest "$kernel" "cd /mnt/share && insmod evfd_post_test.ko || exit
		./kapi_calls || touch /tmp/failed
		./kapi_hooks || touch /tmp/failed
		./kapi_produce || touch /tmp/failed
		POSTS_PERCENT=$(percent_for "$kernel") ./kapi_contexts || touch /tmp/failed
		rmmod evfd_post_test && [ ! -e /tmp/failed ]"
	tap_from "$log" "$kernel"
	ended_well "$log" "$kernel"
	mapfile -t sums < <(add_up "$log")
	printf '%s\n' "${sums[@]::${#sums[@]}-1}"
	posts=$((posts + sums[-1]))
	echo "# $kernel: ${sums[-1]} posts, $((SECONDS - start)) s"
done
if soak; then
	tap_check "$posts posts in all, none of them lost" [ "$posts" -ge $SOAK_POSTS ]
fi
tap_done
