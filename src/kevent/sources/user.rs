// SPDX-License-Identifier: GPL-2.0

//! `KEVENT_USER`: events that the program raises, by a call or in the slot.

use crate::kevent::{
    port::Port,
    source::Source, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// The source of a `KEVENT_USER`.
struct User(Port);

impl Source for User {
    fn ready(&self, events: u32) -> Result {
        self.0.raise(events);
        Ok(())
    }
}

/// Makes the source. Errors: `ENOMEM`.
pub(super) fn make(port: Port) -> Result<Arc<dyn Source>> {
    let source = Arc::new(User(port), GFP_KERNEL_ACCOUNT)?;
    Ok(source)
}
