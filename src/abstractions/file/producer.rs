// SPDX-License-Identifier: GPL-2.0

//! Files of modules that produce events: `struct kevent_producer`.
//!
//! C header: `include/linux/kevent.h`

use crate::abstractions::{
    helpers,
    sync::publisher::Subscriber, //
};
use core::{
    num::NonZero,
    ptr, //
};
use kernel::{
    error::to_result,
    fs::File,
    prelude::*,
    sync::aref::ARef, //
};

/// An open file of a producer. When the producer is gone, its functions do nothing.
#[derive(Clone)]
pub struct ProducerFile {
    file: ARef<File>,
    id: NonZero<u64>,
}

fn as_raw<T>(kevent: &Subscriber<T>) -> *mut c_void {
    ptr::from_ref(kevent).cast_mut().cast()
}

impl ProducerFile {
    /// `file`, if a producer has registered for it. Context: task, may sleep.
    pub fn new(file: ARef<File>) -> Option<Self> {
        // SAFETY: The file is valid.
        let id = unsafe { helpers::evfd_helper_producer_of(file.as_ptr()) };
        NonZero::new(id).map(|id| Self { file, id })
    }

    /// Lets the producer have `kevent`, which wants `events`. From now on it may subscribe to one of
    /// the producer's publishers, until [`ProducerFile::dequeue`] has returned.
    ///
    /// Context: task, may sleep. Errors: the producer's; `EOPNOTSUPP` if it is gone.
    pub fn enqueue<T>(&self, kevent: &Subscriber<T>, events: u32, arg: &[u64; 3]) -> Result {
        let (file, id) = (self.file.as_ptr(), self.id.get());
        let arg = arg.as_ptr();
        // SAFETY: The file and the three arguments are valid. The producer does not look into the
        // kevent, but calls functions with it.
        to_result(unsafe { helpers::evfd_helper_enqueue(file, id, as_raw(kevent), events, arg) })
    }

    /// Tells the producer that `kevent` has ended. Context: task, may sleep.
    pub fn dequeue<T>(&self, kevent: &Subscriber<T>) {
        let (file, id) = (self.file.as_ptr(), self.id.get());
        // SAFETY: Like in `enqueue()`.
        unsafe { helpers::evfd_helper_dequeue(file, id, as_raw(kevent)) }
    }

    /// Whether the producer can say which events are there. Context: task, may sleep.
    pub fn polls(&self) -> bool {
        // SAFETY: The file is valid.
        unsafe { helpers::evfd_helper_producer_polls(self.file.as_ptr(), self.id.get()) }
    }

    /// The events that are there. Context: task, may sleep.
    pub fn poll<T>(&self, kevent: &Subscriber<T>) -> u32 {
        let (file, id) = (self.file.as_ptr(), self.id.get());
        // SAFETY: Like in `enqueue()`.
        unsafe { helpers::evfd_helper_producer_poll(file, id, as_raw(kevent)) }
    }
}
