/* SPDX-License-Identifier: GPL-2.0 */
#ifndef EVFD_HELPERS_SUBSCRIBERS_H
#define EVFD_HELPERS_SUBSCRIBERS_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct evfd_helper_subscriber - a place in the list of a publisher
 * @rcu: for the free of the memory, which begins here
 * @link: the place
 * @decided: it has subscribed, or never will; guarded by the lock of lists
 */
struct evfd_helper_subscriber {
	struct rcu_head rcu;
	struct hlist_node link;
	bool decided;
};

bool evfd_helper_subscribe(struct hlist_head *list, struct evfd_helper_subscriber *subscriber);
void evfd_helper_unsubscribe(struct evfd_helper_subscriber *subscriber);
void evfd_helper_unsubscribe_all(struct hlist_head *list);
void evfd_helper_free_subscriber(struct evfd_helper_subscriber *subscriber);

#endif /* EVFD_HELPERS_SUBSCRIBERS_H */
