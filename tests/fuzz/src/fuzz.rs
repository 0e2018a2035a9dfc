// SPDX-License-Identifier: GPL-2.0

//! Fuzzing, in the guest: LibAFL generates programs, guided by the coverage of earlier programs.

use crate::{
    calls,
    kcov::{self, Kcov},
    mutate::{random_call, ProgramMutator},
    program::Program,
    shared::Shared,
    workers::Workers,
};
use libafl::{
    corpus::{Corpus, InMemoryCorpus},
    events::SimpleEventManager,
    executors::{Executor, ExitKind, WithObservers},
    feedbacks::{ConstFeedback, MaxMapFeedback},
    fuzzer::{Evaluator, Fuzzer, StdFuzzer},
    monitors::NopMonitor,
    mutators::StdScheduledMutator,
    observers::{CanTrack, HitcountsMapObserver, StdMapObserver},
    schedulers::{IndexesLenTimeMinimizerScheduler, QueueScheduler},
    stages::StdMutationalStage,
    state::{HasCorpus, HasExecutions, HasRand, StdState},
    Error,
};
use libafl_bolts::{
    rands::{Rand, StdRand},
    tuples::tuple_list,
};
use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const MAP: usize = 1 << 16;
/// The least number of programs to begin with.
const BEGINNINGS: usize = 8;

/// The limits of a run.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub time: Duration,
    pub calls: u64,
}

/// The guest: its threads, and the memory shared with the host.
struct Guest {
    shared: &'static mut Shared,
    workers: Workers,
    kcov: Kcov,
    start: Instant,
    reported: u64,
}

/// Calls `f`, which loads or unloads a module, and records the coverage in `kcov`.
fn traced<R>(kcov: &Kcov, f: impl FnOnce() -> R) -> R {
    kcov.clear();
    kcov.enable().expect("KCOV");
    let result = f();
    kcov.disable();
    result
}

/// Marks all addresses in `kcov` as reached.
fn mark(shared: &mut Shared, kcov: &Kcov) {
    for offset in kcov.offsets(0, kcov.len()) {
        shared.reached[offset] = 1;
    }
}

fn load(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    // SAFETY: A descriptor, a string, and no flags.
    match unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Makes faults apply to any allocation, on request only, and without messages.
fn prepare_faults() -> io::Result<()> {
    for kind in ["failslab", "fail_page_alloc", "fail_usercopy"] {
        let dir = Path::new("/sys/kernel/debug").join(kind);
        fs::write(dir.join("verbose"), "0")?;
        for gfp in ["ignore-gfp-wait", "ignore-gfp-highmem"] {
            if dir.join(gfp).exists() {
                fs::write(dir.join(gfp), "N")?;
            }
        }
    }
    Ok(())
}

impl Guest {
    /// Loads the modules, records the coverage of evfd.ko from its start, and starts the threads.
    fn new(modules: &Path) -> io::Result<Self> {
        prepare_faults()?;
        calls::reserve_descriptors();
        let shared = Shared::map()?;
        let kcov = Kcov::new()?;
        traced(&kcov, || load(&modules.join("evfd.ko")))?;
        kcov::find_module()?;
        mark(shared, &kcov);
        load(&modules.join("evfd_post_test.ko"))?;
        calls::signals::block_all();
        calls::prepare();
        let workers = Workers::new()?;
        calls::clear();
        Ok(Self {
            shared,
            workers,
            kcov,
            start: Instant::now(),
            reported: 0,
        })
    }

    /// Runs a program. Calls `f` with each place in the module, and the operation that reached it.
    fn run(&mut self, program: &Program, mut f: impl FnMut(u8, usize)) {
        self.shared.note(program);
        let before = self.workers.calls();
        self.workers.run(program);
        self.shared.count(self.workers.calls() - before);
        let reached = &mut self.shared.reached;
        self.workers.for_each_reached(|op, offset| {
            reached[offset] = 1;
            f(op, offset);
        });
    }

    fn is_over(&self, bounds: Bounds) -> bool {
        self.start.elapsed() >= bounds.time || self.shared.calls() >= bounds.calls
    }

    /// Reports progress, every 10 seconds at most.
    fn report(&mut self, corpus: usize) {
        let seconds = self.start.elapsed().as_secs();
        if seconds >= self.reported + 10 {
            self.reported = seconds;
            println!(
                "{seconds} s: {} programs, {} calls, {corpus} kept",
                self.shared.programs(),
                self.shared.calls()
            );
        }
    }

    /// Unloads the modules, and records the coverage of evfd.ko.
    fn finish(self) {
        drop(self.workers);
        let unload = |name: &std::ffi::CStr| {
            // SAFETY: A string, and flags.
            unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), 0) }
        };
        calls::close_devices();
        unload(c"evfd_post_test");
        traced(&self.kcov, || unload(c"evfd"));
        mark(self.shared, &self.kcov);
        println!(
            "{} programs, {} calls, {} s",
            self.shared.programs(),
            self.shared.calls(),
            self.start.elapsed().as_secs()
        );
        self.shared.finish();
    }
}

