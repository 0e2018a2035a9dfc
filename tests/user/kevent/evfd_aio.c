// SPDX-License-Identifier: GPL-2.0
/*
 * KEVENT_AIO beside pread(2), pwrite(2), fsync(2) and io_uring: results, contents, errors;
 * operations that wait, and their cancellation.
 */
#define _FILE_OFFSET_BITS 64

#include "fault.h"
#include "queue.h"
#include "take26.h"
#include "uring.h"

#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAGE	4096
#define SIZE	(3 * PAGE + 100)	/* of the files */
#define FILL	0x5a			/* the memory before a read */

#define READ		KEVENT_AIO_READ
#define WRITE		KEVENT_AIO_WRITE
#define FSYNC		KEVENT_AIO_FSYNC
#define FDATASYNC	KEVENT_AIO_FDATASYNC

/* A device that is there in the guest. Its reads can be asked not to wait. */
#define DISK	"/dev/vda"

FIXTURE(aio)
{
	struct kevent_queue q;
	struct uring ring;
	int fds[3];		/* files of the same contents, for each way */
};

enum way { NATIVE, QUEUE, URING };

/* The fixture of the test. */
static struct {
	struct kevent_queue *q;
	struct uring *ring;
	const int *fds;
} ways;

/* A new file without a name, on tmpfs. */
static int new_file(size_t size)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	char c;

	for (size_t i = 0; i < size; i++) {
		c = i * 7 + i / 255;
		if (pwrite(fd, &c, 1, i) != 1)
			abort();
	}
	return fd;
}

FIXTURE_SETUP(aio)
{
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_TRUE(uring_open(&self->ring));
	for (int i = 0; i < 3; i++) {
		self->fds[i] = new_file(SIZE);
		ASSERT_LE(0, self->fds[i]);
	}
	ways.q = &self->q;
	ways.ring = &self->ring;
	ways.fds = self->fds;
}

FIXTURE_TEARDOWN(aio)
{
	for (int i = 0; i < 3; i++)
		close(self->fds[i]);
	uring_close(&self->ring);
	kevent_close(&self->q);
}

/* The result of the kevent that has the next event, which is that of @user. */
static int64_t result_of(struct kevent_queue *q, uint64_t user, uint32_t what)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct kevent_event event;

	/* Events that were taken back have entries. */
	do {
		if (kevent_wait(q, NULL, 0, DEADLINE_NS, 0) || now_ms() > deadline)
			return INT64_MIN;
	} while (!kevent_next(q, &event));
	if (event.user != user || event.events != what)
		return INT64_MIN + 1;
	return kevent_aio_result(q, event.slot);
}

static int64_t by_queue(struct kevent_queue *q, int fd, uint32_t what, const void *buf,
			size_t len, uint64_t offset)
{
	struct kevent_op op = kevent_op_aio(fd, 77, what, buf, len, offset, KEVENT_ONESHOT);
	int ret = queue_do(q, &op);

	return ret ?: result_of(q, 77, what);
}

static int64_t by_uring(struct uring *ring, int fd, uint32_t what, void *buf, size_t len,
			uint64_t offset)
{
	static const int ops[] = {
		[READ] = IORING_OP_READ, [WRITE] = IORING_OP_WRITE,
		[FSYNC] = IORING_OP_FSYNC, [FDATASYNC] = IORING_OP_FSYNC,
	};
	struct io_uring_sqe *sqe = uring_queue(ring, ops[what], fd, buf, len, 0);
	struct io_uring_cqe cqe;

	sqe->off = offset;
	if (what == FDATASYNC)
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
	if (uring_submit(ring) != 1 || !uring_wait(ring, &cqe))
		return INT64_MIN;
	return cqe.res;
}

static int64_t by_call(int fd, uint32_t what, void *buf, size_t len, uint64_t offset)
{
	int64_t ret;

	if (what == READ)
		ret = pread(fd, buf, len, offset);
	else if (what == WRITE)
		ret = pwrite(fd, buf, len, offset);
	else
		ret = what == FSYNC ? fsync(fd) : fdatasync(fd);
	return ret < 0 ? -errno : ret;
}

static int64_t by(enum way way, int fd, uint32_t what, void *buf, size_t len, uint64_t offset)
{
	if (way == QUEUE)
		return by_queue(ways.q, fd, what, buf, len, offset);
	if (way == URING)
		return by_uring(ways.ring, fd, what, buf, len, offset);
	return by_call(fd, what, buf, len, offset);
}

/* Memory that is aligned for O_DIRECT. */
static char buffers[3][16 * PAGE] __attribute__((aligned(PAGE)));

/* Reads in every way. Returns whether all have the same result, and the same memory. */
static bool same_read(int fd, size_t shift, size_t len, uint64_t offset)
{
	int64_t results[3];

	memset(buffers, FILL, sizeof(buffers));
	for (enum way way = NATIVE; way <= URING; way++)
		results[way] = by(way, fd, READ, buffers[way] + shift, len, offset);
	if (results[QUEUE] == results[NATIVE] && results[URING] == results[NATIVE] &&
	    !memcmp(buffers[QUEUE], buffers[NATIVE], sizeof(buffers[0])))
		return true;
	fprintf(stderr, "# %zu bytes at %llu: %lld, native %lld, io_uring %lld\n", len,
		(unsigned long long)offset, (long long)results[QUEUE],
		(long long)results[NATIVE], (long long)results[URING]);
	return false;
}

