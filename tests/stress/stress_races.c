// SPDX-License-Identifier: GPL-2.0
/*
 * Every disturber that takes descriptors away races with every call: first with each
 * call in turn, then with random calls. Afterwards, no process and no reference on the
 * module is left.
 *
 *	stress_races SECONDS DIRECTORY-OF-THE-MODULES
 */

#include "race_calls.h"
#include "race_cells.h"
#include "race_disturbers.h"
#include "race_ioctls.h"
#include "race_queues.h"
#include "race_records.h"

#include <limits.h>

/* The time that an arena may take to end, beyond its given time. */
#define END_MS	300000

/* The minimum number of disturbances. */
#define DISTURBED_MIN	3

static const struct {
	const char *name;
	void (*make)(struct caller *caller);
} calls[] = {
#define CALL(name) { #name, race_##name }
	CALL(read), CALL(write), CALL(readv), CALL(writev), CALL(nowait),
	CALL(read_nowhere), CALL(poll), CALL(ppoll), CALL(select),
	CALL(epoll_add), CALL(epoll_mod), CALL(epoll_del), CALL(epoll_wait),
	CALL(epoll_close), CALL(uring_poll), CALL(uring_read),
	CALL(uring_write), CALL(uring_close), CALL(aio_poll), CALL(fcntl),
	CALL(fionbio), CALL(fstat), CALL(fdinfo), CALL(lseek), CALL(splice),
	CALL(mmap), CALL(dup), CALL(pass), CALL(kill), CALL(tgkill),
	CALL(sigqueue), CALL(sigtimedwait), CALL(clock), CALL(create),
	CALL(device), CALL(bad_pointer), CALL(bad_argument), CALL(settime),
	CALL(settime_cancel), CALL(gettime), CALL(set_ticks),
	CALL(timer_2007), CALL(mask), CALL(exclusive), CALL(post), CALL(hook),
	CALL(queue_map), CALL(queue_unmap), CALL(queue_touch), CALL(queue_consume),
	CALL(queue_setup), CALL(queue_add), CALL(queue_change), CALL(queue_wait),
	CALL(queue_ctl), CALL(queue_get), CALL(queue_ring),
	CALL(cell_bind), CALL(cell_bad_bind), CALL(cell_arena), CALL(cell_kick),
	CALL(cell_map), CALL(cell_unmap), CALL(cell_touch), CALL(cell_count),
	CALL(cell_contend), CALL(cell_epoll),
	CALL(record_bind), CALL(record_bad_bind), CALL(record_arena), CALL(record_kick),
	CALL(record_change), CALL(record_put_off), CALL(record_epoll), CALL(record_uring),
#undef CALL
};

static const struct {
	const char *name;
	bool (*disturb)(unsigned int n);
} disturbers[] = {
	{ "close", disturb_close },
	{ "dup", disturb_dup },
	{ "SCM_RIGHTS", disturb_pass },
	{ "fork", disturb_fork },
	{ "exec", disturb_exec },
	{ "exit", disturb_exit },
	{ "SIGKILL", disturb_kill },
	{ "end of a thread", disturb_thread },
	{ "all of these", disturb_all },
	{ "module unload", disturb_unload },
};

#define UNLOAD	(ARRAY_SIZE(disturbers) - 1)

static void *caller_thread(void *arg)
{
	struct caller *caller = arg;
	int call;

	while (!record->stop) {
		call = record->current;
		if (call < 0)
			call = dice(caller, ARRAY_SIZE(calls));
		record->doing[caller->nr] = call;
		calls[call].make(caller);
		record->calls[caller->disturber][call]++;
		caller->turn++;
	}
	return NULL;
}

static bool caller_start(struct caller *caller, int nr, int disturber)
{
	*caller = (struct caller){
		.nr = nr, .disturber = disturber, .turn = nr,
		.seed = 1 + nr + CALLERS * disturber,
	};
	caller->ep = epoll_create1(EPOLL_CLOEXEC);
	return caller->ep >= 0 && uring_open(&caller->ring) &&
	       !pipe2(caller->pipe, O_CLOEXEC | O_NONBLOCK) &&
	       !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, caller->socks) &&
	       !pthread_create(&caller->thread, NULL, caller_thread, caller);
}

struct disturbance {
	_Atomic bool failed;
	int disturber;
	pthread_t thread;
};

static void *disturbance_thread(void *arg)
{
	struct disturbance *disturbance = arg;
	int disturber = disturbance->disturber;

	for (unsigned int n = 0; !record->stop && !disturbance->failed; n++) {
		if (!disturbers[disturber].disturb(n)) {
			fprintf(stderr, "# %s %u failed: %s\n",
				disturbers[disturber].name, n, strerror(errno));
			disturbance->failed = true;
		}
		record->disturbed[disturber]++;
	}
	record->stop = true;
	return NULL;
}

