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

# bug_lines FILE: print the matching lines, and fail if no line matches.
bug_lines() {
	local IFS='|'
	without_races_of_others "$1" | grep -aE "${bug_patterns[*]}"
}
