// SPDX-License-Identifier: GPL-2.0
/*
 * The fields of a record, for signals with every known code and with other codes, because a
 * process may send itself any code. All bytes are compared, so fields without a meaning for
 * the signal must be 0.
 */
#include "signal.h"

#include <limits.h>

/* Not all C libraries define every code. */
#ifndef SI_DETHREAD
#define SI_DETHREAD	(-7)
#endif

#define SOME_INT	0x7e57ab1e

/* Too large for an int, if pointers are larger. */
#define SOME_POINTER	((void *)(uintptr_t)UINT64_C(0xfedc8a9876543210))

enum layout { KILL, TIMER, POLL, FAULT, FAULT_LSB, CHILD, QUEUE, SYS };

/* The bytes that the kernel copies from user space. More must be 0 for unknown codes. */
#define COPIED	48

/* Fills in the fields of a layout, and the expected record. */
static void fill(siginfo_t *info, struct signalfd_siginfo *want, enum layout layout)
{
	/* Bytes outside of these fields must not appear in the record. */
	memset((char *)info + 3 * sizeof(int), 0x5a, COPIED - 3 * sizeof(int));
	switch (layout) {
	case KILL:
		info->si_pid = 12345;
		info->si_uid = 0x89abcdef;
		want->ssi_pid = 12345;
		want->ssi_uid = 0x89abcdef;
		break;
	case TIMER:
		info->si_timerid = 77;
		info->si_overrun = 0x12345678;
		info->si_ptr = SOME_POINTER;
		want->ssi_tid = 77;
		want->ssi_overrun = 0x12345678;
		want->ssi_ptr = (uintptr_t)SOME_POINTER;
		want->ssi_int = 0x76543210;
		break;
	case POLL:
		info->si_band = (long)UINT64_C(0x1111111187654321);
		info->si_fd = 1234567;
		want->ssi_band = 0x87654321;
		want->ssi_fd = 1234567;
		break;
	case FAULT:
	case FAULT_LSB:
		info->si_addr = SOME_POINTER;
		want->ssi_addr = (uintptr_t)SOME_POINTER;
		if (layout == FAULT)
			break;
		info->si_addr_lsb = -12;
		want->ssi_addr_lsb = 0xfff4;
		break;
	case CHILD:
		info->si_pid = 54321;
		info->si_uid = 99999;
		info->si_status = -3;
		info->si_utime = 0x12345678;
		info->si_stime = -2;
		want->ssi_pid = 54321;
		want->ssi_uid = 99999;
		want->ssi_status = -3;
		want->ssi_utime = 0x12345678;
		want->ssi_stime = -UINT64_C(2);
		break;
	case QUEUE:
		info->si_pid = -1;
		info->si_uid = 1000;
		info->si_ptr = SOME_POINTER;
		want->ssi_pid = -1;
		want->ssi_uid = 1000;
		want->ssi_ptr = (uintptr_t)SOME_POINTER;
		want->ssi_int = 0x76543210;
		break;
	case SYS:
		info->si_call_addr = SOME_POINTER;
		info->si_syscall = -38;
		info->si_arch = 0xc000003e;
		want->ssi_call_addr = (uintptr_t)SOME_POINTER;
		want->ssi_syscall = -38;
		want->ssi_arch = 0xc000003e;
		break;
	}
}

/* Sends the signal to this process or thread. Returns whether it comes as expected. */
static bool comes_as(int fd, int sig, int code, enum layout layout)
{
	static bool to_thread;
	struct signalfd_siginfo want = { .ssi_signo = sig, .ssi_errno = 0x55, .ssi_code = code };
	siginfo_t info = { };
	int ret;

	fill(&info, &want, layout);
	info.si_signo = sig;
	info.si_errno = 0x55;
	info.si_code = code;
	to_thread = !to_thread;
	ret = to_thread ? syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(),
				  sig, &info) :
			  syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info);
	if (ret) {
		fprintf(stderr, "# signal %d, code %d: can't be sent: %m\n",
			sig, code);
		return false;
	}
	return sfd_gives(fd, want);
}

FIXTURE(record)
{
	int fd;
};