/* Waits until the given time, and interrupts blocking calls meanwhile. */
static void break_calls(struct caller *callers, int64_t until)
{
	do {
		for (int i = 0; i < CALLERS; i++)
			pthread_kill(callers[i].thread, SIG_BREAK);
		sleep_ms(5);
	} while (now_ms() < until);
}

/*
 * Waits until the given time, and longer until the call was made at least once. Also
 * waits for a disturbance during the call, but only until @limit.
 */
static void break_call(struct caller *callers, int disturber, int call,
		       int64_t until, int64_t limit)
{
	unsigned int before = record->disturbed[disturber];

	record->current = call;
	do {
		break_calls(callers, until);
	} while (!record->stop &&
		 (!record->calls[disturber][call] ||
		  (record->disturbed[disturber] == before && now_ms() < limit)));
}

static void join(pthread_t thread, struct caller *callers)
{
	while (pthread_tryjoin_np(thread, NULL))
		break_calls(callers, 0);
}

/* Lets a disturber race with the calls, in a separate process. Returns its exit status. */
static int arena(int disturber, int64_t ms)
{
	struct disturbance disturbance = { .disturber = disturber };
	int64_t start = now_ms(), half = ms / 2;
	struct caller callers[CALLERS];

	for (int i = 0; i < KINDS; i++) {
		if (!refill(i, i))
			return 1;
	}
	for (int i = 0; i < CALLERS; i++) {
		if (!caller_start(&callers[i], i, disturber))
			return 2;
	}
	if (pthread_create(&disturbance.thread, NULL, disturbance_thread,
			   &disturbance))
		return 3;
	for (int i = 0; i < (int)ARRAY_SIZE(calls); i++)
		break_call(callers, disturber, i,
			   start + half * (i + 1) / ARRAY_SIZE(calls),
			   start + 2 * ms);
	record->current = -1;
	do {
		break_calls(callers, start + ms);
	} while (!disturbance.failed &&
		 record->disturbed[disturber] < DISTURBED_MIN);
	record->stop = true;
	for (int i = 0; i < CALLERS; i++)
		join(callers[i].thread, callers);
	pthread_join(disturbance.thread, NULL);
	return disturbance.failed ? 4 : 0;
}

/* Waits for a child. Returns its status; if it hangs, reports the calls and returns -1. */
static int end_of(pid_t child, int64_t ms)
{
	int64_t end = now_ms() + ms + END_MS;
	int status;

	while (waitpid(child, &status, WNOHANG) != child) {
		if (now_ms() > end) {
			for (int i = 0; i < CALLERS; i++)
				ksft_print_msg("caller %d hangs in %s\n", i,
					       calls[record->doing[i]].name);
			kill(child, SIGKILL);
			return -1;
		}
		sleep_ms(10);
	}
	return status;
}

static void report(int disturber, int status)
{
	unsigned int sum = 0, least = UINT_MAX, n;
	const char *rarest = "";

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		n = record->calls[disturber][i];
		sum += n;
		if (n < least) {
			least = n;
			rarest = calls[i].name;
		}
	}
	ksft_test_result(!status && least && record->disturbed[disturber],
			 "%s: %u times against %u calls of %zu kinds, least of %s: %u, status %#x\n",
			 disturbers[disturber].name,
			 record->disturbed[disturber], sum, ARRAY_SIZE(calls),
			 rarest, least, status);
}

static void run(int disturber, int64_t ms)
{
	pid_t child;

	record->stop = false;
	record->current = 0;
	child = fork_child();
	if (!child)
		_exit(arena(disturber, ms));
	report(disturber, end_of(child, ms));
}

/* Files are released a moment after their last descriptor is closed. */
static void report_what_is_left(void)
{
	ksft_test_result(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD,
			 "no process is left\n");
	ksft_test_result(wait_for(!unload_module("evfd")) &&
			 !load_module(module_directory, "evfd"),
			 "no reference on the module is left\n");
}

int main(int argc, char **argv)
{
	int64_t ms;

	if (argc == 2 && !strcmp(argv[1], ONLY_END))
		return 0;
	if (argc != 3) {
		fprintf(stderr, "usage: %s SECONDS DIRECTORY\n", argv[0]);
		return KSFT_FAIL;
	}
	ms = atoll(argv[1]) * 1000 / ARRAY_SIZE(disturbers);
	module_directory = argv[2];

	record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (record == MAP_FAILED || !queues_prepare() || !cells_prepare() ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1))
		ksft_exit_fail_msg("no memory\n");
	sig_block(sig_bit(SIG_READ) | sig_bit(SIG_READ_RT));
	catch_signal(SIG_BREAK, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);

	ksft_print_header();
	ksft_set_plan(ARRAY_SIZE(disturbers) + 3);
	for (size_t i = 0; i < ARRAY_SIZE(disturbers); i++) {
		if (i == UNLOAD)
			unload_module("evfd_post_test");
		run(i, ms);
	}
	ksft_test_result(record->unloaded && record->refused,
			 "unloaded %u times, refused %u times with descriptors\n",
			 record->unloaded, record->refused);
	report_what_is_left();
	ksft_finished();
}
