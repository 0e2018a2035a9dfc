// SPDX-License-Identifier: GPL-2.0

//! Files on anonymous inodes.
//!
//! C headers: [`include/linux/anon_inodes.h`](srctree/include/linux/anon_inodes.h),
//! [`include/linux/fs.h`](srctree/include/linux/fs.h)

use crate::abstractions::{
    compat::{
        this_module,
        ModuleMetadata, //
    },
    file::{
        events::Events,
        poll::PollTable, //
    },
    helpers,
    mm::user::{
        IterBuf,
        ReadBuf,
        UserBuf,
        UserData, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::{
        from_err_ptr,
        from_result,
        VTABLE_DEFAULT_ERROR, //
    },
    fs::{
        file::{
            flags,
            FileDescriptorReservation, //
        },
        File,
        LocalFile, //
    },
    iov::IovIterDest,
    prelude::*,
    seq_file::SeqFile,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable,
    uaccess::UserPtr,
};

/// Whether a call on a file may block.
pub struct Blocking<'a> {
    file: &'a File,
    nowait: bool,
}

impl Blocking<'_> {
    /// `EAGAIN` if the file has `O_NONBLOCK` now, or the call has `RWF_NOWAIT` or its like.
    pub fn allowed(&self) -> Result {
        if self.nowait || self.file.flags() & flags::O_NONBLOCK != 0 {
            return Err(EAGAIN);
        }
        Ok(())
    }

    /// Makes attempts until one finds something, and returns that. `wait` sleeps until another
    /// attempt may find something.
    ///
    /// Whether blocking is allowed is asked once only, as native does: who sleeps already is not
    /// told of `O_NONBLOCK` set meanwhile.
    ///
    /// Context: task, may sleep. Errors: those of `attempt` and `wait`, and as
    /// [`Blocking::allowed`] if the first attempt finds nothing.
    pub fn retry<R>(
        &self,
        mut attempt: impl FnMut() -> Result<Option<R>>,
        mut wait: impl FnMut() -> Result,
    ) -> Result<R> {
        if let Some(found) = attempt()? {
            return Ok(found);
        }
        self.allowed()?;
        loop {
            wait()?;
            if let Some(found) = attempt()? {
                return Ok(found);
            }
        }
    }
}

/// The private data of a file as whoever makes the file owns it. It gives a `T` to borrow.
///
/// # Safety
///
/// What `into_raw()` gives must be good for `borrow()`, from anywhere and by many at the same time,
/// until `from_raw()` gets it.
pub unsafe trait PrivateData<T>: Sized + Send {
    /// Makes it what the file's `private_data` is set to.
    fn into_raw(self) -> *mut c_void;

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `raw` must be what `into_raw()` gave, or what became of that in a file. This may be called
    /// once for it, when nobody borrows it any more.
    unsafe fn from_raw(raw: *mut c_void) -> Self;

    /// Borrows the `T`.
    ///
    /// # Safety
    ///
    /// `field` must be the `private_data` of a file, which was set to what `into_raw()` gave and
    /// which is there during `'a`; `from_raw()` must be called later only.
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T;
}

// SAFETY: The `T` lives as long as the reference on it that the file has.
unsafe impl<T: Send + Sync + 'static> PrivateData<T> for Arc<T> {
    fn into_raw(self) -> *mut c_void {
        self.into_foreign()
    }

    unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: The safety requirement; `into_raw()` was `into_foreign()`.
        unsafe { Arc::from_foreign(raw) }
    }

    #[inline(always)]
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T {
        // SAFETY: The safety requirement; `into_raw()` was `into_foreign()`, and the reference on
        // the `T` that it stands for is there during `'a`.
        unsafe { &*core::ptr::from_ref(&*<Self as ForeignOwnable>::borrow(*field)) }
    }
}

/// Private data that is no larger than a pointer, which it takes the place of: it needs no memory
/// of its own.
pub struct Inline<T>(pub T);

// SAFETY: The `T` is in the file. Others than `T` itself don't change it: the kernel leaves
// `private_data` to the file's operations.
unsafe impl<T: Send + Sync + 'static> PrivateData<T> for Inline<T> {
    fn into_raw(self) -> *mut c_void {
        const {
            assert!(size_of::<T>() == size_of::<*mut c_void>());
            assert!(align_of::<T>() <= align_of::<*mut c_void>());
        }
        let this = ManuallyDrop::new(self.0);
        // SAFETY: The size is the same, and any bytes are a valid pointer.
        unsafe { core::mem::transmute_copy(&this) }
    }

    unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: The safety requirement: these are the bytes of a `T`, which is nobody else's.
        Self(unsafe { core::mem::transmute_copy(&raw) })
    }

    #[inline(always)]
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T {
        // SAFETY: The safety requirement; `into_raw()` has put a `T` in the place of the pointer.
        unsafe { &*field.cast() }
    }
}

