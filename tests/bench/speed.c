// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of each operation on a single processor. Prints "speed", the operation, the
 * variant and nanoseconds, separated by tabs.
 */
#include "descriptors.h"
#include "speed.h"

int main(void)
{
	open_devices();
	allow_descriptors(2 * MANY);
	wait_for_boot();
	measure_eventfd();
	measure_cell();
	measure_epoll();
	measure_ping_pong();
	measure_posts();
	measure_timerfd();
	measure_record();
	measure_signalfd();
	return 0;
}