/// Runs programs for LibAFL.
struct GuestExecutor<'a> {
    guest: &'a RefCell<Guest>,
    map: *mut u8,
}

impl<EM, S, Z> Executor<EM, Program, S, Z> for GuestExecutor<'_>
where
    S: HasExecutions + HasCorpus<Program>,
{
    fn run_target(
        &mut self,
        _fuzzer: &mut Z,
        state: &mut S,
        _manager: &mut EM,
        input: &Program,
    ) -> Result<ExitKind, Error> {
        *state.executions_mut() += 1;
        let map = self.map;
        let mut guest = self.guest.borrow_mut();
        guest.run(input, |op, offset| {
            // A place reached by two operations counts as two places.
            let index = (offset ^ (usize::from(op) * 0x9e5)) % MAP;
            // SAFETY: The map has that size, and lives as long as the executor.
            let count = unsafe { &mut *map.add(index) };
            *count = count.saturating_add(1);
        });
        guest.report(state.corpus().count());
        Ok(ExitKind::Ok)
    }
}

/// Reads files, and the files of directories in the order of their names.
pub fn programs(paths: &[PathBuf]) -> io::Result<Vec<Program>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
            files.extend(entries.collect::<io::Result<BTreeSet<_>>>()?);
        } else {
            files.push(path.clone());
        }
    }
    let read = |file: &PathBuf| Ok(Program::from_bytes(&fs::read(file)?));
    files.iter().map(read).collect()
}

/// Keeps the shortest programs that together reach all places.
fn minimise(guest: &mut Guest, mut all: Vec<Program>) {
    all.sort_by_key(|program| program.calls.len());
    let mut known = BTreeSet::new();
    let mut kept = 0;
    for program in all {
        let mut new = false;
        guest.run(&program, |_, offset| new |= known.insert(offset));
        if new {
            guest.shared.keep(&program);
            kept += 1;
        }
    }
    println!("{} places reached, {kept} programs kept", known.len());
}

/// Fuzzes until a bound is reached, beginning with the programs in `corpus`.
pub fn fuzz(modules: &Path, corpus: &[PathBuf], bounds: Bounds) -> Result<(), Error> {
    let beginnings = programs(corpus)?;
    let guest = RefCell::new(Guest::new(modules)?);
    let mut map = vec![0u8; MAP];
    let pointer = map.as_mut_ptr();
    // SAFETY: The map outlives the observer.
    let observer = unsafe { StdMapObserver::from_mut_ptr("reached", pointer, MAP) };
    let observer = HitcountsMapObserver::new(observer).track_indices();
    let mut feedback = MaxMapFeedback::new(&observer);
    // A crash ends the guest, so it is never seen here.
    let mut objective = ConstFeedback::new(false);
    let mut state = StdState::new(
        StdRand::new(),
        InMemoryCorpus::<Program>::new(),
        InMemoryCorpus::new(),
        &mut feedback,
        &mut objective,
    )?;
    let mut manager = SimpleEventManager::new(NopMonitor::new());
    let scheduler = IndexesLenTimeMinimizerScheduler::new(&observer, QueueScheduler::new());
    let mut fuzzer = StdFuzzer::new(scheduler, feedback, objective);
    let executor = GuestExecutor {
        guest: &guest,
        map: pointer,
    };
    let mut executor = WithObservers::new(executor, tuple_list!(observer));
    for program in &beginnings {
        fuzzer.evaluate_input(&mut state, &mut executor, &mut manager, program)?;
    }
    while state.corpus().count() < BEGINNINGS {
        let length = state.rand_mut().next() % 8 + 1;
        let calls = (0..length).map(|_| random_call(state.rand_mut())).collect();
        fuzzer.evaluate_input(&mut state, &mut executor, &mut manager, &Program { calls })?;
    }
    println!("{} programs to begin with", state.corpus().count());
    let mutator = StdScheduledMutator::new(tuple_list!(ProgramMutator));
    let mut stages = tuple_list!(StdMutationalStage::new(mutator));
    while !guest.borrow().is_over(bounds) {
        fuzzer.fuzz_one(&mut stages, &mut executor, &mut state, &mut manager)?;
    }
    let ids: Vec<_> = state.corpus().ids().collect();
    let all = ids
        .into_iter()
        .map(|id| state.corpus().cloned_input_for_id(id));
    let all = all.collect::<Result<_, _>>()?;
    drop(executor);
    let mut guest = guest.into_inner();
    minimise(&mut guest, all);
    guest.finish();
    Ok(())
}

/// Repeats programs until a bound is reached.
pub fn repeat(modules: &Path, paths: &[PathBuf], bounds: Bounds) -> io::Result<()> {
    let programs = programs(paths)?;
    let mut guest = Guest::new(modules)?;
    while !guest.is_over(bounds) && !programs.is_empty() {
        for program in &programs {
            guest.run(program, |_, _| ());
            guest.report(programs.len());
        }
    }
    guest.finish();
    Ok(())
}
