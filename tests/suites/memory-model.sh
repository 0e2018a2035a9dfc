#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"
cd "$TOP"

out=build/litmus
rm -rf "$out"
mkdir -p "$out"

# barriers_of TEST: the names of the barriers that weaken.awk can remove.
barriers_of() {
	sed -n 's|.*// weak \([a-z]*\):.*|\1|p' "$1" | sort -u
}

# without PATTERN FILE: succeeds if no line of FILE matches PATTERN.
without() {
	! grep -E "$1" "$2"
}

# observed NAME Never|Sometimes: succeeds if herd7 finds that the outcome in test NAME never or
# sometimes happens, and if it has seen other outcomes.
observed() {
	grep -wF -- "$1" "$out/herd.log" || true
	awk -v name="$1" -v often="$2" '
		$1 == "Observation" && $2 == name { ok = $3 == often && $5 > 0 }
		END { exit !ok }' "$out/herd.log"
}

# A single run for all: each test, and for each of its barriers a copy without it.
litmus() {
	local test name barrier
	for test in tests/litmus/*.litmus; do
		name=$(basename "$test" .litmus)
		for barrier in $(barriers_of "$test"); do
			awk -v name="$barrier" -f tests/litmus/weaken.awk "$test" \
				>"$out/$name+weak-$barrier.litmus"
		done
	done
	tools/check/herd.sh tests/litmus/*.litmus "$out"/*.litmus >"$out/herd.log" 2>&1 ||
		sed 's/^/# /' "$out/herd.log"
	tap_check "litmus: herd7 has no complaint" without '^(Warning|Flag)' "$out/herd.log"
	for test in tests/litmus/*.litmus; do
		name=$(basename "$test" .litmus)
		tap_check "litmus $name: the forbidden outcome never happens" observed "$name" Never
		[ -n "$(barriers_of "$test")" ] ||
			tap_not_ok "litmus $name names no barrier to remove"
		for barrier in $(barriers_of "$test"); do
			tap_check "litmus $name: it happens if $barrier is weak" \
				observed "$name+weak-$barrier" Sometimes
		done
	done
}

# loom FEATURE: run the tests of tests/loom. With a feature, only the tests
# that must fail count.
loom() {
	local feature=$1 log=$out/loom$1.log status=0 name result found=0
	tools/build/cargo.sh loom test --locked --lib --features "$feature" >"$log" 2>&1 || status=$?
	while read -r _ name result; do
		name=${name##*::}
		name=${name//_/ }
		case $feature:$result in
		:'... ok') tap_ok "loom: $name" ;;
		*:'- should panic ... ok') tap_ok "loom: $name, but not if $feature" ;;
		*:'... ok') continue ;;
		*) tap_not_ok "loom: $name${feature:+, $feature}: $result" ;;
		esac
		found=$((found + 1))
	done < <(grep '^test tests.*::' "$log")
	if [ "$status" != 0 ] || [ "$found" = 0 ]; then
		tap_not_ok "loom${feature:+, $feature}: status $status, $found results"
		sed 's/^/# /' "$log"
	fi
}

litmus
for feature in '' unordered torn selfish relaxed swapped hasty choosy greedy; do
	loom "$feature"
done
tap_check "clippy has no complaint about the loom tests" \
	tools/build/cargo.sh loom clippy --locked --tests --quiet -- -Dwarnings
tap_done
