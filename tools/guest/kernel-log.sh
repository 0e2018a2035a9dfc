# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What in a kernel log tells of a bug, part of run.sh.

bug_patterns=(
	'BUG:' 'WARNING:' 'KASAN:' 'KCSAN:' 'UBSAN:' 'ODEBUG:' 'Oops' 'Kernel panic'
	'Call Trace:' 'refcount_t:' 'general protection fault' 'unable to handle'
	# lockdep
	'possible .* detected' 'inconsistent lock state' 'bad unlock balance'
	'INFO: (possible|suspicious|trying to register)' 'suspicious RCU usage'
	'held lock freed' 'lock held when returning' 'nested lock was not taken'
	'DEADLOCK' 'scheduling while atomic' 'sleeping function called'
	# what hangs
	'INFO: task .* blocked' '(INFO|rcu): .*stall' 'soft lockup' 'hard LOCKUP'
	# what is lost or overwritten
	'unreferenced object' 'new suspected memory leaks'
	'list_(add|del) corruption' 'Bad (page|rss)' 'nobody cared'
)

# What KCSAN reports is left out unless one of our modules is in a stack: the
# kernel has races of its own, which are known. What an interrupt has come into
# takes no part in what that does.
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

# bug_lines FILE: print the lines that match, and fail if there are none.
bug_lines() {
	local IFS='|'
	without_races_of_others "$1" | grep -aE "${bug_patterns[*]}"
}
