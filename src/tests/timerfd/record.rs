// SPDX-License-Identifier: GPL-2.0

//! A timer in shared memory: its record, its front, and a timer without a file.

use kernel::prelude::*;

#[kunit_tests(evfd_timer_record)]
mod suite {
    use super::*;
    use crate::{
        abstractions::{
            file::events::Events,
            sync::atomic::{
                read_once,
                write_once, //
            },
            testing::Watch,
            time::{
                clock::{
                    Clock,
                    Ktime, //
                },
                timed::Expired,
                timer::HrTimer, //
            }, //
        },
        arena::{
            Arena,
            Claim, //
        },
        tests::seen::Seen,
        timerfd::{
            front::{
                is_due,
                Front,
                Shared, //
            },
            record::Record,
            setting::Setting,
            state::TimerState,
            timer::{
                Take,
                Timer, //
            }, //
        },
        uapi, //
    };
    use kernel::{
        bindings,
        sync::{
            atomic::Full,
            Arc, //
        },
    };

    type SharedTimer = Timer<HrTimer, Shared>;

    const CALL: u32 = uapi::EVFD_TIMER_CALL as u32;
    const BUSY: Ktime = uapi::EVFD_TIMER_BUSY as Ktime;
    const NEVER: Ktime = Ktime::MIN;
    const ALWAYS: Ktime = Ktime::MAX;

    const MILLISECOND: Ktime = 1_000_000;
    /// Longer than any test.
    const HOUR: Ktime = 3_600_000_000_000;
    /// Longer than a busy host delays a timer.
    const LATE: Ktime = 30_000_000_000;

    /// The keys of a level-triggered and of an edge-triggered epoll instance.
    const LEVEL: Events = Events::IN.with(Events::ERR).with(Events::HUP);
    const EDGE: Events = LEVEL.with(Events::EDGES);

    fn now() -> Ktime {
        Clock::Monotonic.now()
    }

    fn next(record: &Record) -> Ktime {
        read_once(&record.next) as Ktime
    }

    fn look(record: &Record) -> Ktime {
        read_once(&record.look) as Ktime
    }

    /// The clock of the timer, or [`CALL`] if it is not in memory.
    fn clock_of(record: &Record) -> u32 {
        read_once(&record.clockid)
    }

    /// A program that puts the timer off. Returns whether it must kick.
    fn put_off(record: &Record, next: Ktime) -> bool {
        record.next.xchg(next as u64, Full);
        look(record) >= next
    }

    /// Waits until `condition` holds. Returns false if that takes too long.
    fn comes(condition: impl Fn() -> bool) -> bool {
        let start = now();
        while !condition() {
            if now() > start + LATE {
                return false;
            }
        }
        true
    }

    fn claim(arena: &Arc<Arena<Record>>) -> Result<Claim<Record>> {
        Claim::of_arena(arena.clone(), 0, || ())
    }

    fn timer_on(clock: Clock, arena: &Arc<Arena<Record>>) -> Result<Arc<SharedTimer>> {
        Arc::pin_init(Timer::new(clock, Shared::new(claim(arena)?)), GFP_KERNEL)
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

    fn absolute(value: Ktime, interval: Ktime) -> Setting {
        Setting {
            absolute: true,
            ..setting(value, interval)
        }
    }

    #[test]
    fn a_record_begins_with_the_calls() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        record.enter(6, 5, 7);
        record.look_never();
        record.begin();
        assert_eq!(clock_of(record), CALL);
        assert_eq!(next(record), BUSY);
        assert_eq!(look(record), ALWAYS);
        assert_eq!(read_once(&record.interval), 0);
        assert_eq!(record.next(), 0);
        Ok(())
    }

