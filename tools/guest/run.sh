#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Boot a guest, run a command in it, and pass on its output and exit status.
#
# usage: run.sh [OPTION]... -- COMMAND
#        run.sh [OPTION]... -- PROGRAM ARGUMENT...
#        run.sh [OPTION]... --shell
#
# --kernel KERNEL  cloud (the default), amd64, rt, debug, debug-kcsan or debug-rt
# --share DIR      show DIR, read-only, at /mnt/share
# --module FILE    load this module after evfd.ko (may be repeated)
# --no-module      do not load evfd.ko
# --memory FILE    show FILE as the memory of a device. FILE has the guest's writes,
#                  however the guest ends. Its size must be a power of two
# --userland FILE  use this file system instead of the toolchain's
# --icount         emulate a machine that takes 1 ns for each instruction and no time
#                  to wait: the load of the host has no influence. So that no program waits
#                  for a disk, the disks are read before the command
# --mem MB, --smp N   the guest's memory and processors
# --injected       the command makes allocations fail: do not take the kernel's reports of
#                  these failures for bugs
# --append ARGUMENTS  add these to the kernel's command line (may be repeated)
# --timeout S      end the guest after S seconds
# --log FILE       put the kernel log there
#
# A single COMMAND is a line for the guest's /bin/sh. A PROGRAM gets its arguments
# unchanged. The exit status is 125 if the guest ended before the command did, or if
# its kernel log reports a bug.
set -euo pipefail
. "$(dirname "$0")/../env/lib.sh"
. "$(dirname "$0")/accelerator.sh"
. "$(dirname "$0")/kernel-log.sh"

KERNEL=cloud SHARE='' MODULES=() OWN_MODULE=1 MEMORY='' CPUS=2 TIMEOUT=1800 LOG='' SHELL_MODE=''
USERLAND='' ICOUNT='' INJECTED='' APPEND='' DEVICE_MEMORY=''
# KCSAN watches one of so many accesses. The kernel's default is 4000.
KCSAN_SKIP_WATCH=2000

usage() {
	sed -n '/^# usage/,/^set /s/^# \{0,1\}//p' "$0" >&2
	exit 125
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		--kernel) KERNEL=$2 ;;
		--share) SHARE=$2 ;;
		--module) MODULES+=("$2") ;;
		--memory) DEVICE_MEMORY=$(realpath "$2") ;;
		--userland) USERLAND=$2 ;;
		--mem) MEMORY=$2 ;;
		--smp) CPUS=$2 ;;
		--append) APPEND+=" $2" ;;
		--timeout) TIMEOUT=$2 ;;
		--log) LOG=$2 ;;
		--icount)
			ICOUNT=1
			shift
			continue
			;;
		--injected)
			INJECTED=1
			shift
			continue
			;;
		--no-module)
			OWN_MODULE=''
			shift
			continue
			;;
		--shell)
			SHELL_MODE=1
			shift
			continue
			;;
		--)
			COMMAND=("${@:2}")
			return
			;;
		*) usage ;;
		esac
		shift 2
	done
}

