// SPDX-License-Identifier: GPL-2.0
/*
 * Runs tests of the test programs on evfd while the 1st, 2nd, 3rd ... request for memory
 * or for a copy inside evfd.ko fails, in any process or thread, until a run makes no
 * further request. The result of the test does not matter. The system call with the
 * fault returns the error of the fault, or succeeds, or is too late when it tries again.
 * The run ends, and leaves no reference on the module.
 *
 *	faults_runs [-n RUNS] [-s SECONDS] PROGRAM[:TEST]...
 *
 * RUNS and SECONDS limit each test and kind of fault. Without TEST, all tests of the
 * program run.
 */
#include "strike.h"
#include "common.h"

#include <stdarg.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* A run that takes longer than this hangs. */
#define DEADLINE_RUN_MS	180000

static int most_runs = 1000, most_seconds = 3600;

/*
 * The count of each attribute towards its interval, after settle(). The kernel does not
 * report it.
 */
static long counted[FAULTS_OF_RUNS];

/* More requests than other threads make while a fault is reported. */
#define SLACK		64

/* Further errors of a call that fails to copy, tries again, and is too late. */
static const int too_late[] = { EAGAIN, EINTR, 512 /* ERESTARTSYS */ };

struct series {
	const char *program, *test;
	size_t fault;
	int runs, refused;
	bool failed;
};

/* Fails the run, and ends the series. */
static void __attribute__((format(printf, 2, 3)))
fail(struct series *series, const char *format, ...)
{
	char what[256];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	ksft_print_msg("%s:%s, %s %d: %s\n", series->program, series->test,
		       faults[series->fault].name, series->runs, what);
	series->failed = true;
}

static const char *attribute(const struct series *series)
{
	return faults[series->fault].attribute;
}

/*
 * Lets the nth request from now on fail, and no request after it. A request fails if the
 * attribute has no space left for it, and if it makes the count a multiple of the interval.
 */
static void arm(const struct series *series, int n)
{
	if (faults[series->fault].alike)
		put_attribute_number(attribute(series), "space", n);
	else
		put_attribute_number(attribute(series), "interval",
				     counted[series->fault] + n);
	put_attribute(attribute(series), "times", "1");
	put_attribute(attribute(series), "probability", "100");
}

static bool struck(const struct series *series)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "/%s/times", attribute(series));
	return get_number(path) == 0;
}

static void disarm(const struct series *series)
{
	put_attribute(attribute(series), "probability", "0");
}

/*
 * Sets whether the requests of a process count, and may fail. Its children inherit the
 * setting. Requests made in interrupts never count.
 */
static void may_fail(pid_t pid, bool may)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/make-it-fail", pid);
	put_file(path, may ? "1" : "0");
}

/* Makes a descriptor, which copies and allocates. */
static void use_some(void)
{
	int fd = evfd_new(0, 0);

	if (fd >= 0)
		close(fd);
}

/*
 * Advances the attribute to a known count. After a run, the count is unknown: there
 * were fewer than n requests, or another thread has made more.
 */
static void settle(struct series *series, int n)
{
	int most = n + SLACK;

	if (faults[series->fault].alike)
		return;
	may_fail(getpid(), true);
	arm(series, most);
	for (int i = 0; !struck(series); i++) {
		if (i == most)
			ksft_exit_fail_msg("%s has not counted from 0: was it used before?\n",
					   attribute(series));
		use_some();
	}
	disarm(series);
	may_fail(getpid(), false);
	strike_clear();
	counted[series->fault] += most;
}

static void exec_test(const struct series *series)
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	setenv("EVFD_IMPL", "evfd", 1);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execl(series->program, series->program, "-t", series->test, NULL);
	_exit(127);
}

/* Enables faults when the program is loaded: it stops there, because it is traced. */
static bool begins(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return false;
	may_fail(pid, true);
	return !ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

static bool ends(pid_t pid)
{
	int64_t end = now_ms() + DEADLINE_RUN_MS;
	int status;

	while (!waitpid(pid, &status, WNOHANG)) {
		if (now_ms() > end)
			return false;
		sleep_ms(2);
	}
	return true;
}

static void run_test(struct series *series)
{
	pid_t pid = fork();
	bool ended;

	if (!pid)
		exec_test(series);
	if (pid < 0) {
		fail(series, "fork: %s", strerror(errno));
		return;
	}
	ended = begins(pid) && ends(pid);
	kill(-pid, SIGKILL);
	if (!ended)
		fail(series, "it did not end, or could not be run");
	/* Killed processes take a moment to end. */
	else if (!wait_for(!module_references()))
		fail(series, "%ld references are left", module_references());
}

static bool comes_too_late(long ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(too_late); i++) {
		if (ret == -too_late[i])
			return true;
	}
	return false;
}

