// SPDX-License-Identifier: GPL-2.0

//! The functions that post and read for other modules. `include/linux/evfd.h` documents them, and
//! `exports.c` exports them.

use crate::{
    abstractions::{
        extern_c::{
            Borrowed,
            Held,
            PtrOrErr, //
        },
        file::{
            anon_file::{
                self,
                fget, //
            },
            events::Events, //
        },
        sync::wait::ForeignEntry, //
    },
    eventfd::EventFd, //
};
use core::mem::MaybeUninit;
use kernel::{
    error::from_result,
    fs::File,
    prelude::*, //
};

/// Posts, or fails with `EINVAL` if `n` does not fit into the result.
fn post(ctx: Borrowed<'_, EventFd>, n: c_uint, mask: Events) -> Result<c_int> {
    c_int::try_from(n)?;
    Ok(EventFd::post(ctx, n, mask) as c_int)
}

#[no_mangle]
extern "C" fn evfd_fget(fd: c_int) -> PtrOrErr<File> {
    fget(fd)
        .and_then(|file| {
            anon_file::data::<EventFd>(&file)?;
            Ok(file)
        })
        .into()
}

#[no_mangle]
extern "C" fn evfd_signal(file: &File, n: c_uint) -> c_int {
    from_result(|| post(anon_file::shared_data(file)?, n, Events::NONE))
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
extern "C" fn evfd_ctx_fdget(fd: c_int) -> PtrOrErr<Held<EventFd>> {
    fget(fd).and_then(|file| Held::from_file(&file)).into()
}

#[no_mangle]
extern "C" fn evfd_ctx_fileget(file: &File) -> PtrOrErr<Held<EventFd>> {
    Held::from_file(file).into()
}

#[no_mangle]
extern "C" fn evfd_ctx_put(ctx: Held<EventFd>) {
    drop(ctx);
}

#[no_mangle]
extern "C" fn evfd_ctx_signal(ctx: Borrowed<'_, EventFd>, n: c_uint, mask: c_uint) -> c_int {
    from_result(|| post(ctx, n, Events::from_bits(mask)))
}

#[no_mangle]
extern "C" fn evfd_ctx_do_read(ctx: Borrowed<'_, EventFd>, cnt: &mut MaybeUninit<u64>) {
    cnt.write(EventFd::read_now(ctx));
}

#[no_mangle]
extern "C" fn evfd_ctx_remove_wait_queue(
    ctx: Borrowed<'_, EventFd>,
    wait: ForeignEntry,
    cnt: &mut MaybeUninit<u64>,
) -> c_int {
    match *cnt.write(EventFd::remove_and_read(ctx, wait)) {
        0 => EAGAIN.to_errno(),
        _ => 0,
    }
}
