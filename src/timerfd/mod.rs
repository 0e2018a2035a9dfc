// SPDX-License-Identifier: GPL-2.0

//! The timer descriptor: a file over a [`Timer`].
//!
//! It behaves like native's (`fs/timerfd.c`, timerfd_create(2)). It adds `CLOCK_TAI`,
//! `EVFD_TFD_SLACK` and the call of 2007, and a read or a setting that fails with `EFAULT` changes
//! nothing. A timer may also be in memory that programs share, where they read it and put it off
//! without a call.

pub(crate) mod front;
pub(crate) mod record;
pub(crate) mod schedule;
pub(crate) mod setting;
pub(crate) mod state;
pub(crate) mod timer;

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
            fault_in,
            read,
            write,
            ReadBuf, //
        },
        time::{
            clock::{
                self,
                Clock, //
            },
            clock_steps,
            timer::{
                Alarm,
                HrTimer, //
            }, //
        }, //
    },
    arena::{
        Arena,
        Claim,
        Element, //
    },
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

use front::{
    Front,
    Shared, //
};
use record::Record;
use setting::{
    Setting,
    TimerClock, //
};
use timer::{
    Take,
    Timer,
    TimerKind, //
};

/// A kind of timer that there are descriptors of.
trait FileKind<F: Front = ()>: TimerKind<F> {
    /// The operations of its files.
    const OPS: &'static FileOperations<TimerFd<Self, F>>;
}

impl FileKind for HrTimer {
    const OPS: &'static FileOperations<TimerFd<Self>> = {
        static OPS: FileOperations<TimerFd<HrTimer>> = FileOperations::build();
        &OPS
    };
}

impl FileKind for Alarm {
    const OPS: &'static FileOperations<TimerFd<Self>> = {
        static OPS: FileOperations<TimerFd<Alarm>> = FileOperations::build();
        &OPS
    };
}

impl FileKind<Shared> for HrTimer {
    const OPS: &'static FileOperations<TimerFd<Self, Shared>> = {
        static OPS: FileOperations<TimerFd<HrTimer, Shared>> = FileOperations::build();
        &OPS
    };
}

impl Element for Record {
    const NAME: &'static CStr = c"[evfd-timers]";
    const ELEMENTS: &'static str = "timers";
    const OPS: &'static FileOperations<Arena<Self>> = {
        static OPS: FileOperations<Arena<Record>> = FileOperations::build();
        &OPS
    };
}

/// How often a read tries to copy before it fails with `EFAULT`.
const COPIES: u32 = 16;

/// The number that a read returns.
trait Ticks: IntoBytes + Immutable {
    /// The highest number.
    const MAX: u64;

    /// Converts `ticks`, which are at most [`Ticks::MAX`].
    fn of(ticks: u64) -> Self;
}

impl Ticks for u64 {
    const MAX: u64 = u64::MAX;

    fn of(ticks: u64) -> Self {
        ticks
    }
}

impl Ticks for u32 {
    const MAX: u64 = u32::MAX as u64;

    fn of(ticks: u64) -> Self {
        ticks as u32
    }
}

/// A timer descriptor.
///
/// With its reference count it takes 192 bytes, or 256 for an alarm clock. Native's always takes
/// 256.
#[pin_data]
struct TimerFd<K: FileKind<F>, F: Front = ()> {
    #[pin]
    timer: Timer<K, F>,
    /// Whether a read gives 32 bits, like the call of 2007.
    short: bool,
}

// Debugging and PREEMPT_RT make the lock in the wait queue larger.
#[cfg(not(any(CONFIG_DEBUG_SPINLOCK, CONFIG_PREEMPT_RT)))]
const _: () = assert!(size_of::<TimerFd<HrTimer>>() == 176 && size_of::<TimerFd<Alarm>>() == 232);

impl<K: FileKind<F>, F: Front> TimerFd<K, F> {
    fn new(clock: Clock, front: F, short: bool) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                timer <- Timer::new(clock, front),
                short,
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// Takes the ticks and copies them to `buf`, both under the lock, so a read that fails neither
    /// loses a tick nor changes `buf`.
    #[inline(always)]
    fn take<T: Ticks>(&self, buf: &mut impl ReadBuf) -> Result<Take> {
        self.timer
            .take_with(T::MAX, |ticks| buf.put_now(&T::of(ticks)))
    }