/// The operations of a kind of file, called with the private data of one file of it.
///
/// All but [`poll`](AnonFile::poll) are called in task context and may sleep.
#[vtable]
pub trait AnonFile: Sized + Send + Sync + 'static {
    /// The module that has the operations. Every open file holds a reference on it.
    type Module: ModuleMetadata;

    /// What the link in `/proc/PID/fd` shows behind `anon_inode:`.
    const NAME: &'static CStr;

    /// How a file keeps its data.
    type Private: PrivateData<Self>;

    /// The one [`FileOperations`] of this kind: its address is what tells the kind.
    const OPS: &'static FileOperations<Self>;

    /// Reads into `buf`, and returns how many bytes were put there.
    fn read(&self, buf: impl ReadBuf, blocking: Blocking<'_>) -> Result<usize>;

    /// Writes what `data` gives, and returns how many bytes of it were used.
    fn write(&self, _data: UserData, _blocking: Blocking<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Answers an ioctl, whose argument is a pointer to a structure that has the same layout for
    /// 32-bit and 64-bit programs. `ENOTTY` is for an unknown `cmd`.
    fn ioctl(&self, _cmd: u32, _arg: UserPtr) -> Result<u32> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Puts the poller on the file's wait queues, and returns what the file is ready for.
    fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events;

    /// Prints to `/proc/PID/fdinfo/FD`.
    fn show_fdinfo(&self, m: &SeqFile);

    /// Called when the last reference on the file is gone.
    fn release(this: Self::Private);
}

/// A `struct file_operations` that calls an [`AnonFile`].
///
/// # Invariants
///
/// The functions in it are those of the `impl` below, for the same `T`.
#[repr(transparent)]
pub struct FileOperations<T> {
    raw: bindings::file_operations,
    _kind: PhantomData<fn(T)>,
}

// SAFETY: Nothing changes a `FileOperations`, and it holds only functions, and a module, that may
// be used from anywhere.
unsafe impl<T> Sync for FileOperations<T> {}

impl<T: AnonFile> FileOperations<T> {
    /// Makes the operations, to be put in the `static` that [`AnonFile::OPS`] refers to.
    pub const fn build() -> Self {
        // INVARIANT: As can be seen.
        Self {
            raw: bindings::file_operations {
                owner: this_module::<T::Module>().as_ptr(),
                llseek: Some(bindings::noop_llseek),
                read: Some(Self::read),
                read_iter: Some(Self::read_iter),
                write: if T::HAS_WRITE {
                    Some(Self::write)
                } else {
                    None
                },
                poll: Some(Self::poll),
                unlocked_ioctl: if T::HAS_IOCTL {
                    Some(Self::ioctl)
                } else {
                    None
                },
                compat_ioctl: if T::HAS_IOCTL {
                    bindings::compat_ptr_ioctl
                } else {
                    None
                },
                show_fdinfo: Some(Self::show_fdinfo),
                release: Some(Self::release),
                ..pin_init::zeroed()
            },
            _kind: PhantomData,
        }
    }

    /// Borrows the private data of a file.
    ///
    /// # Safety
    ///
    /// `file` must be a file with these operations, and must not be released during `'a`.
    #[inline(always)]
    unsafe fn data<'a>(file: *const bindings::file) -> &'a T {
        // SAFETY: The file is valid, and its private data is what `create()` put there: what
        // `into_raw()` gave. Only `release()` takes it back.
        unsafe { T::Private::borrow(&raw const (*file).private_data) }
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn read(
        file: *mut bindings::file,
        buf: *mut c_char,
        len: usize,
        _pos: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: The VFS calls with a file with these operations on which it has a reference; its
        // position is not used, so who locks that does not matter.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        let buf = UserBuf::new(UserPtr::from_ptr(buf.cast()), len);
        let blocking = Blocking {
            file,
            nowait: false,
        };
        from_result(|| Ok(T::read(this, buf, blocking)? as isize))
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The VFS calls with a valid `kiocb`.
        let (file, flags) = unsafe { ((*kiocb).ki_filp, (*kiocb).ki_flags) };
        // SAFETY: As in `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        let blocking = Blocking {
            file,
            nowait: flags & helpers::IOCB_NOWAIT != 0,
        };
        // SAFETY: The VFS calls with a valid iterator for reading into, which is ours for the call.
        let buf = IterBuf::new(unsafe { IovIterDest::from_raw(iter) });
        from_result(|| Ok(T::read(this, buf, blocking)? as isize))
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn write(
        file: *mut bindings::file,
        buf: *const c_char,
        len: usize,
        _pos: *mut bindings::loff_t,
    ) -> isize {
        // SAFETY: As in `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        let data = UserData::new(UserPtr::from_ptr(buf.cast_mut().cast()), len);
        let blocking = Blocking {
            file,
            nowait: false,
        };
        from_result(|| Ok(T::write(this, data, blocking)? as isize))
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> bindings::__poll_t {
        // SAFETY: As in `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        // SAFETY: The VFS gives a valid table or none. What can be borrowed from the private data
        // for longer than a lock in it is held lives as long as the private data, and that until
        // the file is released.
        let table = unsafe { PollTable::from_raw(table, file) };
        T::poll(this, &table).bits()
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn ioctl(file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        // SAFETY: As in `read()`.
        let this = unsafe { Self::data(file) };
        from_result(|| Ok(T::ioctl(this, cmd, UserPtr::from_addr(arg))? as c_long))
    }

    /// # Safety
    ///
    /// Must be called by procfs, for a file with these operations.
    unsafe extern "C" fn show_fdinfo(m: *mut bindings::seq_file, file: *mut bindings::file) {
        // SAFETY: procfs calls with a file on which it has a reference, and with its own seq_file.
        let (this, m) = unsafe { (Self::data(file), SeqFile::from_raw(m)) };
        T::show_fdinfo(this, m);
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations, as the last call on it.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `create()` put there what `into_raw()` gave, and nobody can borrow it any more: the
        // last reference on the file is gone.
        T::release(unsafe { T::Private::from_raw((*file).private_data) });
        0
    }
}

/// Makes a file whose private data is `data`, and a descriptor of the current process for it.
///
/// `flags` are those of open(2) and apply to both; `O_CLOEXEC` and `O_NONBLOCK` make sense.
///
/// Nothing can fail once the descriptor can be seen by others.
///
/// Context: task, may sleep. Errors: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn create<T: AnonFile>(data: T::Private, flags: u32) -> Result<u32> {
    let fd = FileDescriptorReservation::get_unused_fd_flags(flags)?;
    let private = data.into_raw();
    // SAFETY: Name and operations live for ever, the latter for as long as the module, on which
    // the new file takes a reference.
    let file = from_err_ptr(unsafe {
        helpers::anon_inode_getfile_fmode(
            T::NAME.as_char_ptr(),
            &raw const T::OPS.raw,
            private,
            flags as c_int,
            // There is no position, so that the VFS need not keep one.
            helpers::FMODE_NOWAIT | helpers::FMODE_STREAM,
        )
    })
    .inspect_err(|_| {
        // SAFETY: There is no file, so the private data is still ours.
        drop(unsafe { T::Private::from_raw(private) });
    })?;
    let number = fd.reserved_fd();
    // SAFETY: The file is new, not null, and the reference on it ours.
    fd.fd_install(unsafe { ARef::from_raw(NonNull::new_unchecked(file.cast())) });
    Ok(number)
}

/// The file of a descriptor of the current process, or `EBADF`.
///
/// Context: task, in a system call that has none of its files by `fdget_pos()`, as ioctl(2), or
/// in a function that modules call, as that is not exported.
pub fn fget(fd: c_int) -> Result<ARef<File>> {
    let file = LocalFile::fget(fd as u32)?;
    // SAFETY: The context.
    Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
}

/// The private data of `file`, or `EINVAL` if it is not a `T`.
///
/// Context: any.
#[inline(always)]
pub fn data<T: AnonFile>(file: &File) -> Result<&T> {
    if !is_of::<T>(file) {
        return Err(EINVAL);
    }
    // SAFETY: The file has the operations of a `T` and is not released while it is referenced.
    Ok(unsafe { FileOperations::<T>::data(file.as_ptr()) })
}

/// As [`data`], if that is in an [`Arc`].
#[inline(always)]
pub fn shared_data<T: AnonFile<Private = Arc<T>>>(file: &File) -> Result<ArcBorrow<'_, T>> {
    if !is_of::<T>(file) {
        return Err(EINVAL);
    }
    // SAFETY: The file has the operations of a `T`, so that its private data is what
    // `Arc::into_foreign()` gave, and is not released while it is referenced.
    Ok(unsafe { <Arc<T> as ForeignOwnable>::borrow((*file.as_ptr()).private_data) })
}

#[inline(always)]
fn is_of<T: AnonFile>(file: &File) -> bool {
    // SAFETY: The file is valid, and its operations don't change once it is open.
    unsafe { (*file.as_ptr()).f_op == &raw const T::OPS.raw }
}
