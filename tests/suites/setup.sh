#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
set -euo pipefail
# shellcheck source=tests/lib/shell/lib.sh
source "$(dirname "$0")/../lib/shell/lib.sh"
cd "$TOP"

make_results
kdir=$(tools/env/kernel.sh cloud)/build

# exits STATUS COMMAND...
exits() {
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	echo "exit status $status"
	[ "$status" = "$wanted" ]
}

# none COMMAND...: succeeds if COMMAND fails without output.
none() {
	local output
	! output=$("$@") && [ -z "$output" ]
}

# fake_tree NAME: a kernel tree with a real configuration.
fake_tree() {
	mkdir -p "$results/$1/include/config" "$results/$1/rust"
	cp "$kdir/include/config/auto.conf" "$results/$1/include/config/"
	echo "$results/$1"
}

fake_rustc() {
	mkdir -p "$results/bin"
	printf '#!/bin/sh\necho "%s"\n' "$1" >"$results/bin/rustc"
	printf '#!/bin/sh\n' >"$results/bin/bindgen"
	chmod +x "$results"/bin/*
}

test_build_refusals() {
	local tree
	tap_check "make refuses a KDIR that is no kernel tree" \
		refuses "there is no prepared kernel tree" make KDIR="$results/nowhere"
	tree=$(fake_tree headers)
	tap_check "make refuses a KDIR without Rust metadata" \
		refuses "has no Rust metadata" make KDIR="$tree"
	tap_check "and names a target that needs no metadata" \
		refuses "make demo" make KDIR="$tree"
	sed -i '/^CONFIG_RUST=/d' "$tree/include/config/auto.conf"
	tap_check "make refuses a KDIR without Rust" \
		refuses "configured without Rust" make KDIR="$tree"
	tree=$(fake_tree whole)
	touch "$tree/rust/libkernel.rmeta"
	fake_rustc "rustc 1.0.0 (another one)"
	tap_check "make refuses another rustc than the kernel's" \
		refuses "rustc here:  rustc 1.0.0" env PATH="$results/bin:$PATH" make KDIR="$tree"
	tap_check "and names the kernel's rustc" \
		refuses "the kernel's: rustc $(sed -n 's/^.*VERSION_TEXT="*rustc \([^"]*\)"*$/\1/p' \
			"$tree/include/config/auto.conf")" env PATH="$results/bin:$PATH" make KDIR="$tree"
	rm "$results/bin/rustc"
	tap_check "make refuses to go without rustc" \
		refuses "rustc-none here:  none" env RUSTC=rustc-none make KDIR="$tree"
	tap_check "an unknown kernel is refused" \
		refuses "there is no kernel 'risc'" make guest CMD=true KERNEL=risc
	tap_check "an unknown suite is refused" \
		refuses "There is no suite 'nothing'" env ONLY=nothing tests/run.sh
}

# refused_paths COMMAND...: succeeds if COMMAND refuses each path with a special character in one
# line. COMMAND gets the path as its last argument. It has a Makefile and lib.sh.
refused_paths() {
	local special=$' \t:;%&|<>*?\'"`\\,(){}[]#$' i path output
	for ((i = 0; i < ${#special}; i++)); do
		path=$(path_with "${special:i:1}")
		if output=$("$@" "$path" 2>&1) || [ "$(wc -l <<<"$output")" != 1 ] ||
			[[ $output != *"'$path"*": the path must not "* ]]; then
			printf '%s\n' "$path:" "$output"
			return 1
		fi
	done
}

# path_with TEXT
path_with() {
	local path=$results/path/a$1b
	mkdir -p "$path/tools/env"
	cp Makefile "$path/"
	cp tools/env/lib.sh "$path/tools/env/"
	echo "$path"
}

with_lib() {
	bash -c '. "$1/tools/env/lib.sh"' sh "$1"
}

with_cache() {
	env XDG_CACHE_HOME="$1" bash -c '. tools/env/lib.sh'
}

test_paths() {
	local path
	tap_check "make refuses a path with a special character" refused_paths make help -s -C
	tap_check "so do the tools that it starts" refused_paths with_lib
	tap_check "also for the cache" refused_paths with_cache
	path=$(path_with '~=@+-_.^!é')
	tap_check "make takes a path with other characters" make -n help -s -C "$path"
	tap_check "so do the tools" with_lib "$path"
	tap_check "also for the cache" with_cache "$path"
}

# A build for a kernel tree by hand: in a copy of the checkout, with the programs of the
# toolchain root in place of the machine's own.
test_plain_build() {
	local copy=$TOP/build/plain
	rm -rf "$copy"
	mkdir -p "$copy"
	git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
	tap_check "make KDIR= builds evfd.ko" \
		tools/env/in-root.sh make -C "$copy" KDIR="$kdir"
	tap_check "the module loads into Debian's kernel" \
		exits 0 bare_guest --module "$copy/evfd.ko" -- 'test -c /dev/evfd'
	tap_check "make modules_install installs it" tools/env/in-root.sh make -C "$copy" \
		KDIR="$kdir" INSTALL_MOD_PATH="$copy/installed" modules_install
	tap_check "where it belongs" \
		[ -n "$(find "$copy/installed" -path '*/updates/evfd.ko*')" ]
	tap_check "make clean removes what was built" make -C "$copy" clean
	rm -rf "$copy/installed"
	tap_check "and all of it" prints "$(git ls-files --cached --others --exclude-standard | sort)" \
		sh -c 'cd "$1" && find . -type f | sed "s|^\./||" | sort' sh "$copy"
	rm -rf "$copy"
}

