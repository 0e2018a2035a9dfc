// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_INODE: changes of files and directories, beside what inotify says of the same
 * changes; names and descriptors, rights, limits, the end of the file and of its file system.
 */
#include "queue.h"
#include "take26.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define ALL	(KEVENT_INODE_CREATE | KEVENT_INODE_REMOVE | KEVENT_INODE_MODIFY |	\
		 KEVENT_INODE_ATTRIB | KEVENT_INODE_MOVE | KEVENT_INODE_MOVE_SELF |	\
		 KEVENT_INODE_DELETE_SELF | KEVENT_INODE_UNMOUNT)
#define IN_ALL	(IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVE | IN_MOVE_SELF |	\
		 IN_DELETE_SELF)

/* What a test has: a directory with "file", "link" to it, and "sub" with "file". */
FIXTURE(inode)
{
	struct kevent_queue q;
	char dir[32];
	int fd;
};

static bool make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY, 0644);

	return fd >= 0 && write(fd, "content", 7) == 7 && !close(fd);
}

FIXTURE_SETUP(inode)
{
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
	snprintf(self->dir, sizeof(self->dir), "/tmp/inode-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	ASSERT_EQ(0, chmod(self->dir, 0755));
	ASSERT_EQ(0, chdir(self->dir));
	ASSERT_TRUE(make_file("file"));
	ASSERT_EQ(0, symlink("file", "link"));
	ASSERT_EQ(0, mkdir("sub", 0755));
	ASSERT_TRUE(make_file("sub/file"));
	self->fd = open("file", O_RDWR);
	ASSERT_LE(0, self->fd);
}

static void remove_all(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		char name[512];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (remove(name))
			remove_all(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

FIXTURE_TEARDOWN(inode)
{
	kevent_close(&self->q);
	close(self->fd);
	if (!chdir("/"))
		remove_all(self->dir);
}

static struct kevent_op add_name(int dir, const char *name, uint64_t user, uint32_t want, int flags)
{
	struct kevent_op op = kevent_op_add(KEVENT_INODE, dir, user, want, flags);

	op.arg[0] = (uintptr_t)name;
	return op;
}

/* Adds a kevent with the user word 1. Returns its handle, or 0 and errno. */
static uint64_t watch(const struct kevent_queue *q, const char *name, uint32_t want, int flags)
{
	struct kevent_op op = add_name(AT_FDCWD, name, 1, want, flags);
	int ret = queue_do(q, &op);

	errno = -ret;
	return ret ? 0 : op.handle;
}

static bool change(int fd)
{
	return pwrite(fd, "x", 1, 0) == 1;
}

/* Changes */

static void create(void)
{
	close(creat("new", 0600));
}

static void make_directory(void)
{
	mkdir("new", 0700);
}

static void make_link(void)
{
	link("file", "new");
}

static void delete(void)
{
	unlink("file");
}

static void remove_directory(void)
{
	unlink("sub/file");
	rmdir("sub");
}

static void rename_within(void)
{
	rename("file", "new");
}

static void rename_over(void)
{
	rename("sub/file", "file");
}

static void rename_out(void)
{
	rename("file", "sub/new");
}

static void rename_in(void)
{
	rename("sub/file", "new");
}

static void write_to(void)
{
	int fd = open("file", O_WRONLY);

	change(fd);
	close(fd);
}

static void truncate_it(void)
{
	truncate("file", 0);
}

static void change_mode(void)
{
	chmod("file", 0600);
}

static void change_mode_of_directory(void)
{
	chmod(".", 0700);
}

static void change_times(void)
{
	utimensat(AT_FDCWD, "file", NULL, 0);
}

static void set_attribute(void)
{
	setxattr("file", "user.name", "", 0, 0);
}

static void read_it(void)
{
	char buf[4];
	int fd = open("file", O_RDONLY);

	if (read(fd, buf, sizeof(buf)) < 0)
		abort();
	close(fd);
}

static void change_below(void)
{
	close(creat("sub/new", 0600));
}

static const struct action {
	const char *name;
	void (*run)(void);
} actions[] = {
	{ "create", create }, { "mkdir", make_directory }, { "link", make_link },
	{ "unlink", delete }, { "rmdir", remove_directory }, { "rename within", rename_within },
	{ "rename over", rename_over }, { "rename out", rename_out }, { "rename in", rename_in },
	{ "write", write_to }, { "truncate", truncate_it }, { "chmod", change_mode },
	{ "chmod of the directory", change_mode_of_directory }, { "utimensat", change_times },
	{ "setxattr", set_attribute }, { "read", read_it }, { "create below", change_below },
};

/* The events that stand for those of inotify. */
static uint32_t told_by_inotify(int fd)
{
	static const struct {
		uint32_t mask, event;
	} table[] = {
		{ IN_CREATE, KEVENT_INODE_CREATE }, { IN_DELETE, KEVENT_INODE_REMOVE },
		{ IN_MODIFY, KEVENT_INODE_MODIFY }, { IN_ATTRIB, KEVENT_INODE_ATTRIB },
		{ IN_MOVE, KEVENT_INODE_MOVE }, { IN_MOVE_SELF, KEVENT_INODE_MOVE_SELF },
		{ IN_DELETE_SELF, KEVENT_INODE_DELETE_SELF },
		{ IN_UNMOUNT, KEVENT_INODE_UNMOUNT },
	};
	char buf[4096] __attribute__((aligned(8)));
	uint32_t events = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (char *at = buf; at < buf + n;) {
			struct inotify_event *event = (void *)at;

			for (size_t i = 0; i < ARRAY_SIZE(table); i++)
				events |= event->mask & table[i].mask ? table[i].event : 0;
			at += sizeof(*event) + event->len;
		}
	}
	return events;
}

static uint32_t told_by(struct kevent_queue *q)
{
	struct kevent_event event;
	uint32_t events = 0;

	while (kevent_next(q, &event))
		events |= event.events;
	return events;
}

/* Makes a change while both watch @name: true if both report the same. */
static bool tells_the_same(const char *name, const struct action *action)
{
	struct kevent_queue q;
	int fd = inotify_init1(IN_NONBLOCK);
	uint32_t ours, native;

	if (kevent_open(&q, 16, 0) || inotify_add_watch(fd, name, IN_ALL) < 0 ||
	    !watch(&q, name, ALL, 0))
		return false;
	action->run();
	native = told_by_inotify(fd);
	ours = told_by(&q);
	kevent_close(&q);
	close(fd);
	if (ours != native)
		fprintf(stderr, "# %s of %s: %#x, but inotify says %#x\n", action->name, name,
			ours, native);
	return ours == native;
}

#define SAME(name) do {									\
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {				\
		pid_t child;								\
		int status;								\
											\
		remove_all("sub");							\
		unlink("new");								\
		rmdir("new");								\
		unlink("file");								\
		mkdir("sub", 0755);							\
		ASSERT_TRUE(make_file("file") && make_file("sub/file"));			\
		child = fork_child();							\
		if (!child)								\
			_exit(!tells_the_same((name), &actions[i]));			\
		EXPECT_EQ(child, waitpid(child, &status, 0));				\
		EXPECT_EQ(0, status);							\
	}										\
} while (0)

TEST_F(inode, directory_as_inotify)
{
	close(self->fd);
	SAME(".");
}

TEST_F(inode, file_as_inotify)
{
	close(self->fd);
	SAME("file");
}

TEST_F(inode, directory_below_as_inotify)
{
	close(self->fd);
	SAME("sub");
}

/* Each event alone, with all others left out. */
TEST_F(inode, only_what_is_wanted)
{
	for (uint32_t event = 1; event < KEVENT_INODE_UNMOUNT; event <<= 1) {
		struct kevent_queue q;

		ASSERT_EQ(0, kevent_open(&q, 16, 0));
		ASSERT_NE(0, watch(&q, "sub", event, 0));
		make_file("sub/new");
		chmod("sub/new", 0600);
		rename("sub/new", "sub/newer");
		unlink("sub/newer");
		rename("sub", "other");
		rename("other", "sub");
		EXPECT_EQ(event == KEVENT_INODE_DELETE_SELF ? 0 : event, told_by(&q));
		kevent_close(&q);
	}
}

/* Names and descriptors */

TEST_F(inode, by_descriptor)
{
	static const int flags[] = { O_RDONLY, O_RDWR, O_PATH };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		int fd = open("file", flags[i]);

		ASSERT_NE(0, queue_add(&self->q, KEVENT_INODE, fd, i, KEVENT_INODE_MODIFY, 0));
		ASSERT_EQ(0, close(fd));
		ASSERT_TRUE(change(self->fd));
		for (size_t k = 0; k <= i; k++)
			EXPECT_TRUE(queue_gives(&self->q, i - k, KEVENT_INODE_MODIFY) || k != i);
		told_by(&self->q);
	}
}

