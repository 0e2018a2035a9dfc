#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

make_results
seconds=50
if soak; then
	seconds=600
	GUEST_OPTIONS=(--timeout 3600)
fi

for kernel in $(suite_kernels); do
	keep "$results/$kernel" guest "$kernel" "cd /mnt/share && insmod evfd_post_test.ko || exit
		echo 1 >/sys/kernel/rcu_expedited
		./stress_races $seconds /mnt/share 2>&1"
	tap_from "$results/$kernel" "$kernel"
	ended_well "$results/$kernel" "$kernel"
done
tap_done
