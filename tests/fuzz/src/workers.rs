// SPDX-License-Identifier: GPL-2.0

//! The threads that make the calls of a program.

use crate::{
    calls::{self, Caller},
    kcov::Kcov,
    program::{Call, Program, THREADS},
};
use std::{
    io, process,
    sync::{
        atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering::SeqCst},
        Arc, Mutex,
    },
    thread::{self, Thread},
    time::{Duration, Instant},
};

/// The time after which calls are interrupted if none has ended. A busy host is no reason to
/// interrupt a program that goes on.
const PATIENCE: Duration = Duration::from_millis(1);
/// The number of interruptions before the program is stopped.
const INTERRUPTIONS: u32 = 8;
/// The number of such times before a program is stopped that goes on.
const PERIODS: u32 = 100;

/// The time that no program takes, unless it hangs.
const HANG: Duration = Duration::from_secs(300);

/// The rounds of a program on the same descriptors. Making the descriptors takes far longer.
const ROUNDS: usize = 8;

/// The state that the threads share with the main thread.
struct Job {
    program: Mutex<Arc<Program>>,
    /// The number of threads that still run the program.
    busy: AtomicUsize,
    /// Whether the threads must not make more calls.
    stop: AtomicBool,
    /// The number of calls that have ended.
    ended: AtomicUsize,
    main: Thread,
}

/// A thread, for the main thread.
struct Worker {
    thread: Thread,
    tid: Arc<AtomicI32>,
    start: Arc<AtomicBool>,
    result: Arc<WorkerResult>,
}

/// The results of a thread.
struct WorkerResult {
    kcov: Kcov,
    /// For each call, its operation and the end of its addresses in `kcov`.
    ends: Mutex<Vec<(u8, usize)>>,
    calls: AtomicU64,
}

/// The threads.
pub struct Workers {
    job: Arc<Job>,
    workers: Vec<Worker>,
}

/// The calls of a thread, in their order.
fn calls_of(program: &Program, index: usize) -> impl Iterator<Item = &Call> {
    (0..ROUNDS).flat_map(move |round| {
        let is_due = move |call: &&Call| call.thread() == index && call.is_made_in(round, ROUNDS);
        program.calls.iter().filter(is_due)
    })
}

/// The main loop of a thread, which makes its calls of each program.
fn run(index: usize, job: &Job, start: &AtomicBool, tid: &AtomicI32, result: &WorkerResult) {
    let mut caller = Caller::new(index);
    result.kcov.enable().expect("KCOV for a thread");
    // SAFETY: It has no arguments.
    tid.store(unsafe { libc::gettid() }, SeqCst);
    caller.reset();
    loop {
        while !start.swap(false, SeqCst) {
            thread::park();
        }
        let program = job.program.lock().unwrap().clone();
        let mut ends = result.ends.lock().unwrap();
        ends.clear();
        result.kcov.clear();
        for call in calls_of(&program, index) {
            if job.stop.load(SeqCst) {
                break;
            }
            caller.make(call);
            job.ended.fetch_add(1, SeqCst);
            ends.push((call.op() as u8, result.kcov.len()));
        }
        caller.reset();
        ends.push((u8::MAX, result.kcov.len()));
        result.calls.store(caller.calls(), SeqCst);
        drop(ends);
        drop(program);
        if job.busy.fetch_sub(1, SeqCst) == 1 {
            job.main.unpark();
        }
    }
}

impl Workers {
    pub fn new() -> io::Result<Self> {
        let job = Arc::new(Job {
            program: Mutex::default(),
            busy: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            ended: AtomicUsize::new(0),
            main: thread::current(),
        });
        let mut workers = Vec::new();
        for index in 0..THREADS {
            let (tid, start) = (
                Arc::new(AtomicI32::new(0)),
                Arc::new(AtomicBool::new(false)),
            );
            let result = Arc::new(WorkerResult {
                kcov: Kcov::new()?,
                ends: Mutex::default(),
                calls: AtomicU64::new(0),
            });
            let theirs = (job.clone(), start.clone(), tid.clone(), result.clone());
            let handle = thread::Builder::new()
                .stack_size(256 << 10)
                .spawn(move || run(index, &theirs.0, &theirs.1, &theirs.2, &theirs.3))?;
            while tid.load(SeqCst) == 0 {
                thread::yield_now();
            }
            calls::TIDS[index].store(tid.load(SeqCst), SeqCst);
            workers.push(Worker {
                thread: handle.thread().clone(),
                tid,
                start,
                result,
            });
        }
        Ok(Self { job, workers })
    }

    /// Runs a program to its end.
    pub fn run(&self, program: &Program) {
        let mut active = [false; THREADS];
        program
            .calls
            .iter()
            .for_each(|call| active[call.thread()] = true);
        *self.job.program.lock().unwrap() = Arc::new(program.clone());
        self.job.stop.store(false, SeqCst);
        self.job
            .busy
            .store(active.iter().filter(|&&a| a).count(), SeqCst);
        for (worker, active) in self.workers.iter().zip(active) {
            worker.result.ends.lock().unwrap().clear();
            if active {
                worker.start.store(true, SeqCst);
                worker.thread.unpark();
            }
        }
        let start = Instant::now();
        let (mut interruptions, mut periods, mut before) = (0, 0, 0);
        while self.job.busy.load(SeqCst) != 0 {
            thread::park_timeout(PATIENCE);
            if self.job.busy.load(SeqCst) != 0 {
                let ended = self.job.ended.load(SeqCst);
                periods += 1;
                if ended == before {
                    interruptions += 1;
                    self.interrupt();
                }
                before = ended;
                if interruptions > INTERRUPTIONS || periods > PERIODS {
                    self.job.stop.store(true, SeqCst);
                }
                if start.elapsed() > HANG {
                    eprintln!("a call does not end, although it is interrupted");
                    process::exit(1);
                }
            }
        }
        calls::clear();
    }

    fn interrupt(&self) {
        for worker in &self.workers {
            // SAFETY: The signal has a handler.
            unsafe { libc::syscall(libc::SYS_tkill, worker.tid.load(SeqCst), calls::INTERRUPT) };
        }
    }

    /// Calls `f` with the operation and the offset of each recorded address.
    pub fn for_each_reached(&self, mut f: impl FnMut(u8, usize)) {
        for worker in &self.workers {
            let mut from = 0;
            for &(op, to) in worker.result.ends.lock().unwrap().iter() {
                worker
                    .result
                    .kcov
                    .offsets(from, to)
                    .for_each(|offset| f(op, offset));
                from = to;
            }
        }
    }

    /// The number of calls that all threads made.
    pub fn calls(&self) -> u64 {
        self.workers
            .iter()
            .map(|w| w.result.calls.load(SeqCst))
            .sum()
    }
}