/* Writes in every way, each to its own file. Returns whether results and files are the same. */
static bool same_write(size_t len, uint64_t offset)
{
	static char data[5 * PAGE];
	int64_t results[3];

	memset(data, 'w', sizeof(data));
	memset(buffers, FILL, sizeof(buffers));
	for (enum way way = NATIVE; way <= URING; way++) {
		results[way] = by(way, ways.fds[way], WRITE, data, len, offset);
		if (pread(ways.fds[way], buffers[way], sizeof(buffers[0]), 0) < 0)
			return false;
	}
	return results[QUEUE] == results[NATIVE] && results[URING] == results[NATIVE] &&
	       !memcmp(buffers[QUEUE], buffers[NATIVE], sizeof(buffers[0])) &&
	       lseek(ways.fds[QUEUE], 0, SEEK_END) == lseek(ways.fds[NATIVE], 0, SEEK_END);
}

static const struct {
	size_t len;
	uint64_t offset;
} places[] = {
	{ PAGE, 0 }, { PAGE, PAGE }, { 100, 50 }, { 2 * PAGE, 10 }, { 0, 0 }, { 0, 1 << 20 },
	{ 1, SIZE - 1 }, { PAGE, SIZE - 1 }, { PAGE, SIZE }, { PAGE, SIZE + 1 },
	{ SIZE, 0 }, { 5 * PAGE, 0 }, { 5 * PAGE, SIZE - 2 * PAGE }, { PAGE, 1 << 30 },
};

/* Reads and writes as native */

TEST_F(aio, reads_a_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_TRUE(same_read(self->fds[0], i % 3, places[i].len, places[i].offset));
}

TEST_F(aio, reads_holes)
{
	ASSERT_EQ(0, ftruncate(self->fds[0], 0));
	ASSERT_EQ(0, ftruncate(self->fds[0], 1 << 20));
	ASSERT_EQ(1, pwrite(self->fds[0], "x", 1, 5 * PAGE));
	for (uint64_t offset = 0; offset < 8 * PAGE; offset += PAGE / 2)
		EXPECT_TRUE(same_read(self->fds[0], 0, 2 * PAGE, offset));
}

/* The file system of this program, which a block device holds. */
TEST_F(aio, reads_a_file_of_a_disk)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	ASSERT_LE(0, fd);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_TRUE(same_read(fd, 0, places[i].len, places[i].offset));
	close(fd);
}

/* Pages in the page cache, and others. */
TEST_F(aio, reads_a_disk)
{
	int fd = open(DISK, O_RDONLY);
	off_t end;

	if (fd < 0)
		SKIP(return, "no disk");
	end = lseek(fd, 0, SEEK_END);
	ASSERT_LT(16 * PAGE, end);
	for (int cached = 0; cached < 2; cached++) {
		for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
			if (!cached)
				posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			EXPECT_TRUE(same_read(fd, 1, places[i].len, places[i].offset));
		}
	}
	for (int i = -2; i < 3; i++)
		EXPECT_TRUE(same_read(fd, 0, 2 * PAGE, end + i * PAGE / 2));
	close(fd);
}

/* Of a read, the first pages are in the page cache, or the last. */
TEST_F(aio, reads_a_disk_in_parts)
{
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		SKIP(return, "no disk");
	posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (int first = 0; first < 8; first++) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		ASSERT_EQ(PAGE, pread(fd, buffers[0], PAGE, (64 + first) * PAGE));
		memset(buffers, FILL, sizeof(buffers));
		EXPECT_EQ(8 * PAGE, by_queue(&self->q, fd, READ, buffers[0], 8 * PAGE, 64 * PAGE));
		ASSERT_EQ(8 * PAGE, pread(fd, buffers[1], 8 * PAGE, 64 * PAGE));
		EXPECT_EQ(0, memcmp(buffers[0], buffers[1], sizeof(buffers[0])));
	}
	close(fd);
}

TEST_F(aio, reads_past_the_page_cache)
{
	static const size_t lengths[] = { 512, PAGE, 4 * PAGE, 100, 513, 0 };
	static const size_t shifts[] = { 0, 512, 1, 100 };
	int fd = open(DISK, O_RDONLY | O_DIRECT);

	if (fd < 0)
		SKIP(return, "no disk");
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(shifts); k++) {
			EXPECT_TRUE(same_read(fd, 0, lengths[i], shifts[k]));
			EXPECT_TRUE(same_read(fd, shifts[k], lengths[i], PAGE));
		}
	}
	EXPECT_TRUE(same_read(fd, 0, PAGE, lseek(fd, 0, SEEK_END) - 512));
	close(fd);
}

TEST_F(aio, writes_a_file)
{
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (places[i].offset < 1 << 20)
			EXPECT_TRUE(same_write(places[i].len, places[i].offset));
	}
}

TEST_F(aio, appends)
{
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, fcntl(self->fds[i], F_SETFL, O_APPEND));
	EXPECT_TRUE(same_write(100, 0));
	EXPECT_TRUE(same_write(PAGE, 10));
}

/* A write by a user without privileges clears the bit. The kernel's thread is privileged. */
TEST_F(aio, writes_with_the_rights_of_the_starter)
{
	for (int i = 0; i < 2; i++) {
		struct stat status;
		pid_t child;
		int ret;

		ASSERT_EQ(0, fchmod(self->fds[i], 04777));
		child = fork_child();
		if (!child) {
			if (setresuid(1, 1, 1))
				_exit(1);
			_exit(by(i, self->fds[i], WRITE, buffers[0], 1, 0) != 1);
		}
		ASSERT_EQ(child, waitpid(child, &ret, 0));
		EXPECT_EQ(0, ret);
		ASSERT_EQ(0, fstat(self->fds[i], &status));
		EXPECT_EQ(0777, status.st_mode & 07777);
	}
}

TEST_F(aio, writes_to_o_direct_and_o_sync)
{
	for (int i = 0; i < 3; i++) {
		char name[64];
		int fd = self->fds[i];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		self->fds[i] = open(name, O_RDWR | O_SYNC | O_DIRECT);
		ASSERT_LE(0, self->fds[i]);
		close(fd);
	}
	EXPECT_TRUE(same_write(PAGE, 0));
	EXPECT_TRUE(same_write(100, 10));
}

TEST_F(aio, syncs)
{
	int disk = open(DISK, O_RDONLY), dir = open("/tmp", O_RDONLY | O_DIRECTORY);

	for (uint32_t what = FSYNC; what <= FDATASYNC; what *= 2) {
		EXPECT_EQ(0, by_queue(&self->q, self->fds[0], what, NULL, 0, 0));
		EXPECT_EQ(by_call(dir, what, NULL, 0, 0),
			  by_queue(&self->q, dir, what, NULL, 0, 0));
		EXPECT_EQ(by_call(disk, what, NULL, 0, 0),
			  by_queue(&self->q, disk, what, NULL, 0, 0));
	}
	close(disk);
	close(dir);
}

/* Memory */

TEST_F(aio, memory_that_ends)
{
	static const enum bad_buffer bad[] = {
		NO_ACCESS, READ_ONLY, HALF_NO_ACCESS, HALF_READ_ONLY, LAST_BYTE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int64_t native, queue;

		native = by_call(self->fds[0], READ, bad_buffer(bad[i], 2000), 2000, 10);
		queue = by_queue(&self->q, self->fds[0], READ, bad_buffer(bad[i], 2000), 2000, 10);
		EXPECT_EQ(native, queue);
		native = by_call(self->fds[0], WRITE, bad_buffer(bad[i], 2000), 2000, 10);
		queue = by_queue(&self->q, self->fds[1], WRITE, bad_buffer(bad[i], 2000), 2000, 10);
		EXPECT_EQ(native, queue);
	}
}

TEST_F(aio, memory_that_ends_and_a_disk)
{
	int fd = open(DISK, O_RDONLY);

	if (fd < 0)
		SKIP(return, "no disk");
	for (int cached = 0; cached < 2; cached++) {
		for (enum bad_buffer bad = NO_ACCESS; bad <= LAST_BYTE; bad++) {
			void *buf = bad_buffer(bad, 2000), *again = bad_buffer(bad, 2000);

			if (!cached)
				posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			EXPECT_EQ(by_call(fd, READ, buf, 2000, 10),
				  by_queue(&self->q, fd, READ, again, 2000, 10));
		}
	}
	close(fd);
}

/* It is the kernel's, or nobody's. */
TEST_F(aio, memory_that_is_not_the_programs)
{
	EXPECT_EQ(-EFAULT, by_queue(&self->q, self->fds[0], READ, NULL, 10, 0));
	EXPECT_EQ(-EFAULT, by_queue(&self->q, self->fds[0], WRITE, NULL, 10, 0));
	EXPECT_EQ(0, by_queue(&self->q, self->fds[0], READ, NULL, 0, 0));
#ifdef __LP64__
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, (void *)(UINTPTR_MAX - PAGE),
					    10, 0, 0);

	EXPECT_EQ(-EFAULT, queue_do(&self->q, &op));
#endif
}

/* Errors */

#define FAILS(err, ...) do {						\
	struct kevent_op op = kevent_op_aio(__VA_ARGS__);		\
									\
	EXPECT_EQ(-(err), queue_do(&self->q, &op));			\
} while (0)

TEST_F(aio, files_that_it_cannot_have)
{
	int in = open("/proc/self/fd/0", O_RDONLY), out, dir = open("/tmp", O_RDONLY);
	int proc = open("/proc/version", O_RDONLY), zero = open("/dev/zero", O_RDWR);
	int event = eventfd(0, 0), ends[2], sockets[2], path = open("/tmp", O_PATH);
	char name[64], c;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", self->fds[0]);
	close(in);
	in = open(name, O_RDONLY);
	out = open(name, O_WRONLY);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	FAILS(EBADF, 1000, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, -1, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, path, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, out, 1, READ, &c, 1, 0, 0);
	FAILS(EBADF, in, 1, WRITE, &c, 1, 0, 0);
	FAILS(EBADF, ends[1], 1, READ, &c, 1, 0, 0);
	FAILS(EISDIR, dir, 1, READ, &c, 1, 0, 0);
	FAILS(ESPIPE, ends[0], 1, READ, &c, 1, 1, 0);
	FAILS(ESPIPE, ends[1], 1, WRITE, &c, 1, 1, 0);
	FAILS(EOPNOTSUPP, sockets[0], 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, event, 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, proc, 1, READ, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, zero, 1, WRITE, &c, 1, 0, 0);
	FAILS(EOPNOTSUPP, self->q.fd, 1, READ, &c, 1, 0, 0);
	FAILS(EINVAL, ends[0], 1, FSYNC, NULL, 0, 0, 0);
	FAILS(EINVAL, event, 1, FSYNC, NULL, 0, 0, 0);
	EXPECT_EQ(by_call(ends[0], FSYNC, NULL, 0, 0), -EINVAL);
	EXPECT_EQ(by_call(out, READ, &c, 1, 0), -EBADF);
	EXPECT_EQ(by_call(dir, READ, &c, 1, 0), -EISDIR);
	EXPECT_EQ(by_call(ends[0], READ, &c, 1, 0), -ESPIPE);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(sockets[i]);
	}
	close(path);
	close(in);
	close(out);
	close(dir);
	close(proc);
	close(zero);
	close(event);
}

