#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

make_results
soak && GUEST_OPTIONS=(--timeout 3600)

# Seconds of each abuse of time, bad calls of each kind, descriptors of each kind, and the
# limit of memory. The same work takes ten times as long on a debug kernel.
arguments_for() {
	case $1 in
	debug*) if soak; then echo 60 100000 10000 33554432; else echo 3 1000 1000 8388608; fi ;;
	*) if soak; then echo 60 1000000 50000 67108864; else echo 5 100000 10000 16777216; fi ;;
	esac
}

for kernel in $(suite_kernels); do
	keep "$results/$kernel" guest "$kernel" \
		"/mnt/share/stress_abuse $(arguments_for "$kernel") 2>&1"
	tap_from "$results/$kernel" "$kernel"
	ended_well "$results/$kernel" "$kernel"
done
tap_done
