#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Other suites may run at the same time: the counts of instructions stay the same, and no
# bound limits a time.
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

make_results

status=0
"$TOP/tests/bench/run.sh" >"$results/raw" || status=$?
tap_check "the guests ended well, and no complaint of the kernel" [ "$status" = 0 ]
"$TOP/tools/env/in-root.sh" --bind "$results" python3 "$TOP/tests/bench/report.py" \
	--json "$TOP/build/bench.json" --tap "$results/raw" >"$results/tap" || true
tap_from "$results/tap" bench
tap_done
