# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# For tests/run.sh: reads tests/suites/index into arrays, and compares it with the scripts.

. tools/env/kernels.sh

# All names in order; by name, the columns of the table. An empty string stands for "none".
suites=()
declare -A kernels=() others=() processors=() fetches=() long=() shows=()

# The table between its second and its third border, with tabs between the columns.
index_rows() {
	awk '/^==/ { borders++; next } borders == 2 && NF { gsub(/  +/, "\t"); print }' \
		tests/suites/index
}

complain() {
	echo "tests/suites/index: $*" >&2
	complaints=$((complaints + 1))
}

read_index() {
	local row i name
	while IFS=$'\t' read -ra row; do
		name=${row[0]}
		if [ ${#row[@]} != 7 ]; then
			complain "the line of suite '$name' has ${#row[@]} columns instead of 7"
			continue
		fi
		[ -z "${shows[$name]:-}" ] || complain "suite '$name' has two lines"
		for i in "${!row[@]}"; do
			[ "${row[i]}" != none ] || row[i]=''
		done
		suites+=("$name")
		kernels[$name]=${row[1]} others[$name]=${row[2]} processors[$name]=${row[3]}
		fetches[$name]=${row[4]:+tools/env/${row[4]}}
		long[$name]=${row[5]} shows[$name]=${row[6]}
	done < <(index_rows)
}

# mentions NAME WORD: succeeds if the script of suite NAME has WORD outside its comments.
mentions() {
	grep -v '^[[:space:]]*#' "tests/suites/$1.sh" | grep -w -- "$2" >/dev/null
}

check_columns() {
	local name=$1 kernel
	for kernel in ${kernels[$name]}; do
		is_kernel "$kernel" ||
			complain "suite '$name': there is no kernel '$kernel'"
	done
	case ${others[$name]} in
	any | debug | '') ;;
	*) complain "suite '$name': others is '${others[$name]}', not any, debug or none" ;;
	esac
	[[ ${processors[$name]} = [1-9] ]] ||
		complain "suite '$name': '${processors[$name]}' is no number of processors"
	[ -z "${fetches[$name]}" ] || [ -x "${fetches[$name]}" ] ||
		complain "suite '$name': there is no script ${fetches[$name]}"
}

check_script() {
	local name=$1 script=tests/suites/$1.sh
	if [ ! -x "$script" ]; then
		complain "suite '$name': there is no executable script $script"
		return
	fi
	[ -z "${others[$name]}" ] || mentions "$name" suite_kernels ||
		complain "suite '$name' can run on other kernels," \
			"but $script does not call suite_kernels"
	case ${long[$name]} in
	yes)
		mentions "$name" soak ||
			complain "suite '$name' has a long form, but $script does not call soak"
		;;
	no)
		! mentions "$name" soak ||
			complain "suite '$name' has no long form, but $script calls soak"
		;;
	*) complain "suite '$name': long is '${long[$name]}', not yes or no" ;;
	esac
}

# load_index: fill the arrays, or name every mistake and exit.
load_index() {
	local complaints=0 name script
	read_index
	for name in "${suites[@]}"; do
		check_columns "$name"
		check_script "$name"
	done
	for script in tests/suites/*.sh; do
		name=$(basename "$script" .sh)
		[ -n "${shows[$name]:-}" ] || complain "$script has no line"
	done
	[ "$complaints" = 0 ] || exit 1
}
