// SPDX-License-Identifier: GPL-2.0

//! An operation that a kevent stands for: it is started, and its end is the event.
//!
//! The task that starts it tries it first, without waiting and without the lock of the kevents,
//! because it touches user memory. A kernel thread does the remainder. An operation on a socket
//! takes no thread while it waits for the socket.
//!
//! ```text
//!          begin()           start()
//!   IDLE ----------> CALLED ---------> QUEUED ----------> RUNS
//!     ^                |  |              |  ^              | |
//!     |                |  |       cancel() wake()          | |
//!     |                |  +--------------|-> WAITS <-------+ |
//!     |                v                 v     | cancel()    |
//!     +--------------- ENDS <------------------+-------------+
//! ```
//!
//! Each step is a compare-and-exchange, except those to ENDS and IDLE by the task that owns the
//! operation in CALLED, RUNS or ENDS. ENDS is short, without a wait for user memory or for the lock
//! of the kevents. In CALLED and RUNS, a task that cancels sets a mark. The mark keeps the
//! operation from a thread, or ends the sleeps of its thread. A wake-up of the socket sets another
//! mark, which keeps the operation from WAITS.

use crate::{
    abstractions::{
        compat::{
            smp_mb,
            ECANCELED, //
        },
        file::{
            anon_file::with_file,
            events::Events,
            io::{
                DescriptorTable,
                Request,
                Submitter, //
            },
            poller::{
                Calls,
                Hold,
                Poller,
                Woken, //
            }, //
        },
        sync::{
            atomic::{
                read_once,
                write_once,
                xchg_full, //
            },
            wait::{
                Mode,
                WaitQueue, //
            }, //
        },
        task::work::{
            Killable,
            Waits,
            Workers, //
        }, //
    },
    kevent::{
        port::Port,
        queue::Raise, //
    },
    new_wait_queue, //
};
use core::pin::Pin;
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
/// It waits for its socket.
const WAITS: u32 = 5;
/// With [`CALLED`] or [`RUNS`]: it is to end.
const CANCELLED: u32 = 8;
/// With [`CALLED`] or [`RUNS`]: its socket has been woken.
const WOKEN: u32 = 16;

/// What is to be done after the first try.
struct Job {
    request: Request,
    /// The bytes that were read or written before.
    done: usize,
    file: ARef<File>,
    submitter: Submitter,
    /// It has joined the wait queues of a socket, until the operation ends.
    waker: Option<Pin<KBox<Poller<Waker>>>>,
}

impl Job {
    /// Whether it goes on after a try with the result `result`. Counts the bytes.
    fn goes_on(&mut self, result: &Result<usize>) -> bool {
        let Ok(more) = *result else {
            return false;
        };
        let done = self.done + more;
        if !self.request.is_on_socket() || more == 0 || self.request.is_all(&self.file, done) {
            return false;
        }
        self.done = done;
        true
    }
}

/// Where an operation has its file from.
pub(crate) enum Target {
    /// The same file for each start.
    File(ARef<File>),
    /// The file that the task which starts it has by this descriptor.
    Descriptor(c_int),
}

/// An operation on a file, which its kevent and its work share.
#[pin_data]
pub(crate) struct Operation {
    /// Set before the operation is started.
    port: SetOnce<Port>,
    target: Target,
    /// The event. It is always raised, also if the program no longer wants it.
    event: u32,
    state: Atomic<u32>,
    /// The number of the [`DescriptorTable`] of the task that has started it.
    starter: Atomic<usize>,
    /// Set in [`QUEUED`] and [`WAITS`].
    #[pin]
    job: Mutex<Option<KBox<Job>>>,
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
        this.go_on(job, RUNS, |job| {
            this.thread.run(|| {
                // Either this finds the mark, or the task that has set it finds the thread.
                if read_once(&this.state) & CANCELLED != 0 {
                    return Some(Err(ECANCELED));
                }
                job.request.after(job.done).run(&job.file, &job.submitter)
            })
        });
    }
}

/// Lets a thread do an operation that waits, after a wake-up of its socket.
struct Waker {
    operation: Arc<Operation>,
    awaited: Events,
    /// The queue has a reference, too, until the operation has ended. So work that drops this one
    /// never drops the last.
    workers: Arc<Workers>,
}

impl Woken for Waker {
    fn woken(&self, events: Events) {
        if events.intersects(self.awaited.with(Events::ERR).with(Events::HUP)) {
            self.wake();
        }
    }

    fn woken_without_events(&self) {
        self.wake();
    }
}

