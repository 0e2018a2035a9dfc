// SPDX-License-Identifier: GPL-2.0

//! A timer without a file, for any owner: set, read and waited for.

use crate::{
    abstractions::{
        file::events::Events,
        sync::{
            roster::{
                Member,
                Roster, //
            },
            wait::{
                Mode,
                WaitQueue, //
            }, //
        },
        time::{
            clock::{
                self,
                Clock,
                Ktime, //
            },
            clock_steps,
            timed::{
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
        front::{
            is_due,
            Front,
            Shared, //
        },
        record::Record,
        schedule,
        setting::{
            Setting,
            TimerClock, //
        },
        state::TimerState, //
    },
    uapi, //
};
use kernel::prelude::*;

/// A kind of kernel timer, with a kind of front. Alarm clocks take more memory than the others.
pub(crate) trait TimerKind<F: Front = ()>: RawTimer + 'static {
    /// Whether its timers may wake the system from suspend.
    const ALARM: bool;

    /// The timers of this kind that setting their clock cancels.
    fn roster() -> &'static Roster<Timed<Self, TimerState<F>>>;
}

impl TimerKind for HrTimer {
    const ALARM: bool = false;

    fn roster() -> &'static Roster<Timed<Self, TimerState>> {
        static ROSTER: Roster<Timed<HrTimer, TimerState>> = Roster::empty();
        &ROSTER
    }
}

impl TimerKind for Alarm {
    const ALARM: bool = true;

    fn roster() -> &'static Roster<Timed<Self, TimerState>> {
        static ROSTER: Roster<Timed<Alarm, TimerState>> = Roster::empty();
        &ROSTER
    }
}

impl TimerKind<Shared> for HrTimer {
    const ALARM: bool = false;

    fn roster() -> &'static Roster<Timed<Self, TimerState<Shared>>> {
        static ROSTER: Roster<Timed<HrTimer, TimerState<Shared>>> = Roster::empty();
        &ROSTER
    }
}

/// Bringing a periodic timer that has expired up to date.
trait Forward {
    /// [`Forward::forward_now`] for a timer that is behind.
    fn forward_behind(&mut self) -> Option<Ktime>;

    /// Counts the ticks that the timer has missed since it expired. Returns the time for which it
    /// is to be started again.
    fn forward_now(&mut self) -> Option<Ktime>;

    /// Starts the timer for `next`, if there is such a time.
    fn restart(&mut self, next: Option<Ktime>);

    /// Counts the missed ticks and starts the timer again.
    fn refresh(&mut self) {
        let next = self.forward_now();
        self.restart(next);
    }
}

/// Keeping the kernel's timer in step with a record that programs change.
trait Look {
    /// Starts the timer for the next expiration in the record, because there is a waiter. If that has
    /// passed, wakes.
    fn look(&mut self);
}

impl<K: TimerKind<F>, F: Front> Look for Guard<'_, K, TimerState<F>> {
    fn look(&mut self) {
        self.front.note_look();
        let Some(record) = self.front.record() else {
            return;
        };
        let next = match record.look_always() {
            0 => return self.stop(),
            next => next,
        };
        record.look_at(next);
        if !self.is_started_for(next) {
            let slack = self.slack;
            self.start(next, slack);
        }
    }
}

impl<K: TimerKind<F>, F: Front> Forward for Guard<'_, K, TimerState<F>> {
    #[inline(always)]
    fn forward_now(&mut self) -> Option<Ktime> {
        // Most timers are not behind, and reading the clock takes time.
        if !self.is_behind() {
            return None;
        }
        self.forward_behind()
    }

    #[inline(never)]
    fn forward_behind(&mut self) -> Option<Ktime> {
        let (expires, now) = (self.expires(), self.base.now());
        self.forward(expires, now)
    }

    fn restart(&mut self, next: Option<Ktime>) {
        if let Some(next) = next {
            let slack = self.slack;
            self.start(next, slack);
        }
    }
}

