#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

kernel=$(suite_kernels)
log=$TOP/build/$kernel/$SUITE.log

# The kernel's own parser must accept the form of the results, and find no failure. It reads a
# single list of results, and the first in the log is the kernel's own, which is empty.
parse() {
	local build
	build=$("$TOP/tools/env/kernel.sh" "$kernel")/build
	tr -d '\r' <"$log" | sed -n '/evfd: loading/,$p' | "$TOP/tools/env/in-root.sh" python3 \
		"$build/source/tools/testing/kunit/kunit.py" parse
}

# The suites in the source, because a suite that does not run leaves no failure in the log.
suites() {
	grep -rhoP '^#\[kunit_tests\(\K\w+' "$TOP/src/tests" | sort
}

make_results
names=$(suites)
GUEST_OPTIONS=(--append kunit.enable=1)
keep "$results/output" guest "$kernel" true
tap_from "$log" "$kernel"
for suite in $names; do
	tap_check "$kernel: suite $suite has passed" grep -qE "(^|\] )ok [0-9]+ $suite" "$log"
done
tap_check "$kernel: kunit.py finds no failure" parse
ended_well "$results/output" "$kernel"
tap_done
