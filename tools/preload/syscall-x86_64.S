/* SPDX-License-Identifier: GPL-2.0 */
/*
 * syscall(3). The calls that make and set event descriptors go to
 * evfd_preload_syscall(). All other calls enter the system from here, because
 * a call like clone(2) needs the stack unchanged.
 */
#include <asm/unistd.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	endbr64
	cmpl	$__NR_eventfd2, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_eventfd, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_create, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_settime, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_gettime, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_signalfd4, %edi
	je	evfd_preload_syscall
	cmpl	$__NR_signalfd, %edi
	je	evfd_preload_syscall
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	cmpq	$-4095, %rax
	jae	1f
	ret
1:
	movq	%rax, %rdi
	jmp	evfd_preload_result
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits
