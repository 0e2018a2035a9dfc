// SPDX-License-Identifier: GPL-2.0
/*
 * Making a queue: opening the device, the errors of KEVENT_IOC_SETUP and mmap(), and
 * the layout of the mapping, the same for 32 and 64 bits.
 */
#include "fault.h"
#include "queue.h"

#include <stddef.h>
#include <sys/stat.h>

#define HAS_SIZE(type, size)						\
	_Static_assert(sizeof(struct type) == (size), "size of " #type)
#define HAS_FIELD(type, field, offset)					\
	_Static_assert(offsetof(struct type, field) == (offset), #type "." #field)

HAS_FIELD(kevent_header, magic, 0);
HAS_FIELD(kevent_header, version, 4);
HAS_FIELD(kevent_header, slot_size, 8);
HAS_FIELD(kevent_header, ring_entries, 12);
HAS_FIELD(kevent_header, slots, 16);
HAS_FIELD(kevent_header, flags, 20);
HAS_FIELD(kevent_header, off_ring, 24);
HAS_FIELD(kevent_header, off_slots, 28);
HAS_FIELD(kevent_header, ring_seq, 32);
HAS_FIELD(kevent_header, old_end, 36);
HAS_FIELD(kevent_header, head, 64);
HAS_FIELD(kevent_header, sleeping, 128);
HAS_FIELD(kevent_header, polled, 132);
HAS_FIELD(kevent_header, raised, 192);
HAS_SIZE(kevent_header, 256);

HAS_FIELD(kevent_slot, ready, 0);
HAS_FIELD(kevent_slot, user, 8);
HAS_FIELD(kevent_slot, data, 16);
HAS_FIELD(kevent_slot, want, 24);
HAS_FIELD(kevent_slot, type, 28);
HAS_FIELD(kevent_slot, gen, 30);
HAS_SIZE(kevent_slot, 32);

HAS_FIELD(kevent_setup, slots, 0);
HAS_FIELD(kevent_setup, flags, 4);
HAS_FIELD(kevent_setup, size, 8);
HAS_FIELD(kevent_setup, reserved, 16);
HAS_SIZE(kevent_setup, 32);

HAS_FIELD(kevent_op, op, 0);
HAS_FIELD(kevent_op, flags, 1);
HAS_FIELD(kevent_op, type, 2);
HAS_FIELD(kevent_op, want, 4);
HAS_FIELD(kevent_op, id, 8);
HAS_FIELD(kevent_op, user, 16);
HAS_FIELD(kevent_op, arg, 24);
HAS_FIELD(kevent_op, handle, 48);
HAS_FIELD(kevent_op, result, 56);
HAS_FIELD(kevent_op, events, 60);
HAS_SIZE(kevent_op, 64);

HAS_FIELD(kevent_submit, ops, 0);
HAS_FIELD(kevent_submit, nr, 8);
HAS_FIELD(kevent_submit, flags, 12);
HAS_FIELD(kevent_submit, head, 16);
HAS_FIELD(kevent_submit, timeout, 24);
HAS_FIELD(kevent_submit, clock, 32);
HAS_FIELD(kevent_submit, min_nr, 36);
HAS_FIELD(kevent_submit, sigmask, 40);
HAS_FIELD(kevent_submit, sigsetsize, 48);
HAS_FIELD(kevent_submit, reserved, 52);
HAS_SIZE(kevent_submit, 56);

/* A queue that is open only. */
FIXTURE(device)
{
	struct kevent_setup arg;
	int fd;
};

FIXTURE_SETUP(device)
{
	self->fd = open(KEVENT_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	self->arg.slots = 4;
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
}

static int set_up(int fd, void *arg)
{
	return result(ioctl(fd, KEVENT_IOC_SETUP, arg));
}

TEST_F(device, mode)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	EXPECT_EQ(S_IFCHR | 0666, st.st_mode);
}

TEST_F(device, needs_no_privilege)
{
	struct kevent_queue q;

	ASSERT_EQ(0, setresgid(65534, 65534, 65534));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	ASSERT_EQ(0, kevent_open(&q, 1, 0));
	kevent_close(&q);
}

TEST_F(device, each_open_is_a_queue_of_its_own)
{
	struct kevent_queue a, b;
	uint64_t handle;

	ASSERT_EQ(0, kevent_open(&a, 1, 0));
	ASSERT_EQ(0, kevent_open(&b, 1, 0));
	handle = queue_add_user(&a, 1, 1, 0);
	ASSERT_NE(0, handle);
	ASSERT_NE(0, queue_add_user(&b, 1, 1, 0));
	ASSERT_EQ(0, queue_ready(&a, handle, 1));
	EXPECT_TRUE(queue_is_empty(&b));
	EXPECT_TRUE(queue_gives(&a, 1, 1));
	kevent_close(&a);
	kevent_close(&b);
}

TEST_F(device, unknown_commands)
{
	static const unsigned long commands[] = {
		0,
		_IO(KEVENT_IOC_MAGIC, 0x40),
		_IOR(KEVENT_IOC_MAGIC, 0x40, struct kevent_setup),
		_IOW(KEVENT_IOC_MAGIC, 0x40, struct kevent_setup),
		_IOWR(KEVENT_IOC_MAGIC, 0x40, struct kevent_submit),
		_IOWR(KEVENT_IOC_MAGIC, 0x7f, struct kevent_setup),
		_IOWR(KEVENT_IOC_MAGIC + 1, 0x40, struct kevent_setup),
		EVFD_IOC_EVENTFD,
	};

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		EXPECT_EQ(-1, ioctl(self->fd, commands[i], &self->arg));
		EXPECT_EQ(ENOTTY, errno) TH_LOG("command %#lx", commands[i]);
	}
}

TEST_F(device, numbers_of_slots)
{
	static const unsigned int good[] = { 1, 2, 3, 129, KEVENT_MAX_SLOTS };
	static const unsigned int bad[] = { 0, KEVENT_MAX_SLOTS + 1, UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		self->arg.slots = bad[i];
		EXPECT_EQ(-EINVAL, set_up(self->fd, &self->arg));
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		unsigned int rounded = MIN_SLOTS;
		struct kevent_queue q;

		while (rounded < good[i])
			rounded *= 2;
		ASSERT_EQ(0, kevent_open(&q, good[i], 0));
		EXPECT_EQ(rounded, q.header->slots);
		kevent_close(&q);
	}
}

TEST_F(device, unknown_flags)
{
	for (int bit = 0; bit < 32; bit++) {
		self->arg.flags = 1U << bit;
		if (!(self->arg.flags & (KEVENT_SETUP_AUTOREMOVE | KEVENT_SETUP_NOFORK)))
			EXPECT_EQ(-EINVAL, set_up(self->fd, &self->arg));
	}
}

TEST_F(device, reserved_fields)
{
	for (int i = 0; i < 2; i++) {
		self->arg.reserved[i] = 1;
		EXPECT_EQ(-EINVAL, set_up(self->fd, &self->arg));
		self->arg.reserved[i] = UINT64_C(1) << 63;
		EXPECT_EQ(-EINVAL, set_up(self->fd, &self->arg));
		self->arg.reserved[i] = 0;
	}
}

TEST_F(device, set_up_twice)
{
	ASSERT_EQ(0, set_up(self->fd, &self->arg));
	EXPECT_EQ(-EBUSY, set_up(self->fd, &self->arg));
}

TEST_F(device, set_up_by_many_threads)
{
	struct kevent_setup args[8];
	struct call calls[8];
	int good = 0;

	for (int i = 0; i < 8; i++) {
		args[i] = self->arg;
		calls[i] = (struct call){
			.make = call_ioctl, .fd = self->fd, .value = KEVENT_IOC_SETUP,
			.buf = &args[i],
		};
		ASSERT_TRUE(call_start(&calls[i]));
	}
	for (int i = 0; i < 8; i++) {
		ASSERT_TRUE(call_ends(&calls[i]));
		good += !calls[i].ret;
		if (calls[i].ret)
			EXPECT_EQ(EBUSY, calls[i].err);
	}
	EXPECT_EQ(1, good);
}

TEST_F(device, an_argument_in_bad_memory)
{
	EXPECT_EQ(-EFAULT, set_up(self->fd, NULL));
	EXPECT_EQ(-EFAULT, set_up(self->fd, bad_memory(PROT_NONE)));
	EXPECT_EQ(-EFAULT, set_up(self->fd, bad_memory(PROT_NONE) - 8));
}

TEST_F(device, a_failed_set_up_has_no_effect)
{
	struct kevent_setup *arg = (void *)bad_memory(PROT_READ | PROT_WRITE);

	*arg = self->arg;
	ASSERT_EQ(0, mprotect(arg, sysconf(_SC_PAGESIZE), PROT_READ));
	EXPECT_EQ(-EFAULT, set_up(self->fd, arg));
	self->arg.flags = UINT32_MAX;
	EXPECT_EQ(-EINVAL, set_up(self->fd, &self->arg));
	self->arg.flags = 0;
	EXPECT_EQ(0, set_up(self->fd, &self->arg));
}

TEST_F(device, before_set_up)
{
	struct kevent_submit submit = { };

	EXPECT_EQ(-EINVAL, result(ioctl(self->fd, KEVENT_IOC_SUBMIT, &submit)));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, KEVENT_HEADER_SIZE, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, poll_now(self->fd));
}

