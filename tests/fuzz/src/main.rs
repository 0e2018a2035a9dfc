// SPDX-License-Identifier: GPL-2.0

//! A fuzzer of evfd. In a guest:
//!
//!     evfd-fuzz fuzz MODULES SECONDS CALLS PROGRAM|DIR...
//!     evfd-fuzz repeat MODULES SECONDS CALLS PROGRAM|DIR...
//!
//! On its host, with the memory shared by the guest:
//!
//!     evfd-fuzz take FILE DIR     write the results to files in DIR
//!     evfd-fuzz show PROGRAM|DIR...

mod calls;
mod fuzz;
mod kcov;
mod mutate;
mod program;
mod shared;
mod workers;

/// The ioctls of the headers.
#[allow(dead_code, non_camel_case_types)]
mod uapi {
    include!(concat!(env!("OUT_DIR"), "/uapi.rs"));
}

use fuzz::Bounds;
use program::Program;
use shared::Shared;
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const USAGE: &str = "usage: evfd-fuzz fuzz|repeat MODULES SECONDS CALLS PROGRAM|DIR...
       evfd-fuzz take FILE DIR
       evfd-fuzz show PROGRAM|DIR...";

/// Writes programs to a new directory. `name` returns their file names.
fn write(
    dir: &Path,
    programs: &[Program],
    name: impl Fn(usize, &Program) -> String,
) -> std::io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    for (i, program) in programs.iter().enumerate() {
        fs::write(dir.join(name(i, program)), program.to_bytes())?;
    }
    Ok(())
}

/// Takes the results of a guest: the coverage, and the programs to keep. If the guest did not end
/// normally, takes its last programs instead.
fn take(file: &Path, dir: &Path) -> Result<(), Box<dyn Error>> {
    use libafl::inputs::Input;
    let shared = Shared::load(file)?;
    fs::create_dir_all(dir)?;
    fs::write(dir.join("reached"), shared.reached)?;
    if shared.is_finished() {
        write(&dir.join("corpus"), &shared.corpus(), |_, program| {
            program.generate_name(None)
        })?;
        return Ok(());
    }
    let history = shared.history();
    write(&dir.join("crash"), &history, |i, _| format!("{i:02}"))?;
    println!(
        "after {} programs and {} calls, during:",
        shared.programs(),
        shared.calls()
    );
    if let Some(last) = history.last() {
        fs::write(dir.join("crash-last"), last.to_bytes())?;
        print!("{last}");
    }
    Ok(())
}

fn show(paths: &[PathBuf]) -> std::io::Result<()> {
    for (i, program) in fuzz::programs(paths)?.iter().enumerate() {
        print!("program {i}:\n{program}");
    }
    Ok(())
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let paths = |rest: &[String]| rest.iter().map(PathBuf::from).collect::<Vec<_>>();
    match arguments {
        [what, modules, seconds, calls, rest @ ..] if what == "fuzz" || what == "repeat" => {
            let bounds = Bounds {
                time: Duration::from_secs(seconds.parse()?),
                calls: calls.parse()?,
            };
            match what.as_str() {
                "fuzz" => fuzz::fuzz(modules.as_ref(), &paths(rest), bounds)?,
                _ => fuzz::repeat(modules.as_ref(), &paths(rest), bounds)?,
            }
        }
        [what, file, dir] if what == "take" => take(file.as_ref(), dir.as_ref())?,
        [what, rest @ ..] if what == "show" => show(&paths(rest))?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&env::args().skip(1).collect::<Vec<_>>())
}