# The checks of rust-headers.sh, on doctored copies of the files.
stock() {
	bash -c 'set -euo pipefail
		. tools/env/lib.sh
		. tools/env/stock.sh
		"$@"' sh "$@"
}

test_kernel_mismatch() {
	local tree=$results/symbols
	mkdir -p "$tree/rust"
	cp "$kdir/Module.symvers" "$tree/"
	cp "$kdir"/rust/exports_*_generated.h "$tree/rust/"
	cp "$kdir/.config" "$results/config"
	tap_check "Debian's Rust symbols are those made here" stock rust_headers_check_symbols "$tree"
	sed -i '0,/_RNv/s//_RNx/' "$tree/rust/exports_kernel_generated.h"
	tap_check "a Rust symbol that Debian's kernel has not is refused" \
		refuses "would not load" stock rust_headers_check_symbols "$tree"
	tap_check "the same configuration is taken" \
		stock rust_headers_check_config "$kdir/.config" "$results/config"
	sed -i '/^CONFIG_DEBUG_INFO_BTF=/d' "$results/config"
	tap_check "another configuration is refused" \
		refuses "not the one Debian built" \
		stock rust_headers_check_config "$kdir/.config" "$results/config"
}

# interrupted finish|die: a slow set-up, in a cache of its own.
interrupted() {
	env XDG_CACHE_HOME="$results/cache" bash -c '
		set -euo pipefail
		. tools/env/lib.sh
		slowly() {
			touch "$2/first"
			[ "$1" = finish ] || kill -KILL $$
			touch "$2/second"
		}
		cached thing slowly "$1"' sh "$1"
}

test_interrupted_setup() {
	local cache=$results/cache/evfd
	tap_check "a set-up is killed half-way" exits 137 interrupted die
	tap_check "the unfinished result has no name in the cache" [ ! -e "$cache/thing" ]
	tap_check "the next set-up succeeds" interrupted finish
	tap_check "and makes all of it" [ -e "$cache/thing/second" ]
	tap_check "and clears away the unfinished result" \
		[ -z "$(find "$cache" -name '.new-*')" ]
}

