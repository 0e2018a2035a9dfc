#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# The least percentage of the lines of src/ for the corpus and four minutes of fuzzing to reach.
LEAST=90

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Succeeds if they were reached.
enough() {
	tail -n 1 "$TOP/build/fuzz/out/coverage" |
		awk -v least="$LEAST" '{ print } { exit !($(NF - 1) >= least) }'
}

# Seconds, and calls.
bounds=(240 0)
soak && bounds=(36000 10000000)
status=0
"$TOP/tests/fuzz/run.sh" "${bounds[@]}" >"$log" || status=$?
sed 's/^/# /' "$log"
tap_check "fuzz: the guest came to the end, and no complaint of the kernel" [ "$status" = 0 ]
tap_check "fuzz: $LEAST % of the lines are reached" enough
tap_check "clippy has no complaint about the fuzzer" \
	"$TOP/tools/build/cargo.sh" fuzz clippy --release --locked --quiet -- -Dwarnings
tap_done