TEST_F(inode, by_name_below_a_directory)
{
	int dir = open("sub", O_RDONLY | O_DIRECTORY);
	struct kevent_op ops[] = {
		add_name(dir, "file", 1, ALL, 0),
		add_name(dir, "../sub/file", 2, ALL, 0),
		add_name(AT_FDCWD, "sub/file", 3, ALL, 0),
	};
	char name[64];

	snprintf(name, sizeof(name), "%s/sub/file", self->dir);
	ASSERT_EQ(3, kevent_submit(&self->q, ops, 3));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, ops[i].result);
	ops[0] = add_name(-1, name, 4, ALL, 0);
	EXPECT_EQ(0, queue_do(&self->q, &ops[0]));
	ASSERT_EQ(0, chmod(name, 0600));
	for (int n = 0; n < 4; n++) {
		struct kevent_event event;

		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(KEVENT_INODE_ATTRIB, event.events);
	}
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(inode, symbolic_links)
{
	struct kevent_op op = add_name(AT_FDCWD, "link", 2, ALL, 0);

	ASSERT_NE(0, watch(&self->q, "link", ALL, 0));
	op.arg[1] = AT_SYMLINK_NOFOLLOW;
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, rename("link", "other"));
	EXPECT_TRUE(queue_gives(&self->q, 2, KEVENT_INODE_MOVE_SELF));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