# The programs of a machine without mmdebstrap, whose apt-get refuses to run twice at once, like
# the real program. The toolchain root comes out empty.
make_new_machine() {
	mkdir -p "$machine" "$results/empty/etc"
	ln -s /usr/bin/* "$machine/"
	rm -f "$machine"/{mmdebstrap,apt-get,dpkg-query,id}
	printf '#!/bin/sh\necho 0\n' >"$machine/id"
	printf '#!/bin/sh\n' >"$machine/dpkg-query"
	printf '#!/bin/sh\ntar -c -C "%s" .\n' "$results/empty" >"$machine/to-install"
	cat >"$machine/apt-get" <<-'END'
		#!/bin/sh
		cd "$(dirname "$0")" && echo "$@" >>installed
		mkdir lock || exit 100
		sleep 0.5
		case $* in install*mmdebstrap*) mv to-install mmdebstrap ;; esac
		rmdir lock
	END
	chmod +x "$machine"/{id,dpkg-query,to-install,apt-get}
}

# three_roots: succeeds if three set-ups at once give the same root.
three_roots() {
	local i
	for i in 1 2 3; do
		keep "$results/root$i" env -i PATH="$machine" XDG_CACHE_HOME="$results/new" \
			EVFD_MIRROR=http://localhost/debian tools/env/root.sh &
	done
	wait
	[ -d "$(sort -u "$results"/root[123])" ] && prints 0 sort -u "$results"/root[123].status
}

test_new_machine() {
	local machine=$results/machine
	make_new_machine
	tap_check "three set-ups at once give the same root" three_roots
	tap_check "and mmdebstrap is installed once" \
		prints 1 grep -c "^install.*mmdebstrap" "$machine/installed"
}

# repeated OUTPUT: the results of a suite for a program's output.
repeated() {
	printf '%b' "$1" >"$results/output"
	bash -c 'source tests/lib/shell/lib.sh; tap_from "$1" p' sh "$results/output" | grep -E '^(not )?ok'
}

test_results() {
	tap_check "results of a program are repeated" \
		prints $'ok 1 - p: a\nnot ok 2 - p: b' repeated '1..2\nok 1 a\nnot ok 2 b\n'
	tap_check "of nested results the innermost are" \
		prints 'ok 1 - p/s: a' repeated '1..1\n    # Subtest: s\n    1..1\n    ok 1 a\nok 1 s\n'
	tap_check "a program that ends early has failed" \
		prints $'ok 1 - p: a\nnot ok 2 - p: ended after 1 of 2 tests' repeated '1..2\nok 1 a\n'
	tap_check "so has a program without results" \
		prints 'not ok 1 - p: no results at all' repeated 'Segmentation fault\n'
}

# A checkout with the real runner, fake suites, and a build that takes no time.
house=$results/house
make_house() {
	mkdir -p "$house"/{tests/{lib/shell,suites},tools/{build,env}}
	cp tests/run.sh "$house/tests/"
	cp tools/env/kernels.sh "$house/tools/env/"
	cp tests/lib/shell/{index.sh,failures.awk} "$house/tests/lib/shell/"
	fake_script tools/build/share.sh true
	fake_script tests/suites/good.sh 'echo "ok 1 - a"; echo "ok 2 - b # SKIP"; echo 1..2'
	fake_script tests/suites/bad.sh \
		'seq -f "# why %g" 7; echo "not ok 1 - a"; echo "# where"; echo "ok 2 - b"; echo 1..2'
	fake_script tests/suites/early.sh 'echo "ok 1 - a"; echo 1..2'
	good='good  cloud  none  1  none  no  a good suite'
	bad='bad  none  none  1  none  no  a bad suite'
	early='early  cloud debug  none  2  none  no  a suite that ends early'
}

# fake_script FILE LINE
fake_script() {
	printf '#!/bin/sh\n%s\n' "$2" >"$house/$1"
	chmod +x "$house/$1"
}

# in_house LINE... -- [ARGUMENT...]: call the runner, with these lines in the index.
in_house() {
	local lines=()
	while [ "$1" != -- ]; do
		lines+=("$1")
		shift
	done
	printf '%s\n' == suite == "${lines[@]}" == >"$house/tests/suites/index"
	env -u ONLY -u EVFD_KERNEL -u EVFD_SOAK "$house/tests/run.sh" "${@:2}"
}

counts_of() {
	in_house "$@" -- | tail -n 1
}

# Prints what stands before the last two lines, which hold the time and the counts.
repeated_by() {
	in_house "$@" -- | tail -n 10 | head -n 8
}

test_runner() {
	make_house
	tap_check "the runner counts the results of suites" \
		prints '3 passed, 2 failed, 1 skipped' counts_of "$good" "$bad" "$early"
	tap_check "and repeats the failed results with their last diagnostics at its end" \
		prints "$(printf '%s\n' '# why '{3..7} '# suite bad: not ok 1 - a' '# where' \
			'not ok - suite early ended early: status 0, 1 results, 2 planned')" \
		repeated_by "$good" "$bad" "$early"
	tap_check "the index gives a suite its kernels" \
		prints $'cloud\ndebug' in_house "$good" "$bad" "$early" -- --kernels early
	tap_check "a suite without a line in the index is refused" \
		refuses "tests/suites/bad.sh has no line" in_house "$good" "$early" -- --list
	tap_check "a line without a suite is refused" \
		refuses "no executable script tests/suites/none.sh" \
		in_house "$good" "$bad" "$early" "${good/good/none}" -- --list
	tap_check "a suite with two lines is refused" \
		refuses "suite 'good' has two lines" in_house "$good" "$bad" "$early" "$good" -- --list
	tap_check "a line without all columns is refused" \
		refuses "has 6 columns instead of 7" in_house "$bad" "$early" "${good%  *}" -- --list
	tap_check "a suite on an unknown kernel is refused" \
		refuses "suite 'good': there is no kernel 'risc'" \
		in_house "${good/cloud/risc}" "$bad" "$early" -- --list
	tap_check "a long form without a script for it is refused" \
		refuses "suite 'good' has a long form, but" \
		in_house "${good/no  a/yes  a}" "$bad" "$early" -- --list
	cp tests/suites/abuse.sh "$house/tests/suites/bad.sh"
	tap_check "a long form that the index denies is refused" \
		refuses "suite 'bad' has no long form, but" in_house "$good" "$bad" "$early" -- --list
}

bare_guest() {
	tools/guest/run.sh --no-module "$@"
}

test_guest() {
	mkdir "$results/share"
	echo "seen from here" >"$results/share/a file"
	tap_check "make guest loads the module, for everybody to use" \
		prints "character special file 666" make guest CMD='stat -c "%F %a" /dev/evfd'
	tap_check "an exit status is passed on" exits 7 bare_guest -- 'exit 7'
	tap_check "make guest fails when its command does" \
		refuses "Error 7" make guest CMD='exit 7'
	tap_check "a command line is not mangled" \
		prints 'a  b $HOME "x" \ /root' \
		make guest CMD="printf '%s ' 'a  b \$HOME \"x\" \\'; echo \$HOME"
	tap_check "arguments are not mangled" \
		prints "$(printf '<%s>' 'a  b' "it's" '$HOME' '*' '' $'two\nlines')" \
		bare_guest -- printf '<%s>' 'a  b' "it's" '$HOME' '*' '' $'two\nlines'
	tap_check "output of any bytes comes through" \
		prints "$(seq 20000 | md5sum)" bare_guest -- 'seq 20000 >/tmp/x; cat /tmp/x | md5sum'
	tap_check "all of a long output comes through" \
		prints "$(seq 20000)" bare_guest -- 'seq 20000'
	tap_check "the share is there, and read-only" \
		prints "seen from here refused" bare_guest --share "$results/share" -- \
		'echo $(cat "/mnt/share/a file") $(touch /mnt/share/x 2>/dev/null || echo refused)'
	# shellcheck disable=SC2016 # for the guest
	tap_check "with --icount, no program waits for a disk" prints '0 sectors read' \
		bare_guest --icount --share "$results/share" -- '
			sectors() { awk "{ n += \$3 } END { print n }" /sys/block/vd*/stat; }
			before=$(sectors); cat /usr/lib/*/*.so* "/mnt/share/a file" >/dev/null
			echo $(($(sectors) - before)) sectors read'
	tap_check "a share that is not there is refused" \
		refuses "there is no directory" bare_guest --share "$results/nowhere" -- true
}

# kcsan_report FRAME...: a report of KCSAN, with these frames in one of its stacks.
kcsan_report() {
	printf '[    1.000000] %s\n' '==================================================' \
		'BUG: KCSAN: data-race in f / g' '' 'write to 0x1 of 8 bytes by task 1 on cpu 0:' \
		' f+0x1/0x2' ' asm_sysvec_call_function_single+0x1/0x2' ' main+0x1/0x2' '' \
		'read to 0x1 of 8 bytes by interrupt on cpu 1:' "$@" '' \
		'Reported by Kernel Concurrency Sanitizer on:' \
		'==================================================' >"$results/log"
}

test_kcsan_reports() {
	local interrupt=' asm_sysvec_apic_timer_interrupt+0x1/0x2' ours=' post+0x1/0x2 [evfd]'
	kcsan_report ' g+0x1/0x2'
	tap_check "a race of the kernel's own is not" none bug_lines "$results/log"
	kcsan_report ' g+0x1/0x2' "$interrupt" "$ours"
	tap_check "a race of an interrupt in evfd is not" none bug_lines "$results/log"
	kcsan_report "$ours" "$interrupt"
	tap_check "a race of evfd in an interrupt is" bug_lines "$results/log"
	kcsan_report ' g+0x1/0x2' "$ours"
	tap_check "a race of a function that evfd calls is" bug_lines "$results/log"
	kcsan_report ' g+0x1/0x2' "$interrupt" ' |' " +-> reordered to:$ours"
	tap_check "a race reordered to evfd is" bug_lines "$results/log"
}

# call_trace FRAME...: a stack in the form of the kernel log.
call_trace() {
	printf '[    1.000000] %s\n' 'CPU: 0 UID: 0 PID: 1 Comm: x' 'Call Trace:' ' <TASK>' \
		' dump_stack_lvl+0x1/0x2' ' dump_stack+0x1/0x2' "$@" ' f+0x1/0x2' ' </TASK>'
}

# Reports of vmalloc() and its like are no bugs where allocations fail on request.
test_injected_failures() {
	local log=$results/log warn=' warn_alloc+0x1/0x2' inlined=' ? g+0x1/0x2' area frame
	area=' __vmalloc_node_range_noprof+0x1/0x2'
	call_trace "$warn" "$inlined" "$area" >"$log"
	tap_check "a failed allocation is" bug_lines "$log"
	tap_check "but not if failures are injected" none bug_lines "$log" injected
	for frame in pcpu_alloc_noprof __kmem_cache_create_args; do
		call_trace " $frame+0x1/0x2" >"$log"
		tap_check "nor is one in $frame()" none bug_lines "$log" injected
	done
	call_trace ' __might_resched+0x1/0x2' >"$log"
	tap_check "another stack is, even so" bug_lines "$log" injected
	call_trace "$warn" ' __alloc_pages_slowpath+0x1/0x2' "$area" >"$log"
	tap_check "and a page that was not made to fail" bug_lines "$log" injected
	call_trace "$warn" 'WARNING: x' "$area" >"$log"
	tap_check "and a line between those of the stack" bug_lines "$log" injected
	call_trace "$warn" 'Call Trace:' "$warn" "$area" >"$log"
	tap_check "and a stack that another one follows at once" bug_lines "$log" injected
	{ call_trace "$warn" "$area"; call_trace "$area"; } >"$log"
	tap_check "and a stack after the one of a failure" bug_lines "$log" injected
	call_trace "$warn" | sed '/warn_alloc/q' >"$log"
	tap_check "and a stack that ends with the log" bug_lines "$log" injected
}

# A line of each checker.
test_kernel_log() {
	local line
	# shellcheck source=tools/guest/kernel-log.sh
	source tools/guest/kernel-log.sh
	for line in 'WARNING: CPU: 0 PID: 1 at fs/x.c:1 f+0x1/0x2' \
		'BUG: KASAN: use-after-free in f+0x1/0x2' \
		'WARNING: possible circular locking dependency detected' \
		'WARNING: inconsistent lock state' \
		'BUG: sleeping function called from invalid context at x.c:1' \
		'BUG: unable to handle page fault for address: 0' \
		'INFO: task x:1 blocked for more than 122 seconds.' \
		'rcu: INFO: rcu_preempt self-detected stall on CPU' \
		'watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [x:1]' \
		'ODEBUG: free active (active state 0) object: 1 object type: timer_list' \
		'unreferenced object 0x1 (size 8):' \
		'Oops: general protection fault [#1] SMP' \
		'Kernel panic - not syncing: x'; do
		echo "[    1.000000] $line" >"$results/log"
		tap_check "this is taken for a bug: $line" bug_lines "$results/log"
	done
	printf '%s\n' '[    0.1] rcu: RCU lockdep checking is enabled.' \
		'[    0.2] kasan: KernelAddressSanitizer initialized (generic)' >"$results/log"
	tap_check "messages of a good kernel are not" none bug_lines "$results/log"
	test_kcsan_reports
	test_injected_failures
}

# running ARGUMENT: succeeds while a process has an argument that matches this expression.
running() {
	grep -qzs -- "$1" /proc/[0-9]*/cmdline
}

