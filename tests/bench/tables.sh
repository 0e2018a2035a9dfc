#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Measure, print the tables, and leave the figures in build/bench.json.
#
# usage: tables.sh [--doc]
#
# With --doc, also rewrite the tables and the plot in Documentation/.
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"
cd "$TOP"

raw=build/bench.raw
data=build/bench-growth.data
options=(--json build/bench.json --data "$data")
[ "${1:-}" != --doc ] || options+=(--rst Documentation/speed-tables.inc)

# Adds the licence line to the plot.
plot() {
	tools/env/in-root.sh gnuplot -e "data = '$data'" tests/bench/growth.gnuplot |
		sed '1a <!-- SPDX-License-Identifier: GPL-2.0 -->' >"$1"
}

tests/bench/run.sh >"$raw"
tools/env/in-root.sh python3 tests/bench/report.py "${options[@]}" "$raw"
[ "${1:-}" != --doc ] || plot Documentation/growth.svg