TEST_F(aio, arguments_that_are_invalid)
{
	int fd = self->fds[0];
	struct kevent_op op;
	char c;

	FAILS(EINVAL, fd, 1, 0, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, READ | WRITE, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, 0x10, &c, 1, 0, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, -1, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, UINT64_C(1) << 63, 0);
	FAILS(EINVAL, fd, 1, FSYNC, &c, 0, 0, 0);
	FAILS(EINVAL, fd, 1, FSYNC, NULL, 1, 0, 0);
	FAILS(EINVAL, fd, 1, FDATASYNC, NULL, 0, 1, 0);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_ET);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_BYTES);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_TIMER_ABSTIME);
	FAILS(EINVAL, fd, 1, READ, &c, 1, 0, KEVENT_ONESHOT | KEVENT_DISPATCH);
	op = kevent_op_aio(fd, 1, READ, &c, 1, 0, 0);
	op.arg[1] = UINT64_C(1) << 63;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.id |= UINT64_C(1) << 32;
	op.arg[1] = 1;
	EXPECT_EQ(-EBADF, queue_do(&self->q, &op));
	/* The end is out of range: the call's own error. */
	EXPECT_EQ(by_call(fd, READ, buffers[0], 2, INT64_MAX),
		  by_queue(&self->q, fd, READ, buffers[0], 2, INT64_MAX));
	EXPECT_EQ(by_call(fd, WRITE, &c, 1, INT64_MAX - 1),
		  by_queue(&self->q, fd, WRITE, &c, 1, INT64_MAX - 1));
	op = kevent_op_aio(fd, 1, READ, &c, 1, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	FAILS(EEXIST, fd, 1, READ, &c, 1, 0, 0);
	FAILS(EEXIST, fd, 1, WRITE, &c, 1, 0, 0);
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
}

static _Atomic int signalled;

static void count_signal(int sig)
{
	(void)sig;
	signalled++;
}

/* The call's own results, and as many signals. */
TEST_F(aio, limit_of_the_size_of_files)
{
	struct rlimit limit = { .rlim_cur = SIZE + 10, .rlim_max = RLIM_INFINITY };

	signalled = 0;
	ASSERT_NE(SIG_ERR, signal(SIGXFSZ, count_signal));
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	for (int i = 0; i < 2; i++) {
		int fd = self->fds[i];

		EXPECT_EQ(10, by(i, fd, WRITE, buffers[0], 100, SIZE));
		EXPECT_EQ(0, signalled);
		EXPECT_EQ(-EFBIG, by(i, fd, WRITE, buffers[0], 100, SIZE + 10));
		EXPECT_EQ(1, signalled);
		ASSERT_EQ(0, fcntl(fd, F_SETFL, O_APPEND));
		EXPECT_EQ(-EFBIG, by(i, fd, WRITE, buffers[0], 100, 0));
		EXPECT_EQ(2, signalled);
		EXPECT_EQ(0, by(i, fd, WRITE, buffers[0], 0, 0));
		EXPECT_EQ(2, signalled);
		signalled = 0;
		EXPECT_EQ(SIZE + 10, lseek(fd, 0, SEEK_END));
	}
}

TEST_F(aio, operations_that_it_cannot_have)
{
	char c;
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, &c, 1, 0, 0);
	struct kevent_op time;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
	EXPECT_EQ(-EINVAL, queue_ready(&self->q, op.handle, READ));
	time = kevent_op_gettime(op.handle);
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &time));
	EXPECT_EQ(0, queue_recheck(&self->q, op.handle));
	EXPECT_EQ(0, queue_mod(&self->q, op.handle, 0, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	/* The event comes although it is not wanted. */
	op = kevent_op_aio_again(op.handle, &c, 1, 0);
	EXPECT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(1, result_of(&self->q, 1, READ));
	op.flags = KEVENT_TIMER_ABSTIME;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	op.flags = 0;
	op.want = READ;
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
}

TEST_F(aio, calls_of_2006)
{
	int fd = take26_open();

	/* ENOSYS, a name that checkpatch.pl wants for missing system calls only. */
	EXPECT_EQ(-38, take26_add(fd, KEVENT_AIO, self->fds[0], 1, READ, 0));
	close(fd);
}

/* The kevent */

TEST_F(aio, started_anew)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	uint64_t handle;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	handle = op.handle;
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	for (int i = 1; i < 100; i++) {
		op = kevent_op_aio_again(handle, buffers[0], i, SIZE - 50);
		ASSERT_EQ(0, queue_do(&self->q, &op));
		EXPECT_EQ(0, op.events);
		EXPECT_EQ(i < 50 ? i : 50, result_of(&self->q, 1, READ));
	}
	EXPECT_TRUE(queue_stays_empty(&self->q));
	op = kevent_op_aio_again(handle, buffers[0], 10, -1);
	EXPECT_EQ(-EINVAL, queue_do(&self->q, &op));
	EXPECT_EQ(0, queue_remove(&self->q, handle));
	op = kevent_op_aio_again(handle, buffers[0], 10, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &op));
}