# soon COMMAND...: repeat COMMAND until it succeeds, for more than two minutes.
soon() {
	local tries=600
	until "$@"; do
		[ $((tries--)) != 0 ] || return 1
		sleep 0.2
	done
}

lasting_guest() {
	bare_guest --append "$1" -- 'sleep 600'
}

lasting_guest_beside_others() {
	make_results
	keep "$results/one" lasting_guest "$1" &
	wait
}

# ends_when_killed SIGNAL ARGUMENT COMMAND...: succeeds if the process with this argument,
# which the command starts, ends when the command is killed.
ends_when_killed() {
	local starter status=0
	"${@:3}" >"$results/killed" 2>&1 &
	starter=$!
	soon running "$2" || status=$?
	kill "-$1" "$starter"
	cat "$results/killed"
	[ $status = 0 ] && soon none running "$2"
}

# killed_runner SIGNAL: kill tests/run.sh while a grandchild of it sleeps.
killed_runner() {
	ends_when_killed "$1" "^600\\.$$\$" \
		exec env -u ONLY -u EVFD_KERNEL -u EVFD_SOAK "$house/tests/run.sh"
}

test_killed_runner() {
	local signal lasting="seconds=\$(sh -c 'sleep 600.$$; true'); true"
	make_house
	in_house "$good" "$bad" "$early" -- --list >/dev/null
	fake_script tests/suites/bad.sh "$lasting"
	for signal in KILL TERM; do
		tap_check "SIG$signal to the runner ends the suites" killed_runner $signal
	done
	fake_script tools/build/share.sh "$lasting"
	for signal in KILL TERM; do
		tap_check "SIG$signal to the runner ends the build of a kernel" \
			killed_runner $signal
	done
}

