# SPDX-License-Identifier: GPL-2.0
# For tests/run.sh: prints the failed results of a suite's output, each with the last five lines
# of diagnostics before it and after it. A program's stand before its results, and those of
# tap_check in lib.sh after them.

function diagnostics(    i)
{
	for (i = count > 5 ? count - 4 : 1; i <= count; i++)
		print line[i]
	count = 0
}

/^#/ {
	line[++count] = $0
	next
}

/^not ok / {
	diagnostics()
	print "# suite " suite ": " $0
	failed = 1
	next
}

/^ok / {
	if (failed)
		diagnostics()
	failed = count = 0
}

END {
	if (failed)
		diagnostics()
}