/* The event that was not consumed is taken back. */
TEST_F(aio, started_anew_too_early)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	struct kevent_op again, end;
	struct kevent_event event;
	int n = 0, taken = 0;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	for (int i = 0; i < 100; i++) {
		int ret;

		again = kevent_op_aio_again(op.handle, buffers[0], 20, 0);
		ret = queue_do(&self->q, &again);
		if (!ret)
			taken += again.events != 0;
		else
			ASSERT_EQ(-EBUSY, ret);
		n += !ret;
		sleep_ms(1);
	}
	EXPECT_LT(0, n);
	EXPECT_EQ(n, taken);
	EXPECT_EQ(20, result_of(&self->q, 1, READ));
	EXPECT_FALSE(kevent_next(&self->q, &event));
	end = kevent_op_remove(op.handle);
	EXPECT_EQ(0, queue_do(&self->q, &end));
}

TEST_F(aio, oneshot_and_dispatch)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0,
					    KEVENT_ONESHOT);
	struct kevent_op again;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 10, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &again));
	op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, KEVENT_DISPATCH);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 11, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(11, result_of(&self->q, 1, READ));
}

/* One file, several operations at a time. */
TEST_F(aio, several_of_a_file)
{
	struct kevent_op ops[40];
	struct kevent_event event;
	uint64_t seen = 0;

	for (int i = 0; i < 40; i++)
		ops[i] = kevent_op_aio(self->fds[0], i, READ, buffers[0] + i * 100, 100, i * 100,
				       KEVENT_ONESHOT);
	ASSERT_EQ(40, kevent_submit(&self->q, ops, 40));
	for (int n = 0; n < 40; n++) {
		ASSERT_EQ(0, kevent_wait(&self->q, NULL, 0, DEADLINE_NS, 0));
		ASSERT_TRUE(kevent_next(&self->q, &event));
		EXPECT_EQ(READ, event.events);
		EXPECT_EQ(100, kevent_aio_result(&self->q, event.slot));
		seen |= UINT64_C(1) << event.user;
	}
	EXPECT_EQ((UINT64_C(1) << 40) - 1, seen);
	ASSERT_EQ(4000, pread(self->fds[0], buffers[1], 4000, 0));
	EXPECT_EQ(0, memcmp(buffers[0], buffers[1], 4000));
}

/* The file stays open, and the descriptor may be another file's. */
TEST_F(aio, closed_descriptor)
{
	struct kevent_op op = kevent_op_aio(self->fds[0], 1, READ, buffers[0], 10, 0, 0);
	struct kevent_op again;

	ASSERT_EQ(0, queue_do(&self->q, &op));
	close(self->fds[0]);
	EXPECT_EQ(10, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, buffers[0], 11, 0);
	EXPECT_EQ(0, queue_do(&self->q, &again));
	EXPECT_EQ(11, result_of(&self->q, 1, READ));
}

/* Operations that wait */

FIXTURE(aio_pipe)
{
	struct kevent_queue q;
	int ends[2];
	uint64_t handle;
};

FIXTURE_SETUP(aio_pipe)
{
	struct kevent_op op;

	memset(buffers, FILL, sizeof(buffers));
	ASSERT_EQ(0, kevent_open(&self->q, 512, 0));
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC));
	op = kevent_op_aio(self->ends[0], 1, READ, buffers[0], PAGE, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	self->handle = op.handle;
	/* So that a thread sleeps in it. */
	sleep_ms(20);
}

FIXTURE_TEARDOWN(aio_pipe)
{
	close(self->ends[0]);
	close(self->ends[1]);
	kevent_close(&self->q);
}

static bool is_untouched(void)
{
	for (size_t i = 0; i < sizeof(buffers[0]); i++) {
		if (buffers[0][i] != FILL)
			return false;
	}
	return true;
}

/* Whether the result is that of an operation that was cancelled, in a thread or before. */
static bool is_cancelled(int64_t result)
{
	return result == -EINTR || result == -ECANCELED;
}

/* Whether the last reader of the pipe is gone, soon. */
static bool loses_its_reader(int out)
{
	signal(SIGPIPE, SIG_IGN);
	return wait_for(write(out, "x", 1) < 0 && errno == EPIPE);
}

TEST_F(aio_pipe, reads_when_there_is_something)
{
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, memcmp(buffers[0], "abc", 3));
	close(self->ends[1]);
	self->ends[1] = -1;
	EXPECT_EQ(0, by_queue(&self->q, self->ends[0], READ, buffers[0], PAGE, 0));
}