test_guest_failures() {
	local argument=evfd_test=$$
	tap_check "a kernel log with a bug fails the guest" \
		refuses "WARNING: CPU: 0" bare_guest -- 'echo "WARNING: CPU: 0" >/dev/kmsg'
	tap_check "and does so with status 125" exits 125 bare_guest -- 'echo BUG: >/dev/kmsg'
	call_trace ' pcpu_alloc_noprof+0x1/0x2' >"$results/share/log"
	tap_check "a failed allocation does not, if failures are injected" \
		exits 0 bare_guest --injected --share "$results/share" -- \
		'sed "s/^[^]]*] //" /mnt/share/log | while IFS= read -r line; do
			echo "$line" >/dev/kmsg
		done'
	tap_check "a panic ends the guest, and fails it" \
		refuses "Kernel panic" bare_guest -- 'echo c >/proc/sysrq-trigger; sleep 60'
	tap_check "a guest that takes too long is stopped" \
		refuses "it took more than 15 s" bare_guest --timeout 15 -- 'sleep 600'
	tap_check "a process left behind by a command does not keep the guest up" \
		exits 0 bare_guest --timeout 900 -- 'sleep 9000 & exit 0'
	tap_check "a guest ends when its caller is killed" \
		ends_when_killed KILL "^console=.* $argument\$" lasting_guest "$argument"
	tap_check "and with a suite that runs it beside others" \
		ends_when_killed TERM "^console=.* $argument\$" \
		lasting_guest_beside_others "$argument"
}

test_build_refusals
test_paths
test_plain_build
test_kernel_mismatch
test_interrupted_setup
test_new_machine
test_results
test_runner
test_killed_runner
test_guest
test_kernel_log
test_guest_failures
tap_done
