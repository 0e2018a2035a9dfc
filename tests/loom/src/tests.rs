// SPDX-License-Identifier: GPL-2.0

//! The counter. Loom reports a lost wake-up as a deadlock: a thread waits, and no thread is left to
//! wake it.

use crate::{
    abstractions::{
        file::events::Events,
        mm::user::ReadBuf, //
    },
    count::{
        Count,
        Take,
        USER_MAX, //
    },
    model::{
        Descriptor,
        EventFd,
        Kind, //
    },
};
use kernel::prelude::{
    Result,
    EFAULT, //
};
use loom::{
    sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        Notify, //
    },
    thread, //
};
use std::sync::Arc;

/// The destination of a read.
#[derive(Default)]
pub(crate) struct Buf {
    value: Option<u64>,
    broken: bool,
}

impl ReadBuf for Buf {
    fn put<T: Copy + Into<u64>>(&mut self, value: &T) -> Result {
        assert_eq!(self.value, None);
        if self.broken {
            return Err(EFAULT);
        }
        self.value = Some((*value).into());
        Ok(())
    }
}

pub(crate) fn read<K: Kind>(fd: &Descriptor<K>) -> u64 {
    let mut buf = Buf::default();
    fd.read(&mut buf).unwrap();
    buf.value.unwrap()
}

/// Runs `f` in every order, or in those with at most so many preemptions.
pub(crate) fn model(preemptions: Option<usize>, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(f);
}

pub(crate) fn spawn<K: 'static, R: 'static>(
    fd: &Arc<Descriptor<K>>,
    f: impl FnOnce(&Descriptor<K>) -> R + 'static,
) -> thread::JoinHandle<R> {
    let fd = fd.clone();
    thread::spawn(move || f(&fd))
}

fn wakes_a_reader(add: fn(&EventFd, u64)) {
    model(None, move || {
        let fd = EventFd::new(0, Take::All, false);
        let reader = spawn(&fd, read);
        add(&fd, 3);
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_write_wakes_a_reader() {
    wakes_a_reader(EventFd::write);
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_post_wakes_a_reader() {
    wakes_a_reader(EventFd::post);
}

#[test]
#[cfg_attr(
    feature = "unordered",
    should_panic(expected = "a poller missed the post")
)]
fn a_post_calls_a_poller() {
    model(None, || {
        let fd = EventFd::new(0, Take::All, false);
        let poller = spawn(&fd, |fd| {
            let woken = Arc::new(Notify::new());
            fd.queue.prepare(Events::IN, false, &woken);
            (fd.count.events().intersects(Events::IN), woken)
        });
        fd.post(1);
        let (seen, woken) = poller.join().unwrap();
        // A poller that was called is no longer on the queue.
        let called = Arc::strong_count(&woken) == 1;
        assert!(seen || called, "a poller missed the post");
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_read_wakes_a_writer() {
    model(None, || {
        let fd = EventFd::new(USER_MAX, Take::All, false);
        let writer = spawn(&fd, |fd| fd.write(1));
        assert!(read(&fd) >= USER_MAX);
        writer.join().unwrap();
        assert_eq!(fd.count.get(), 1);
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_read_of_the_kernels_wakes_a_writer() {
    model(None, || {
        // Below the limit, so the read wakes because of the number of writers.
        let fd = EventFd::new(USER_MAX - 1, Take::All, false);
        let writer = spawn(&fd, |fd| fd.write(2));
        assert_eq!(fd.read_now(), USER_MAX - 1);
        writer.join().unwrap();
        assert_eq!(fd.count.get(), 2);
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "old data"))]
fn a_read_sees_what_was_before_the_write() {
    model(None, || {
        let fd = EventFd::new(0, Take::All, false);
        let data = Arc::new(AtomicU64::new(0));
        let reader = spawn(&fd, {
            let data = data.clone();
            move |fd| {
                if fd.count.take(Take::All).unwrap().0 != 0 {
                    assert_eq!(data.load(Ordering::Relaxed), 1, "old data");
                }
            }
        });
        data.store(1, Ordering::Relaxed);
        assert!(fd.count.add(1).unwrap());
        reader.join().unwrap();
    });
}

/// Reads beside two writes.
fn read_beside_writes(broken: bool) {
    model(Some(3), move || {
        let fd = EventFd::new(4, Take::All, false);
        let reader = spawn(&fd, move |fd| {
            let mut buf = Buf {
                broken,
                ..Buf::default()
            };
            assert_eq!(fd.read(&mut buf).is_err(), broken);
            buf.value.unwrap_or(0)
        });
        let writer = spawn(&fd, |fd| fd.write(1));
        fd.write(2);
        writer.join().unwrap();
        let taken = reader.join().unwrap();
        assert_eq!(taken + fd.count.get(), 7, "a count was lost");
    });
}

#[test]
#[cfg_attr(feature = "torn", should_panic(expected = "a count was lost"))]
fn no_count_is_lost() {
    read_beside_writes(false);
}

#[test]
#[cfg_attr(
    any(feature = "torn", feature = "selfish"),
    should_panic(expected = "a count was lost")
)]
fn a_read_that_faults_gives_its_count_back() {
    read_beside_writes(true);
}

/// Another reader sees the counter without the count, and goes to sleep.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "selfish"),
    should_panic(expected = "deadlock")
)]
fn a_count_that_is_given_back_wakes_a_reader() {
    model(Some(3), || {
        let fd = EventFd::new(3, Take::All, false);
        let reader = spawn(&fd, read);
        // The other read may be faster.
        if let Some(taken) = fd.count.try_take(Take::All) {
            fd.give_back(taken);
        }
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "selfish"),
    should_panic(expected = "deadlock")
)]
#[cfg_attr(feature = "torn", should_panic(expected = "a count was lost"))]
fn a_semaphore_passes_the_turn_on() {
    model(Some(2), || {
        let fd = EventFd::new(0, Take::One, true);
        let readers = [(), ()].map(|()| spawn(&fd, read));
        fd.post(2);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 1);
        }
        assert_eq!(fd.count.get(), 0, "a count was lost");
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "selfish"),
    should_panic(expected = "deadlock")
)]
fn a_reader_that_faults_passes_the_turn_on() {
    model(Some(2), || {
        let fd = EventFd::new(0, Take::All, true);
        let faulty = spawn(&fd, |fd| {
            let mut buf = Buf {
                broken: true,
                ..Buf::default()
            };
            assert_eq!(fd.read(&mut buf), Err(EFAULT));
        });
        let reader = spawn(&fd, |fd| {
            read(fd);
            // For the faulty reader, if it found the counter empty.
            fd.post(1);
        });
        fd.post(1);
        faulty.join().unwrap();
        reader.join().unwrap();
    });
}
