#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel API: posting from every context, nested, and under load.
# kernels: cloud rt debug, or KERNEL

set -euo pipefail
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/../lib.sh"

log=$(mktemp)
trap 'rm -f "$log"' EXIT

for kernel in $(kernels_for cloud rt debug); do
	status=0
	guest "$kernel" 'cd /mnt/share && insmod evfd_post_test.ko || exit
		./posts_api || touch /tmp/failed
		./posts_hooks || touch /tmp/failed
		./posts_contexts || touch /tmp/failed
		rmmod evfd_post_test && [ ! -e /tmp/failed ]' >"$log" || status=$?
	tap_from "$log" "$kernel"
	tap_check "$kernel: every program ended well, and no complaint of the kernel" [ "$status" = 0 ]
done
tap_done
