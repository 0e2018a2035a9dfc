# SPDX-License-Identifier: GPL-2.0
# For tap_from in lib.sh: turns (K)TAP into lines "ok TAB name", "not TAB name" and
# "# TAB diagnostics".

function end_of_plan(depth)
{
	if (depth in planned && seen[depth] < planned[depth])
		print "not\t" prefix ": ended after " seen[depth] + 0 " of " planned[depth] " tests"
	delete planned[depth]
	delete seen[depth]
}

{
	gsub(/\r/, "")
	sub(/^(<[0-9]+>)?\[ *[0-9.]+\] /, "")
	match($0, /^ */)
	depth = RLENGTH
	line = substr($0, depth + 1)
}

line ~ /^1\.\.[0-9]+/ {
	end_of_plan(depth)
	planned[depth] = substr(line, 4) + 0
	next
}

line ~ /^# Subtest: / {
	suite[depth] = substr(line, 12)
	next
}

line ~ /^(not )?ok [0-9]+/ {
	found = 1
	seen[depth]++
	# A result that follows its own inner results is their sum.
	for (inner = depth + 1; inner <= 64; inner++) {
		if (!(inner in planned) && !(inner in seen))
			continue
		summary = inner in seen
		end_of_plan(inner)
		delete suite[inner]
	}
	if (summary) {
		summary = 0
		next
	}
	kind = line ~ /^not/ ? "not" : "ok"
	name = line
	sub(/^(not )?ok [0-9]+ *(- )?/, "", name)
	where = depth in suite ? prefix "/" suite[depth] : prefix
	print kind "\t" where ": " name
	next
}

line ~ /^#/ || line ~ /FAIL|Expected|expected|assert/ {
	sub(/^# */, "", line)
	print "#\t" line
}

END {
	for (depth in planned)
		end_of_plan(depth)
	if (!found)
		print "not\t" prefix ": no results at all"
}
