// SPDX-License-Identifier: GPL-2.0

//! An operation that a kevent stands for: it is started, and its end is the event.
//!
//! The task that starts it tries it first, without waiting and without the lock of the kevents,
//! because it touches user memory. A kernel thread does the remainder.
//!
//! ```text
//!          begin()           start()
//!   IDLE ----------> CALLED ---------> QUEUED ------> RUNS
//!     ^                |                 | cancel()     |
//!     |                v                 v              |
//!     +------------- ENDS <-----------------------------+
//! ```
//!
//! Each step is a compare-and-exchange, except those to ENDS and IDLE by the task that owns the
//! operation in CALLED, RUNS or ENDS. ENDS is short, without a wait for user memory or for the lock
//! of the kevents. In CALLED and RUNS, a task that cancels sets a mark. The mark keeps the
//! operation from a thread, or ends the sleeps of its thread.

use super::{
    port::Port,
    queue::{
        Queue,
        Raise, //
    },
    source::{
        Room,
        Source, //
    }, //
};
use crate::{
    abstractions::{
        compat::ECANCELED,
        file::{
            events::Events,
            io::{
                DescriptorTable,
                Request,
                Submitter, //
            },
            stream, //
        },
        sync::{
            atomic::{
                read_once,
                write_once,
                xchg_full, //
            },
            preempt,
            wait::{
                Mode,
                WaitQueue, //
            }, //
        },
        task::work::{
            Killable,
            Waits, //
        }, //
    },
    new_wait_queue, //
};
use kernel::{
    fs::File,
    new_mutex,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full, //
        },
        Arc,
        Mutex,
        SetOnce, //
    },
    workqueue::{
        impl_has_work,
        new_work,
        Work,
        WorkItem, //
    }, //
};

/// Nothing is under way.
const IDLE: u32 = 0;
/// The task that has started it tries it.
const CALLED: u32 = 1;
/// A thread is to do it.
const QUEUED: u32 = 2;
/// A thread does it.
const RUNS: u32 = 3;
/// It has ended, and its event is being raised.
const ENDS: u32 = 4;
/// With [`CALLED`] or [`RUNS`]: it is to end.
const CANCELLED: u32 = 8;

/// Work for a thread.
struct Job {
    request: Request,
    /// The bytes that were read or written before.
    done: usize,
    submitter: Submitter,
}

/// An operation on a file, which its kevent and its work share.
#[pin_data]
pub(crate) struct Operation {
    /// Set before the operation is started.
    port: SetOnce<Port>,
    file: ARef<File>,
    /// The event. It is always raised, also if the program no longer wants it.
    event: u32,
    state: Atomic<u32>,
    /// The number of the [`DescriptorTable`] of the task that has started it.
    starter: Atomic<usize>,
    /// Set in [`QUEUED`].
    #[pin]
    job: Mutex<Option<Job>>,
    #[pin]
    work: Work<Self>,
    #[pin]
    thread: Killable,
    /// Tasks that wait for [`IDLE`].
    #[pin]
    ended: WaitQueue,
}

impl_has_work! {
    impl HasWork<Self> for Operation { self.work }
}

impl WorkItem for Operation {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        // Fails if it was cancelled.
        if this.state.cmpxchg(QUEUED, RUNS, Full).is_err() {
            return;
        }
        let Some(job) = this.job.lock().take() else {
            return;
        };
        let result = this.thread.run(|| {
            // Either this finds the mark, or the task that has set it finds the thread.
            if read_once(&this.state) & CANCELLED != 0 {
                return Err(ECANCELED);
            }
            job.request.run(&this.file, &job.submitter)
        });
        let done = job.done;
        // Before the event, so that a program that has it finds nothing of the operation.
        drop(job);
        this.end(done, result);
    }
}

