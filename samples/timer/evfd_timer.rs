// SPDX-License-Identifier: GPL-2.0

//! Sample: notify a program of the ticks of a kernel timer, through an event descriptor and in its
//! queues.
//!
//! The program opens `/dev/evfd_timer`, passes a descriptor with `EVFD_TIMER_IOC_START`, and waits
//! in poll or epoll. Or it adds the device to a queue, as a `KEVENT_PRODUCER`. The timer notifies
//! from its callback, in hardirq context, until the device is closed. `samples/waiter.c` is such a
//! program.

use kernel::{
    fs::File,
    impl_has_hr_timer,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeHardMode, //
        },
        Delta,
        Monotonic, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

#[path = "../../include/rust/evfd.rs"]
pub mod evfd;
#[path = "../../include/rust/kevent.rs"]
pub mod kevent;

use evfd::EventFdCtx;
use kevent::{
    Kevent,
    Producer,
    Registration,
    Storage, //
};

/// Constants and types of `samples/evfd_samples.h`.
#[allow(dead_code, missing_docs, non_camel_case_types, unreachable_pub)]
mod uapi {
    use kernel::{
        ffi,
        prelude::*, //
    };

    include!(env!("EVFD_SAMPLES_RS"));
}

module! {
    type: TimerModule,
    name: "evfd_timer",
    authors: ["The evfd authors"],
    description: "evfd sample: a periodic timer posts to an event descriptor",
    license: "GPL",
}

#[pin_data]
struct TimerModule {
    #[pin]
    _device: MiscDeviceRegistration<TimerDevice>,
    #[pin]
    _producer: Registration<TimerDevice>,
}

impl kernel::InPlaceModule for TimerModule {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions {
            name: uapi::EVFD_TIMER_DEVICE_NAME,
        };

        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(options),
            _producer <- Registration::new(&_device),
        })
    }
}

/// A timer, and what it notifies: the descriptor, if the program has passed one, and kevents.
#[pin_data]
struct Ticker {
    #[pin]
    timer: HrTimer<Self>,
    period: Delta,
    ctx: Option<EventFdCtx>,
    kevents: Arc<Storage>,
}

impl Ticker {
    fn new(ctx: Option<EventFdCtx>, kevents: Arc<Storage>, period: Delta) -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- HrTimer::new(),
            period: period,
            ctx: ctx,
            kevents: kevents,
        })
    }
}

impl HrTimerCallback for Ticker {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        mut context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        let periods = context.forward_now(this.period).min(i32::MAX as u64);

        if let Some(ctx) = &this.ctx {
            // Fails only above `i32::MAX`.
            let _ = ctx.signal(periods as u32);
        }
        this.kevents.ready(uapi::EVFD_TIMER_TICK, periods);
        HrTimerRestart::Restart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Ticker {
        mode: RelativeHardMode<Monotonic>, field: self.timer
    }
}

/// An open `/dev/evfd_timer`. Closing it drops the handle, which stops the timer.
#[pin_data]
struct TimerDevice {
    #[pin]
    ticker: Mutex<Option<ArcHrTimerHandle<Ticker>>>,
    kevents: Arc<Storage>,
}

#[vtable]
impl MiscDevice for TimerDevice {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _misc: &MiscDeviceRegistration<Self>) -> Result<Pin<KBox<Self>>> {
        KBox::pin_init(
            try_pin_init!(Self {
                ticker <- new_mutex!(None),
                kevents: Arc::pin_init(Storage::new(), GFP_KERNEL)?,
            }),
            GFP_KERNEL,
        )
    }

    fn ioctl(me: Pin<&Self>, _file: &File, cmd: u32, arg: usize) -> Result<isize> {
        match cmd {
            uapi::EVFD_TIMER_IOC_START => me.start(UserPtr::from_addr(arg)),
            _ => Err(ENOTTY),
        }
    }
}

#[vtable]
impl Producer for TimerDevice {
    fn enqueue(device: Pin<&Self>, kevent: &Kevent, events: u32, arg: &[u64; 3]) -> Result {
        if events & !uapi::EVFD_TIMER_TICK != 0 || *arg != [0; 3] {
            return Err(EINVAL);
        }
        device.kevents.enqueue(kevent)
    }
}

impl TimerDevice {
    fn start(&self, arg: UserPtr) -> Result<isize> {
        const SIZE: usize = size_of::<uapi::evfd_timer_start>();

        let bytes: [u8; SIZE] = UserSlice::new(arg, SIZE).reader().read()?;
        let arg = uapi::evfd_timer_start::read_from_bytes(&bytes).map_err(|_| EINVAL)?;
        if arg.period_ms == 0 {
            return Err(EINVAL);
        }

        let mut ticker = self.ticker.lock();
        if ticker.is_some() {
            return Err(EBUSY);
        }
        let period = Delta::from_millis(arg.period_ms.into());
        let ctx = match arg.fd {
            -1 => None,
            fd => Some(EventFdCtx::from_fd(fd)?),
        };
        let ticker_of = Ticker::new(ctx, self.kevents.clone(), period);
        let new = Arc::pin_init(ticker_of, GFP_KERNEL)?;
        *ticker = Some(new.start(period));
        Ok(0)
    }
}