/// A description of a timer for fdinfo.
pub(crate) struct Info {
    /// The `clockid_t` that programs use.
    pub(crate) clock_id: u32,
    /// Ticks that no read has taken, without those that a look at the timer would count.
    pub(crate) ticks: u64,
    /// The flags of the last setting.
    pub(crate) flags: u32,
    /// The slack in nanoseconds.
    pub(crate) slack: u64,
    /// The interval, and the time until the next expiration.
    pub(crate) setting: uapi::evfd_itimerspec,
}

/// A timer.
#[pin_data]
pub(crate) struct Timer<K: TimerKind<F>, F: Front = ()> {
    #[pin]
    timed: Member<Timed<K, TimerState<F>>>,
}

impl<K: TimerKind<F>, F: Front> Timer<K, F> {
    /// Creates an initialiser of a timer on `clock` that is not armed.
    pub(crate) fn new(clock: Clock, front: F) -> impl PinInit<Self> {
        let state = TimerState::new(clock, front);
        pin_init!(Self {
            timed <- Member::new(Timed::new(new_wait_queue!(c"timerfd"), clock, state)),
        })
    }

    /// The wait queue, which an expiration wakes with [`Events::IN`].
    pub(crate) fn queue(&self) -> &WaitQueue {
        self.timed.queue()
    }

    /// [`Events::IN`] if a read would not block, otherwise no event. Context: task.
    pub(crate) fn events(&self) -> Events {
        Events::IN.when(Self::is_readable(&self.timed.lock()))
    }

    fn is_readable(state: &TimerState<F>) -> bool {
        match state.front.record() {
            Some(record) => is_due(record.next(), state.base.now()),
            None => state.is_readable(),
        }
    }

    /// Like [`Timer::events`], for a poller on the queue, whose key is `wanted`.
    pub(crate) fn poll(&self, wanted: Events) -> Events {
        if !F::HAS_RECORD {
            return self.events();
        }
        let mut state = self.timed.lock();
        let each = wanted.needs_every_wake_up();
        if each {
            state.front.note_each();
        }
        if Self::is_readable(&state) {
            if state.front.record().is_some() {
                // The other waiters hear of it not later than this poller.
                state.expire_if_started();
            }
            if let (true, Some(record)) = (each, state.front.record()) {
                record.look_always();
            }
            // Even if a program puts the timer off now: who gets this polls again.
            return Events::IN;
        }
        state.look();
        Events::IN.when(Self::is_readable(&state))
    }

    /// Looks at the timer after a program has changed it in the record. Context: task.
    pub(crate) fn kick(&self) {
        let mut state = self.timed.lock();
        if !state.has_waiters() {
            state.front.forget_waiters();
        } else if state.front.record().is_some() {
            state.look();
        }
    }

    /// Sleeps until a read would not block.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending.
    pub(crate) fn wait(&self) -> Result {
        let mode = Mode::Shared(Events::IN);
        if !F::HAS_RECORD {
            return self.timed.wait_until(mode, TimerState::is_readable);
        }
        self.queue().wait_until(mode, || {
            let mut state = self.timed.lock();
            Self::is_readable(&state) || {
                state.look();
                Self::is_readable(&state)
            }
        })
    }

    /// Arms or disarms the timer, and writes the remaining time of the old setting to `old`.
    ///
    /// Context: task, may sleep. Errors: `ECANCELED` if the clock was set while that canceled; the
    /// new setting is in force nevertheless.
    pub(crate) fn set(&self, new: &Setting, mut old: Option<&mut uapi::evfd_itimerspec>) -> Result {
        if self.set_in_place(new, old.as_deref_mut())? {
            return Ok(());
        }
        let mut roster = None;
        let mut state = loop {
            let state = self.timed.lock_stopped();
            if roster.is_some() || state.cancel_on_set == state.cancels_with(new) {
                break state;
            }
            // The roster's mutex is the outer lock.
            drop(state);
            roster = Some(K::roster().lock());
        };
        let left = Self::leave_record(&mut state);
        if let Some(old) = old {
            let (expires, now) = (left.unwrap_or(state.expires()), state.base.now());
            *old = state.old_setting(expires, now);
        }
        let base = state.base;
        state.set(new, K::ALARM);
        if let Some(mut roster) = roster {
            if state.cancel_on_set {
                roster.join(&self.timed);
            } else {
                roster.leave(&self.timed);
            }
        }
        let mut state = if state.base == base {
            state.keep_clock()
        } else {
            let base = state.base;
            state.set_clock(base)
        };
        Self::arm(&mut state, new)
    }

