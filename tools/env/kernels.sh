# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The names of the kernels: see kernel.sh.

KERNELS=(cloud amd64 rt debug debug-kcsan debug-rt)

# is_kernel NAME
is_kernel() {
	[[ " ${KERNELS[*]} " = *" $1 "* ]]
}
