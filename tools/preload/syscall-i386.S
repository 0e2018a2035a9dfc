/* SPDX-License-Identifier: GPL-2.0 */
/*
 * syscall(3) for 32-bit programs: see syscall-x86_64.S.
 */
#include <asm/unistd.h>

	.text
	.globl	syscall
	.type	syscall, @function
syscall:
	.cfi_startproc
	movl	4(%esp), %eax
	cmpl	$__NR_eventfd2, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_eventfd, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_create, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_settime, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_gettime, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_settime64, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_timerfd_gettime64, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_signalfd4, %eax
	je	evfd_preload_syscall
	cmpl	$__NR_signalfd, %eax
	je	evfd_preload_syscall
	pushl	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebp, 0
	pushl	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset edi, 0
	pushl	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset esi, 0
	pushl	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset ebx, 0
	movl	24(%esp), %ebx
	movl	28(%esp), %ecx
	movl	32(%esp), %edx
	movl	36(%esp), %esi
	movl	40(%esp), %edi
	movl	44(%esp), %ebp
	int	$0x80
	popl	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebx
	popl	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore esi
	popl	%edi
	.cfi_adjust_cfa_offset -4
	.cfi_restore edi
	popl	%ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore ebp
	cmpl	$-4095, %eax
	jae	1f
	ret
1:
	subl	$8, %esp
	.cfi_adjust_cfa_offset 8
	pushl	%eax
	.cfi_adjust_cfa_offset 4
	call	evfd_preload_result
	addl	$12, %esp
	.cfi_adjust_cfa_offset -12
	ret
	.cfi_endproc
	.size	syscall, . - syscall

	.section .note.GNU-stack, "", @progbits
