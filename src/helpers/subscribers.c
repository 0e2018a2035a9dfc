// SPDX-License-Identifier: GPL-2.0
/* Subscribers of publishers: see src/abstractions/sync/publisher.rs. */
#include <linux/cleanup.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "subscribers.h"

/*
 * Guards the lists of all publishers. A lock of a publisher could go with it while a
 * subscriber leaves.
 */
static DEFINE_SPINLOCK(evfd_subscribers_lock);

/* Fails if the subscriber has subscribed or left before. */
bool evfd_helper_subscribe(struct hlist_head *list, struct evfd_helper_subscriber *subscriber)
{
	guard(spinlock)(&evfd_subscribers_lock);
	if (subscriber->decided)
		return false;
	subscriber->decided = true;
	hlist_add_head_rcu(&subscriber->link, list);
	return true;
}

/* The link keeps its way into the list, for those that are visiting it. */
void evfd_helper_unsubscribe(struct evfd_helper_subscriber *subscriber)
{
	guard(spinlock)(&evfd_subscribers_lock);
	subscriber->decided = true;
	hlist_del_init_rcu(&subscriber->link);
}

void evfd_helper_unsubscribe_all(struct hlist_head *list)
{
	guard(spinlock)(&evfd_subscribers_lock);
	while (!hlist_empty(list))
		hlist_del_init_rcu(list->first);
}

void evfd_helper_free_subscriber(struct evfd_helper_subscriber *subscriber)
{
	kfree_rcu(subscriber, rcu);
}