    /// Begins to move the timer away from its record. Returns the next expiration, or 0, if it was
    /// there.
    #[inline(always)]
    fn leave_record(state: &mut TimerState<F>) -> Option<Ktime> {
        let next = state.front.record()?.begin_change();
        // Like after the expiration of a timer without a record, for `old_setting()`.
        state.expired = is_due(next, state.base.now());
        state.front.set_in_record(false);
        Some(next)
    }

    /// Puts the timer into its record, with the setting that was just applied. Returns false if it
    /// must not be there.
    fn enter_record(state: &mut Guard<'_, K, TimerState<F>>, new: &Setting) -> bool {
        let is_plain =
            !state.base.can_be_set() && !state.cancel_on_set && clock::is_of_host(state.base.id());
        state.front.set_in_record(is_plain);
        let Some(record) = state.front.record() else {
            // Whatever the program has written there.
            if let Some(record) = state.front.place() {
                record.leave();
            }
            return false;
        };
        let next = match new.value {
            0 => 0,
            _ => Self::expires(state, new),
        };
        record.enter(next, state.interval, state.base.id());
        // It may run for the same time with another slack.
        state.stop();
        if state.has_waiters() {
            state.look();
        } else {
            state.front.forget_waiters();
        }
        true
    }

    /// Starts the timer for the setting that was just applied, or stops it.
    ///
    /// Errors: see [`Timer::set`].
    #[inline(always)]
    fn arm(state: &mut Guard<'_, K, TimerState<F>>, new: &Setting) -> Result {
        if F::HAS_RECORD && Self::enter_record(state, new) {
            state.flags = new.flags();
            return Ok(());
        }
        if new.value != 0 {
            Self::start(state, new);
            state.check_canceled()?;
        } else {
            state.stop();
        }
        state.flags = new.flags();
        Ok(())
    }

    /// Starts the timer for the first expiration of a setting.
    fn start(state: &mut Guard<'_, K, TimerState<F>>, new: &Setting) {
        let expires = Self::expires(state, new);
        state.start(expires, new.slack);
    }

    /// The time of the first expiration of a setting.
    fn expires(state: &TimerState<F>, new: &Setting) -> Ktime {
        if new.absolute {
            clock::to_host(Self::clock_id(state), new.value)
        } else {
            schedule::after(state.base.now(), new.value)
        }
    }

    /// Tries to apply a setting without canceling the timer. Returns false, having done nothing, if
    /// the clock changes or the timer must join or leave the roster.
    ///
    /// Errors: see [`Timer::set`].
    fn set_in_place(&self, new: &Setting, old: Option<&mut uapi::evfd_itimerspec>) -> Result<bool> {
        if !K::RESTARTS {
            return Ok(false);
        }
        let mut state = self.timed.lock();
        if state.cancel_on_set != state.cancels_with(new)
            || state.base != state.base_with(new, K::ALARM)
        {
            return Ok(false);
        }
        let left = Self::leave_record(&mut state);
        if let Some(old) = old {
            let (expires, now) = (left.unwrap_or(state.expires()), state.base.now());
            *old = state.old_setting(expires, now);
        }
        state.set(new, K::ALARM);
        Self::arm(&mut state, new)?;
        Ok(true)
    }

    fn clock_id(state: &TimerState<F>) -> u32 {
        TimerClock {
            clock: state.clock,
            alarm: K::ALARM,
        }
        .id()
    }

    /// Returns the interval, and the time until the next expiration. Context: task.
    pub(crate) fn get(&self) -> uapi::evfd_itimerspec {
        let mut state = self.timed.lock();
        if let Some(record) = state.front.record() {
            let now = state.base.now();
            return state.setting(state.next_after(record.next(), now), now);
        }
        state.refresh();
        state.setting(state.expires(), state.base.now())
    }

