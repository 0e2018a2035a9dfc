#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# 1,000 rounds of load, use, refused unload, close, unload.
# kernels: debug, or another debug kernel

set -euo pipefail
# shellcheck source=tests/lib.sh
source "$(dirname "$0")/../lib.sh"

kernel=$(kernels_for debug)
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# A round keeps one processor busy: two guests take half the time of one.
for half in 1 2; do
	guest "$kernel" /mnt/share/unload_rounds 500 /mnt/share >"$logs/$half" &
	guests[half]=$!
done
for half in 1 2; do
	status=0
	wait "${guests[half]}" || status=$?
	tap_from "$logs/$half" "$kernel, guest $half"
	tap_check "$kernel, guest $half: no complaint of the kernel, and no leak" \
		[ "$status" = 0 ]
done
tap_done
