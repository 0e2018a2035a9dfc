// SPDX-License-Identifier: GPL-2.0
/*
 * EXPORT_SYMBOL_GPL() for the functions in the Rust files here, and the version, for
 * which the module! macro has no key.
 *
 * <linux/eventfd.h>, which has an eventfd_signal() of its own, must not be
 * included here.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/evfd.h>
#include <linux/kevent.h>

#include "exports.h"

#define EXPORT_RUST(name)	\
	EXPORT_SYMBOL_GPL(name)

EXPORT_RUST(evfd_fget);
EXPORT_RUST(evfd_signal);
EXPORT_RUST(evfd_ctx_fdget);
EXPORT_RUST(evfd_ctx_fileget);
EXPORT_RUST(evfd_ctx_put);
EXPORT_RUST(evfd_ctx_signal);
EXPORT_RUST(evfd_ctx_do_read);
EXPORT_RUST(evfd_ctx_remove_wait_queue);
EXPORT_RUST(eventfd_signal);
#ifndef CONFIG_EVENTFD
EXPORT_RUST(eventfd_fget);
#endif

EXPORT_RUST(kevent_storage_fini);
EXPORT_RUST(kevent_storage_enqueue);
EXPORT_RUST(kevent_storage_dequeue);
EXPORT_RUST(kevent_storage_ready);

MODULE_VERSION(EVFD_VERSION);
