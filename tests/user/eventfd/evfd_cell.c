// SPDX-License-Identifier: GPL-2.0
#include "common.h"
#include <evfd/counter.h>

TEST(smoke)
{
	int dev = evfd_open(), arena = evfd_arena_open(dev, 300);
	struct evfd_cell *cells;
	struct evfd_counter c;
	struct epoll_event ev = { .events = EPOLLIN };
	__u64 v = 0;
	int ep = epoll_create1(0);

	ASSERT_GE(arena, 0);
	cells = evfd_arena_map(arena, 300);
	ASSERT_TRUE(cells);
	ASSERT_EQ(0, evfd_counter_open(&c, dev, arena, cells, 299, 3, EFD_NONBLOCK));
	EXPECT_EQ(3, evfd_counter_look(&c));
	EXPECT_EQ(3, efd_take(c.fd));
	EXPECT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, c.fd, &ev));
	EXPECT_EQ(1, c.cell->wakeup_in);
	EXPECT_EQ(0, evfd_counter_write(&c, 2));
	EXPECT_EQ(0, c.cell->wakeup_in);
	EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
	EXPECT_EQ(0, c.cell->wakeup_in);
	EXPECT_EQ(0, evfd_counter_read(&c, &v));
	EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
	EXPECT_EQ(1, c.cell->wakeup_in);
	EXPECT_EQ(2, v);
}

TEST_HARNESS_MAIN
