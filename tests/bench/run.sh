#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Run the benchmark programs in guests, and print their output.
#
# usage: run.sh
#
# tools/build/share.sh must have built build/cloud/share.
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"

# Mitigations differ between processors, and are a cost of neither native nor evfd.
GUEST_OPTIONS=(--mem 1536 --append mitigations=off --timeout 900)

# The clock counts instructions, which needs a single processor.
one_processor() {
	GUEST_OPTIONS+=(--icount --smp 1)
	guest cloud 'set -e; printf "kernel\t%s\n" "$(uname -r)"; cd /mnt/share
		insmod evfd_bench.ko; ./bench_speed; rmmod evfd_bench
		./bench_memory; ./bench_growth'
}

two_processors() {
	guest cloud /mnt/share/bench_two
}

# The cost of events through queues, in a guest of its own to share the time limit.
queues() {
	guest cloud 'set -e; cd /mnt/share; insmod evfd_bench_wakes.ko; insmod evfd_post_test.ko
		./bench_queue; rmmod evfd_bench_wakes; ./bench_queue_growth'
}

two_processors
one_processor
queues