/* Consuming */

TEST_F(inode, changes_coalesce)
{
	ASSERT_NE(0, watch(&self->q, "file", ALL, 0));
	for (int i = 0; i < 100; i++)
		ASSERT_TRUE(change(self->fd));
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY | KEVENT_INODE_ATTRIB));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
}

TEST_F(inode, wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_NE(0, watch(&self->q, "file", ALL, 0));
	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_TRUE(change(self->fd));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
}

TEST_F(inode, oneshot)
{
	ASSERT_NE(0, watch(&self->q, "file", ALL, KEVENT_ONESHOT));
	ASSERT_TRUE(change(self->fd));
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_NE(0, watch(&self->q, "file", ALL, 0));
}

/* Changes that come while the kevent is held are told afterwards. */
TEST_F(inode, dispatch)
{
	uint64_t handle = watch(&self->q, "file", ALL, KEVENT_DISPATCH);

	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY | KEVENT_INODE_ATTRIB));
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
}

TEST_F(inode, other_events_are_wanted)
{
	uint64_t handle = watch(&self->q, "file", KEVENT_INODE_ATTRIB, 0);
	struct kevent_slot *slot = &self->q.slot[kevent_slot_of(handle)];

	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_EQ(0, queue_mod(&self->q, handle, KEVENT_INODE_MODIFY, 0));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	EXPECT_TRUE(queue_is_empty(&self->q));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
	/* A store, and a look. */
	__atomic_store_n(&slot->want, KEVENT_INODE_MODIFY | KEVENT_INODE_ATTRIB, __ATOMIC_RELAXED);
	EXPECT_EQ(0, queue_recheck(&self->q, handle));
	ASSERT_EQ(0, fchmod(self->fd, 0644));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_ATTRIB));
	__atomic_store_n(&slot->want, 0, __ATOMIC_RELAXED);
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_is_empty(&self->q));
}

