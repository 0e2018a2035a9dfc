#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The programs are those of the suite "user", called like native programs. The library turns
# their calls into calls of evfd.
set -euo pipefail
. "$(dirname "$0")/../lib/shell/lib.sh"

make_results
kernel=$(suite_kernels)
share=$TOP/build/preload-share

build() {
	local source bin=$TOP/build/bin/tests
	source=$(realpath "$("$TOP/tools/env/kernel.sh" "$kernel")/build/source")
	build_preload
	"$TOP/tools/env/in-root.sh" make -s -j"$(nproc)" -C "$TOP/tests/preload" O="$bin/preload" KSRC="$source"
	"$TOP/tools/env/in-root.sh" make -s -j"$(nproc)" -C "$TOP/tests/user" O="$bin/dynamic" LINK= KSRC="$source"
	rm -rf "$share"
	mkdir -p "$share/programs"
	cp -a "$TOP/build/preload" "$share/"
	cp "$bin/preload"/* "$share/"
	cp -r "$bin/dynamic"/* "$share/programs/"
	cp "$TOP/tests/preload"/*.sh "$TOP/tests/lib/shell/lib.sh" "$share/"
}

# start NAME SCRIPT ARGUMENT...: run a script in a guest, with its output in $results/NAME.
start() {
	keep "$results/$1" "$TOP/tools/guest/run.sh" --kernel "$kernel" --share "$share" \
		-- bash "/mnt/share/$2" "${@:3}"
}

# report NAME PROGRAM...: the results of these programs, all of which should have run.
report() {
	local name=$1 program file=$results/part
	shift
	for program; do
		awk -v program="$program" '
			$1 == "@begin" { on = $2 == program; next }
			on' "$results/$name" >"$file"
		if ! grep -q '^@end ' "$file"; then
			tap_not_ok "$program: did not end"
			sed 's/^/# /' "$file"
			continue
		fi
		tap_from <(grep -v '^@end ' "$file") "$program"
		tap_check "$program: its descriptors were evfd's" grep -qx '@end 0 ours' "$file"
	done
	ended_well "$results/$name" "$name"
}

build
# Programs named evfd_* test features of evfd's ioctls alone.
mapfile -t programs < <(user_programs | grep -v '/evfd_')
programs32=("${programs[@]/%/32}")
start "64 bits" programs.sh arguments calls "${programs[@]}" &
start "32 bits" programs.sh arguments32 calls32 "${programs32[@]}" &
wait
report "64 bits" arguments calls "${programs[@]}"
report "32 bits" arguments32 calls32 "${programs32[@]}"
start ways ways.sh
tap_from "$results/ways" "ways"
ended_well "$results/ways" ways
tap_done