    /// Reads the ticks as a `T`.
    #[inline(always)]
    fn read_as<T: Ticks>(&self, mut buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        if buf.room() < size_of::<T>() {
            return Err(EINVAL);
        }
        match self.take::<T>(&mut buf)? {
            Take::Taken => Ok(size_of::<T>()),
            Take::SetBack => blocking.allowed().map(|()| 0),
            Take::Empty => {
                blocking.allowed()?;
                self.read_slowpath::<T>(buf, blocking)
            }
            Take::Declined => self.read_slowpath::<T>(buf, blocking),
        }
    }

    /// Reads where there may be no ticks, or the copy may fault.
    #[cold]
    #[inline(never)]
    fn read_slowpath<T: Ticks>(
        &self,
        mut buf: impl ReadBuf,
        blocking: Blocking<'_>,
    ) -> Result<usize> {
        blocking.retry(
            || self.try_read::<T>(&mut buf, &blocking),
            || self.timer.wait(),
        )
    }

    /// Reads into `buf`, if there are ticks. Returns the number of bytes.
    fn try_read<T: Ticks>(
        &self,
        buf: &mut impl ReadBuf,
        blocking: &Blocking<'_>,
    ) -> Result<Option<usize>> {
        // The memory may become inaccessible again before each copy.
        for _ in 0..COPIES {
            match self.take::<T>(buf)? {
                Take::Taken => return Ok(Some(size_of::<T>())),
                Take::Empty => return Ok(None),
                Take::SetBack => return blocking.allowed().map(|()| Some(0)),
                Take::Declined => buf.fault_in(size_of::<T>())?,
            }
        }
        Err(EFAULT)
    }

    /// Reads 32 bits, like the call of 2007. More ticks stay for the next read.
    #[cold]
    #[inline(never)]
    fn read_short(&self, buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        self.read_as::<u32>(buf, blocking)
    }

    /// [`uapi::EVFD_IOC_TIMERFD_SETTIME`].
    fn settime(&self, args: uapi::evfd_timerfd_settime) -> Result {
        let new = Setting::from_settime(&args, clock_steps::are_counted())?;
        check_privilege(K::ALARM)?;
        if args.old_value == 0 {
            return self.timer.set(&new, None);
        }
        let old_value = UserPtr::from_addr(args.old_value as usize);
        // A setting whose old value cannot be written changes nothing.
        fault_in(old_value, size_of::<uapi::evfd_itimerspec>())?;
        let mut old = uapi::evfd_itimerspec::default();
        self.timer.set(&new, Some(&mut old))?;
        write(old_value, &old)
    }

    /// `TFD_IOC_SET_TICKS`.
    fn set_ticks(&self, ticks: u64) -> Result {
        if ticks == 0 {
            return Err(EINVAL);
        }
        self.timer.set_ticks(ticks)
    }

    /// [`uapi::EVFD_IOC_KICK`].
    fn kick(&self, events: UserPtr) -> Result {
        if events.as_const_ptr().addr() != Events::IN.bits() as usize {
            return Err(EINVAL);
        }
        self.timer.kick();
        Ok(())
    }

    /// [`uapi::EVFD_IOC_TIMERFD`] on an existing descriptor.
    fn reset(&self, clock: TimerClock, new: &Setting) -> Result {
        if clock.alarm != K::ALARM {
            return Err(EINVAL);
        }
        self.timer.set(new, None)
    }
}

#[vtable]
impl<K: FileKind<F>, F: Front> AnonFile for TimerFd<K, F> {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[timerfd]";
    const OPS: &'static FileOperations<Self> = K::OPS;

