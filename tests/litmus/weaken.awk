# SPDX-License-Identifier: GPL-2.0
# Print a litmus test with a barrier taken out: awk -v name=NAME. STATEMENT, which
# may be empty, replaces each line that ends with "// weak NAME: STATEMENT".
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
