#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Build and run the code that Documentation/new-descriptor.rst prints.
#
# usage: tutorial.sh build            add the code to a copy of the source, build/tutorial/tree, and
#                                     build the module, for kernels cloud and debug, the programs
#                                     and the fuzzer
#        tutorial.sh program [debug]  run the programs of tests/user in a guest with kernel cloud;
#                                     with kernel debug, the KUnit suite must pass too
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
cd "$TOP"

out=$TOP/build/tutorial
tree=$out/tree
log=$out/guest.log
# The programs for every kind that can run on a single kind.
any=(evfd_aio evfd_blocking evfd_epoll evfd_failed_read evfd_file evfd_poll evfd_process evfd_uring)

copy() {
	mkdir -p "$tree"
	git ls-files --cached --others --exclude-standard -- . ':!tests/fuzz/corpus' |
		in_root python3 tools/check/tutorial.py Documentation/new-descriptor.rst "$tree"
}

# The programs that the page changes: PROGRAM of each DIR.
programs() {
	local source program
	source=$(realpath "$("$TOP/tools/env/kernel.sh" debug)/build/source")
	for program in user/gatefd/evfd_gate user/gatefd/evfd_gate32 "${any[@]/#/user/any/}" \
		faults/faults_calls stress/stress_races; do
		in_root make -s -C "$tree/tests/${program%%/*}" O="$out/${program%%/*}" \
			KSRC="$source" "$out/$program"
	done
}

module() {
	"$tree/tools/build/module.sh" --make W=1 --make KCFLAGS=-Werror \
		--make KRUSTFLAGS=-Dwarnings --make CLIPPY=1 "$1"
}

build() {
	local cloud debug
	trap 'jobs -rp | xargs -r kill' EXIT
	copy
	"$tree/tools/build/rust.sh" fmt --check
	module cloud &
	cloud=$!
	module debug &
	debug=$!
	programs
	"$tree/tools/build/cargo.sh" fuzz clippy --release --locked --quiet -- -Dwarnings
	wait "$cloud"
	wait "$debug"
}

program() {
	local kernel=${1:-cloud}
	rm -f "$log"
	"$tree/tools/guest/run.sh" --kernel "$kernel" --append kunit.filter_glob=evfd_gatefd \
		--share "$out/user" --log "$log" -- "set -e; export EVFD_IMPL=evfd
		cd /mnt/share/gatefd; ./evfd_gate; ./evfd_gate32
		cd ../any; for program in ${any[*]}; do ./\$program -v gate; done"
	[ "$kernel" = cloud ] || grep -E '(^|\] )ok [0-9]+ evfd_gatefd' "$log"
}

case ${1:-} in
build | program) "$@" ;;
*) die "usage: tutorial.sh build | program [debug]" ;;
esac