impl Operation {
    /// An operation on `file`, which is not started yet. When it ends, it raises `event`.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(super) fn new(file: ARef<File>, event: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                port: SetOnce::new(),
                file,
                event,
                state: Atomic::new(IDLE),
                starter: Atomic::new(0),
                job <- new_mutex!(None, "kevent_job"),
                work <- new_work!("kevent_operation"),
                thread <- Killable::new(),
                ended <- new_wait_queue!(c"kevent_ended"),
            }),
            GFP_KERNEL_ACCOUNT,
        )
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The event.
    pub(super) fn event(&self) -> u32 {
        self.event
    }

    /// Lets its events go to `port`. Once, before [`Operation::begin`].
    pub(super) fn set_port(&self, port: Port) {
        port.set_is_operation();
        self.port.populate(port);
    }

    /// Claims it for a start. The caller calls [`Operation::start`] when it has unlocked the
    /// kevents.
    ///
    /// Context: task, may sleep, with the kevents locked. Errors: `EBUSY` if it is under way.
    pub(super) fn begin(&self) -> Result {
        loop {
            match self.state.cmpxchg(IDLE, CALLED, Full) {
                Ok(_) => break,
                // The program may have seen the event.
                Err(ENDS) => self.wait_through_signals(),
                Err(_) => return Err(EBUSY),
            }
        }
        write_once(&self.starter, DescriptorTable::current().number());
        Ok(())
    }

    /// Starts it after [`Operation::begin`]. It may have ended afterwards.
    ///
    /// Context: task, may sleep, without a lock in which user memory must not be touched.
    pub(super) fn start(this: Arc<Self>, request: &Request) {
        match request.try_now(&this.file) {
            Some(Ok(done)) if !request.is_all(&this.file, done) => {
                Self::hand_over(this, request.after(done), done);
            }
            Some(result) => this.end(0, result),
            None => Self::hand_over(this, *request, 0),
        }
    }

    /// Lets a thread do the request, after the first `done` bytes.
    #[cold]
    #[inline(never)]
    fn hand_over(this: Arc<Self>, request: Request, done: usize) {
        if request.passes_limit(&this.file) {
            return this.end(done, Err(EFBIG));
        }
        let Some(port) = this.port.as_ref() else {
            return;
        };
        *this.job.lock() = Some(Job {
            request,
            done,
            submitter: Submitter::current(),
        });
        if this.state.cmpxchg(CALLED, QUEUED, Full).is_err() {
            this.job.lock().take();
            return this.end(done, Err(ECANCELED));
        }
        let waits = if stream::is_pipe(&this.file) {
            Waits::ForOthers
        } else {
            Waits::ForStorage
        };
        if let Err(e) = port.enqueue(this.clone(), waits) {
            this.take_back(e);
        }
    }

    /// Ends an operation that no thread has begun. Returns false if one has.
    fn take_back(&self, error: Error) -> bool {
        if self.state.cmpxchg(QUEUED, ENDS, Full).is_err() {
            return false;
        }
        let done = self.job.lock().take().map_or(0, |job| job.done);
        self.end(done, Err(error));
        true
    }

    /// Raises the event: `done` bytes and then `result`, as the system call would return them.
    fn end(&self, done: usize, result: Result<usize>) {
        write_once(&self.state, ENDS);
        let data = match result {
            Ok(more) => (done + more) as i64,
            Err(_) if done != 0 => done as i64,
            Err(e) => e.to_errno().into(),
        };
        if let Some(port) = self.port.as_ref() {
            port.set_data(data as u64);
            port.raise(Raise::new(self.event).always(self.event));
        }
        // Full: a task that waits is seen below, or sees that it is idle.
        xchg_full(&self.state, IDLE);
        if self.ended.is_active() {
            self.ended.wake(Events::from_bits(u32::MAX));
        }
    }

    fn is_idle(&self) -> bool {
        read_once(&self.state) == IDLE
    }

    /// Whether it is under way, or its event is being raised.
    pub(super) fn is_busy(&self) -> bool {
        !self.is_idle()
    }

    /// Ends it early: what was not begun is not begun, and sleeps end as for a process that is
    /// killed. Its event is raised like any other. Context: task, may sleep.
    fn cancel(&self) {
        let mut state = read_once(&self.state);
        loop {
            if state == QUEUED && self.take_back(ECANCELED) {
                return;
            }
            match state {
                QUEUED => state = read_once(&self.state),
                CALLED | RUNS => match self.state.cmpxchg(state, state | CANCELLED, Full) {
                    Ok(RUNS) => return self.thread.kill(),
                    Ok(_) => return,
                    Err(now) => state = now,
                },
                _ => return,
            }
        }
    }

    fn wait_through_signals(&self) {
        self.ended.wait_through_signals(|| self.is_idle());
    }

    /// Cancels it, and waits for its end. The memory is not used any more when this returns `Ok`.
    ///
    /// Context: task, may sleep, without the lock of the kevents. Errors: `EINTR` if a signal is
    /// pending; it is cancelled then.
    pub(super) fn stop(&self) -> Result {
        self.cancel();
        let all = Events::from_bits(u32::MAX);
        self.ended
            .wait_until(Mode::Shared(all), || self.is_idle())
            .map_err(|_| EINTR)
    }

    /// The same for the end of its kevent, with the kevents locked. A task that uses the queue in a
    /// call must not have it in hand, except to end it.
    pub(super) fn stop_for_good(&self) {
        self.cancel();
        self.wait_through_signals();
    }
}

/// The operation that a source is.
pub(super) fn of(source: &dyn Source) -> Option<&Arc<Operation>> {
    source.operation()?.downcast_ref()
}

/// Cancels the operations of `queue` that tasks with the descriptor table `starter` have started,
/// or all. Waits for those that threads do. These hold the memory of the process, which may map
/// the queue. So they must end before a process exits.
///
/// Context: task, may sleep.
pub(super) fn cancel_all(queue: &Queue, starter: Option<DescriptorTable>) {
    if !queue.has_threads() {
        return;
    }
    let is_meant = |operation: &&Arc<Operation>| {
        starter.is_none_or(|table| read_once(&operation.starter) == table.number())
    };
    let kevents = queue.lock();
    for number in 0..kevents.len() {
        preempt::cond_resched();
        let source = kevents.source(number).and_then(Room::get);
        if let Some(operation) = source.and_then(of).filter(is_meant) {
            operation.cancel();
        }
    }
    drop(kevents);
    let mut next = 0;
    loop {
        let kevents = queue.lock();
        let runs = (next..kevents.len()).find_map(|number| {
            preempt::cond_resched();
            let source = kevents.source(number).and_then(Room::get);
            let operation = source.and_then(of).filter(is_meant)?;
            let runs = read_once(&operation.state) & !CANCELLED == RUNS;
            runs.then(|| (number, operation.clone()))
        });
        drop(kevents);
        let Some((number, operation)) = runs else {
            return;
        };
        operation.wait_through_signals();
        next = number + 1;
    }
}
