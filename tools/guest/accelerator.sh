# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# The choice of QEMU's accelerator, part of run.sh.
#
# /dev/kvm may exist and still not boot a kernel, so KVM is used only after a guest
# has booted with it. The answer is kept until the machine reboots.

kvm_name() {
	echo "kvm-$(hash_of /proc/sys/kernel/random/boot_id "$ROOT/toolchain")"
}

# kvm_probe FILE: write yes or no to FILE.
kvm_probe() {
	local dir=$WORK/probe
	mkdir -p "$dir"/{bin,dev}
	cp "$ROOT/usr/bin/busybox" "$dir/bin/"
	cat >"$dir/init" <<-'END'
		#!/bin/busybox sh
		busybox mount -t devtmpfs dev /dev
		echo up >/dev/ttyS1
		busybox reboot -f
	END
	chmod 755 "$dir/init"
	pack_initramfs "$dir" "$WORK/probe.cpio"
	in_root timeout -k 2 20 qemu-system-x86_64 -accel kvm -cpu host \
		-nodefaults -no-user-config -display none -no-reboot -m 256 \
		-kernel "$KERNEL_DIR/vmlinuz" -initrd "$WORK/probe.cpio" \
		-append "console=ttyS0 panic=-1 8250.nr_uarts=4" \
		-serial null -serial "file:$WORK/probe.out" </dev/null >/dev/null 2>&1 || true
	if grep -q up "$WORK/probe.out" 2>/dev/null; then
		echo yes
	else
		echo no
	fi >"$1"
}

# Print QEMU's options.
accelerator() {
	local answer
	if [ -n "$ICOUNT" ]; then
		echo -accel tcg -icount "shift=0,sleep=off" -cpu max,la57=off
		return
	fi
	answer=$CACHE/$(kvm_name)
	if [ -w /dev/kvm ] && [ ! -e "$answer" ]; then
		rm -f "$CACHE"/kvm-*
		say "testing whether KVM works here (at most 20 s) ..."
		kvm_probe "$WORK/answer"
		say "KVM works here: $(cat "$WORK/answer")"
		mv "$WORK/answer" "$answer"
	fi
	if [ -w /dev/kvm ] && [ "$(cat "$answer")" = yes ]; then
		echo -accel kvm -cpu host
	else
		# Without la57, because KASAN reports five-level addresses as wild
		# while identify_cpu() has the CPU's features cleared.
		echo -accel "tcg,thread=multi" -cpu max,la57=off
	fi
}