FIXTURE_SETUP(record)
{
	self->fd = sfd_new_blocked(UINT64_MAX, SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(record)
{
	EXPECT_EQ(-EAGAIN, sfd_take(self->fd));
	close(self->fd);
}

TEST_F(record, codes_by_name)
{
	static const struct {
		int sig, code;
		enum layout layout;
	} cases[] = {
		{ SIGTERM, SI_USER, KILL },
		{ SIGTERM, SI_KERNEL, KILL },
		{ SIGTERM, SI_QUEUE, QUEUE },
		{ SIGTERM, SI_TIMER, TIMER },
		{ SIGTERM, SI_MESGQ, QUEUE },
		{ SIGTERM, SI_ASYNCIO, QUEUE },
		{ SIGTERM, SI_SIGIO, POLL },
		{ SIGTERM, SI_TKILL, QUEUE },
		{ SIGTERM, SI_DETHREAD, QUEUE },
		{ SIGTERM, SI_ASYNCNL, QUEUE },
		{ SIGILL, ILL_ILLOPC, FAULT },
		{ SIGILL, ILL_ILLTRP, FAULT },
		{ SIGILL, ILL_BADSTK, FAULT },
		{ SIGFPE, FPE_INTDIV, FAULT },
		{ SIGFPE, FPE_FLTSUB, FAULT },
		{ SIGFPE, 14 /* FPE_FLTUNK */, FAULT },
		{ SIGSEGV, SEGV_MAPERR, FAULT },
		{ SIGSEGV, SEGV_ACCERR, FAULT },
		{ SIGSEGV, SEGV_BNDERR, FAULT },
		{ SIGSEGV, SEGV_PKUERR, FAULT },
		{ SIGBUS, BUS_ADRALN, FAULT },
		{ SIGBUS, BUS_ADRERR, FAULT },
		{ SIGBUS, BUS_OBJERR, FAULT },
		{ SIGBUS, BUS_MCEERR_AR, FAULT_LSB },
		{ SIGBUS, BUS_MCEERR_AO, FAULT_LSB },
		{ SIGTRAP, TRAP_BRKPT, FAULT },
		{ SIGTRAP, TRAP_TRACE, FAULT },
		{ SIGTRAP, 5 /* TRAP_UNK */, FAULT },
		{ SIGTRAP, 6 /* TRAP_PERF */, FAULT },
		{ SIGCHLD, CLD_EXITED, CHILD },
		{ SIGCHLD, CLD_KILLED, CHILD },
		{ SIGCHLD, CLD_DUMPED, CHILD },
		{ SIGCHLD, CLD_TRAPPED, CHILD },
		{ SIGCHLD, CLD_STOPPED, CHILD },
		{ SIGCHLD, CLD_CONTINUED, CHILD },
		{ SIGPOLL, POLL_IN, POLL },
		{ SIGPOLL, POLL_HUP, POLL },
		{ SIGSYS, 1 /* SYS_SECCOMP */, SYS },
		{ SIGSYS, 2 /* SYS_USER_DISPATCH */, SYS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		EXPECT_TRUE(comes_as(self->fd, cases[i].sig, cases[i].code,
				     cases[i].layout));
}

/* The number of positive codes of the signal's own, and their layout. */
static int own_codes(int sig, enum layout *layout)
{
	*layout = FAULT;
	switch (sig) {
	case SIGILL:
		return 11;
	case SIGFPE:
		return 15;
	case SIGSEGV:
		return 10;
	case SIGBUS:
		return 5;
	case SIGTRAP:
		return 6;
	case SIGCHLD:
		*layout = CHILD;
		return 6;
	case SIGSYS:
		*layout = SYS;
		return 2;
	default:
		*layout = POLL;
		return 6;
	}
}

static enum layout layout_of(int sig, int code)
{
	enum layout layout;

	if (sig == SIGBUS && (code == BUS_MCEERR_AR || code == BUS_MCEERR_AO))
		return FAULT_LSB;
	if (code <= own_codes(sig, &layout))
		return layout;
	/* Codes of a file apply to any signal. Higher codes are unknown. */
	return code <= 6 ? POLL : KILL;
}

TEST_F(record, every_signal_with_every_positive_code)
{
	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		for (int code = 1; code < 40; code++)
			ASSERT_TRUE(comes_as(self->fd, sig, code,
					     layout_of(sig, code)));
	}
}

TEST_F(record, every_signal_with_codes_of_all)
{
	static const struct {
		int code;
		enum layout layout;
	} cases[] = {
		{ INT_MAX, KILL }, { 0x10000, KILL }, { 0x81, KILL },
		{ SI_KERNEL, KILL }, { 0x7f, KILL }, { 0, KILL },
		{ SI_QUEUE, QUEUE }, { SI_TIMER, TIMER }, { SI_MESGQ, QUEUE },
		{ SI_ASYNCIO, QUEUE }, { SI_SIGIO, POLL }, { SI_TKILL, QUEUE },
		{ -8, QUEUE }, { SI_ASYNCNL, QUEUE }, { -128, QUEUE },
		{ INT_MIN, QUEUE },
	};

	for (int sig = 1; sig <= 64; sig++) {
		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
			ASSERT_TRUE(comes_as(self->fd, sig, cases[i].code,
					     cases[i].layout));
	}
}

TEST_F(record, values)
{
	static const uint64_t values[] = {
		0, 1, -1, INT_MAX, (uint64_t)INT_MIN, 0x80000000, UINT32_MAX,
		0x100000000, 0x7fffffffffffffff, 0x8000000000000000,
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		uintptr_t value = values[i];

		ASSERT_EQ(0, sig_queue(getpid(), SIGUSR1, value));
		EXPECT_TRUE(sfd_gives(self->fd,
				      record_of_queue(SIGUSR1, value)));
		ASSERT_EQ(0, sig_queue_thread(gettid(), SIGUSR1, value));
		EXPECT_TRUE(sfd_gives(self->fd,
				      record_of_queue(SIGUSR1, value)));
	}
	/* A value that is an int only. */
	ASSERT_EQ(0, sigqueue(getpid(), SIGUSR1,
			      (union sigval){ .sival_int = SOME_INT }));
	EXPECT_TRUE(sfd_gives(self->fd, record_of_queue(SIGUSR1, SOME_INT)));
}

TEST_HARNESS_MAIN