TEST_F(device, other_calls)
{
	uint64_t value = 1;

	EXPECT_EQ(-EINVAL, result(read(self->fd, &value, 8)));
	EXPECT_EQ(-EINVAL, result(write(self->fd, &value, 8)));
}

TEST_F(device, a_failed_open_leaves_no_descriptor)
{
	struct kevent_queue q;
	int next = dup(0);

	close(next);
	EXPECT_EQ(-1, kevent_open(&q, 0, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(next, dup(0));
}

/* A queue that is set up, but not mapped. */
FIXTURE(mapping)
{
	struct kevent_setup arg;
	int fd;
};

FIXTURE_SETUP(mapping)
{
	self->fd = open(KEVENT_DEVICE, O_RDWR | O_CLOEXEC);
	ASSERT_GE(self->fd, 0);
	self->arg.slots = 1000;
	ASSERT_EQ(0, set_up(self->fd, &self->arg));
}

FIXTURE_TEARDOWN(mapping)
{
	close(self->fd);
}

/* Maps: 0, or -errno. */
static int map_as(int fd, size_t size, int protection, int flags, off_t offset)
{
	void *map = mmap(NULL, size, protection, flags, fd, offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, size);
	return 0;
}

TEST_F(mapping, behind_the_end)
{
	size_t size = self->arg.size;

	EXPECT_EQ(-EINVAL, map_as(self->fd, size, PROT_READ, MAP_SHARED, 4096));
	EXPECT_EQ(-EINVAL, map_as(self->fd, 8192, PROT_READ, MAP_SHARED, size - 4096));
	EXPECT_EQ(-EINVAL, map_as(self->fd, 4096, PROT_READ, MAP_SHARED, size));
	EXPECT_EQ(-EINVAL, map_as(self->fd, 4096, PROT_READ, MAP_SHARED, 1 << 30));
}

TEST_F(mapping, too_long)
{
	EXPECT_EQ(-EINVAL, map_as(self->fd, self->arg.size + 1, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, map_as(self->fd, 2 * self->arg.size, PROT_READ, MAP_SHARED, 0));
}

TEST_F(mapping, a_part)
{
	EXPECT_EQ(0, map_as(self->fd, KEVENT_HEADER_SIZE, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(0, map_as(self->fd, 4096, PROT_READ, MAP_SHARED, 4096));
	EXPECT_EQ(0, map_as(self->fd, 4096, PROT_READ, MAP_SHARED, self->arg.size - 4096));
}

TEST_F(mapping, private)
{
	EXPECT_EQ(-EINVAL, map_as(self->fd, self->arg.size, PROT_READ, MAP_PRIVATE, 0));
	EXPECT_EQ(-EINVAL, map_as(self->fd, self->arg.size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE, 0));
}

TEST_F(mapping, executable)
{
	int ret = map_as(self->fd, self->arg.size, PROT_READ | PROT_EXEC, MAP_SHARED, 0);
	void *map;

	/* EPERM: /dev is mounted with noexec. */
	EXPECT_TRUE(ret == -EINVAL || ret == -EPERM);
	map = mmap(NULL, self->arg.size, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EACCES, result(mprotect(map, self->arg.size, PROT_READ | PROT_EXEC)));
}

TEST_F(mapping, of_a_queue_open_for_reading)
{
	struct kevent_setup arg = { .slots = 1 };
	int fd = open(KEVENT_DEVICE, O_RDONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, set_up(fd, &arg));
	EXPECT_EQ(0, map_as(fd, arg.size, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EACCES, map_as(fd, arg.size, PROT_READ | PROT_WRITE, MAP_SHARED, 0));
}

TEST_F(mapping, twice)
{
	struct kevent_queue a, b;
	uint64_t handle;

	ASSERT_EQ(0, kevent_map(&a, self->fd));
	ASSERT_EQ(0, kevent_map(&b, self->fd));
	handle = queue_add_user(&a, 1, 1, 0);
	ASSERT_NE(0, handle);
	ASSERT_EQ(0, queue_ready(&b, handle, 1));
	EXPECT_TRUE(queue_gives(&b, 1, 1));
	EXPECT_EQ(0, a.slot[kevent_slot_of(handle)].ready);
}

TEST_F(mapping, header)
{
	struct kevent_header *header = mmap(NULL, self->arg.size, PROT_READ, MAP_SHARED,
					    self->fd, 0);

	ASSERT_NE(MAP_FAILED, header);
	EXPECT_EQ(KEVENT_MAGIC, header->magic);
	EXPECT_EQ(KEVENT_VERSION, header->version);
	EXPECT_EQ(sizeof(struct kevent_slot), header->slot_size);
	EXPECT_EQ(1024, header->slots);
	EXPECT_GE(header->ring_entries, header->slots);
	EXPECT_EQ(0, header->ring_entries & (header->ring_entries - 1));
	EXPECT_EQ(0, header->flags);
	EXPECT_EQ(0, header->ring_seq);
	EXPECT_EQ(0, header->old_end);
	EXPECT_EQ(header->ring_entries, header->head);
	EXPECT_EQ(0, header->sleeping);
	EXPECT_EQ(0, header->polled);
	EXPECT_EQ(0, header->raised);
}

TEST_F(mapping, parts_do_not_overlap)
{
	struct kevent_header *header = mmap(NULL, self->arg.size, PROT_READ, MAP_SHARED,
					    self->fd, 0);

	ASSERT_NE(MAP_FAILED, header);
	EXPECT_EQ(0, self->arg.size % KEVENT_HEADER_SIZE);
	EXPECT_GE(header->off_ring, KEVENT_HEADER_SIZE);
	EXPECT_GE(header->off_slots, header->off_ring + 4 * header->ring_entries);
	EXPECT_GE(self->arg.size, header->off_slots + 32 * header->slots);
	EXPECT_EQ(0, header->off_ring % 64);
	EXPECT_EQ(0, header->off_slots % 64);
}

TEST_F(mapping, all_else_is_zero)
{
	char *map = mmap(NULL, self->arg.size, PROT_READ, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, map);
	for (size_t i = sizeof(struct kevent_header); i < self->arg.size; i++) {
		ASSERT_EQ(0, map[i])
			TH_LOG("byte %zu", i);
	}
}

TEST_HARNESS_MAIN
