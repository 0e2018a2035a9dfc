// SPDX-License-Identifier: GPL-2.0
/* Set-up of the process for creating descriptors. */
#include "descriptors.h"

int evfd_device, null_device;

void open_devices(void)
{
	evfd_device = evfd_open();
	must(evfd_device >= 0);
	null_device = open("/dev/null", O_RDWR | O_CLOEXEC);
	must(null_device >= 0);
}

void allow_descriptors(int n)
{
	struct rlimit limit = { .rlim_cur = n + 64, .rlim_max = n + 64 };

	must(!setrlimit(RLIMIT_NOFILE, &limit));
	must(dup2(0, n + 63) == n + 63);
	must(!close(n + 63));
}

void allow_watches(int n)
{
	FILE *file = fopen("/proc/sys/fs/epoll/max_user_watches", "we");

	must(file);
	fprintf(file, "%d", n);
	must(!fclose(file));
}
