// SPDX-License-Identifier: GPL-2.0

//! The functions that post and read for other modules. `include/linux/evfd.h` documents them, and
//! `exports.c` exports them.

use crate::{
    abstractions::{
        extern_c::{
            either_data,
            Borrowed,
            Either,
            Held,
            PtrOrErr, //
        },
        file::{
            anon_file::{
                fget,
                shared_data, //
            },
            events::Events, //
        },
        sync::wait::ForeignEntry, //
    },
    eventfd::{
        CellFd,
        EventFd, //
    }, //
};
use core::mem::MaybeUninit;
use kernel::{
    error::from_result,
    fs::File,
    prelude::*,
    sync::ArcBorrow, //
};

/// A descriptor with its own counter, or with a cell.
type Fd<'a> = Either<ArcBorrow<'a, EventFd>, ArcBorrow<'a, CellFd>>;

/// Posts, or fails with `EINVAL` if `n` does not fit into the result.
#[inline(always)]
fn post(fd: Fd<'_>, n: c_uint, mask: Events) -> Result<c_int> {
    c_int::try_from(n)?;
    match fd {
        Either::First(fd) => Ok(EventFd::post(fd, n, mask) as c_int),
        Either::Second(fd) => Ok(post_to_cell(fd, n, mask)),
    }
}

/// Out of line, because the compiler merges the two kinds of post otherwise: for "kernel post, no
/// waiter" in tests/bench/bounds.
#[inline(never)]
fn post_to_cell(fd: ArcBorrow<'_, CellFd>, n: c_uint, mask: Events) -> c_int {
    CellFd::post(fd, n, mask) as c_int
}

#[no_mangle]
extern "C" fn evfd_fget(fd: c_int) -> PtrOrErr<File> {
    fget(fd)
        .and_then(|file| {
            either_data::<EventFd, CellFd>(&file)?;
            Ok(file)
        })
        .into()
}

#[no_mangle]
extern "C" fn evfd_signal(file: &File, n: c_uint) -> c_int {
    // A post of its own in each arm: for "kernel post, no waiter" in tests/bench/bounds.
    from_result(|| match shared_data::<EventFd>(file) {
        Ok(fd) => post(Either::First(fd), n, Events::NONE),
        Err(_) => post(Either::Second(shared_data(file)?), n, Events::NONE),
    })
}

/// [`evfd_signal`] under the name of the 2007 proposal.
#[no_mangle]
extern "C" fn eventfd_signal(file: &File, n: c_uint) -> c_int {
    evfd_signal(file, n)
}

/// [`evfd_fget`] under the name of the 2007 proposal.
#[cfg(not(CONFIG_EVENTFD))]
#[no_mangle]
extern "C" fn eventfd_fget(fd: c_int) -> PtrOrErr<File> {
    evfd_fget(fd)
}

#[no_mangle]
extern "C" fn evfd_ctx_fdget(fd: c_int) -> PtrOrErr<Held<EventFd, CellFd>> {
    fget(fd).and_then(|file| Held::from_file(&file)).into()
}

#[no_mangle]
extern "C" fn evfd_ctx_fileget(file: &File) -> PtrOrErr<Held<EventFd, CellFd>> {
    Held::from_file(file).into()
}

#[no_mangle]
extern "C" fn evfd_ctx_put(ctx: Held<EventFd, CellFd>) {
    drop(ctx);
}

#[no_mangle]
extern "C" fn evfd_ctx_signal(
    ctx: Borrowed<'_, EventFd, CellFd>,
    n: c_uint,
    mask: c_uint,
) -> c_int {
    from_result(|| post(ctx.get(), n, Events::from_bits(mask)))
}

#[no_mangle]
extern "C" fn evfd_ctx_do_read(ctx: Borrowed<'_, EventFd, CellFd>, cnt: &mut MaybeUninit<u64>) {
    cnt.write(match ctx.get() {
        Either::First(fd) => EventFd::read_now(fd),
        Either::Second(fd) => CellFd::read_now(fd),
    });
}

#[no_mangle]
extern "C" fn evfd_ctx_remove_wait_queue(
    ctx: Borrowed<'_, EventFd, CellFd>,
    wait: ForeignEntry,
    cnt: &mut MaybeUninit<u64>,
) -> c_int {
    let taken = match ctx.get() {
        Either::First(fd) => EventFd::remove_and_read(fd, wait),
        Either::Second(fd) => CellFd::remove_and_read(fd, wait),
    };
    match *cnt.write(taken) {
        0 => EAGAIN.to_errno(),
        _ => 0,
    }
}
