// SPDX-License-Identifier: GPL-2.0

//! Timers in shared memory. Loom reports a lost wake-up as a deadlock.

use crate::{
    model::Poller,
    model_record::{
        RecordTimer,
        BUSY, //
    },
    tests::model, //
};
use loom::thread;
use std::sync::Arc;

fn spawn<R: 'static>(
    timer: &Arc<RecordTimer>,
    f: impl FnOnce(&RecordTimer) -> R + 'static,
) -> thread::JoinHandle<R> {
    let timer = timer.clone();
    thread::spawn(move || f(&timer))
}

/// The time of the program has passed, and no interrupt comes for the later time.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn an_earlier_time_wakes_a_waiter() {
    model(None, || {
        let timer = RecordTimer::new(10, 0);
        let waiter = spawn(&timer, RecordTimer::wait);
        assert!(timer.put_off(1));
        waiter.join().unwrap();
    });
}

/// The timer was disarmed when the waiter came.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn arming_wakes_a_waiter() {
    model(None, || {
        let timer = RecordTimer::new(0, 0);
        let waiter = spawn(&timer, RecordTimer::wait);
        assert!(timer.put_off(1));
        waiter.join().unwrap();
    });
}

fn loses_no_wake_up(wait: fn(&RecordTimer)) {
    model(Some(2), move || {
        let timer = RecordTimer::new(2, 0);
        let waiter = spawn(&timer, wait);
        let interrupt = spawn(&timer, |timer| {
            timer.set_now(2);
            timer.interrupt();
        });
        assert!(timer.put_off(3));
        interrupt.join().unwrap();
        // The waiter may start the kernel's timer later, for a time that has passed then.
        timer.set_now(3);
        timer.interrupt();
        waiter.join().unwrap();
        assert!(timer.record.next() == 3);
    });
}

/// An interrupt at the old time, while the program sets a later time.
#[test]
fn a_later_time_loses_no_wake_up() {
    loses_no_wake_up(RecordTimer::wait);
}

/// A poll that finds the timer due says so, even if it is not due any more. There is nothing that
/// would wake the poller otherwise.
#[test]
#[cfg_attr(feature = "hasty", should_panic(expected = "deadlock"))]
fn a_later_time_loses_no_wake_up_of_a_poller() {
    loses_no_wake_up(RecordTimer::poll_until_due);
}

/// The interrupt finds a later time, and the program then sets an earlier time.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "deadlock")
)]
fn an_interrupt_that_starts_again_misses_no_earlier_time() {
    model(Some(3), || {
        let timer = RecordTimer::new(2, 0);
        let waiter = spawn(&timer, RecordTimer::wait);
        let program = spawn(&timer, |timer| {
            assert!(timer.put_off(10));
            assert!(timer.put_off(2));
        });
        timer.set_now(2);
        timer.interrupt();
        program.join().unwrap();
        timer.interrupt();
        waiter.join().unwrap();
    });
}

/// A poller that does not poll again is told of the tick after those that the program has read.
#[test]
#[cfg_attr(
    feature = "greedy",
    should_panic(expected = "an expiration was missed")
)]
fn each_expiration_reaches_an_edge_poller() {
    model(Some(3), || {
        let timer = RecordTimer::new(2, 2);
        let poller = Poller::new();
        assert!(!timer.poll_each(&poller));
        timer.set_now(2);
        timer.interrupt();
        assert_eq!(poller.calls(), 1);
        let reader = spawn(&timer, |timer| timer.program_read());
        assert_eq!(reader.join().unwrap(), Some(1));
        timer.set_now(4);
        timer.interrupt();
        assert_eq!(poller.calls(), 2, "an expiration was missed");
    });
}

/// Reads of both ways take each tick once.
#[test]
#[cfg_attr(feature = "torn", should_panic(expected = "a tick was read twice"))]
fn ticks_are_read_once() {
    model(None, || {
        let timer = RecordTimer::new(2, 2);
        timer.set_now(7);
        let reader = spawn(&timer, RecordTimer::take);
        let program = spawn(&timer, |timer| timer.program_read().unwrap_or(0));
        let taken = reader.join().unwrap() + program.join().unwrap();
        assert_eq!(taken + timer.take(), 3, "a tick was read twice");
        assert_eq!(timer.record.next(), 8);
    });
}

/// After a setting that is not in memory, the program's times are refused.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "a void time was accepted")
)]
fn a_time_is_refused_after_the_timer_has_left() {
    model(None, || {
        let timer = RecordTimer::new(2, 2);
        timer.set_now(3);
        let setter = spawn(&timer, RecordTimer::leave);
        let is_set = timer.put_off(5);
        setter.join().unwrap();
        assert!(
            !is_set || timer.next_word() == BUSY,
            "a void time was accepted"
        );
        assert!(!timer.put_off(6));
        assert_eq!(timer.program_read(), None);
    });
}

/// No read takes ticks of such a time.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "torn"),
    should_panic(expected = "a void time was read")
)]
fn a_refused_time_is_not_read() {
    model(None, || {
        let timer = RecordTimer::new(0, 0);
        timer.set_now(3);
        let setter = spawn(&timer, RecordTimer::leave);
        let reader = spawn(&timer, RecordTimer::program_read);
        timer.put_off(3);
        setter.join().unwrap();
        let read = reader.join().unwrap();
        assert!(
            read != Some(1) || timer.next_word() == BUSY,
            "a void time was read"
        );
    });
}

/// A setting that moves the timer to the memory replaces such a time.
#[test]
#[cfg_attr(
    any(feature = "unordered", feature = "relaxed"),
    should_panic(expected = "a refused time is in force")
)]
fn a_setting_in_memory_replaces_a_refused_time() {
    model(None, || {
        let timer = RecordTimer::new(2, 0);
        timer.leave();
        let setter = spawn(&timer, |timer| timer.enter(9));
        let is_set = timer.put_off(5);
        setter.join().unwrap();
        assert!(
            is_set || timer.next_word() == 9,
            "a refused time is in force"
        );
    });
}

/// A time that the program sets during a read stays.
#[test]
#[cfg_attr(feature = "torn", should_panic(expected = "the time was lost"))]
fn a_read_keeps_the_time_of_the_program() {
    model(None, || {
        let timer = RecordTimer::new(1, 0);
        let reader = spawn(&timer, RecordTimer::take);
        assert!(timer.put_off(5));
        let ticks = reader.join().unwrap();
        assert!(ticks <= 1);
        assert_eq!(timer.record.next(), 5, "the time was lost");
    });
}
