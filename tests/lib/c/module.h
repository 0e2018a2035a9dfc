/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading modules, for all test programs. */
#ifndef EVFD_TESTS_MODULE_H
#define EVFD_TESTS_MODULE_H

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Loads DIRECTORY/NAME.ko. Returns 0, or -1 and errno. */
static inline int load_module(const char *directory, const char *name)
{
	char path[256];
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s.ko", directory, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = syscall(SYS_finit_module, fd, "", 0);
	close(fd);
	return ret;
}

/* Unloads a module. Returns 0, or -1 and errno, which is EWOULDBLOCK if it is in use. */
static inline int unload_module(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK);
}

#endif /* EVFD_TESTS_MODULE_H */
