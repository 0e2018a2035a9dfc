// SPDX-License-Identifier: GPL-2.0

//! The functions by which other modules produce events for queues. `include/linux/kevent.h`
//! documents them, and `exports.c` exports them.

use crate::{
    abstractions::sync::publisher::Subscriber,
    kevent::sources::producer::{
        self,
        Produced,
        Storage, //
    }, //
};
use kernel::{
    error::from_result,
    prelude::*, //
};

#[no_mangle]
extern "C" fn kevent_storage_fini(storage: &Storage) {
    storage.clear();
}

#[no_mangle]
extern "C" fn kevent_storage_enqueue(storage: &Storage, kevent: &Subscriber<Produced>) -> c_int {
    from_result(|| kevent.subscribe(storage).map(|()| 0))
}

#[no_mangle]
extern "C" fn kevent_storage_dequeue(kevent: &Subscriber<Produced>) {
    kevent.leave();
}

#[no_mangle]
extern "C" fn kevent_storage_ready(storage: &Storage, events: u32, n: u64) {
    producer::ready(storage, events, n);
}
