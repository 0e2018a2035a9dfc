#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Extract the program from the EXAMPLES of each manual page: all lines between
# .Bd -literal and .Ed.
#
# usage: man-examples.sh DIR PAGE...
#
# The results are DIR/PAGE.c: DIR/evfd.4.c for evfd.4. A page without a program is
# an error.
set -euo pipefail

dir=$1
shift
mkdir -p "$dir"
for page; do
	awk '/^\.Sh / { examples = $2 == "EXAMPLES" }
		/^\.Ed/ { program = 0 }
		program
		examples && /^\.Bd -literal/ { program = 1 }' "$page" |
		sed 's/\\&//g; s/\\e/\\/g' >"$dir/${page##*/}.c"
	[ -s "$dir/${page##*/}.c" ] || {
		echo "$page has no program in its EXAMPLES"
		exit 1
	}
done
