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

/// A kind of kernel timer. Alarm clocks take more memory than the others.
pub(crate) trait TimerKind: RawTimer + 'static {
    /// Whether its timers may wake the system from suspend.
    const ALARM: bool;

    /// The timers of this kind that setting their clock cancels.
    fn roster() -> &'static Roster<Timed<Self, TimerState>>;
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

/// Bringing a periodic timer that has expired up to date.
trait Forward {
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

impl<K: TimerKind> Forward for Guard<'_, K, TimerState> {
    fn forward_now(&mut self) -> Option<Ktime> {
        // Most timers are not behind, and reading the clock takes time.
        if !self.is_behind() {
            return None;
        }
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
pub(crate) struct Timer<K: TimerKind> {
    #[pin]
    timed: Member<Timed<K, TimerState>>,
}

impl<K: TimerKind> Timer<K> {
    /// Creates an initialiser of a timer on `clock` that is not armed.
    pub(crate) fn new(clock: Clock) -> impl PinInit<Self> {
        let state = TimerState::new(clock);
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
        Events::IN.when(self.timed.lock().is_readable())
    }

    /// Sleeps until a read would not block.
    ///
    /// Context: task, may sleep. Errors: `ERESTARTSYS` if a signal is pending.
    pub(crate) fn wait(&self) -> Result {
        self.timed
            .wait_until(Mode::Shared(Events::IN), TimerState::is_readable)
    }

    /// Arms or disarms the timer, and writes the remaining time of the old setting to `old`.
    ///
    /// Context: task, may sleep. Errors: `ECANCELED` if the clock was set while that canceled; the
    /// new setting is in force nevertheless.
    pub(crate) fn set(&self, new: &Setting, old: Option<&mut uapi::evfd_itimerspec>) -> Result {
        if old.is_none() && self.set_in_place(new) {
            return Ok(());
        }
        let mut roster = None;
        let mut state = loop {
            let state = self.timed.lock_stopped();
            if roster.is_some() || !(state.cancel_on_set || state.cancels_with(new)) {
                break state;
            }
            // The roster's mutex is the outer lock.
            drop(state);
            roster = Some(K::roster().lock());
        };
        if let Some(old) = old {
            let (expires, now) = (state.expires(), state.base.now());
            let expires = state.forward(expires, now).unwrap_or(expires);
            *old = state.setting(expires, now);
        }
        state.set(new, K::ALARM);
        if let Some(mut roster) = roster {
            if state.cancel_on_set {
                roster.join(&self.timed);
            } else {
                roster.leave(&self.timed);
            }
        }
        let base = state.base;
        let mut state = state.set_clock(base);
        if new.value != 0 {
            Self::start(&mut state, new);
            state.check_canceled()?;
        }
        state.flags = new.flags();
        Ok(())
    }

    /// Starts the timer for the first expiration of a setting.
    fn start(state: &mut Guard<'_, K, TimerState>, new: &Setting) {
        let expires = if new.absolute {
            clock::to_host(Self::clock_id(state), new.value)
        } else {
            schedule::after(state.base.now(), new.value)
        };
        state.start(expires, new.slack);
    }

    /// Tries to apply a setting without canceling the timer. Returns false, having done nothing, if
    /// the clock changes or `CANCEL_ON_SET` is involved.
    fn set_in_place(&self, new: &Setting) -> bool {
        if !K::RESTARTS {
            return false;
        }
        let mut state = self.timed.lock();
        if state.cancel_on_set
            || state.cancels_with(new)
            || state.base != state.base_with(new, K::ALARM)
        {
            return false;
        }
        state.set(new, K::ALARM);
        if new.value != 0 {
            Self::start(&mut state, new);
        } else {
            state.stop();
        }
        state.flags = new.flags();
        true
    }

    fn clock_id(state: &TimerState) -> u32 {
        TimerClock {
            clock: state.clock,
            alarm: K::ALARM,
        }
        .id()
    }

    /// Returns the interval, and the time until the next expiration. Context: task.
    pub(crate) fn get(&self) -> uapi::evfd_itimerspec {
        let mut state = self.timed.lock();
        state.refresh();
        state.setting(state.expires(), state.base.now())
    }

    /// Returns the ticks that a read would give, or 0 if it would block.
    ///
    /// Context: task. Errors: `ECANCELED`, once, if the clock was set; the ticks are gone then.
    pub(crate) fn due(&self) -> Result<u64> {
        let mut state = self.timed.lock();
        if let Err(e) = state.check_canceled() {
            state.ticks = 0;
            state.expired = false;
            return Err(e);
        }
        // Starting the timer may make it expire immediately. That tick is for the next read, and
        // wakes the pollers that join in between.
        let next = state.forward_now();
        let ticks = state.ticks;
        state.restart(next);
        Ok(ticks)
    }

    /// Takes `ticks`, and returns true, if there are that many. Context: task.
    pub(crate) fn take(&self, ticks: u64) -> bool {
        let mut state = self.timed.lock();
        let taken = state.take(ticks);
        if state.ticks == 0 {
            // The timer may have expired since `due()` started it, and another reader may have
            // taken the other ticks. An expired timer without ticks would never start again.
            state.refresh();
        }
        taken
    }

    /// Calls `copy` with all ticks under the lock, and takes them if `copy` returns true. Does not
    /// call `copy` if there are no ticks or if setting the clock cancels.
    ///
    /// `copy` must not sleep. Context: task.
    #[inline(always)]
    pub(crate) fn take_all_with(&self, copy: impl FnOnce(u64) -> bool) -> TakeAll {
        let mut state = self.timed.lock();
        if state.cancel_on_set {
            return TakeAll::Declined;
        }
        if state.ticks == 0 {
            return TakeAll::Empty;
        }
        let next = state.forward_now();
        let copied = copy(state.ticks);
        if copied {
            state.ticks = 0;
        }
        state.restart(next);
        if copied {
            TakeAll::Taken
        } else {
            TakeAll::Declined
        }
    }

    /// Sets the number of ticks, and wakes. Context: task.
    ///
    /// Errors: `ECANCELED`, once, if the clock was set.
    pub(crate) fn set_ticks(&self, ticks: u64) -> Result {
        let mut state = self.timed.lock();
        state.check_canceled()?;
        state.ticks = ticks;
        state.wake(Events::IN);
        Ok(())
    }

    /// Describes the timer, without forwarding it. Context: task.
    pub(crate) fn info(&self) -> Info {
        let state = self.timed.lock();
        Info {
            clock_id: Self::clock_id(&state),
            ticks: state.ticks,
            flags: state.flags,
            slack: state.slack,
            setting: state.setting(state.expires(), state.base.now()),
        }
    }
}

/// The outcome of [`Timer::take_all_with`].
pub(crate) enum TakeAll {
    /// The ticks were taken.
    Taken,
    /// There are no ticks.
    Empty,
    /// The ticks are still there: the copy failed, or the clock may have been set.
    Declined,
}

/// Wakes the waiters of canceled timers after clocks were set.
pub(crate) struct ClockWasSet;

impl clock_steps::Handler for ClockWasSet {
    fn clock_was_set() {
        wake_canceled::<HrTimer>();
        wake_canceled::<Alarm>();
    }
}

fn wake_canceled<K: TimerKind>() {
    K::roster().lock().for_each(|timed| {
        let mut state = timed.lock();
        if state.is_canceled() {
            state.wake(Events::IN);
        }
    });
}