TEST_F(inode, removed)
{
	uint64_t handle = watch(&self->q, "file", ALL, 0);

	ASSERT_TRUE(change(self->fd));
	EXPECT_EQ(KEVENT_INODE_MODIFY, queue_remove(&self->q, handle));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(inode, several_kevents_and_queues)
{
	struct kevent_queue other;
	struct kevent_op op;

	ASSERT_EQ(0, kevent_open(&other, 16, 0));
	ASSERT_NE(0, watch(&self->q, "file", ALL, 0));
	op = add_name(AT_FDCWD, "file", 2, KEVENT_INODE_ATTRIB, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_NE(0, watch(&other, "file", ALL, 0));
	ASSERT_TRUE(change(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_MODIFY));
	EXPECT_TRUE(queue_is_empty(&self->q));
	EXPECT_TRUE(queue_gives(&other, 1, KEVENT_INODE_MODIFY));
	kevent_close(&other);
	ASSERT_EQ(0, fchmod(self->fd, 0600));
	EXPECT_EQ(KEVENT_INODE_ATTRIB, told_by(&self->q));
}

/* The end of the file, and of its file system */

TEST_F(inode, deleted_when_it_is_closed)
{
	ASSERT_NE(0, watch(&self->q, "file", KEVENT_INODE_DELETE_SELF, KEVENT_DISPATCH));
	ASSERT_EQ(0, unlink("file"));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(0, close(self->fd));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_DELETE_SELF));
	ASSERT_TRUE(make_file("file"));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

TEST_F(inode, unmounted)
{
	uint64_t handle;

	ASSERT_EQ(0, mount("none", "sub", "tmpfs", 0, NULL));
	ASSERT_TRUE(make_file("sub/file"));
	/* Unasked. */
	handle = watch(&self->q, "sub/file", KEVENT_INODE_MODIFY, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(0, umount("sub"));
	EXPECT_TRUE(queue_gives(&self->q, 1, KEVENT_INODE_UNMOUNT));
	EXPECT_EQ(0, queue_mod(&self->q, handle, ALL, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
}

/* A kevent pins the inode, not the mount, and lets it go. */
TEST_F(inode, unmounted_after_the_kevent)
{
	for (int i = 0; i < 3; i++) {
		uint64_t handle;

		ASSERT_EQ(0, mount("none", "sub", "tmpfs", 0, NULL));
		ASSERT_TRUE(make_file("sub/file"));
		handle = watch(&self->q, "sub/file", ALL, 0);
		ASSERT_NE(0, handle);
		EXPECT_EQ(0, queue_remove(&self->q, handle));
		EXPECT_EQ(0, umount("sub"));
		EXPECT_TRUE(queue_stays_empty(&self->q));
	}
}

/* Errors */

#define FAILS(err, operation) do {			\
	struct kevent_op op = (operation);		\
							\
	EXPECT_EQ(-(err), queue_do(&self->q, &op));	\
} while (0)

TEST_F(inode, names_and_descriptors_that_are_invalid)
{
	char longer[5000];

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	FAILS(ENOENT, add_name(AT_FDCWD, "missing", 1, ALL, 0));
	FAILS(ENOENT, add_name(AT_FDCWD, "", 1, ALL, 0));
	FAILS(ENOTDIR, add_name(AT_FDCWD, "file/file", 1, ALL, 0));
	FAILS(ENOTDIR, add_name(self->fd, "file", 1, ALL, 0));
	FAILS(ENAMETOOLONG, add_name(AT_FDCWD, longer, 1, ALL, 0));
	FAILS(EFAULT, add_name(AT_FDCWD, (const char *)1, 1, ALL, 0));
	FAILS(EBADF, add_name(1000, "file", 1, ALL, 0));
	ASSERT_EQ(0, symlink("loop", "loop"));
	FAILS(ELOOP, add_name(AT_FDCWD, "loop", 1, ALL, 0));
	FAILS(EBADF, kevent_op_add(KEVENT_INODE, 1000, 1, ALL, 0));
	FAILS(EBADF, kevent_op_add(KEVENT_INODE, UINT64_MAX, 1, ALL, 0));
	FAILS(EBADF, kevent_op_add(KEVENT_INODE, UINT64_C(1) << 32 | self->fd, 1, ALL, 0));
	ASSERT_NE(0, watch(&self->q, "file", ALL, 0));
	FAILS(EEXIST, add_name(AT_FDCWD, "sub", 1, ALL, 0));
}

TEST_F(inode, arguments_that_are_invalid)
{
	struct kevent_op op = add_name(AT_FDCWD, "file", 1, ALL, 0);

	FAILS(EINVAL, add_name(AT_FDCWD, "file", 1, ALL + 1, 0));
	FAILS(EINVAL, add_name(AT_FDCWD, "file", 1, 0x100, 0));
	FAILS(EINVAL, add_name(AT_FDCWD, "file", 1, ALL, KEVENT_ET));
	FAILS(EINVAL, add_name(AT_FDCWD, "file", 1, ALL, KEVENT_BYTES));
	op.arg[1] = AT_EMPTY_PATH;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[1] = UINT64_C(1) << 32;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.arg[1] = 0;
	op.arg[2] = 1;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op = kevent_op_add(KEVENT_INODE, self->fd, 1, ALL, 0);
	op.arg[1] = AT_SYMLINK_NOFOLLOW;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
}

TEST_F(inode, operations_that_it_cannot_have)
{
	uint64_t handle = watch(&self->q, "file", ALL, 0);
	struct kevent_op rearm = kevent_op_rearm(handle, 1, 0, 0, 0);

	EXPECT_EQ(-EINVAL, queue_ready(&self->q, handle, KEVENT_INODE_MODIFY));
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &rearm));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* As inotify_add_watch(), by name and by a descriptor without the right to read. */
TEST_F(inode, only_files_that_it_may_read)
{
	pid_t child;
	int status;

	ASSERT_EQ(0, chmod("file", 0200));
	child = fork_child();
	if (!child) {
		int native = inotify_init1(0), fd;

		if (setresuid(1, 1, 1))
			_exit(1);
		if (inotify_add_watch(native, "file", IN_ALL) != -1 || errno != EACCES)
			_exit(2);
		if (watch(&self->q, "file", ALL, 0) || errno != EACCES)
			_exit(3);
		fd = open("file", O_PATH);
		if (fd < 0)
			_exit(4);
		if (queue_add(&self->q, KEVENT_INODE, fd, 1, ALL, 0) || errno != EACCES)
			_exit(5);
		_exit(!watch(&self->q, ".", ALL, 0));
	}
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* Limits */

#define BATCH	1024

/* Adds kevents for the file until one fails. Returns their number, and the error. */
static int add_many(const struct kevent_queue *q, int *error)
{
	static struct kevent_op ops[BATCH];

	for (int n = 0;; n += BATCH) {
		for (int i = 0; i < BATCH; i++)
			ops[i] = add_name(AT_FDCWD, "file", n + i, KEVENT_INODE_MODIFY, 0);
		if (kevent_submit(q, ops, BATCH) != BATCH) {
			*error = errno;
			return n;
		}
		for (int i = 0; i < BATCH; i++) {
			if (ops[i].result) {
				*error = -ops[i].result;
				return n + i;
			}
		}
	}
}

TEST_F(inode, watches_of_a_user_are_limited)
{
	pid_t child = fork_child();
	int status;

	if (!child) {
		struct kevent_queue q, other;
		int error, n;

		if (setresuid(1, 1, 1) || kevent_open(&q, KEVENT_MAX_SLOTS, 0) ||
		    kevent_open(&other, 16, 0))
			_exit(1);
		n = add_many(&q, &error);
		if (error != ENOSPC || n < 8192 || n == KEVENT_MAX_SLOTS)
			_exit(2);
		/* It is the limit of the user, not of the queue. */
		if (watch(&other, "file", ALL, 0) || errno != ENOSPC)
			_exit(3);
		kevent_close(&q);
		_exit(!watch(&other, "file", ALL, 0));
	}
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_NE(0, watch(&self->q, "file", ALL, 0));
}

/* Races */

static _Atomic bool stop;

static void *change_all(void *arg)
{
	while (!stop) {
		int fd = open("race", O_CREAT | O_RDWR, 0644);

		if (fd < 0 || !change(fd))
			return arg;
		fchmod(fd, 0600);
		rename("race", "race2");
		unlink("race2");
		close(fd);
	}
	return NULL;
}

/* Kevents of files that come and go. */
TEST_F(inode, added_and_removed_while_files_change)
{
	pthread_t threads[2];
	int added = 0;

	stop = false;
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, change_all, NULL));
	for (int i = 0; i < 2000; i++) {
		struct kevent_op ops[] = {
			add_name(AT_FDCWD, "race", 1, ALL, 0),
			add_name(AT_FDCWD, ".", 2, ALL, i % 2 ? KEVENT_ONESHOT : 0),
		};
		struct kevent_event event;

		ASSERT_EQ(2, kevent_submit(&self->q, ops, 2));
		EXPECT_EQ(0, ops[1].result);
		while (kevent_next(&self->q, &event))
			EXPECT_NE(0, event.events & ALL);
		for (int k = 0; k < 2; k++) {
			if (ops[k].result) {
				EXPECT_EQ(-ENOENT, ops[k].result);
				continue;
			}
			added++;
			queue_remove(&self->q, ops[k].handle);
		}
		told_by(&self->q);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_LT(2000, added);
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* The calls of 2006 */

TEST_F(inode, with_the_calls_of_2006)
{
	struct ukevent uk;
	int fd = take26_open(), dir = open(".", O_RDONLY);

	EXPECT_EQ(0, take26_add(fd, KEVENT_INODE, dir, 1,
				KEVENT_INODE_CREATE | KEVENT_INODE_REMOVE, 0));
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	create();
	EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, KEVENT_INODE_CREATE));
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	unlink("new");
	EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, KEVENT_INODE_REMOVE));
	ASSERT_TRUE(change(self->fd));
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	EXPECT_EQ(0, take26_modify(fd, KEVENT_INODE, dir, 1, KEVENT_MASK_ALL, 0));
	ASSERT_TRUE(change(self->fd));
	EXPECT_EQ(1, take26_get_events(fd, 1, 1, DEADLINE_NS, &uk));
	EXPECT_TRUE(take26_is(&uk, 1, KEVENT_INODE_MODIFY));
	EXPECT_EQ(0, take26_remove(fd, KEVENT_INODE, dir, 1));
	create();
	EXPECT_EQ(0, take26_get_events(fd, 0, 1, 0, &uk));
	EXPECT_EQ(-EBADF, take26_add(fd, KEVENT_INODE, 1000, 1, 1, 0));
	EXPECT_EQ(-EINVAL, take26_add(fd, KEVENT_INODE, dir, 1, 0x100, 0));
	close(dir);
	close(fd);
}

TEST_HARNESS_MAIN
