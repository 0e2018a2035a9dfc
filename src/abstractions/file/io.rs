// SPDX-License-Identifier: GPL-2.0

//! Reading, writing and syncing a file, and using a socket, on behalf of a task.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::abstractions::{
    file::{
        events::Events,
        stream, //
    },
    helpers, //
};
use core::{
    mem::MaybeUninit,
    ptr, //
};
use kernel::{
    bindings,
    error::to_result,
    fs::File,
    prelude::*,
    sync::aref::ARef,
    uaccess::UserPtr, //
};

/// Operations on a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Like `pread()`.
    Read,
    /// Like `pwrite()`.
    Write,
    /// Like `fsync()`.
    Sync,
    /// Like `fdatasync()`.
    DataSync,
    /// Like `recv()`.
    Receive,
    /// Like `send()`, without `SIGPIPE`.
    Send,
    /// Like `sendfile()` to a socket.
    SendFile,
}

/// An operation on a file, with its arguments.
///
/// # Invariants
///
/// `io.input` is the pointer of `input`, or null.
pub struct Request {
    io: helpers::evfd_io,
    /// The file that is sent.
    input: Option<ARef<File>>,
}

// SAFETY: Its pointers are an address in user memory, and that of a file, which any task may use.
unsafe impl Send for Request {}
// SAFETY: See above.
unsafe impl Sync for Request {}

impl Request {
    /// An operation with `len` bytes of user memory from `buf` on, at the position `pos` of the
    /// file. A sync has no use for these.
    #[inline(always)]
    pub fn new(action: Action, buf: UserPtr, len: usize, pos: i64) -> Self {
        Self::with(action, buf, len, pos, 0)
    }

    /// An operation on a socket with `len` bytes of user memory from `buf` on, and `MSG_*` flags.
    #[inline(always)]
    pub fn on_socket(action: Action, buf: UserPtr, len: usize, flags: u32) -> Self {
        Self::with(action, buf, len, 0, flags)
    }

    #[inline(always)]
    fn with(action: Action, buf: UserPtr, len: usize, pos: i64, flags: u32) -> Self {
        // INVARIANT: There is none.
        Self {
            io: helpers::evfd_io {
                op: match action {
                    Action::Read => helpers::evfd_io_op_EVFD_IO_READ,
                    Action::Write => helpers::evfd_io_op_EVFD_IO_WRITE,
                    Action::Sync => helpers::evfd_io_op_EVFD_IO_FSYNC,
                    Action::DataSync => helpers::evfd_io_op_EVFD_IO_FDATASYNC,
                    Action::Receive => helpers::evfd_io_op_EVFD_IO_RECV,
                    Action::Send => helpers::evfd_io_op_EVFD_IO_SEND,
                    Action::SendFile => helpers::evfd_io_op_EVFD_IO_SENDFILE,
                },
                flags,
                buf: buf.as_mut_ptr(),
                input: ptr::null_mut(),
                len,
                pos,
                is_rest: false,
            },
            input: None,
        }
    }

    /// Sends `len` bytes of `input` from the position `pos` on to a socket.
    pub fn send_file(input: ARef<File>, pos: i64, len: usize) -> Self {
        let mut request = Self::new(Action::SendFile, UserPtr::from_addr(0), len, pos);
        // INVARIANT: It is the pointer of `input`.
        request.io.input = input.as_ptr();
        request.input = Some(input);
        request
    }

    /// The remainder after `done` bytes, which are at most its length.
    #[must_use]
    pub fn after(&self, done: usize) -> Self {
        // INVARIANT: The pointer of `input` is the same.
        Self {
            io: helpers::evfd_io {
                buf: self.io.buf.wrapping_byte_add(done),
                len: self.io.len.saturating_sub(done),
                pos: self.io.pos.saturating_add(done as i64),
                is_rest: done != 0,
                ..self.io
            },
            input: self.input.clone(),
        }
    }

    fn is(&self, op: helpers::evfd_io_op) -> bool {
        self.io.op == op
    }

    /// Whether it is a transfer by a socket. Such an operation never waits for the socket. The
    /// caller waits for [`Request::awaited`], and then tries again.
    pub fn is_on_socket(&self) -> bool {
        self.is(helpers::evfd_io_op_EVFD_IO_RECV) || self.is(helpers::evfd_io_op_EVFD_IO_SEND)
    }

    /// Whether [`Request::run`] with `file` may wait for other programs.
    pub fn waits_for_others(&self, file: &File) -> bool {
        self.is(helpers::evfd_io_op_EVFD_IO_SENDFILE) || stream::is_pipe(file)
    }

    /// The events after which an operation on a socket may be possible. It is also after an error.
    pub fn awaited(&self) -> Events {
        if self.is(helpers::evfd_io_op_EVFD_IO_SEND) {
            Events::OUT.with(Events::WRNORM)
        } else {
            Events::IN.with(Events::RDNORM).with(Events::RDHUP)
        }
    }

