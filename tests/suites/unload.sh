#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

kernel=$(suite_kernels)
make_results
rounds=125
if soak; then
	rounds=500
	GUEST_OPTIONS=(--timeout 3600)
fi

# A round keeps one processor busy, so two guests take half the time.
for half in 1 2; do
	keep "$results/$half" guest "$kernel" /mnt/share/unload_rounds $rounds /mnt/share &
done
wait
for half in 1 2; do
	tap_from "$results/$half" "$kernel, guest $half"
	ended_well "$results/$half" "$kernel, guest $half"
done
tap_done