TEST_F(aio_pipe, wakes_a_waiter)
{
	struct waiter waiter;

	ASSERT_TRUE(waiter_sleeps(&waiter, &self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(0, waiter_returns(&waiter));
	EXPECT_TRUE(queue_gives(&self->q, 1, READ));
}

TEST_F(aio_pipe, is_busy)
{
	struct kevent_op op = kevent_op_aio_again(self->handle, buffers[1], PAGE, 0);

	EXPECT_EQ(-EBUSY, queue_do(&self->q, &op));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, queue_do(&self->q, &op));
}

TEST_F(aio_pipe, writes_all_when_there_is_room)
{
	size_t size = 200000, n = 0;
	char *data = malloc(size);
	struct kevent_op op;

	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	memset(data, 'd', size);
	op = kevent_op_aio(self->ends[1], 2, WRITE, data, size, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	sleep_ms(20);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	while (n < size) {
		ssize_t more = read(self->ends[0], buffers[0], sizeof(buffers[0]));

		ASSERT_LT(0, more);
		n += more;
	}
	EXPECT_EQ((int64_t)size, result_of(&self->q, 2, WRITE));
	free(data);
}

TEST_F(aio_pipe, without_the_other_end)
{
	struct pollfd end = { .fd = self->ends[1], .events = POLLOUT };

	ASSERT_NE(SIG_ERR, signal(SIGPIPE, count_signal));
	signalled = 0;
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	close(self->ends[0]);
	self->ends[0] = -1;
	/* The thread may have the file for a moment. */
	EXPECT_TRUE(wait_for(poll(&end, 1, 0) == 1 && end.revents & POLLERR));
	EXPECT_EQ(-EPIPE, by_queue(&self->q, self->ends[1], WRITE, "x", 1, 0));
	EXPECT_EQ(1, signalled);
}

TEST_F(aio_pipe, nonblocking)
{
	int ends[2];

	ASSERT_EQ(0, pipe2(ends, O_NONBLOCK));
	EXPECT_EQ(-EAGAIN, by_queue(&self->q, ends[0], READ, buffers[1], PAGE, 0));
	ASSERT_EQ(2, write(ends[1], "ab", 2));
	EXPECT_EQ(2, by_queue(&self->q, ends[0], READ, buffers[1], PAGE, 0));
	EXPECT_EQ(65536, by_queue(&self->q, ends[1], WRITE, buffers[1], sizeof(buffers[1]), 0));
	EXPECT_EQ(-EAGAIN, by_queue(&self->q, ends[1], WRITE, buffers[1], 1, 0));
	close(ends[0]);
	close(ends[1]);
}

/* Cancellation */

TEST_F(aio_pipe, removed)
{
	struct kevent_op again;

	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	EXPECT_TRUE(is_cancelled(kevent_aio_result(&self->q, kevent_slot_of(self->handle))));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(-ENOENT, queue_remove(&self->q, self->handle));
	again = kevent_op_aio_again(self->handle, buffers[0], PAGE, 0);
	EXPECT_EQ(-ENOENT, queue_do(&self->q, &again));
	/* Nothing was taken out of the pipe, and the thread is well. */
	EXPECT_EQ(3, by_queue(&self->q, self->ends[0], READ, buffers[1], PAGE, 0));
}

/* More than there are threads. */
TEST_F(aio_pipe, removed_before_it_has_begun)
{
	struct kevent_op ops[400];
	int begun = 0;

	for (int i = 0; i < 400; i++)
		ops[i] = kevent_op_aio(self->ends[0], 1000 + i, READ, buffers[0], PAGE, 0, 0);
	ASSERT_EQ(400, kevent_submit(&self->q, ops, 400));
	sleep_ms(100);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	/* Files have threads of their own. */
	EXPECT_EQ(0, by_queue(&self->q, open("/tmp", O_RDONLY), FSYNC, NULL, 0, 0));
	for (int i = 399; i >= 0; i--) {
		int64_t result;

		ASSERT_EQ(0, ops[i].result);
		ASSERT_EQ(READ, queue_remove(&self->q, ops[i].handle));
		result = kevent_aio_result(&self->q, kevent_slot_of(ops[i].handle));
		if (result == -EINTR)
			begun++;
		else
			ASSERT_EQ(-ECANCELED, result);
	}
	EXPECT_LT(0, begun);
	EXPECT_GT(400, begun);
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	EXPECT_TRUE(queue_stays_empty(&self->q));
}

/* The queue is open still, by the other descriptor. */
TEST_F(aio_pipe, closed_by_one_descriptor)
{
	int other = dup(self->q.fd);

	close(other);
	EXPECT_TRUE(is_cancelled(result_of(&self->q, 1, READ)));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	sleep_ms(20);
	EXPECT_TRUE(is_untouched());
}

TEST_F(aio_pipe, closed)
{
	struct kevent_queue q;
	struct kevent_op op;

	ASSERT_EQ(0, kevent_open(&q, 16, 0));
	op = kevent_op_aio(self->ends[0], 1, READ, buffers[1], PAGE, 0, 0);
	ASSERT_EQ(0, queue_do(&q, &op));
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	close(self->ends[0]);
	kevent_close(&q);
	EXPECT_TRUE(loses_its_reader(self->ends[1]));
	EXPECT_TRUE(is_untouched());
	self->ends[0] = -1;
}

/* The mapping holds the queue, whose operation holds no memory of the process. */
TEST_F(aio_pipe, closed_but_mapped)
{
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	for (int way = 0; way < 4; way++) {
		int ends[2], status;
		pid_t child;

		ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
		child = fork_child();
		if (!child) {
			struct kevent_queue q;
			struct kevent_op op;

			if (kevent_open(&q, 16, 0))
				_exit(1);
			op = kevent_op_aio(ends[0], 1, READ, buffers[1], PAGE, 0, 0);
			if (queue_do(&q, &op))
				_exit(2);
			sleep_ms(20);
			if (way == 0)
				close(q.fd);
			if (way == 2)
				raise(SIGKILL);
			if (way == 3)
				execl("/proc/self/exe", "evfd_aio", "-h", NULL);
			_exit(0);
		}
		close(ends[0]);
		ASSERT_EQ(child, waitpid(child, &status, 0));
		if (way < 2)
			EXPECT_EQ(0, status);
		EXPECT_TRUE(loses_its_reader(ends[1]));
		close(ends[1]);
	}
}

/* The new program has the descriptor, and ends. */
TEST_F(aio_pipe, descriptor_that_outlives_exec)
{
	int ends[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	child = fork_child();
	if (!child) {
		struct kevent_queue q;
		struct kevent_op op;

		if (kevent_open(&q, 16, 0) || fcntl(q.fd, F_SETFD, 0))
			_exit(1);
		op = kevent_op_aio(ends[0], 1, READ, buffers[1], PAGE, 0, 0);
		if (queue_do(&q, &op))
			_exit(2);
		sleep_ms(20);
		execl("/bin/true", "true", NULL);
		_exit(3);
	}
	close(ends[0]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(loses_its_reader(ends[1]));
	close(ends[1]);
}

/* A close by a child is none by the starter. The child may start it with its own memory. */
TEST_F(aio_pipe, forked)
{
	struct kevent_op again = kevent_op_aio_again(self->handle, buffers[0], PAGE, 0);
	pid_t child = fork_child();
	int status;

	if (!child) {
		close(self->q.fd);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_EQ(3, write(self->ends[1], "abc", 3));
	EXPECT_EQ(3, result_of(&self->q, 1, READ));
	memset(buffers, FILL, sizeof(buffers));
	child = fork_child();
	if (!child) {
		if (queue_do(&self->q, &again))
			_exit(1);
		if (write(self->ends[1], "def", 3) != 3)
			_exit(2);
		if (result_of(&self->q, 1, READ) != 3)
			_exit(3);
		_exit(memcmp(buffers[0], "def", 3) ? 4 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_untouched());
	/* The child ends with its operation under way. */
	child = fork_child();
	if (!child)
		_exit(!!queue_do(&self->q, &again));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	kevent_seek(&self->q, __atomic_load_n(&self->q.header->head, __ATOMIC_RELAXED));
	EXPECT_EQ(0, queue_do(&self->q, &again));
}

/* Page faults that another program answers */

static int new_userfault(void *memory, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)memory, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd >= 0 && (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool answer_fault(int fd, void *memory)
{
	struct uffdio_zeropage zero = { .range = { .start = (uintptr_t)memory, .len = PAGE } };

	return !ioctl(fd, UFFDIO_ZEROPAGE, &zero);
}

static bool answer_fault_with(int fd, void *memory, const struct kevent_op *op)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)memory, .src = (uintptr_t)page, .len = PAGE,
	};

	memcpy(page, op, sizeof(*op));
	return !ioctl(fd, UFFDIO_COPY, &copy);
}

static void *new_memory(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* A thread of the kernel waits in the fault. */
TEST_F(aio, removed_in_a_page_fault)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE);
	struct kevent_op op;

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	op = kevent_op_aio(self->fds[0], 1, READ, memory, 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	sleep_ms(50);
	EXPECT_TRUE(queue_stays_empty(&self->q));
	EXPECT_EQ(READ, queue_remove(&self->q, op.handle));
	EXPECT_EQ(-EFAULT, kevent_aio_result(&self->q, kevent_slot_of(op.handle)));
	ASSERT_TRUE(answer_fault(fd, memory));
	sleep_ms(20);
	for (int i = 0; i < PAGE; i++)
		ASSERT_EQ(0, memory[i]);
	close(fd);
}

static struct call submit_by(const struct kevent_queue *q, struct kevent_submit *submit)
{
	return (struct call){
		.make = call_ioctl, .fd = q->fd, .value = KEVENT_IOC_SUBMIT, .buf = submit,
	};
}

/* The task that has started it waits in the fault, and the queue works. */
TEST_F(aio, page_fault_of_the_starter)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE), disk = open(DISK, O_RDONLY);
	struct kevent_op op, again, remove;
	struct kevent_submit submit = { .ops = (uintptr_t)&again, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	uint64_t user;

	if (fd < 0 || disk < 0)
		SKIP(return, "no userfaultfd, or no disk");
	op = kevent_op_aio(disk, 1, READ, buffers[0], 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_EQ(100, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, memory, 100, 0);
	ASSERT_TRUE(call_start(&call));
	sleep_ms(50);
	/* Others go on. */
	user = queue_add_user(&self->q, 5, 1, 0);
	ASSERT_NE(0, user);
	EXPECT_EQ(0, queue_ready(&self->q, user, 1));
	EXPECT_TRUE(queue_gives(&self->q, 5, 1));
	EXPECT_EQ(0, queue_remove(&self->q, user));
	remove = kevent_op_aio_again(op.handle, buffers[0], 100, 0);
	EXPECT_EQ(-EBUSY, queue_do(&self->q, &remove));
	EXPECT_TRUE(queue_stays_empty(&self->q));
	ASSERT_TRUE(answer_fault(fd, memory));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(0, again.result);
	EXPECT_EQ(100, result_of(&self->q, 1, READ));
	EXPECT_EQ(0, memcmp(memory, buffers[0], 100));
	close(fd);
	close(disk);
}

/* The queue is closed while a call of it is under way. The mapping holds it. */
TEST_F(aio_pipe, closed_before_it_is_started)
{
	struct kevent_op *memory = new_memory();
	int fd = new_userfault(memory, PAGE);
	struct kevent_submit submit = { .ops = (uintptr_t)memory, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	struct kevent_event event;
	struct kevent_op op;

	if (fd < 0)
		SKIP(return, "no userfaultfd");
	EXPECT_EQ(READ, queue_remove(&self->q, self->handle));
	ASSERT_TRUE(call_start_blocked(&call));
	close(self->q.fd);
	op = kevent_op_aio(self->ends[0], 2, READ, buffers[0], PAGE, 0, 0);
	ASSERT_TRUE(answer_fault_with(fd, memory, &op));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_EQ(1, call.ret);
	EXPECT_EQ(0, memory->result);
	EXPECT_TRUE(wait_for(kevent_next(&self->q, &event) && event.user == 2));
	EXPECT_TRUE(is_cancelled(kevent_aio_result(&self->q, kevent_slot_of(memory->handle))));
	kevent_unmap(&self->q);
	close(self->ends[0]);
	EXPECT_TRUE(loses_its_reader(self->ends[1]));
	close(fd);
	/* For the end of the test. */
	self->ends[0] = -1;
	ASSERT_EQ(0, kevent_open(&self->q, 16, 0));
}

/* A signal ends the wait of REMOVE for such a task. */
TEST_F(aio, signal_in_remove)
{
	char *memory = new_memory();
	int fd = new_userfault(memory, PAGE), disk = open(DISK, O_RDONLY);
	struct kevent_op op, again, remove;
	struct kevent_submit submit = { .ops = (uintptr_t)&again, .nr = 1 };
	struct kevent_submit end = { .ops = (uintptr_t)&remove, .nr = 1 };
	struct call call = submit_by(&self->q, &submit);
	struct call other = submit_by(&self->q, &end);

	if (fd < 0 || disk < 0)
		SKIP(return, "no userfaultfd, or no disk");
	ASSERT_EQ(0, catch_signal(SIGUSR1, 0));
	op = kevent_op_aio(disk, 1, READ, buffers[0], 100, 0, 0);
	ASSERT_EQ(0, queue_do(&self->q, &op));
	ASSERT_EQ(100, result_of(&self->q, 1, READ));
	again = kevent_op_aio_again(op.handle, memory, 100, 0);
	remove = kevent_op_remove(op.handle);
	ASSERT_TRUE(call_start(&call));
	sleep_ms(50);
	ASSERT_TRUE(call_start_blocked(&other));
	ASSERT_EQ(0, signal_thread(other.tid, SIGUSR1));
	EXPECT_TRUE(call_ends(&other));
	EXPECT_EQ(1, other.ret);
	EXPECT_EQ(-EINTR, remove.result);
	other = submit_by(&self->q, &end);
	ASSERT_TRUE(call_start_blocked(&other));
	ASSERT_TRUE(answer_fault(fd, memory));
	EXPECT_TRUE(call_ends(&call));
	EXPECT_TRUE(call_ends(&other));
	EXPECT_EQ(0, remove.result);
	EXPECT_EQ(READ, remove.events);
	EXPECT_EQ(100, kevent_aio_result(&self->q, kevent_slot_of(op.handle)));
	close(fd);
	close(disk);
}

/* Races */

static _Atomic bool stop;

struct racer {
	pthread_t thread;
	const struct kevent_queue *q;
	uint64_t handle;
	int fd;
};

static void *fail(int err)
{
	fprintf(stderr, "# failed: %s\n", strerror(-err));
	return &stop;
}

/* Starts and removes a kevent that others start and remove, too. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	static char memory[PAGE];

	for (int i = 0; !stop; i++) {
		struct kevent_op op = kevent_op_aio(racer->fd, i & 3, READ, memory, 100, 0,
						    i & 1 ? KEVENT_ONESHOT : 0);
		struct kevent_op again;
		int ret = queue_do(racer->q, &op);

		/* The consumer may be slow. */
		if (ret && ret != -EEXIST && ret != -ENOSPC)
			return fail(ret);
		if (!ret)
			racer->handle = op.handle;
		again = kevent_op_aio_again(racer->handle, memory, 200, 0);
		ret = queue_do(racer->q, &again);
		if (ret && ret != -EBUSY && ret != -ENOENT)
			return fail(ret);
		if (i % 3 == 0)
			queue_remove(racer->q, racer->handle);
	}
	return NULL;
}

TEST_F(aio, started_and_removed_by_threads)
{
	int disk = open(DISK, O_RDONLY), ends[2];
	struct racer racers[4];
	struct kevent_event event;
	int64_t deadline = now_ms() + 2000;

	ASSERT_EQ(0, pipe(ends));
	stop = false;
	for (int i = 0; i < 4; i++) {
		racers[i] = (struct racer){ .q = &self->q };
		racers[i].fd = i == 0 && disk >= 0 ? disk : i == 1 ? ends[0] : self->fds[0];
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	}
	while (now_ms() < deadline) {
		kevent_wait(&self->q, NULL, 0, 1000000, 0);
		while (kevent_next(&self->q, &event))
			EXPECT_EQ(READ, event.events);
		ASSERT_EQ(1, write(ends[1], "x", 1));
	}
	stop = true;
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(racers[i].thread, &failed);
		EXPECT_EQ(NULL, failed);
	}
	close(disk);
	close(ends[0]);
	close(ends[1]);
}

TEST_HARNESS_MAIN