    /// Checks whether it can be done with `file`: whether a kernel thread may do it, and the errors
    /// that do not depend on the contents of the file.
    ///
    /// Context: task that owns the memory. Errors: `EBADF` if the file is not open for this;
    /// `EFAULT` for memory of the kernel; `EINVAL` for a length or position that is out of range,
    /// a flag that is not supported, or a file that cannot be synced; `EISDIR`; `EOPNOTSUPP` if the
    /// file is neither a block device, a pipe, nor a regular file of a file system that keeps data,
    /// or for a socket of another family than unix and internet; `ENOTSOCK`; `ESPIPE` for a
    /// position in a pipe.
    pub fn check(&self, file: &File) -> Result {
        // SAFETY: Both are valid.
        to_result(unsafe { helpers::evfd_helper_check_io(file.as_ptr(), &self.io) })
    }

    /// Does as much as possible at once. `None` if it must wait, or if the file cannot be asked not
    /// to wait. It may still wait for a page of the memory to be paged in.
    ///
    /// Context: task that owns the memory, may sleep, without a lock in which user memory must not
    /// be touched. Errors: those of the system call.
    #[inline(always)]
    pub fn try_now(&self, file: &File) -> Option<Result<usize>> {
        // SAFETY: Both are valid.
        let result = unsafe { helpers::evfd_helper_try_io(file.as_ptr(), &self.io) };
        if result == -(bindings::EAGAIN as isize)
            && !(self.is_on_socket() && self.never_waits(file))
        {
            return None;
        }
        Some(result_of(result))
    }

    /// Whether an operation on a socket ends when it would wait.
    #[cold]
    fn never_waits(&self, file: &File) -> bool {
        // SAFETY: Both are valid.
        unsafe { helpers::evfd_helper_never_waits(file.as_ptr(), &self.io) }
    }

    /// Whether the system call would end after `done` bytes.
    #[inline(always)]
    pub fn is_all(&self, file: &File, done: usize) -> bool {
        // SAFETY: Both are valid.
        done == self.io.len || unsafe { helpers::evfd_helper_is_all(file.as_ptr(), &self.io, done) }
    }

    /// Whether it writes behind the limit `RLIMIT_FSIZE` of the current task, which then gets
    /// `SIGXFSZ`, like from the system call. Context: task.
    pub fn passes_limit(&self, file: &File) -> bool {
        // SAFETY: Both are valid.
        unsafe { helpers::evfd_helper_passes_limit(file.as_ptr(), &self.io) }
    }

    /// Does it with the memory, the credentials and the limits of `submitter`. `None` if it is on a
    /// socket and must wait.
    ///
    /// Context: kernel thread, may sleep. Errors: those of the system call, `EINTR` after a signal;
    /// `ECANCELED` if the memory is gone with its process.
    pub fn run(&self, file: &File, submitter: &Submitter) -> Option<Result<usize>> {
        // SAFETY: All are valid.
        let result = unsafe { helpers::evfd_helper_run_io(file.as_ptr(), &self.io, &submitter.0) };
        if result == -(bindings::EAGAIN as isize) && self.is_on_socket() && !self.never_waits(file)
        {
            return None;
        }
        Some(result_of(result))
    }
}

fn result_of(result: isize) -> Result<usize> {
    if result < 0 {
        return Err(Error::from_errno(result as c_int));
    }
    Ok(result as usize)
}

/// The task that has submitted an operation: its address space, credentials and limits.
///
/// It does not keep the memory of a process that exits.
///
/// # Invariants
///
/// It owns references on the `mm_struct`, on the credentials and on the `struct pid`.
pub struct Submitter(helpers::evfd_submitter);

// SAFETY: The references may be held and dropped by any task.
unsafe impl Send for Submitter {}
// SAFETY: They are only read.
unsafe impl Sync for Submitter {}

impl Submitter {
    /// The current task. Context: task with user memory.
    pub fn current() -> Self {
        let mut submitter = MaybeUninit::uninit();
        // SAFETY: The pointer is valid for writing.
        unsafe { helpers::evfd_helper_get_submitter(submitter.as_mut_ptr()) };
        // SAFETY: It was just initialised.
        // INVARIANT: With these references.
        Self(unsafe { submitter.assume_init() })
    }
}

impl Drop for Submitter {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. Nothing uses it afterwards.
        unsafe { helpers::evfd_helper_put_submitter(&self.0) };
    }
}

/// The identity of a table of descriptors, which the threads of a process share.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DescriptorTable(usize);

impl DescriptorTable {
    /// That of the current task. Context: task.
    pub fn current() -> Self {
        // SAFETY: It has no requirement but its context.
        Self::from_id(unsafe { helpers::evfd_helper_current_descriptors() })
    }

    /// That with this id, as the `flush()` of a file gets it.
    pub(in crate::abstractions) fn from_id(id: bindings::fl_owner_t) -> Self {
        Self(id.addr())
    }

    /// A number for it. A later table may have the same.
    pub fn number(self) -> usize {
        self.0
    }
}