    #[test]
    fn a_change_begins_and_ends() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        put_off(record, 5);
        assert_eq!(record.begin_change(), 5);
        assert_eq!(next(record), BUSY);
        assert_eq!(record.next(), 0);
        record.end_change(6);
        assert_eq!(next(record), 6);
        // Without a change, there is none to end.
        record.end_change(8);
        assert_eq!(next(record), 6);
        Ok(())
    }

    #[test]
    fn a_change_keeps_the_time_of_the_program() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        for time in [1, 0, Ktime::MAX, Ktime::MIN] {
            record.begin_change();
            put_off(record, time);
            record.end_change(9);
            assert_eq!(next(record), time);
        }
        Ok(())
    }

    #[test]
    fn a_setting_replaces_the_time_of_the_program() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        for (time, interval, clockid) in [(1, 3, 7), (0, 0, 1), (Ktime::MAX, Ktime::MAX, 0)] {
            record.leave();
            // A program that puts the timer off must kick, and finds the calls.
            for refused in [1, Ktime::MAX] {
                assert!(put_off(record, refused));
                assert_eq!(clock_of(record), CALL);
            }
            record.enter(time, interval, clockid);
            assert_eq!(next(record), time);
            assert_eq!(read_once(&record.interval), interval as u64);
            assert_eq!(clock_of(record), clockid);
        }
        Ok(())
    }

    #[test]
    fn looks_are_published() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        put_off(record, 100);
        assert_eq!(record.look_always(), 100);
        assert_eq!(look(record), ALWAYS);
        record.look_never();
        assert_eq!(look(record), NEVER);
        record.look_at(100);
        assert_eq!(look(record), 100);
        for (time, kicks) in [(99, true), (100, true), (101, false), (Ktime::MAX, false)] {
            assert_eq!(put_off(record, time), kicks);
        }
        Ok(())
    }

    #[test]
    fn any_value_stands_for_a_time() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        for (word, time) in [
            (Ktime::MIN, 0),
            (Ktime::MIN + 1, 0),
            (-2, 0),
            (-1, 0),
            (0, 0),
            (1, 1),
            (Ktime::MAX, Ktime::MAX),
        ] {
            put_off(record, word);
            assert_eq!(record.next(), time);
            assert_eq!(record.look_always(), time);
            assert_eq!(record.begin_change(), time);
        }
        assert!(!is_due(0, Ktime::MAX));
        assert!(!is_due(11, 10));
        assert!(is_due(10, 10));
        Ok(())
    }

    #[test]
    fn progress_of_a_timer_in_a_record() {
        // Interval, next expiration, time, most ticks, the result.
        let table = [
            // Not due, or disarmed.
            (0, 100, 99, 9, (100, 0)),
            (10, 100, 99, 9, (100, 0)),
            (10, 0, 99, 9, (0, 0)),
            (0, 0, 99, 9, (0, 0)),
            // One expiration.
            (0, 100, 100, 9, (0, 1)),
            (0, 1, Ktime::MAX, u64::MAX, (0, 1)),
            // Periodic.
            (10, 100, 100, 9, (110, 1)),
            (10, 100, 109, 9, (110, 1)),
            (10, 100, 110, 9, (120, 2)),
            (10, 100, 155, u64::MAX, (160, 6)),
            // At most so many ticks.
            (10, 100, 155, 6, (160, 6)),
            (10, 100, 155, 5, (150, 5)),
            (10, 100, 155, 1, (110, 1)),
            (1, 1, Ktime::MAX, 5, (6, 5)),
            // Sums saturate.
            (
                Ktime::MAX,
                Ktime::MAX,
                Ktime::MAX,
                u64::MAX,
                (Ktime::MAX, 1),
            ),
            (Ktime::MAX, 1, Ktime::MAX, u64::MAX, (Ktime::MAX, 1)),
            (1, 1, Ktime::MAX, u64::MAX, (Ktime::MAX, Ktime::MAX as u64)),
        ];
        for (interval, next, now, max, result) in table {
            let mut state = TimerState::new(Clock::Monotonic, ());
            state.interval = interval;
            assert_eq!(state.progress(next, now, max), result);
            if max == u64::MAX {
                assert_eq!(state.next_after(next, now), result.0);
            }
        }
    }

    /// Below the time for which every change kicks.
    const SOON: Ktime = 50_000_000;

    fn wakes(expired: &Expired) -> Option<Events> {
        match expired {
            Expired::Wake(events) => Some(*events),
            Expired::Again(..) | Expired::Nothing => None,
        }
    }

    #[test]
    fn an_expiration_looks_at_the_record() -> Result {
        let clock = Clock::Monotonic;
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let mut front = Shared::new(claim(&arena)?);
        front.set_in_record(true);
        let past = now() - 1;

        // Without a waiter, it only ends the kicks.
        put_off(record, past);
        record.look_always();
        let expired = front.expire(clock, 0, false);
        assert!(matches!(expired, Expired::Nothing));
        assert_eq!(look(record), NEVER);

        // The program has disarmed the timer.
        put_off(record, 0);
        let expired = front.expire(clock, 0, true);
        assert!(matches!(expired, Expired::Nothing));
        assert_eq!(look(record), ALWAYS);

        // The program has put it off.
        let later = now() + HOUR;
        put_off(record, later);
        let expired = front.expire(clock, 7, true);
        assert!(matches!(expired, Expired::Again(time, 7) if time == later));
        assert_eq!(look(record), later);

        // A time soon, and then another without a kick. On a slow host, it may be due already.
        loop {
            front.note_look();
            let soon = now() + SOON;
            put_off(record, soon);
            let first = front.expire(clock, 7, true);
            put_off(record, now() + SOON);
            let second = front.expire(clock, 7, true);
            if let (Expired::Again(first, 7), Expired::Again(second, 7)) = (first, second) {
                assert_eq!(first, soon);
                assert!(second > record.next());
                assert_eq!(look(record), ALWAYS);
                break;
            }
        }

        // It is due. The waiters look again.
        put_off(record, past);
        let expired = front.expire(clock, 0, true);
        assert!(wakes(&expired) == Some(Events::IN));
        assert_eq!(look(record), NEVER);

        // It is due, and a waiter does not look again.
        front.note_each();
        for _ in 0..2 {
            let expired = front.expire(clock, 0, true);
            assert!(wakes(&expired) == Some(Events::IN));
            assert_eq!(look(record), ALWAYS);
        }

        // That waiter has left.
        front.expire(clock, 0, false);
        assert_eq!(look(record), NEVER);
        front.expire(clock, 0, true);
        assert_eq!(look(record), NEVER);
        Ok(())
    }

    #[test]
    fn a_front_comes_and_goes() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let mut front = Shared::new(claim(&arena)?);
        assert_eq!(clock_of(record), CALL);
        assert!(front.record().is_none());
        assert!(front.place().is_some());
        front.set_in_record(true);
        assert!(front.record().is_some());
        assert_eq!(claim(&arena).err(), Some(EBUSY));
        put_off(record, 5);
        record.look_always();
        drop(front);
        assert_eq!(clock_of(record), CALL);
        assert_eq!(look(record), ALWAYS);
        assert!(claim(&arena).is_ok());
        Ok(())
    }

    #[test]
    fn a_setting_is_in_the_record() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        assert_eq!(clock_of(record), CALL);
        let before = now();
        timer.set(&setting(HOUR, 2 * HOUR), None)?;
        assert!((before + HOUR..=now() + HOUR).contains(&next(record)));
        assert_eq!(look(record), NEVER);
        assert_eq!(read_once(&record.interval), 2 * HOUR as u64);
        assert_eq!(clock_of(record), bindings::CLOCK_MONOTONIC);
        assert!(timer.events() == Events::NONE);

        // The calls see the time of the program.
        put_off(record, now() + 3 * HOUR);
        assert!((7200..=10800).contains(&timer.get().it_value.tv_sec));
        assert!((7200..=10800).contains(&timer.info().setting.it_value.tv_sec));
        let mut old = uapi::evfd_itimerspec::default();
        timer.set(&absolute(before, 0), Some(&mut old))?;
        assert!((7200..=10800).contains(&old.it_value.tv_sec));
        assert_eq!(old.it_interval.tv_sec, 7200);
        assert_eq!(next(record), before);
        assert_eq!(read_once(&record.interval), 0);
        assert!(timer.events() == Events::IN);
        assert_eq!(timer.info().ticks, 1);

        timer.set(&setting(0, 0), Some(&mut old))?;
        assert_eq!((old.it_value.tv_sec, old.it_value.tv_nsec), (0, 0));
        assert_eq!(next(record), 0);
        assert!(timer.events() == Events::NONE);
        Ok(())
    }

    #[test]
    fn a_read_takes_the_ticks_of_the_record() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(HOUR, MILLISECOND), None)?;
        assert!(timer.take_with(9, |_| true)? == Take::Empty);
        let first = now() - 10 * MILLISECOND;
        put_off(record, first);
        let declined = timer.take_with(5, |ticks| {
            assert_eq!(next(record), BUSY);
            ticks != 5
        })?;
        assert!(declined == Take::Declined);
        assert_eq!(next(record), first);
        assert!(timer.take_with(5, |ticks| ticks == 5)? == Take::Taken);
        assert_eq!(next(record), first + 5 * MILLISECOND);
        let before = now();
        assert!(timer.take_with(u64::MAX, |ticks| ticks >= 6)? == Take::Taken);
        assert!(next(record) > before);
        assert_eq!((next(record) - first) % MILLISECOND, 0);
        // A time that the program sets meanwhile stays.
        put_off(record, first);
        let taken = timer.take_with(9, |_| !put_off(record, first + HOUR))?;
        assert!(taken == Take::Taken);
        assert_eq!(next(record), first + HOUR);
        Ok(())
    }

    #[test]
    fn a_setting_may_need_the_calls() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Realtime, &arena)?;
        let later = Clock::Realtime.now() + HOUR;
        let cancel = Setting {
            cancel_on_set: true,
            ..absolute(later, 0)
        };
        for call in [absolute(later, 0), cancel] {
            // A relative time does not change when the clock is set.
            timer.set(&setting(HOUR, 0), None)?;
            assert!((now()..=now() + HOUR).contains(&next(record)));
            assert_eq!(clock_of(record), bindings::CLOCK_MONOTONIC);
            timer.set(&call, None)?;
            assert_eq!(clock_of(record), CALL);
            assert_eq!(look(record), ALWAYS);
            // A program that ignores this changes nothing.
            put_off(record, 1);
            assert!(timer.events() == Events::NONE);
            assert!((3500..=3600).contains(&timer.get().it_value.tv_sec));
            timer.set(&call, None)?;
            assert_eq!(clock_of(record), CALL);
        }
        timer.set(&absolute(1, 0), None)?;
        timer.wait()?;
        assert!(timer.take_with(9, |ticks| ticks == 1)? == Take::Taken);
        assert_eq!(clock_of(record), CALL);
        Ok(())
    }

    #[test]
    fn other_clocks_are_in_the_record() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        for (clock, relative, absolute_too) in [
            (Clock::Monotonic, bindings::CLOCK_MONOTONIC, true),
            (Clock::Boottime, bindings::CLOCK_BOOTTIME, true),
            (Clock::Realtime, bindings::CLOCK_MONOTONIC, false),
        ] {
            let timer = timer_on(clock, &arena)?;
            timer.set(&setting(HOUR, 0), None)?;
            assert!(next(record) > 0);
            assert_eq!(clock_of(record), relative);
            timer.set(&absolute(1, 0), None)?;
            if absolute_too {
                assert_eq!(next(record), 1);
            } else {
                assert_eq!(clock_of(record), CALL);
            }
        }
        let timer = timer_on(Clock::Tai, &arena)?;
        timer.set(&setting(HOUR, 0), None)?;
        assert_eq!(clock_of(record), CALL);
        Ok(())
    }

    #[test]
    fn ticks_that_are_set_need_the_calls() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(HOUR, HOUR), None)?;
        timer.set_ticks(5)?;
        assert_eq!(clock_of(record), CALL);
        assert!(timer.events() == Events::IN);
        assert_eq!(timer.info().ticks, 5);
        // The timer still runs.
        assert!((3500..=3600).contains(&timer.get().it_value.tv_sec));
        assert!(timer.take_with(3, |ticks| ticks == 3)? == Take::Taken);
        assert!(timer.take_with(3, |ticks| ticks == 2)? == Take::Taken);
        assert!(timer.events() == Events::NONE);
        timer.set(&setting(HOUR, 0), None)?;
        assert!(next(record) > now());
        // It stops if the program has disarmed it.
        put_off(record, 0);
        timer.set_ticks(0)?;
        assert_eq!(clock_of(record), CALL);
        assert_eq!(timer.get().it_value.tv_sec, 0);
        Ok(())
    }

    #[test]
    fn a_poll_publishes_its_look() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(HOUR, 0), None)?;
        let watch = Watch::new(timer.queue(), false, &|_| ())?;
        assert!(timer.poll(LEVEL) == Events::NONE);
        assert_eq!(look(record), next(record));
        // A disarmed timer.
        put_off(record, 0);
        assert!(timer.poll(LEVEL) == Events::NONE);
        assert_eq!(look(record), ALWAYS);
        // A timer that is due: who polls again needs no kick.
        record.look_never();
        put_off(record, 1);
        assert!(timer.poll(LEVEL) == Events::IN);
        assert_eq!(look(record), NEVER);
        assert!(timer.poll(EDGE) == Events::IN);
        assert_eq!(look(record), ALWAYS);
        // A setting keeps this up to date.
        timer.set(&setting(HOUR, 0), None)?;
        assert_eq!(look(record), next(record));
        timer.set(&setting(0, 0), None)?;
        assert_eq!(look(record), ALWAYS);
        drop(watch);
        timer.set(&setting(HOUR, 0), None)?;
        assert_eq!(look(record), NEVER);
        Ok(())
    }

    #[test]
    fn a_kick_looks_if_there_is_a_waiter() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(HOUR, 0), None)?;
        record.look_always();
        timer.kick();
        assert_eq!(look(record), NEVER);
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(timer.queue(), false, &note)?;
        timer.kick();
        assert_eq!(look(record), next(record));
        assert_eq!(seen.count(), 0);
        // A timer that is not in its record.
        timer.set_ticks(0)?;
        seen.count();
        timer.kick();
        assert_eq!(look(record), ALWAYS);
        assert_eq!(clock_of(record), CALL);
        assert_eq!(seen.count(), 0);
        drop(watch);
        Ok(())
    }

    /// A program sets an earlier time while a poller with the key `key` waits for `value`.
    fn wakes_earlier(key: Events, value: Ktime, then: Ktime) -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(value, 0), None)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(timer.queue(), false, &note)?;
        assert!(timer.poll(key) == Events::NONE);
        assert!(put_off(record, now() + 2 * MILLISECOND));
        timer.kick();
        assert!(comes(|| read_once(&seen.count) != 0));
        assert!(seen.events() == Events::IN);
        assert!(timer.poll(LEVEL) == Events::IN);
        assert_eq!(look(record), then);
        drop(watch);
        Ok(())
    }

    #[test]
    fn an_earlier_time_wakes() -> Result {
        for value in [HOUR, 0] {
            wakes_earlier(LEVEL, value, NEVER)?;
            wakes_earlier(EDGE, value, ALWAYS)?;
        }
        Ok(())
    }

    #[test]
    fn a_kick_for_the_past_wakes_at_once() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        timer.set(&setting(HOUR, 0), None)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(timer.queue(), false, &note)?;
        assert!(timer.poll(LEVEL) == Events::NONE);
        assert!(put_off(record, 1));
        timer.kick();
        // The kernel's timer may do this, a little later.
        assert!(comes(|| read_once(&seen.count) != 0));
        assert!(seen.events() == Events::IN);
        drop(watch);
        Ok(())
    }

    #[test]
    fn a_later_time_wakes_later() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Monotonic, &arena)?;
        let seen = Seen::new();
        let note = |events| seen.note(events);
        let watch = Watch::new(timer.queue(), false, &note)?;
        // No kick is needed. The interrupt for the old time starts the timer again.
        let is_put_off = comes(|| {
            // On a slow host, it may have expired before.
            seen.count();
            timer.set(&setting(5 * MILLISECOND, 0), None).is_ok()
                && !put_off(record, now() + HOUR)
                && read_once(&seen.count) == 0
        });
        assert!(is_put_off);
        let later = next(record);
        assert!(comes(|| look(record) == later));
        assert_eq!(seen.count(), 0);
        // It is still there for an earlier time.
        assert!(put_off(record, 1));
        timer.kick();
        assert!(comes(|| read_once(&seen.count) != 0));
        drop(watch);
        Ok(())
    }

    #[test]
    fn a_waiter_without_a_kick_wakes_in_time() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        let timer = timer_on(Clock::Boottime, &arena)?;
        timer.set(&setting(2 * MILLISECOND, HOUR), None)?;
        timer.wait()?;
        assert!(Clock::Boottime.now() >= next(record));
        assert!(timer.events() == Events::IN);
        assert!(timer.take_with(9, |ticks| ticks == 1)? == Take::Taken);
        write_once(&record.next, 1);
        timer.wait()?;
        Ok(())
    }

    #[test]
    fn a_timer_that_goes_leaves_its_record() -> Result {
        let arena = Arena::<Record>::new(1)?;
        let record = arena.get(0).ok_or(EINVAL)?;
        for value in [HOUR, MILLISECOND, 0] {
            let timer = timer_on(Clock::Monotonic, &arena)?;
            timer.set(&setting(value, 0), None)?;
            assert!(timer_on(Clock::Monotonic, &arena).is_err());
            let watch = Watch::new(timer.queue(), false, &|_| ())?;
            timer.poll(EDGE);
            drop(watch);
            drop(timer);
            assert_eq!(clock_of(record), CALL);
            assert_eq!(look(record), ALWAYS);
        }
        Ok(())
    }
}
