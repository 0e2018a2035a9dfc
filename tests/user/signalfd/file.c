// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of a signal descriptor's file: fdinfo.
 */
#include "signal.h"

/* A descriptor with a signal to read, which no test takes. */
FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = sfd_new_blocked(sig_bit(SIGUSR1), SFD_NONBLOCK);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(0, kill(getpid(), SIGUSR1));
}

FIXTURE_TEARDOWN(file)
{
	EXPECT_EQ(SIGUSR1, sfd_take(self->fd));
	close(self->fd);
}

/* Reads all of fdinfo. */
static void read_fdinfo(int fd, char *text, size_t size)
{
	char path[64];
	ssize_t n;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC);
	n = read(file, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
	close(file);
}

TEST(fdinfo_is_as_native)
{
	static const uint64_t masks[] = {
		0, 1, 0x200, UINT64_MAX, 0x8000000000000000, 0x0123456789abcdef,
	};
	static const int flags[] = { 0, SFD_NONBLOCK, SFD_CLOEXEC };

	for (size_t i = 0; i < ARRAY_SIZE(masks); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(flags); j++) {
			int fd = sfd_new(masks[i], flags[j]), reference;
			char want[512], seen[512];

			reference = native_make_signalfd(-1, &masks[i], 8, flags[j]);
			ASSERT_GE(reference, 0);
			ASSERT_GE(fd, 0);
			read_fdinfo(reference, want, sizeof(want));
			read_fdinfo(fd, seen, sizeof(seen));
			EXPECT_STREQ(want, seen);
			EXPECT_NE(NULL, strstr(seen, "sigmask:\t"));
		}
	}
}

/* In another process, the mask is the same, and so is fdinfo. */
TEST_F(file, fdinfo_by_others)
{
	char path[64], line[128];
	pid_t child = fork_child();
	unsigned int found = 0;
	FILE *file;

	ASSERT_GE(child, 0);
	if (!child) {
		while (1)
			pause();
	}
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", child, self->fd);
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		found += !strcmp(line, "sigmask:\t0000000000000200\n");
	EXPECT_EQ(1, found);
	fclose(file);
	kill(child, SIGKILL);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
}

TEST_HARNESS_MAIN
