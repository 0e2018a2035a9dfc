// SPDX-License-Identifier: GPL-2.0

//! The timer descriptor: a timer that is set, read and polled.
//!
//! Native's is `fs/timerfd.c`, which this does as timerfd_create(2) says, and these besides: a read
//! or a setting that fails with `EFAULT` changes nothing; `CLOCK_TAI`; `EVFD_TFD_SLACK`; the call
//! of 2007.

pub(crate) mod kind;
pub(crate) mod schedule;
pub(crate) mod setting;
pub(crate) mod state;

use crate::{
    abstractions::{
        file::{
            anon_file::{
                self,
                AnonFile,
                Blocking,
                FileOperations, //
            },
            events::Events,
            poll::PollTable, //
        },
        mm::user::{
            read,
            write,
            ReadBuf, //
        },
        sync::{
            roster::Member,
            wait::Mode, //
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
                HrTimer, //
            }, //
        }, //
    },
    new_wait_queue,
    uapi, //
};
use kernel::{
    fs::file::flags::O_RDWR,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc,
    uaccess::UserPtr, //
};
use zerocopy::Immutable;

use kind::Kind;
use setting::{
    Setting,
    TimerClock, //
};
use state::TimerState;

/// A timer descriptor.
///
/// With its reference count it takes 192 bytes, or 256 with an alarm clock; native's always 256.
#[pin_data]
pub(crate) struct TimerFd<K: Kind> {
    #[pin]
    timed: Member<Timed<K, TimerState>>,
    /// Whether a read gives 32 bits, as in 2007.
    short: bool,
}

// Debugging and PREEMPT_RT make the lock in the wait queue larger.
#[cfg(not(any(CONFIG_DEBUG_SPINLOCK, CONFIG_PREEMPT_RT)))]
const _: () = assert!(size_of::<TimerFd<HrTimer>>() == 176 && size_of::<TimerFd<Alarm>>() == 232);

impl<K: Kind> Guard<'_, K, TimerState> {
    /// Brings a periodic timer that has expired up to this moment. Returns when to start it again.
    fn forward_now(&mut self) -> Option<Ktime> {
        // It is the rule, and reading the clock takes time.
        if !self.is_behind() {
            return None;
        }
        let (expires, now) = (self.expires(), self.base.now());
        self.forward(expires, now)
    }

    /// Starts the timer again, if there is a time for that.
    fn restart(&mut self, next: Option<Ktime>) {
        if let Some(next) = next {
            let slack = self.slack;
            self.start(next, slack);
        }
    }

    /// Brings a periodic timer that has expired up to this moment, and starts it again.
    fn refresh(&mut self) {
        let next = self.forward_now();
        self.restart(next);
    }
}

