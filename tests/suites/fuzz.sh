#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# The least percentage of the lines of src/ for the corpus and 90 seconds of fuzzing to reach.
LEAST=90

log=$(mktemp) errors=$(mktemp)
trap 'rm -f "$log" "$errors"' EXIT

# Succeeds if they were reached.
enough() {
	tail -n 1 "$TOP/build/fuzz/out/coverage" |
		awk -v least="$LEAST" '{ print } { exit !($(NF - 1) >= least) }'
}

# Seconds, and calls.
bounds=(90 0)
soak && bounds=(36000 10000000)
status=0
{ "$TOP/tests/fuzz/run.sh" "${bounds[@]}" 2>&1 >&3 | tee "$errors" >&2; } 3>"$log" || status=$?
sed 's/^/# /' "$log"
# Why it failed, after the program during which it did: tests/run.sh repeats the last lines.
[ "$status" = 0 ] || { grep -v building "$errors" || true; } | head -n 4 | sed 's/^/# /'
tap_check "fuzz: the guest came to the end, and no complaint of the kernel" [ "$status" = 0 ]
tap_check "fuzz: $LEAST % of the lines are reached" enough
tap_check "clippy has no complaint about the fuzzer" \
	"$TOP/tools/build/cargo.sh" fuzz clippy --release --locked --quiet -- -Dwarnings
tap_done
