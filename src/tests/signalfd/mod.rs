// SPDX-License-Identifier: GPL-2.0

//! Sets of signals, pending signals, and the order of delivery.

mod record;

use kernel::prelude::*;

#[kunit_tests(evfd_signal)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            task::signal::{
                self,
                SigSet, //
            },
            testing::{
                Signals,
                To,
                Watch, //
            }, //
        },
        signalfd::signals, //
    };
    use kernel::sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    };

    const SIGHUP: i32 = 1;
    const SIGILL: i32 = 4;
    const SIGTRAP: i32 = 5;
    const SIGBUS: i32 = 7;
    const SIGFPE: i32 = 8;
    const SIGKILL: i32 = 9;
    const SIGUSR1: i32 = 10;
    const SIGSEGV: i32 = 11;
    const SIGTERM: i32 = 15;
    const SIGCHLD: i32 = 17;
    const SIGSTOP: i32 = 19;
    const SIGSYS: i32 = 31;
    const FIRST_RT: i32 = 32;
    const LAST: i32 = 64;

    fn set(signals: &[i32]) -> SigSet {
        let bits = signals.iter().fold(0, |bits, n| bits | 1u64 << (n - 1));
        SigSet::from_bits(bits)
    }

    #[test]
    fn signals_have_their_bits() -> Result {
        assert_eq!(SigSet::of(1)?.bits(), 1);
        assert_eq!(SigSet::of(SIGUSR1)?.bits(), 0x200);
        assert_eq!(SigSet::of(LAST)?.bits(), 0x8000_0000_0000_0000);
        for signal in [0, -1, 65, 66, 128, i32::MIN, i32::MAX] {
            assert!(SigSet::of(signal).err() == Some(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn some_can_not_be_caught() {
        let all = SigSet::from_bits(u64::MAX);
        assert_eq!(all.that_can_be_caught().bits(), 0xffff_ffff_fffb_feff);
        assert!(set(&[SIGKILL, SIGSTOP]).that_can_be_caught().is_empty());
        assert!(set(&[SIGUSR1]).that_can_be_caught() == set(&[SIGUSR1]));
        assert!(!set(&[LAST]).is_empty());
        assert!(SigSet::from_bits(0).is_empty());
    }

    #[test]
    fn sets_are_combined() {
        let both = set(&[SIGHUP, SIGTERM]);
        assert!(both & set(&[SIGTERM, LAST]) == set(&[SIGTERM]));
        assert!((both & !both).is_empty());
        assert_eq!((!SigSet::from_bits(0)).bits(), u64::MAX);
    }

    /// Takes the next pending signal of `signals`, or returns 0.
    fn take(signals: SigSet) -> i32 {
        signal::take(signals).map_or(0, |info| info.signal())
    }

    const ALL: SigSet = SigSet::from_bits(u64::MAX).that_can_be_caught();

    #[test]
    fn faults_are_first_then_the_lowest() -> Result {
        let sent = [
            LAST, FIRST_RT, SIGTERM, SIGSYS, SIGHUP, SIGCHLD, SIGSEGV, SIGFPE, SIGILL, SIGBUS,
            SIGTRAP,
        ];
        let want = [
            SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGHUP, SIGTERM, SIGCHLD, FIRST_RT,
            LAST,
        ];
        let signals = Signals::new(ALL);
        for to in [To::Task, To::Group] {
            for signal in sent {
                signals.send(signal, to)?;
            }
            for signal in want {
                assert!(signal::is_pending(ALL));
                assert_eq!(take(ALL), signal);
            }
            assert!(!signal::is_pending(ALL));
            assert_eq!(take(ALL), 0);
        }
        Ok(())
    }

    #[test]
    fn the_task_is_before_its_group() -> Result {
        let signals = Signals::new(ALL);
        signals.send(SIGSEGV, To::Group)?;
        signals.send(SIGTERM, To::Group)?;
        signals.send(SIGTERM, To::Task)?;
        signals.send(LAST, To::Task)?;
        for signal in [SIGTERM, LAST, SIGSEGV, SIGTERM, 0] {
            assert_eq!(take(ALL), signal);
        }
        Ok(())
    }

    #[test]
    fn only_what_is_wanted_is_taken() -> Result {
        let signals = Signals::new(ALL);
        signals.send(SIGHUP, To::Task)?;
        signals.send(LAST, To::Group)?;
        let others = !set(&[SIGHUP, LAST]);
        assert!(!signal::is_pending(others));
        assert_eq!(take(others), 0);
        assert!(!signal::is_pending(SigSet::from_bits(0)));
        assert_eq!(take(SigSet::from_bits(0)), 0);
        assert!(signal::is_pending(set(&[LAST])));
        assert_eq!(take(set(&[LAST])), LAST);
        assert!(!signal::is_pending(set(&[LAST])));
        assert!(signal::is_pending(ALL));
        assert_eq!(take(set(&[SIGHUP, LAST])), SIGHUP);
        Ok(())
    }

    #[test]
    fn the_same_signal_is_there_once() -> Result {
        let signals = Signals::new(ALL);
        for _ in 0..3 {
            signals.send(SIGTERM, To::Task)?;
        }
        assert_eq!(take(ALL), SIGTERM);
        assert_eq!(take(ALL), 0);
        Ok(())
    }

    #[test]
    fn forced_ones_are_not_taken() -> Result {
        let signals = Signals::new(ALL);
        signals.send(SIGSEGV, To::Task)?;
        signals.send(SIGTERM, To::Group)?;
        let seen = signals.with_forced(SIGSEGV, || {
            (
                signal::is_pending(set(&[SIGSEGV])),
                take(set(&[SIGSEGV])),
                take(ALL),
                signal::is_pending(ALL),
                take(ALL),
            )
        })?;
        assert_eq!(seen, (false, 0, SIGTERM, false, 0));
        assert_eq!(take(ALL), SIGSEGV);
        Ok(())
    }

    #[test]
    fn blocking_tells_what_was() {
        let before = signal::block(SigSet::from_bits(0));
        let signals = set(&[SIGUSR1, LAST]);
        assert!(signal::block(signals) == before);
        let blocked = signal::block(set(&[SIGHUP, SIGKILL]));
        assert!(signals & !blocked == SigSet::from_bits(0));
        assert!(before & !blocked == SigSet::from_bits(0));
        signal::set_blocked(before);
        assert!(signal::block(SigSet::from_bits(0)) == before);
        // There is no other thread.
        assert!(signal::others_block(ALL));
    }

    #[test]
    fn the_queue_is_woken() -> Result {
        let woken = Atomic::new(0);
        let note = |events: Events| {
            // The kernel wakes without events.
            woken.fetch_add(if events.bits() == 0 { 1 } else { 100 }, Full);
        };
        let signals = Signals::new(ALL);
        signal::with_queue(|queue| {
            let _watch = Watch::new(queue, false, &note)?;
            signals.send(SIGTERM, To::Task)?;
            assert_eq!(woken.load(Relaxed), 1);
            signals.send(LAST, To::Group)?;
            assert_eq!(woken.load(Relaxed), 2);
            // The signal is pending already.
            signals.send(SIGTERM, To::Task)?;
            assert_eq!(woken.load(Relaxed), 2);
            signal::wake();
            assert_eq!(woken.load(Relaxed), 3);
            assert_eq!(take(ALL), SIGTERM);
            assert_eq!(woken.load(Relaxed), 3);
            Ok(())
        })
    }

    #[test]
    fn a_set_needs_no_file() -> Result {
        let sent = Signals::new(ALL);
        let wanted = set(&[SIGTERM, LAST]);
        assert!(signals::events(wanted) == Events::NONE);
        assert!(signals::take(wanted).is_none());
        sent.send(SIGHUP, To::Task)?;
        sent.send(LAST, To::Group)?;
        signals::wait(|| wanted)?;
        assert!(signals::events(wanted) == Events::IN);
        let record = signals::take(wanted);
        assert!(record.is_some_and(|record| record.ssi_signo == LAST as u32));
        assert!(signals::events(wanted) == Events::NONE);
        assert!(signals::events(ALL) == Events::IN);
        Ok(())
    }
}