    /// Calls `copy` with the ticks of a read, at most `max`, and takes them if it returns true. Later
    /// ticks stay.
    ///
    /// `copy` runs under the lock, so it must not sleep. Context: task. Errors: `ECANCELED`, once, if
    /// the clock was set; the ticks are gone then.
    #[inline(always)]
    pub(crate) fn take_with(&self, max: u64, copy: impl FnOnce(u64) -> bool) -> Result<Take> {
        let mut state = self.timed.lock();
        if F::HAS_RECORD && state.front.record().is_some() {
            return Ok(Self::take_in_record(&mut state, max, copy));
        }
        if state.cancel_on_set {
            state.take_cancellation()?;
        }
        if state.ticks == 0 {
            return Ok(Take::Empty);
        }
        // Starting the timer may make it expire immediately. That tick is for the next read, and
        // wakes the pollers that join in between.
        let next = state.forward_now();
        let ticks = state.ticks.min(max);
        let take = if ticks == 0 {
            Take::SetBack
        } else if copy(ticks) {
            state.ticks -= ticks;
            Take::Taken
        } else {
            Take::Declined
        };
        state.restart(next);
        Ok(take)
    }

    /// [`Timer::take_with`] of a timer in its record.
    fn take_in_record(
        state: &mut Guard<'_, K, TimerState<F>>,
        max: u64,
        copy: impl FnOnce(u64) -> bool,
    ) -> Take {
        let now = state.base.now();
        let has_ticks = |record: &Record| is_due(record.next(), now);
        if !state.front.record().is_some_and(has_ticks) {
            return Take::Empty;
        }
        // The waiters hear of the ticks that this takes.
        state.expire_if_started();
        let Some(record) = state.front.record() else {
            return Take::Empty;
        };
        // Programs that read meanwhile wait for the lock.
        let next = record.begin_change();
        let (after, ticks) = state.progress(next, now, max);
        let take = if ticks == 0 {
            Take::Empty
        } else if copy(ticks) {
            Take::Taken
        } else {
            Take::Declined
        };
        record.end_change(if take == Take::Taken { after } else { next });
        if state.has_waiters() {
            state.look();
        }
        take
    }

    /// Sets the number of ticks, and wakes. Context: task.
    ///
    /// Errors: `ECANCELED`, once, if the clock was set.
    pub(crate) fn set_ticks(&self, ticks: u64) -> Result {
        let mut state = self.timed.lock();
        state.check_canceled()?;
        if let Some(next) = Self::leave_record(&mut state) {
            let next = state.next_after(next, state.base.now());
            state.expired = false;
            match next {
                // It may run for a time that a program has taken away.
                0 => state.stop(),
                next => state.restart(Some(next)),
            }
            if let Some(record) = state.front.place() {
                record.leave();
            }
        }
        state.ticks = ticks;
        state.wake(Events::IN);
        Ok(())
    }

    /// Describes the timer, without forwarding it. Context: task.
    pub(crate) fn info(&self) -> Info {
        let state = self.timed.lock();
        let now = state.base.now();
        let (ticks, expires) = match state.front.record() {
            Some(record) => {
                let next = record.next();
                let (_, ticks) = state.progress(next, now, u64::MAX);
                (ticks, state.next_after(next, now))
            }
            None => (state.ticks, state.expires()),
        };
        Info {
            clock_id: Self::clock_id(&state),
            ticks,
            flags: state.flags,
            slack: state.slack,
            setting: state.setting(expires, now),
        }
    }
}

/// The outcome of [`Timer::take_with`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// The ticks were taken.
    Taken,
    /// There are no ticks.
    Empty,
    /// The only tick has become void, because the clock was set back behind it.
    SetBack,
    /// `copy` returned false. The ticks are still there.
    Declined,
}

/// Wakes the waiters of canceled timers after clocks were set.
pub(crate) struct ClockWasSet;

impl clock_steps::Handler for ClockWasSet {
    fn clock_was_set() {
        wake_canceled::<HrTimer, ()>();
        wake_canceled::<Alarm, ()>();
        wake_canceled::<HrTimer, Shared>();
    }
}

fn wake_canceled<K: TimerKind<F>, F: Front>() {
    K::roster().lock().for_each(|timed| {
        let mut state = timed.lock();
        if state.is_canceled() {
            state.wake(Events::IN);
        }
    });
}