/* Returns whether the result of the system call is allowed. */
static bool returned_well(const struct series *series,
			  const struct strike *strike)
{
	if (!strike->returned || strike->ret >= 0)
		return true;
	if (strike->paging && strike->ret == -EFAULT)
		return true;
	if (series->fault == COPY && comes_too_late(strike->ret))
		return true;
	return strike->ret == -faults[series->fault].err;
}

static void judge(struct series *series)
{
	struct strike strike = strike_read();

	if (!returned_well(series, &strike))
		fail(series, "the call fails with %s, at %s",
		     strerror(-strike.ret), strike.site);
	series->refused += strike.returned && strike.ret < 0;
}

static bool over(const struct series *series, int64_t start)
{
	return series->runs >= most_runs || now_ms() - start >= most_seconds * 1000LL;
}

static void run_series(const char *program, const char *test, size_t fault)
{
	struct series series = { .program = program, .test = test, .fault = fault };
	int64_t start = now_ms();
	bool left = true;

	fault_choose(&faults[fault]);
	put_attribute(attribute(&series), "task-filter", "Y");
	settle(&series, 0);
	while (left && !series.failed && !over(&series, start)) {
		int n = ++series.runs;

		arm(&series, n);
		run_test(&series);
		left = struck(&series);
		disarm(&series);
		if (left)
			judge(&series);
		settle(&series, n);
	}
	ksft_test_result(!series.failed, "%s:%s, %s: %d failures, %d refused%s\n", program,
			 test, faults[fault].name, series.runs - !left, series.refused,
			 left ? ", and there are more" : "");
}

static struct test {
	const char *program;
	char name[64];
} tests[4096];

static size_t test_count;

static void add_test(const char *program, const char *name)
{
	for (size_t i = 0; i < test_count; i++) {
		if (tests[i].program == program && !strcmp(tests[i].name, name))
			return;
	}
	if (test_count == ARRAY_SIZE(tests))
		ksft_exit_fail_msg("there are more than %zu tests\n", test_count);
	tests[test_count].program = program;
	snprintf(tests[test_count].name, sizeof(tests[0].name), "%s", name);
	test_count++;
}

/* Adds the last word of each line in the program's list, except its heading. */
static void add_all_tests(const char *program)
{
	char command[256], line[256], name[64];
	size_t before = test_count;
	FILE *list;

	snprintf(command, sizeof(command), "EVFD_IMPL=evfd %s -l 2>&1", program);
	list = popen(command, "r");
	while (list && fgets(line, sizeof(line), list)) {
		char *word = strrchr(line, ' ');

		if (line[0] != '#' && word && sscanf(word, "%63s", name) == 1)
			add_test(program, name);
	}
	/* The harness exits with the status of a skipped test, which is not an error. */
	if (!list || pclose(list) < 0 || test_count == before)
		ksft_exit_fail_msg("%s does not list its tests\n", program);
}

static void add_tests(char *argument)
{
	char *name = strchr(argument, ':');

	if (!name) {
		add_all_tests(argument);
		return;
	}
	*name++ = '\0';
	add_test(argument, name);
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			most_runs = atoi(optarg);
		else if (option == 's')
			most_seconds = atoi(optarg);
		else
			errx(EXIT_FAILURE, "usage: %s [-n RUNS] [-s SECONDS] PROGRAM[:TEST]...",
			     argv[0]);
	}
	ksft_print_header();
	for (; optind < argc; optind++)
		add_tests(argv[optind]);
	ksft_set_plan(FAULTS_OF_RUNS * test_count);
	faults_prepare();
	strike_prepare();
	for (size_t i = 0; i < test_count; i++) {
		for (size_t fault = 0; fault < FAULTS_OF_RUNS; fault++)
			run_series(tests[i].program, tests[i].name, fault);
	}
	sites_print();
	ksft_finished();
}
