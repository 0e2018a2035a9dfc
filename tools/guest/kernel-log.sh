# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The lines of a kernel log that report a bug, part of run.sh.

bug_patterns=(
	'BUG:' 'WARNING:' 'KASAN:' 'KCSAN:' 'UBSAN:' 'ODEBUG:' 'Oops' 'Kernel panic'
	'Call Trace:' 'refcount_t:' 'general protection fault' 'unable to handle'
	# lockdep
	'possible .* detected' 'inconsistent lock state' 'bad unlock balance'
	'INFO: (possible|suspicious|trying to register)' 'suspicious RCU usage'
	'held lock freed' 'lock held when returning' 'nested lock was not taken'
	'DEADLOCK' 'scheduling while atomic' 'sleeping function called'
	# hangs
	'INFO: task .* blocked' '(INFO|rcu): .*stall' 'soft lockup' 'hard LOCKUP'
	# leaks and corruption
	'unreferenced object' 'new suspected memory leaks'
	'list_(add|del) corruption' 'Bad (page|rss)' 'nobody cared'
)

# without_races_of_others FILE: print FILE, but of KCSAN's reports only those with one
# of our modules in a stack, because the kernel has known races of its own. Frames
# below an interrupt do not count: the interrupted code has no part in the race.
without_races_of_others() {
	awk '
		/BUG: KCSAN:/ { report = 1; text = ""; ours = 0 }
		!report { print; next }
		{ text = text $0 "\n" }
		/ by (task|interrupt)|reordered to/ { below = 0 }
		/asm_sysvec_|asm_common_interrupt/ { below = 1 }
		!below && /\[evfd[a-z_]*\]/ { ours = 1 }
		/==========/ { report = 0; if (ours) printf "%s", text }
		END { if (report) printf "%s", text }' "$1"
}

# without_injected FILE: print FILE without the line "Call Trace:" of each report of a failed
# allocation. Its stack identifies such a report. All other lines stay, because another
# processor may report a bug at the same time.
without_injected() {
	awk '
		/Call Trace:/ { if (held) print held; held = $0; warns = 0; next }
		!held || !/^\[[ 0-9.]*\]  [^ ]/ || /  (<|\? |dump_stack)/ { print; next }
		/  warn_alloc[.+]/ { warns = 1; print; next }
		!/  (__kmem_cache_create_args|pcpu_alloc_noprof)[.+]/ &&
			!(warns && /  __vmalloc_/) { print held }
		{ held = ""; print }
		END { if (held) print held }' "$1"
}

# bug_lines FILE [injected]: print the matching lines, and fail if no line matches.
# "injected" is for a guest in which allocations were made to fail.
bug_lines() {
	local IFS='|' filter=cat
	[ -z "${2:-}" ] || filter=without_injected
	"$filter" <(without_races_of_others "$1") | grep -aE "${bug_patterns[*]}"
}
