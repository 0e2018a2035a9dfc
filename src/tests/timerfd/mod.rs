// SPDX-License-Identifier: GPL-2.0

//! The state of a timer without and with a kernel timer, and a timer without a file.

mod record;
mod schedule;

use kernel::prelude::*;

#[kunit_tests(evfd_timerfd)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            sync::{
                roster::{
                    Member,
                    Roster, //
                },
                wait::Mode, //
            },
            testing::{
                call_in,
                Watch, //
                OTHER_CPU,
            },
            time::{
                clock::{
                    Clock,
                    Ktime, //
                },
                timed::{
                    Expire,
                    Guard,
                    Timed, //
                },
                timer::{
                    Alarm,
                    HrTimer,
                    RawTimer, //
                }, //
            }, //
        },
        new_wait_queue,
        timerfd::{
            setting::{
                Setting,
                TimerClock, //
            },
            state::TimerState,
            timer::{
                Take,
                Timer,
                TimerKind, //
            }, //
        },
        uapi, //
    };
    use kernel::{
        bindings,
        sync::{
            atomic::{
                Atomic,
                Full,
                Relaxed, //
            },
            Arc, //
        },
    };

    const CLOCKS: [Clock; 4] = [
        Clock::Monotonic,
        Clock::Realtime,
        Clock::Boottime,
        Clock::Tai,
    ];
    /// Longer than any test.
    const HOUR: Ktime = 3_600_000_000_000;

    fn periodic(interval: Ktime) -> TimerState {
        let mut state = TimerState::new(Clock::Monotonic, ());
        state.interval = interval;
        state
    }

    #[test]
    fn ticks_saturate() {
        let mut state = periodic(0);
        state.ticks = u64::MAX - 1;
        assert!(state.expire() == Events::IN);
        state.expire();
        assert_eq!(state.ticks, u64::MAX);

        let mut state = periodic(1);
        state.ticks = u64::MAX - 10;
        state.expire();
        assert_eq!(state.forward(0, 1000), Some(1001));
        assert_eq!(state.ticks, u64::MAX);
    }

    #[test]
    fn missed_ticks_are_counted_once() {
        let mut state = periodic(10);
        state.expire();
        assert_eq!(state.forward(100, 125), Some(130));
        assert_eq!(state.ticks, 3);
        assert_eq!(state.forward(130, 1000), None);
        assert_eq!(state.ticks, 3);
    }

    #[test]
    fn what_is_not_due_is_not_forwarded() {
        // The timer has not expired.
        let mut state = periodic(10);
        assert_eq!(state.forward(100, 1000), None);
        assert_eq!(state.ticks, 0);
        // The timer has no interval.
        let mut state = periodic(0);
        state.expire();
        assert_eq!(state.forward(100, 1000), None);
        assert_eq!(state.ticks, 1);
    }

    #[test]
    fn a_tick_becomes_void_when_the_clock_is_set_back() {
        let mut state = periodic(10);
        state.expire();
        assert_eq!(state.forward(100, 50), Some(100));
        assert_eq!(state.ticks, 0);
        // Without a tick left, the number stays at 0.
        state.expire();
        state.ticks = 0;
        assert_eq!(state.forward(100, 99), Some(100));
        assert_eq!(state.ticks, 0);
        // Other ticks stay.
        state.expire();
        state.ticks = 3;
        assert_eq!(state.forward(100, 99), Some(100));
        assert_eq!(state.ticks, 2);
    }

    #[test]
    fn what_is_left_is_told() {
        let state = periodic(1_500_000_000);
        let setting = state.setting(5_000_000_001, 2_000_000_000);
        assert_eq!((setting.it_value.tv_sec, setting.it_value.tv_nsec), (3, 1));
        assert_eq!(
            (setting.it_interval.tv_sec, setting.it_interval.tv_nsec),
            (1, 500_000_000)
        );
        let over = state.setting(1, 2).it_value;
        assert_eq!((over.tv_sec, over.tv_nsec), (0, 0));
    }

    #[test]
    fn clocks_have_their_numbers() -> Result {
        for (id, alarm) in [
            (bindings::CLOCK_MONOTONIC, false),
            (bindings::CLOCK_REALTIME, false),
            (bindings::CLOCK_BOOTTIME, false),
            (bindings::CLOCK_TAI, false),
            (bindings::CLOCK_REALTIME_ALARM, true),
            (bindings::CLOCK_BOOTTIME_ALARM, true),
        ] {
            let clock = TimerClock::from_id(id as i32)?;
            assert_eq!(clock.alarm, alarm);
            assert_eq!(clock.id(), id);
        }
        for id in [-1, 2, 3, 4, 5, 6, 10, 12, 16, i32::MIN, i32::MAX] {
            assert!(TimerClock::from_id(id).err() == Some(EINVAL));
        }
        Ok(())
    }

    fn settime(flags: u32, slack_ns: u64, reserved: u32, counted: bool) -> Result<Setting> {
        let args = uapi::evfd_timerfd_settime {
            flags,
            slack_ns,
            reserved,
            ..Default::default()
        };
        Setting::from_settime(&args, counted)
    }

    #[test]
    fn settings_are_checked() -> Result {
        let slack = uapi::EVFD_TFD_SLACK;
        assert_eq!(
            settime(slack, Ktime::MAX as u64, 0, true)?.slack,
            u64::MAX >> 1
        );
        assert_eq!(settime(slack, 0, 0, true)?.slack, 0);
        for (flags, slack_ns, reserved) in [
            (slack, Ktime::MAX as u64 + 1, 0),
            (slack, u64::MAX, 0),
            (0, 1, 0),
            (0, 0, 1),
            (uapi::EVFD_TFD_TIMER_SEQ, 0, 0),
            (1 << 2, 0, 0),
            (u32::MAX, 0, 0),
        ] {
            assert!(settime(flags, slack_ns, reserved, true).err() == Some(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn what_the_kernel_does_not_tell_is_refused() {
        let cancel = uapi::EVFD_TFD_TIMER_CANCEL_ON_SET;
        for flags in [cancel, cancel | uapi::EVFD_TFD_TIMER_ABSTIME] {
            assert!(settime(flags, 0, 0, false).err() == Some(EOPNOTSUPP));
            assert!(settime(flags, 0, 0, true).is_ok_and(|new| new.flags() == flags));
        }
        assert!(settime(0, 0, 0, false).is_ok());
    }

    fn sequence(value: i64, interval: i64) -> Result<(Ktime, Ktime)> {
        let mut args = uapi::evfd_timerfd {
            clockid: bindings::CLOCK_MONOTONIC as i32,
            flags: uapi::EVFD_TFD_TIMER_SEQ,
            ..Default::default()
        };
        args.value.it_value.tv_nsec = value;
        args.value.it_interval.tv_nsec = interval;
        let (_, setting) = Setting::from_timerfd(&args)?;
        Ok((setting.value, setting.interval))
    }

    #[test]
    fn a_sequence_repeats_what_is_given() -> Result {
        assert_eq!(sequence(5, 0)?, (5, 5));
        assert_eq!(sequence(0, 5)?, (5, 5));
        assert_eq!(sequence(3, 5)?, (3, 5));
        assert_eq!(sequence(0, 0)?, (0, 0));
        Ok(())
    }

    /// Counts expirations.
    struct Probe(u32);

    impl Expire for Probe {
        fn expire(&mut self) -> Events {
            self.0 += 1;
            Events::IN
        }
    }

    fn timed<T: RawTimer + 'static>(clock: Clock) -> Result<Arc<Timed<T, Probe>>> {
        Arc::pin_init(
            Timed::new(new_wait_queue!(c"evfd_test"), clock, Probe(0)),
            GFP_KERNEL,
        )
    }

    /// Waits for an expiration.
    fn wait<T: RawTimer>(timed: &Timed<T, Probe>, n: u32) -> Result {
        timed.wait_until(Mode::Shared(Events::IN), |probe| probe.0 >= n)
    }

    fn expires_in_time<T: RawTimer + 'static>(clock: Clock) -> Result {
        let timed = timed::<T>(clock)?;
        let seen = Atomic::new(0);
        let note = |events: Events| {
            seen.fetch_add(i32::from(events == Events::IN), Full);
        };
        let watch = Watch::new(timed.queue(), false, &note)?;
        let due = clock.now() + 2_000_000;
        timed.lock().start(due, 0);
        assert_eq!(timed.lock().expires(), due);
        wait(&timed, 1)?;
        assert!(clock.now() >= due);
        assert_eq!(timed.lock().0, 1);
        drop(watch);
        assert_eq!(seen.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn timers_expire_on_every_clock() -> Result {
        for clock in CLOCKS {
            expires_in_time::<HrTimer>(clock)?;
        }
        for clock in [Clock::Realtime, Clock::Boottime] {
            expires_in_time::<Alarm>(clock)?;
        }
        Ok(())
    }

    fn past_expires_at_once<T: RawTimer + 'static>(clock: Clock) -> Result {
        let timed = timed::<T>(clock)?;
        timed.lock().start(1, 0);
        // The kernel's timer may do this, a little later.
        wait(&timed, 1)?;
        assert_eq!(timed.lock_stopped().0, 1);
        Ok(())
    }

    #[test]
    fn the_past_expires_at_once() -> Result {
        for clock in CLOCKS {
            past_expires_at_once::<HrTimer>(clock)?;
        }
        past_expires_at_once::<Alarm>(Clock::Realtime)
    }

    fn stopped_does_not_expire<T: RawTimer + 'static>() -> Result {
        let timed = timed::<T>(Clock::Boottime)?;
        timed.lock().start(Clock::Boottime.now() + HOUR, 0);
        drop(timed.lock_stopped().set_clock(Clock::Realtime));
        assert_eq!(timed.lock().expires(), 0);
        assert_eq!(timed.lock().0, 0);
        // This time has passed on the new clock, and is far in the future on the old clock.
        let past = Clock::Realtime.now() - 1;
        timed.lock().start(past, 0);
        wait(&timed, 1)?;
        Ok(())
    }

    #[test]
    fn a_stopped_timer_gets_another_clock() -> Result {
        stopped_does_not_expire::<HrTimer>()?;
        stopped_does_not_expire::<Alarm>()
    }

    /// Starts a timer on another CPU. When it has expired there, calls `change` with the lock held,
    /// for which the callback waits. Later, [`Expire::expire`] must be called `expected` times.
    fn expires_after(expected: u32, change: impl Fn(&mut Guard<'_, HrTimer, Probe>)) -> Result {
        const SOON: Ktime = 20_000_000;
        const LATE: Ktime = 10_000_000_000;
        let clock = Clock::Monotonic;
        let timed = timed::<HrTimer>(clock)?;
        assert!(call_in(OTHER_CPU, || {
            timed.lock().start(clock.now() + SOON, 0);
        }));
        let mut guard = timed.lock();
        let due = guard.expires();
        while clock.now() < due + SOON {}
        // On a slow machine, the timer may have expired before.
        let before = guard.0;
        change(&mut guard);
        drop(guard);
        // The other CPU calls `expire()`, and may be a processor that its host has stopped.
        let changed = clock.now();
        while timed.lock().0 - before < expected && clock.now() < changed + LATE {}
        let seen = clock.now();
        while clock.now() < seen + SOON {}
        let now = timed.lock().0;
        assert_eq!(now - before, expected);
        Ok(())
    }

    #[test]
    fn a_callback_for_an_earlier_start_does_nothing() -> Result {
        if !call_in(OTHER_CPU, || ()) {
            // With one CPU, no callback waits for the lock.
            return Ok(());
        }
        for _ in 0..4 {
            expires_after(0, |guard| guard.stop())?;
            let later = Clock::Monotonic.now() + HOUR;
            expires_after(0, |guard| guard.start(later, 0))?;
            expires_after(1, |guard| guard.start(1, 0))?;
        }
        Ok(())
    }

    #[test]
    fn a_timer_may_go_while_it_is_started() -> Result {
        for clock in CLOCKS {
            let timed = timed::<HrTimer>(clock)?;
            timed.lock().start(clock.now() + HOUR, 0);
        }
        let timed = timed::<Alarm>(Clock::Boottime)?;
        timed.lock().start(Clock::Boottime.now() + HOUR, 0);
        Ok(())
    }

    fn setting(value: Ktime, interval: Ktime) -> Setting {
        Setting {
            clock: None,
            absolute: false,
            cancel_on_set: false,
            value,
            interval,
            slack: 0,
        }
    }

    fn works_without_a_file<K: TimerKind>() -> Result {
        let timer = Arc::pin_init(Timer::<K>::new(Clock::Boottime, ()), GFP_KERNEL)?;
        assert!(timer.events() == Events::NONE);
        assert!(timer.take_with(9, |_| true)? == Take::Empty);
        timer.set(&setting(1, HOUR), None)?;
        timer.wait()?;
        assert!(timer.events() == Events::IN);
        assert!(timer.take_with(9, |ticks| ticks != 1)? == Take::Declined);
        assert!(timer.events() == Events::IN);
        assert!(timer.take_with(9, |ticks| ticks == 1)? == Take::Taken);
        assert!(timer.events() == Events::NONE);
        timer.set_ticks(5)?;
        assert!(timer.take_with(3, |ticks| ticks == 3)? == Take::Taken);
        assert!(timer.take_with(3, |ticks| ticks == 2)? == Take::Taken);
        assert!(timer.take_with(3, |_| true)? == Take::Empty);
        assert!((1..=3600).contains(&timer.get().it_value.tv_sec));
        let mut old = uapi::evfd_itimerspec::default();
        timer.set(&setting(0, 0), Some(&mut old))?;
        assert_eq!(old.it_interval.tv_sec, 3600);
        let left = timer.get();
        assert_eq!(left.it_interval.tv_sec, 0);
        // Like native's, a disarmed alarm shows what is left of the last setting.
        let shows_a_time = left.it_value.tv_sec > 0;
        assert_eq!(shows_a_time, K::KEEPS_EXPIRES);
        Ok(())
    }

    #[test]
    fn a_timer_needs_no_file() -> Result {
        works_without_a_file::<HrTimer>()?;
        works_without_a_file::<Alarm>()
    }

    fn sum(roster: &'static Roster<u32>) -> u32 {
        let mut sum = 0;
        roster.lock().for_each(|n| sum += n);
        sum
    }

    #[test]
    fn members_join_and_leave() -> Result {
        static ROSTER: Roster<u32> = Roster::empty();
        assert_eq!(sum(&ROSTER), 0);
        let one = KBox::pin_init(Member::new(1), GFP_KERNEL)?;
        let two = KBox::pin_init(Member::new(2), GFP_KERNEL)?;
        let four = KBox::pin_init(Member::new(4), GFP_KERNEL)?;
        let mut roster = ROSTER.lock();
        roster.join(&one);
        roster.join(&two);
        roster.join(&two);
        roster.join(&four);
        drop(roster);
        assert_eq!(sum(&ROSTER), 7);
        drop(two);
        assert_eq!(sum(&ROSTER), 5);
        let mut roster = ROSTER.lock();
        roster.leave(&one);
        roster.leave(&one);
        drop(roster);
        assert_eq!(sum(&ROSTER), 4);
        drop(one);
        drop(four);
        assert_eq!(sum(&ROSTER), 0);
        Ok(())
    }
}
