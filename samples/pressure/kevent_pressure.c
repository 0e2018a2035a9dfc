// SPDX-License-Identifier: GPL-2.0
/*
 * Sample: tell the queues of programs of memory pressure, as a producer of kevents.
 *
 * A program opens /dev/kevent_pressure and adds a KEVENT_PRODUCER with the descriptor.
 * The module has a shrinker without objects of its own. Whenever reclaim asks the shrinker
 * how much it could free, all these kevents get an event, in memory that the programs read.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/shrinker.h>

#include <linux/kevent.h>

#include "evfd_samples.h"

/* One for all programs: pressure is the same for each. */
static struct kevent_storage storage;

/* Reclaim calls this with all the locks of the allocating task held. */
static unsigned long pressure_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	kevent_storage_ready(&storage, KEVENT_PRESSURE_RECLAIM, 1);
	return SHRINK_EMPTY;
}

static unsigned long pressure_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	return SHRINK_STOP;
}

static int pressure_enqueue(struct kevent *kevent, struct file *file, u32 events,
			    const u64 arg[3])
{
	if (events & ~KEVENT_PRESSURE_RECLAIM || arg[0] || arg[1] || arg[2])
		return -EINVAL;
	return kevent_storage_enqueue(&storage, kevent);
}

static const struct file_operations pressure_fops = {
	.owner = THIS_MODULE,
};

static struct kevent_producer pressure_producer = {
	.fops = &pressure_fops,
	.enqueue = pressure_enqueue,
};

static struct miscdevice pressure_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KEVENT_PRESSURE_DEVICE_NAME,
	.fops = &pressure_fops,
	.mode = 0444,
};

static struct shrinker *shrinker;

static int __init pressure_init(void)
{
	int error;

	kevent_storage_init(&storage);
	shrinker = shrinker_alloc(0, "kevent-sample");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = pressure_count;
	shrinker->scan_objects = pressure_scan;
	error = kevent_producer_register(&pressure_producer);
	if (error)
		goto free;
	error = misc_register(&pressure_device);
	if (error)
		goto unregister;
	shrinker_register(shrinker);
	return 0;

unregister:
	kevent_producer_unregister(&pressure_producer);
free:
	shrinker_free(shrinker);
	return error;
}
module_init(pressure_init);

/* No kevent is left: each holds a file, which holds the module. */
static void __exit pressure_exit(void)
{
	misc_deregister(&pressure_device);
	kevent_producer_unregister(&pressure_producer);
	/* After this, no pressure_count() is running or will run. */
	shrinker_free(shrinker);
	kevent_storage_fini(&storage);
}
module_exit(pressure_exit);

MODULE_DESCRIPTION("evfd sample: memory pressure as kevents");
MODULE_LICENSE("GPL");