impl Waker {
    fn wake(&self) {
        // Either this sees that the operation waits or is being tried, or the next try sees the
        // change of the socket (`tests/litmus/kevent-waits.litmus`).
        smp_mb();
        let mut state = read_once(&self.operation.state);
        loop {
            let new = match state {
                WAITS => QUEUED,
                CALLED | RUNS => state | WOKEN,
                _ => return,
            };
            match self.operation.state.cmpxchg(state, new, Full) {
                Ok(WAITS) => break,
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
        // Work that is in the queue still finds what it is to do now.
        let queue = self.workers.queue(Waits::ForNothing);
        let _ = queue.enqueue(self.operation.clone());
    }
}

impl Operation {
    /// An operation on `target`, which is not started yet. When it ends, it raises `event`.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    pub(crate) fn new(target: Target, event: u32) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                port: SetOnce::new(),
                target,
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

    /// Where it has its file from.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Calls `f` with the file for a start by the current task.
    ///
    /// Context: like that of [`with_file`]. Errors: `EBADF`, and those of `f`.
    #[inline(always)]
    pub(crate) fn with_file<R>(&self, f: impl FnOnce(&File) -> Result<R>) -> Result<R> {
        match &self.target {
            Target::File(file) => f(file),
            Target::Descriptor(fd) => with_file(*fd, f),
        }
    }

    /// The event.
    pub(crate) fn event(&self) -> u32 {
        self.event
    }

    /// Lets its events go to `port`. Once, before [`Operation::begin`].
    pub(crate) fn set_port(&self, port: Port) {
        port.set_is_operation();
        self.port.populate(port);
    }

    /// Claims it for a start. The caller calls [`Operation::start`] when it has unlocked the
    /// kevents.
    ///
    /// Context: task, may sleep, with the kevents locked. Errors: `EBUSY` if it is under way.
    pub(crate) fn begin(&self) -> Result {
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

    /// Starts it after [`Operation::begin`], on the file of [`Operation::with_file`]. It may have
    /// ended afterwards.
    ///
    /// Context: task, may sleep, without a lock in which user memory must not be touched.
    #[inline(always)]
    pub(crate) fn start(this: &Arc<Self>, file: &File, request: &Request) {
        match request.try_now(file) {
            Some(Ok(done)) if !request.is_all(file, done) => {
                Self::hand_over(this, file, request, done);
            }
            Some(result) => this.end(0, result),
            None => Self::hand_over(this, file, request, 0),
        }
    }

    /// Lets a thread do the request, after the first `done` bytes, or lets it wait.
    #[cold]
    #[inline(never)]
    fn hand_over(this: &Arc<Self>, file: &File, request: &Request, done: usize) {
        let Some(port) = this.port.as_ref() else {
            return;
        };
        let job = Job {
            request: request.after(0),
            done,
            file: file.into(),
            submitter: Submitter::current(),
            waker: None,
        };
        let Ok(mut job) = KBox::new(job, GFP_KERNEL_ACCOUNT) else {
            return this.end(done, Err(ENOMEM));
        };
        if job.request.is_on_socket() {
            return match Self::arm(this, port, &mut job) {
                Ok(ready) => this.wait(job, ready),
                Err(e) => this.end_job(job, Err(e)),
            };
        }
        if job.request.after(done).passes_limit(&job.file) {
            return this.end_job(job, Err(EFBIG));
        }
        let waits = if job.request.waits_for_others(&job.file) {
            Waits::ForOthers
        } else {
            Waits::ForStorage
        };
        if let Err((job, _)) = this.leave(job, CALLED, QUEUED) {
            return this.end_job(job, Err(ECANCELED));
        }
        if let Err(e) = port.enqueue(this.clone(), waits) {
            this.take_back(QUEUED, e);
        }
    }

    /// Joins the wait queues of the socket. Returns whether the operation may be possible now.
    ///
    /// Context: task, may sleep. Errors: `ENOMEM`.
    fn arm(this: &Arc<Self>, port: &Port, job: &mut Job) -> Result<bool> {
        let awaited = job.request.awaited();
        let waker = Waker {
            operation: this.clone(),
            awaited,
            workers: port.workers()?,
        };
        let mut ready = Events::NONE;
        let poller = Poller::start(
            job.file.clone(),
            Hold::Strong,
            Calls::Woken,
            waker,
            awaited,
            |_, events, _| ready = events,
        )?;
        job.waker = Some(KBox::pin_init(poller, GFP_KERNEL_ACCOUNT)?);
        Ok(ready != Events::NONE)
    }

    /// Lets an operation wait that the current task has started. `ready` says whether to try it
    /// once more before.
    fn wait(&self, job: KBox<Job>, ready: bool) {
        let mut is_due = ready;
        self.go_on(job, CALLED, |job| {
            if read_once(&self.state) & CANCELLED != 0 {
                return Some(Err(ECANCELED));
            }
            core::mem::replace(&mut is_due, true)
                .then(|| job.request.after(job.done).try_now(&job.file))?
        });
    }

    /// Goes on with an operation, by `attempt`, until it ends or waits. It is in the state `state`,
    /// which the caller owns.
    fn go_on(
        &self,
        mut job: KBox<Job>,
        state: u32,
        mut attempt: impl FnMut(&Job) -> Option<Result<usize>>,
    ) {
        loop {
            match attempt(&job) {
                Some(result) if job.goes_on(&result) => (),
                Some(result) => return self.end_job(job, result),
                None => match self.leave(job, state, WAITS) {
                    Ok(()) => return,
                    Err((same, now)) => {
                        job = same;
                        // Fails if it is to end, too.
                        let _ = self.state.cmpxchg(now, now & !WOKEN, Full);
                    }
                },
            }
        }
    }

    /// Leaves the job to whoever finds the operation in the state `to`. Gives it back with the
    /// present state if that is not `from`.
    fn leave(&self, job: KBox<Job>, from: u32, to: u32) -> Result<(), (KBox<Job>, u32)> {
        *self.job.lock() = Some(job);
        match self.state.cmpxchg(from, to, Full) {
            Ok(_) => Ok(()),
            // Only the owner of CALLED and RUNS takes it.
            Err(now) => match self.job.lock().take() {
                Some(job) => Err((job, now)),
                None => Ok(()),
            },
        }
    }

    /// Ends an operation in the state `from`, [`QUEUED`] or [`WAITS`], which no thread has begun.
    /// Returns false if one has.
    fn take_back(&self, from: u32, error: Error) -> bool {
        if self.state.cmpxchg(from, ENDS, Full).is_err() {
            return false;
        }
        // A statement of its own, at whose end the job is unlocked.
        let job = self.job.lock().take();
        if let Some(job) = job {
            self.end_job(job, Err(error));
        }
        true
    }

    /// Ends an operation with a job. The job goes before the event, so that a program that has the
    /// event finds nothing of the operation.
    fn end_job(&self, job: KBox<Job>, result: Result<usize>) {
        let done = job.done;
        drop(job);
        self.end(done, result);
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

    /// Whether a task with the descriptor table `table` has started it.
    pub(crate) fn was_started_with(&self, table: DescriptorTable) -> bool {
        read_once(&self.starter) == table.number()
    }

    /// Whether a thread does it now.
    pub(crate) fn runs(&self) -> bool {
        read_once(&self.state) & !(CANCELLED | WOKEN) == RUNS
    }

    fn is_idle(&self) -> bool {
        read_once(&self.state) == IDLE
    }

    /// Whether it is under way, or its event is being raised.
    pub(crate) fn is_busy(&self) -> bool {
        !self.is_idle()
    }

    /// Ends it early: what was not begun is not begun, and sleeps end as for a process that is
    /// killed. Its event is raised like any other. Context: task, may sleep.
    pub(crate) fn cancel(&self) {
        let mut state = read_once(&self.state);
        loop {
            match state & !WOKEN {
                QUEUED | WAITS => {
                    if self.take_back(state, ECANCELED) {
                        return;
                    }
                    state = read_once(&self.state);
                }
                CALLED | RUNS => match self.state.cmpxchg(state, state | CANCELLED, Full) {
                    Ok(was) if was & !WOKEN == RUNS => return self.thread.kill(),
                    Ok(_) => return,
                    Err(now) => state = now,
                },
                _ => return,
            }
        }
    }

    /// Waits for its end, also if a signal is pending. Context: task, may sleep.
    pub(crate) fn wait_through_signals(&self) {
        self.ended.wait_through_signals(|| self.is_idle());
    }

    /// Cancels it, and waits for its end. The memory is not used any more when this returns `Ok`.
    ///
    /// Context: task, may sleep, without the lock of the kevents. Errors: `EINTR` if a signal is
    /// pending; it is cancelled then.
    pub(crate) fn stop(&self) -> Result {
        self.cancel();
        let all = Events::from_bits(u32::MAX);
        self.ended
            .wait_until(Mode::Shared(all), || self.is_idle())
            .map_err(|_| EINTR)
    }

    /// The same for the end of its kevent, with the kevents locked. A task that uses the queue in a
    /// call must not have it in hand, except to end it.
    pub(crate) fn stop_for_good(&self) {
        self.cancel();
        self.wait_through_signals();
    }
}
