# SPDX-License-Identifier: GPL-2.0
# Print a litmus test with a barrier taken out: awk -v name=NAME. In lines that
# end with "// weak NAME: STATEMENT", STATEMENT, or nothing, takes the place of
# what is there.
FNR == 1 && /^C / {
	print $0 "+weak-" name
	next
}
match($0, "// weak " name ":") {
	print "\t" substr($0, RSTART + RLENGTH)
	changed = 1
	next
}
{ sub("// weak [a-z]+:.*", "") }
{ sub("Result: Never", "Result: Sometimes") }
{ print }
END { exit !changed }
