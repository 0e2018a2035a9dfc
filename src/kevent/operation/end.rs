// SPDX-License-Identifier: GPL-2.0

//! The end of all operations of a queue or of a process.

use super::machine::Operation;
use crate::{
    abstractions::{
        file::io::DescriptorTable,
        sync::preempt, //
    },
    kevent::{
        queue::Queue,
        source::{
            Room,
            Source, //
        }, //
    }, //
};
use kernel::sync::Arc;

/// The operation that a source is.
pub(crate) fn of(source: &dyn Source) -> Option<&Arc<Operation>> {
    source.operation()?.downcast_ref()
}

/// Cancels the operations of `queue` that tasks with the descriptor table `starter` have started,
/// or all. Waits for those that threads do. These hold the memory of the process, which may map
/// the queue. So they must end before a process exits.
///
/// Context: task, may sleep.
pub(crate) fn cancel_all(queue: &Queue, starter: Option<DescriptorTable>) {
    if !queue.has_threads() {
        return;
    }
    let is_meant =
        |operation: &&Arc<Operation>| starter.is_none_or(|table| operation.was_started_with(table));
    let kevents = queue.lock();
    for number in 0..kevents.len() {
        preempt::cond_resched();
        let source = kevents.source(number).and_then(Room::get);
        if let Some(operation) = source.and_then(of).filter(is_meant) {
            operation.cancel();
        }
    }
    drop(kevents);
    let mut next = 0;
    loop {
        let kevents = queue.lock();
        let runs = (next..kevents.len()).find_map(|number| {
            preempt::cond_resched();
            let source = kevents.source(number).and_then(Room::get);
            let operation = source.and_then(of).filter(is_meant)?;
            operation.runs().then(|| (number, operation.clone()))
        });
        drop(kevents);
        let Some((number, operation)) = runs else {
            return;
        };
        operation.wait_through_signals();
        next = number + 1;
    }
}
