#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Others may run beside it: instructions are the same then, and times are not judged.

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
