# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The names of the kernels: see kernel.sh.

# shellcheck disable=SC2034 # for kernel.sh and tests/lib/shell/index.sh
KERNELS=(cloud amd64 rt debug debug-kcsan debug-rt)
