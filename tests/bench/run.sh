#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the measuring programs in guests, and print what they print.
#
# usage: run.sh
#
# What they need is in build/cloud/share: tools/build/share.sh has built it.
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# What works around flaws of processors differs between them, and is a cost that
# is neither native's nor evfd's.
GUEST_OPTIONS=(--mem 1024 --append mitigations=off --timeout 900)

# The clock counts instructions, so there is but one processor.
one_processor() {
	GUEST_OPTIONS+=(--icount --smp 1)
	guest cloud 'set -e; printf "kernel\t%s\n" "$(uname -r)"; cd /mnt/share
		insmod evfd_bench.ko; ./bench_speed; rmmod evfd_bench
		./bench_memory; ./bench_growth'
}

two_processors() {
	guest cloud /mnt/share/bench_two
}

two_processors
one_processor
