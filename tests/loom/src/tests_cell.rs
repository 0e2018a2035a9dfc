// SPDX-License-Identifier: GPL-2.0

//! Counters in shared memory. Loom reports a lost wake-up as a deadlock.

use crate::{
    abstractions::file::events::Events,
    cell::Wakeup,
    count::{
        Count,
        Take,
        USER_MAX, //
    },
    model::Poller,
    model_cell::{
        CellFd,
        EDGE,
        LEVEL, //
    },
    tests::{
        model,
        read,
        spawn, //
    },
};
use kernel::sync::atomic::Relaxed;
use loom::sync::atomic::{
    AtomicU64,
    Ordering, //
};
use std::sync::Arc;

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn a_write_by_the_program_wakes_a_reader() {
    model(None, || {
        let fd = CellFd::new(0, Take::All, false);
        let reader = spawn(&fd, read);
        assert!(fd.program_write(3));
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn a_read_by_the_program_wakes_a_writer() {
    model(None, || {
        let fd = CellFd::new(USER_MAX, Take::All, false);
        let writer = spawn(&fd, |fd| fd.write(1));
        assert!(fd.program_read() >= USER_MAX);
        writer.join().unwrap();
        assert_eq!(fd.count.get(), 1);
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn a_semaphore_read_by_the_program_wakes_a_writer() {
    model(None, || {
        let fd = CellFd::new(USER_MAX, Take::One, false);
        let writer = spawn(&fd, |fd| fd.write(1));
        assert!(fd.program_read_one());
        writer.join().unwrap();
        assert_eq!(fd.count.get(), USER_MAX);
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn a_write_by_the_program_wakes_a_level_poller() {
    model(None, || {
        let fd = CellFd::new(0, Take::All, false);
        let poller = spawn(&fd, |fd| fd.poll_until_ready(LEVEL));
        assert!(fd.program_write(1));
        poller.join().unwrap();
    });
}

/// The kick belongs to a write whose count has been taken already. It wakes nevertheless, because it
/// has cleared the flag that the next write looks for.
#[test]
#[cfg_attr(
    any(
        feature = "unordered",
        feature = "relaxed",
        feature = "hasty",
        feature = "choosy"
    ),
    should_panic(expected = "deadlock")
)]
fn a_level_poller_that_polls_again_misses_no_write() {
    model(Some(3), || {
        let fd = CellFd::new(0, Take::All, false);
        let poller = spawn(&fd, |fd| fd.poll_until_ready(LEVEL));
        let kicker = spawn(&fd, |fd| fd.kick(Events::IN));
        assert!(fd.program_write(1));
        poller.join().unwrap();
        kicker.join().unwrap();
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed", feature = "greedy"),
    should_panic(expected = "a write did not call the poller")
)]
fn each_write_calls_an_edge_poller() {
    model(Some(3), || {
        let fd = CellFd::new(0, Take::All, false);
        let poller = Arc::new(Poller::new());
        let polling = spawn(&fd, {
            let poller = poller.clone();
            move |fd| {
                fd.poll(EDGE, &poller);
                fd.count.get()
            }
        });
        let writer = spawn(&fd, |fd| assert!(fd.program_write(1)));
        assert!(fd.program_write(1));
        writer.join().unwrap();
        let seen = polling.join().unwrap();
        let called = poller.calls() as u64;
        assert!(seen + called >= 2, "a write did not call the poller");
    });
}

/// Like io_uring and queues of kevents, which keep the events of a wake-up.
#[test]
#[cfg_attr(
    any(feature = "choosy", feature = "greedy"),
    should_panic(expected = "a write did not call the poller")
)]
fn a_kick_for_a_reader_leaves_the_flag_of_an_edge_poller() {
    model(Some(2), || {
        let fd = CellFd::new(0, Take::One, false);
        let poller = Poller::new();
        fd.poll(LEVEL.with(Events::NVAL), &poller);
        let reader = spawn(&fd, read);
        for _ in 0..2 {
            assert!(fd.program_write(1));
        }
        assert_eq!(reader.join().unwrap(), 1);
        assert!(poller.calls() >= 2, "a write did not call the poller");
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
#[cfg_attr(feature = "torn", should_panic(expected = "a count was lost"))]
fn one_kick_wakes_both_readers() {
    model(Some(2), || {
        let fd = CellFd::new(0, Take::One, false);
        let readers = [(), ()].map(|()| spawn(&fd, read));
        assert!(fd.program_write(2));
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 1);
        }
        assert_eq!(fd.count.get(), 0, "a count was lost");
    });
}

#[test]
#[cfg_attr(
    any(
        feature = "unordered",
        feature = "torn",
        feature = "relaxed",
        feature = "hasty",
        feature = "greedy"
    ),
    should_panic(expected = "deadlock")
)]
fn each_write_wakes_another_reader_of_wake_one() {
    model(Some(2), || {
        let fd = CellFd::new(0, Take::One, true);
        let readers = [(), ()].map(|()| spawn(&fd, read));
        for _ in 0..2 {
            assert!(fd.program_write(1));
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 1);
        }
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed", feature = "selfish"),
    should_panic(expected = "deadlock")
)]
fn a_semaphore_in_a_cell_passes_the_turn_on() {
    model(Some(2), || {
        let fd = CellFd::new(0, Take::One, true);
        let readers = [(), ()].map(|()| spawn(&fd, read));
        assert!(fd.program_write(2));
        for reader in readers {
            assert_eq!(reader.join().unwrap(), 1);
        }
    });
}

/// The queue is empty at the kick, so the kick clears the flag that the reader sets.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed", feature = "hasty"),
    should_panic(expected = "deadlock")
)]
fn a_kick_beside_a_new_reader_costs_no_wake_up() {
    model(Some(3), || {
        let fd = CellFd::new(0, Take::All, true);
        let reader = spawn(&fd, read);
        let kicker = spawn(&fd, |fd| fd.kick(Events::IN));
        assert!(fd.program_write(1));
        assert_eq!(reader.join().unwrap(), 1);
        kicker.join().unwrap();
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed", feature = "greedy"),
    should_panic(expected = "deadlock")
)]
fn a_kick_for_readers_leaves_the_flag_of_a_writer() {
    model(Some(2), || {
        let fd = CellFd::new(USER_MAX, Take::All, false);
        let writer = spawn(&fd, |fd| fd.write(1));
        fd.kick(Events::IN);
        assert_eq!(fd.program_read(), USER_MAX);
        writer.join().unwrap();
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "deadlock"))]
fn a_contended_post_wakes_a_reader() {
    model(None, || {
        let fd = CellFd::new(0, Take::All, false);
        let reader = spawn(&fd, read);
        assert_eq!(fd.count.post_contended(3), (0, 3));
        fd.wake_after_post();
        assert_eq!(reader.join().unwrap(), 3);
    });
}

#[test]
#[cfg_attr(feature = "torn", should_panic(expected = "a count was lost"))]
fn no_count_of_kernel_or_program_is_lost() {
    model(Some(3), || {
        let fd = CellFd::new(4, Take::All, false);
        let program = spawn(&fd, |fd| {
            assert!(fd.program_write(1));
            fd.program_read()
        });
        let kernel = spawn(&fd, |fd| {
            fd.post(2);
            fd.read_now()
        });
        let (old, new) = fd.count.post_contended(8);
        assert_eq!(new, old + 8);
        let taken = program.join().unwrap() + kernel.join().unwrap();
        assert_eq!(taken + fd.count.get(), 15, "a count was lost");
    });
}

#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "old data")
)]
fn a_reader_sees_the_data_before_a_write_by_the_program() {
    model(None, || {
        let fd = CellFd::new(0, Take::All, false);
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
        assert!(fd.program_write(1));
        reader.join().unwrap();
    });
}

#[test]
fn a_cell_begins_without_flags() {
    model(None, || {
        let fd = CellFd::new(0, Take::All, false);
        for wakeup in [Wakeup::Once, Wakeup::Each] {
            fd.count.arm(Events::IN | Events::OUT, wakeup);
        }
        fd.count.begin(7);
        assert_eq!(fd.count.wakeup_in.load(Relaxed), 0);
        assert_eq!(fd.count.wakeup_out.load(Relaxed), 0);
        assert_eq!(fd.count.get(), 7);
    });
}