# The command as one line for a shell.
command_line() {
	local word line=''
	if [ ${#COMMAND[@]} = 1 ]; then
		printf '%s\n' "${COMMAND[0]}"
		return
	fi
	for word in "${COMMAND[@]}"; do
		line+="'${word//\'/\'\\\'\'}' "
	done
	printf '%s\n' "$line"
}

make_initramfs() {
	local dir=$WORK/initramfs module
	mkdir -p "$dir"/{bin,dev,proc,sys,root,modules,boot-modules}
	cp "$ROOT/usr/bin/busybox" "$dir/bin/"
	cp "$TOP/tools/guest/init" "$TOP/tools/guest/session" "$dir/"
	chmod 755 "$dir/init"
	cp "$KERNEL_DIR"/modules/* "$dir/boot-modules/" 2>/dev/null || true
	: >"$dir/modules/order"
	for module in "${MODULES[@]}"; do
		cp "$module" "$dir/modules/"
		basename "$module" >>"$dir/modules/order"
	done
	if [ -n "$SHELL_MODE" ]; then
		: >"$dir/command"
	else
		command_line >"$dir/command"
	fi
	{
		echo "ICOUNT=$ICOUNT"
		echo "TERM=${TERM:-dumb}"
		stty size 2>/dev/null | sed 's/\(.*\) \(.*\)/LINES=\1 COLUMNS=\2/' ||
			echo 'LINES=24 COLUMNS=80'
	} >"$dir/settings"
	pack_initramfs "$dir" "$WORK/initramfs.cpio"
}

pack_initramfs() {
	(cd "$1" && find . | in_root cpio -o -H newc --quiet -R 0:0 >"$2")
}

disk() {
	echo -drive "file=$2,if=none,id=$1,format=raw,readonly=on" \
		-device "virtio-blk-pci,drive=$1"
}

boot() {
	local arguments=() binds=(--bind "$(dirname "$USERLAND")") terminal
	read -ra arguments < <(accelerator)
	# shellcheck disable=SC2207
	arguments+=($(disk userland "$USERLAND"))
	# shellcheck disable=SC2207
	[ -z "$SHARE" ] || arguments+=($(disk share "$WORK/share.erofs"))
	[ -z "$DEVICE_MEMORY" ] || binds+=(--bind "$(dirname "$DEVICE_MEMORY")")
	[ -z "$DEVICE_MEMORY" ] || arguments+=(
		-object "memory-backend-file,id=shared,share=on,mem-path=$DEVICE_MEMORY,size=$(stat -c %s "$DEVICE_MEMORY")"
		-device "ivshmem-plain,memdev=shared")
	# KCSAN's reports must not panic: the kernel has races of its own.
	case $KERNEL in
	debug-kcsan) APPEND="kcsan.skip_watch=$KCSAN_SKIP_WATCH $APPEND" ;;
	debug*) APPEND="panic_on_warn=1 $APPEND" ;;
	esac
	# no_timer_check: the kernel waits some 60 ms for five ticks of the IO-APIC's timer, tries
	# three other ways to connect it, and panics. On a busy host, QEMU may not have the time
	# to make the ticks. Guests of KVM, Hyper-V and VMware skip this check too. The panic
	# advises "noapic", which takes the IO-APIC away from all devices.
	terminal=stdio,id=terminal,signal=on
	[ -z "$SHELL_MODE" ] || terminal=stdio,id=terminal,signal=off
	in_root "${binds[@]}" timeout --foreground -k 5 "$TIMEOUT" setpriv --pdeathsig TERM \
		qemu-system-x86_64 "${arguments[@]}" -nodefaults -no-user-config \
		-display none -no-reboot -smp "$CPUS" -m "$MEMORY" \
		-kernel "$KERNEL_DIR/vmlinuz" -initrd "$WORK/initramfs.cpio" \
		-append "console=ttyS0 loglevel=8 panic=-1 oops=panic 8250.nr_uarts=4 printk.devkmsg=on kunit.enable=1 kunit.autorun=1 kunit.filter_glob=evfd* no_timer_check $APPEND" \
		-serial "file:$WORK/log" -chardev "$terminal" \
		-serial chardev:terminal -serial "file:$WORK/status"
}

# Input before the guest's terminal is open would be lost. So pass stdin on when the
# guest reports the terminal ready, followed by the end of file.
typed() {
	until grep -q ready "$WORK/status"; do
		sleep 0.2
	done
	cat
	printf '\004'
}

# failed MESSAGE...: report a failed guest, and keep its log until another guest fails.
failed() {
	say "$@"
	end=125
	[ -z "$LOG" ] || cp "$WORK/log" "${LOG%.log}.failed.log"
}

report() {
	local status=$1 end
	end=$(tr -d '\r' <"$WORK/status" | sed -n 's/^status //p')
	if [ -n "$LOG" ]; then
		cp "$WORK/log" "$LOG"
	fi
	if bug_lines "$WORK/log" ${INJECTED:+injected} >"$WORK/bugs"; then
		failed "the guest's kernel reports:"
		cat "$WORK/bugs" >&2
	elif [ "$status" = 124 ]; then
		failed "the guest was stopped: it took more than $TIMEOUT s"
	elif [ -z "$end" ]; then
		failed "the guest ended before the command did; its last lines:"
		tail -n 20 "$WORK/log" >&2
	fi
	exit "$end"
}

# A guest ends with the process that started it, however that process ends.
[ "${1:-}" = --tied ] || exec setpriv --pdeathsig TERM "$0" --tied "$@"
shift

COMMAND=()
parse "$@"
[ -n "$SHELL_MODE" ] || [ ${#COMMAND[@]} -gt 0 ] || usage
[ -z "$SHARE" ] || [ -d "$SHARE" ] || die "there is no directory $SHARE to share"

KERNEL_DIR=$("$TOP/tools/env/kernel.sh" "$KERNEL")
ROOT=$("$TOP/tools/env/root.sh")
[ -n "$USERLAND" ] || USERLAND=$("$TOP/tools/guest/userland.sh")
if [ -z "$MEMORY" ]; then
	MEMORY=512
	[[ -z "$ICOUNT" && "$KERNEL" != debug* ]] || MEMORY=1024
fi
if [ -n "$OWN_MODULE" ]; then
	MODULES=("$TOP/build/$KERNEL/evfd.ko" "${MODULES[@]}")
	[ -e "${MODULES[0]}" ] ||
		die "evfd.ko is not built for this kernel. Build it: tools/build/module.sh $KERNEL"
fi

# Killed runs leave their directories. No guest runs for a day.
find "$CACHE" -maxdepth 1 -name '.guest.*' -mmin +1440 -exec rm -rf {} +
WORK=$(mktemp -d "$CACHE/.guest.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
: >"$WORK/log"
: >"$WORK/status"
make_initramfs
[ -z "$SHARE" ] ||
	in_root --bind "$SHARE" mkfs.erofs --quiet --all-root "$WORK/share.erofs" "$(realpath "$SHARE")"

status=0
if [ -n "$SHELL_MODE" ] && [ -t 0 ]; then
	boot || status=$?
elif [ -n "$SHELL_MODE" ]; then
	typed | boot || status=$?
else
	# Through cat, because qemu makes its output non-blocking, and others use
	# ours too.
	exec {output}> >(exec cat)
	writer=$!
	boot </dev/null >&"$output" || status=$?
	exec {output}>&-
	wait "$writer"
fi
report "$status"