impl<K: Kind> TimerFd<K> {
    fn new(clock: Clock, short: bool) -> Result<Arc<Self>> {
        let state = TimerState::new(clock);
        Arc::pin_init(
            pin_init!(Self {
                timed <- Member::new(Timed::new(new_wait_queue!(c"timerfd"), clock, state)),
                short,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Gives the timer a setting, and sets `old` to what was left of the one before. That is gone
    /// also if this fails: with `ECANCELED`.
    ///
    /// Context: task, may sleep.
    fn set(&self, new: &Setting, old: Option<&mut uapi::evfd_itimerspec>) -> Result {
        if old.is_none() && self.set_in_place(new) {
            return Ok(());
        }
        let mut roster = None;
        let mut state = loop {
            let state = self.timed.lock_stopped();
            if roster.is_some() || !(state.cancel_on_set || state.cancels_with(new)) {
                break state;
            }
            // It is taken before the queue's lock.
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
            self.start(&mut state, new);
            state.check_canceled()?;
        }
        state.flags = new.flags();
        Ok(())
    }

    /// Starts the timer as a setting says.
    fn start(&self, state: &mut Guard<'_, K, TimerState>, new: &Setting) {
        let expires = if new.absolute {
            clock::to_host(self.clock_id(state), new.value)
        } else {
            schedule::after(state.base.now(), new.value)
        };
        state.start(expires, new.slack);
    }

    /// Gives the timer a setting without waiting for its callback, and returns true, if that needs
    /// no other clock and setting the clock has no part in it.
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
            self.start(&mut state, new);
        } else {
            state.stop();
        }
        state.flags = new.flags();
        true
    }

    fn clock_id(&self, state: &TimerState) -> u32 {
        TimerClock {
            clock: state.clock,
            alarm: K::ALARM,
        }
        .id()
    }

    /// What is left of the setting.
    fn get(&self) -> uapi::evfd_itimerspec {
        let mut state = self.timed.lock();
        state.refresh();
        state.setting(state.expires(), state.base.now())
    }

    /// How many ticks a read would give, 0 if it would wait.
    ///
    /// Errors: `ECANCELED`, once, if the clock was set; nothing is to be read then.
    fn due(&self) -> Result<u64> {
        let mut state = self.timed.lock();
        if let Err(e) = state.check_canceled() {
            state.ticks = 0;
            state.expired = false;
            return Err(e);
        }
        // Should the timer expire as it is started again, that tick is for the next read: then
        // whoever polls in between is told.
        let next = state.forward_now();
        let ticks = state.ticks;
        state.restart(next);
        Ok(ticks)
    }

    /// Takes `ticks`, if there are as many.
    fn take(&self, ticks: u64) -> bool {
        let mut state = self.timed.lock();
        let taken = state.take(ticks);
        if state.ticks == 0 {
            // The timer may have expired since the reader had it started, and another reader have
            // taken the other ticks: there must be none left that nobody would start again.
            state.refresh();
        }
        taken
    }

    /// Reads all ticks into `buf` under one lock, if there are any, setting the clock has no part in
    /// it, and all goes well. If not, returns false, or an error if blocking is not allowed.
    #[inline(always)]
    fn read_at_once(&self, buf: &mut impl ReadBuf, blocking: &Blocking<'_>) -> Result<bool> {
        let mut state = self.timed.lock();
        if self.short || state.cancel_on_set {
            return Ok(false);
        }
        if state.ticks == 0 {
            drop(state);
            return blocking.allowed().map(|()| false);
        }
        let next = state.forward_now();
        let copied = buf.put_now(state.ticks);
        if copied {
            state.ticks = 0;
        }
        state.restart(next);
        Ok(copied)
    }

    /// Reads when it may be that nothing is there, or something goes wrong.
    #[cold]
    #[inline(never)]
    fn read_slowly(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        blocking.retry(
            || self.try_read(&mut buf),
            || {
                self.timed
                    .wait_until(Mode::Shared(Events::IN), TimerState::is_readable)
            },
        )
    }

    /// Reads into `buf`, if there is something. Returns how many bytes were put there.
    fn try_read(&self, buf: &mut impl ReadBuf) -> Result<Option<usize>> {
        if self.short {
            self.try_read_as(buf, |ticks| u32::try_from(ticks).unwrap_or(u32::MAX))
        } else {
            self.try_read_as(buf, |ticks| ticks)
        }
    }

    /// Reads the ticks as what `value` makes of them, which is as many or less.
    ///
    /// The ticks are copied first and taken afterwards, so that none is lost with `EFAULT`. More
    /// that come meanwhile are left.
    fn try_read_as<T: IntoBytes + Immutable + Copy + Into<u64>>(
        &self,
        buf: &mut impl ReadBuf,
        value: impl Fn(u64) -> T,
    ) -> Result<Option<usize>> {
        loop {
            let ticks = self.due()?;
            if ticks == 0 {
                return Ok(None);
            }
            let ticks = value(ticks);
            buf.put(&ticks)?;
            if self.take(ticks.into()) {
                return Ok(Some(size_of::<T>()));
            }
            buf.unput::<T>();
        }
    }

    /// [`uapi::EVFD_IOC_TIMERFD_SETTIME`].
    fn settime(&self, args: uapi::evfd_timerfd_settime) -> Result {
        let new = Setting::from_settime(&args, clock_steps::are_counted())?;
        check_privilege(K::ALARM)?;
        if args.old_value == 0 {
            return self.set(&new, None);
        }
        let old_value = UserPtr::from_addr(args.old_value as usize);
        // So that nothing is changed if it can't be written, and that not if nothing is changed.
        write(old_value, &read::<uapi::evfd_itimerspec>(old_value)?)?;
        let mut old = uapi::evfd_itimerspec::default();
        self.set(&new, Some(&mut old))?;
        write(old_value, &old)
    }

    /// `TFD_IOC_SET_TICKS`.
    fn set_ticks(&self, ticks: u64) -> Result {
        if ticks == 0 {
            return Err(EINVAL);
        }
        let mut state = self.timed.lock();
        state.check_canceled()?;
        state.ticks = ticks;
        state.wake(Events::IN);
        Ok(())
    }

    /// [`uapi::EVFD_IOC_TIMERFD`] for a descriptor that there is.
    fn reset(&self, clock: TimerClock, new: &Setting) -> Result {
        if clock.alarm != K::ALARM {
            return Err(EINVAL);
        }
        self.set(new, None)
    }
}

#[vtable]
impl<K: Kind> AnonFile for TimerFd<K> {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[timerfd]";
    const OPS: &'static FileOperations<Self> = K::OPS;

    fn read(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        let size = if self.short {
            size_of::<u32>()
        } else {
            size_of::<u64>()
        };
        if buf.room() < size {
            return Err(EINVAL);
        }
        if self.read_at_once(&mut buf, &blocking)? {
            return Ok(size_of::<u64>());
        }
        self.read_slowly(buf, blocking)
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_TIMERFD_SETTIME => self.settime(read(arg)?)?,
            uapi::EVFD_IOC_TIMERFD_GETTIME => write(arg, &self.get())?,
            uapi::TFD_IOC_SET_TICKS => self.set_ticks(read(arg)?)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        table.wait(self.timed.queue());
        Events::IN.when(self.timed.lock().is_readable())
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        let (id, ticks, flags, slack, setting) = {
            let state = self.timed.lock();
            (
                self.clock_id(&state),
                state.ticks,
                state.flags,
                state.slack,
                state.setting(state.expires(), state.base.now()),
            )
        };
        let (value, interval) = (setting.it_value, setting.it_interval);
        seq_print!(m, "clockid: {id}\n");
        seq_print!(m, "ticks: {ticks}\n");
        seq_print!(m, "settime flags: 0{flags:o}\n");
        seq_print!(m, "it_value: ({}, {})\n", value.tv_sec, value.tv_nsec);
        seq_print!(
            m,
            "it_interval: ({}, {})\n",
            interval.tv_sec,
            interval.tv_nsec
        );
        if slack != 0 {
            seq_print!(m, "slack: {slack}\n");
        }
    }

    fn release(_this: Arc<Self>) {}
}

/// Fails with `EPERM` if alarm clocks are asked for by a task that may not use them.
fn check_privilege(alarm: bool) -> Result {
    if alarm {
        clock::may_wake_system()?;
    }
    Ok(())
}

/// Makes a timer descriptor, for [`uapi::EVFD_IOC_TIMERFD_CREATE`].
///
/// Context: task, may sleep. Errors: `EINVAL` for unknown flags or an unknown clock, `EPERM` for an
/// alarm clock without `CAP_WAKE_ALARM`, and those of [`anon_file::create`].
pub(crate) fn create(args: uapi::evfd_timerfd_create) -> Result<u32> {
    if args.flags & !(uapi::EVFD_TFD_CLOEXEC | uapi::EVFD_TFD_NONBLOCK) != 0 {
        return Err(EINVAL);
    }
    let TimerClock { clock, alarm } = TimerClock::from_id(args.clockid)?;
    check_privilege(alarm)?;
    let flags = args.flags | O_RDWR;
    if alarm {
        anon_file::create::<TimerFd<Alarm>>(TimerFd::new(clock, false)?, flags)
    } else {
        anon_file::create::<TimerFd<HrTimer>>(TimerFd::new(clock, false)?, flags)
    }
}

/// Makes a timer descriptor, or gives one another setting, for [`uapi::EVFD_IOC_TIMERFD`].
///
/// Context: task, may sleep. Errors: as [`create`] and [`Setting::from_timerfd`]; `EBADF` for a
/// descriptor that there is not; `EINVAL` for one that is no timer's, or is an alarm clock's while
/// the clock that is asked for is none, or the other way round.
pub(crate) fn timerfd(args: uapi::evfd_timerfd) -> Result<u32> {
    let (clock, setting) = Setting::from_timerfd(&args)?;
    check_privilege(clock.alarm)?;
    if args.ufd == -1 {
        return if clock.alarm {
            create_set::<Alarm>(clock.clock, &setting)
        } else {
            create_set::<HrTimer>(clock.clock, &setting)
        };
    }
    let file = anon_file::fget(args.ufd)?;
    if let Ok(timer) = anon_file::data::<TimerFd<HrTimer>>(&file) {
        timer.reset(clock, &setting)?;
    } else {
        anon_file::data::<TimerFd<Alarm>>(&file)?.reset(clock, &setting)?;
    }
    Ok(args.ufd as u32)
}

fn create_set<K: Kind>(clock: Clock, setting: &Setting) -> Result<u32> {
    let timer = TimerFd::<K>::new(clock, true)?;
    timer.set(setting, None)?;
    anon_file::create::<TimerFd<K>>(timer, O_RDWR)
}

/// Wakes who waits for a timer that is canceled, when clocks were set.
pub(crate) struct ClockWasSet;

impl clock_steps::Handler for ClockWasSet {
    fn clock_was_set() {
        wake_canceled::<HrTimer>();
        wake_canceled::<Alarm>();
    }
}

fn wake_canceled<K: Kind>() {
    K::roster().lock().for_each(|timed| {
        let mut state = timed.lock();
        if state.is_canceled() {
            state.wake(Events::IN);
        }
    });
}