    #[inline(always)]
    fn read(&self, buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize> {
        if self.short {
            return self.read_short(buf, blocking);
        }
        self.read_as::<u64>(buf, blocking)
    }

    fn ioctl(&self, cmd: u32, arg: UserPtr, _blocking: Blocking<'_>) -> Result<u32> {
        match cmd {
            uapi::EVFD_IOC_TIMERFD_SETTIME => self.settime(read(arg)?)?,
            uapi::EVFD_IOC_TIMERFD_GETTIME => write(arg, &self.timer.get())?,
            uapi::TFD_IOC_SET_TICKS => self.set_ticks(read(arg)?)?,
            uapi::EVFD_IOC_KICK if F::HAS_RECORD => self.kick(arg)?,
            _ => return Err(ENOTTY),
        }
        Ok(0)
    }

    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        table.wait(self.timer.queue());
        self.timer.poll(table.wanted())
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        let info = self.timer.info();
        let (value, interval) = (info.setting.it_value, info.setting.it_interval);
        seq_print!(m, "clockid: {}\n", info.clock_id);
        seq_print!(m, "ticks: {}\n", info.ticks);
        seq_print!(m, "settime flags: 0{:o}\n", info.flags);
        seq_print!(m, "it_value: ({}, {})\n", value.tv_sec, value.tv_nsec);
        seq_print!(
            m,
            "it_interval: ({}, {})\n",
            interval.tv_sec,
            interval.tv_nsec
        );
        if info.slack != 0 {
            seq_print!(m, "slack: {}\n", info.slack);
        }
    }

    fn release(_this: Arc<Self>) {}
}

/// Fails with `EPERM` if the task asks for an alarm clock without `CAP_WAKE_ALARM`.
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
        anon_file::create::<TimerFd<Alarm>>(TimerFd::new(clock, (), false)?, flags)
    } else {
        anon_file::create::<TimerFd<HrTimer>>(TimerFd::new(clock, (), false)?, flags)
    }
}

/// Makes a timer descriptor, or sets an existing one, for [`uapi::EVFD_IOC_TIMERFD`].
///
/// Context: task, may sleep. Errors: as [`create`] and [`Setting::from_timerfd`]; `EBADF` if `ufd`
/// is not open; `EINVAL` if it is not a timer, or if only one of it and `clockid` is an alarm
/// clock.
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
    anon_file::with_file(args.ufd, |file| {
        if let Ok(timer) = anon_file::data::<TimerFd<HrTimer>>(file) {
            timer.reset(clock, &setting)?;
        } else if let Ok(timer) = anon_file::data::<TimerFd<HrTimer, Shared>>(file) {
            timer.reset(clock, &setting)?;
        } else {
            anon_file::data::<TimerFd<Alarm>>(file)?.reset(clock, &setting)?;
        }
        Ok(args.ufd as u32)
    })
}

fn create_set<K: FileKind>(clock: Clock, setting: &Setting) -> Result<u32> {
    let timer = TimerFd::<K>::new(clock, (), true)?;
    timer.timer.set(setting, None)?;
    anon_file::create::<TimerFd<K>>(timer, O_RDWR)
}

/// Makes an arena of timers, for [`uapi::EVFD_IOC_TIMER_ARENA`].
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(crate) fn create_arena(args: uapi::evfd_arena) -> Result<u32> {
    Arena::<Record>::create(args)
}

/// Makes a timer descriptor whose timer is in an arena, for [`uapi::EVFD_IOC_TIMER_BIND`].
///
/// Context: task, may sleep. Errors: see the UAPI header.
pub(crate) fn bind(args: uapi::evfd_timer_bind) -> Result<u32> {
    if args.flags & !(uapi::EVFD_TFD_CLOEXEC | uapi::EVFD_TFD_NONBLOCK) != 0 {
        return Err(EINVAL);
    }
    let TimerClock { clock, alarm } = TimerClock::from_id(args.clockid)?;
    if alarm {
        return Err(EINVAL);
    }
    // No deferred work keeps a timer after its close.
    let record = Claim::new(args.arena, args.timer, || ())?;
    let timer = TimerFd::<HrTimer, Shared>::new(clock, Shared::new(record), false)?;
    anon_file::create::<TimerFd<HrTimer, Shared>>(timer, args.flags | O_RDWR)
}
