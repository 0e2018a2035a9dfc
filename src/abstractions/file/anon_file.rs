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
        io::DescriptorTable,
        poll::PollTable, //
    },
    helpers,
    mm::{
        shared::SharedPage,
        user::{
            IterBuf,
            ReadBuf,
            UserBuf,
            UserData, //
        }, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::{
        self,
        NonNull, //
    }, //
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
        atomic::{
            Atomic,
            Relaxed, //
        },
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
    /// Fails with `EAGAIN` if the file has `O_NONBLOCK` now, or if the call must not wait, for
    /// instance because of `RWF_NOWAIT`.
    pub fn allowed(&self) -> Result {
        if self.nowait || self.file.flags() & flags::O_NONBLOCK != 0 {
            return Err(EAGAIN);
        }
        Ok(())
    }

    /// Makes attempts until one succeeds, and returns its result. `wait` sleeps until another
    /// attempt may succeed.
    ///
    /// This asks only once whether blocking is allowed, like native: `O_NONBLOCK` does not affect a
    /// task that sleeps already.
    ///
    /// Context: task, may sleep. Errors: those of `attempt` and `wait`, and those of
    /// [`Blocking::allowed`] if the first attempt returns `None`.
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

/// The private data of a file, owned by the maker of the file until the file exists. The file's
/// operations borrow a `T` from it.
///
/// # Safety
///
/// The result of `into_raw()` must be valid for `borrow()`, from any context and concurrently,
/// until it is passed to `from_raw()`.
pub unsafe trait PrivateData<T>: Sized + Send {
    /// Converts it to the value of the file's `private_data`.
    fn into_raw(self) -> *mut c_void;

    /// Takes it back.
    ///
    /// # Safety
    ///
    /// `raw` must be a result of `into_raw()`, or its value in the file afterwards. This must be
    /// called once only, after the last borrow.
    unsafe fn from_raw(raw: *mut c_void) -> Self;

    /// Borrows the `T`.
    ///
    /// # Safety
    ///
    /// `field` must be the `private_data` of a file that exists during `'a`, and must have been set
    /// to a result of `into_raw()`. `from_raw()` must not be called during `'a`.
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T;
}

// SAFETY: The `T` lives as long as the reference on it that the file has.
unsafe impl<T: Send + Sync + 'static> PrivateData<T> for Arc<T> {
    fn into_raw(self) -> *mut c_void {
        self.into_foreign()
    }

    unsafe fn from_raw(raw: *mut c_void) -> Self {
        // SAFETY: By the safety requirement, since `into_raw()` is `into_foreign()`.
        unsafe { Arc::from_foreign(raw) }
    }

    #[inline(always)]
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T {
        // SAFETY: By the safety requirement, since `into_raw()` is `into_foreign()`. The file holds
        // its reference on the `T` during `'a`.
        unsafe { &*core::ptr::from_ref(&*<Self as ForeignOwnable>::borrow(*field)) }
    }
}

/// Private data of the size of a pointer. It is stored in the place of the pointer, so it needs no
/// memory of its own.
pub struct Inline<T>(pub T);

// SAFETY: The `T` is in the file. Only the `T` itself changes it, because the kernel leaves
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
        // SAFETY: By the safety requirement these are the bytes of a `T`, and no copy of them is
        // used.
        Self(unsafe { core::mem::transmute_copy(&raw) })
    }

    #[inline(always)]
    unsafe fn borrow<'a>(field: *const *mut c_void) -> &'a T {
        // SAFETY: By the safety requirement, since `into_raw()` puts a `T` in the place of the
        // pointer.
        unsafe { &*field.cast() }
    }
}

/// The operations of a kind of file. They get the private data of the file.
///
/// All except [`poll`](AnonFile::poll) run in task context and may sleep.
#[vtable]
pub trait AnonFile: Sized + Send + Sync + 'static {
    /// The module of the operations. Every open file holds a reference on it.
    type Module: ModuleMetadata;

    /// The name that the link in `/proc/PID/fd` shows after `anon_inode:`.
    const NAME: &'static CStr;

    /// The form of the file's private data.
    type Private: PrivateData<Self>;

    /// The only [`FileOperations`] of this kind: its address identifies the kind.
    const OPS: &'static FileOperations<Self>;

    /// Reads into `buf`. Returns the number of bytes.
    fn read(&self, _buf: impl ReadBuf, _blocking: Blocking<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Writes `data`. Returns the number of bytes that were used.
    fn write(&self, _data: UserData, _blocking: Blocking<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Answers an ioctl. Its argument is a pointer to a structure with the same layout for 32-bit
    /// and 64-bit programs. Errors: `ENOTTY` for an unknown `cmd`.
    fn ioctl(&self, _cmd: u32, _arg: UserPtr, _blocking: Blocking<'_>) -> Result<u32> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// The size of the memory that mmap(2) of the file gives, or 0 if there is none now. It never
    /// changes from another size. A file with this has [`page`](AnonFile::page) as well.
    fn map_size(&self) -> usize {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Whether a child that fork(2) makes has the mappings of the file, too.
    fn is_map_inherited(&self) -> bool {
        true
    }

    /// The page of this memory at byte `offset`, a multiple of the size of a page. `None` sends
    /// `SIGBUS` to the program. Always the same page for an offset.
    fn page(&self, _offset: usize) -> Option<SharedPage<'_>> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Puts the poller on the file's wait queues, and returns the events that the file is ready
    /// for. A file without this cannot be added to an epoll instance, and is always ready for
    /// poll(2).
    fn poll<'a>(&'a self, _table: &PollTable<'a>) -> Events {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Prints to `/proc/PID/fdinfo/FD`.
    fn show_fdinfo(&self, m: &SeqFile);

    /// Runs at the close of each descriptor of the file, which was in `table`, also when a process
    /// ends.
    fn flush(&self, _table: DescriptorTable) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Runs after the last reference on the file was dropped.
    fn release(this: Self::Private);
}

/// The type of `open` in a `struct file_operations`.
type Open = unsafe extern "C" fn(*mut bindings::inode, *mut bindings::file) -> c_int;

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

// SAFETY: A `FileOperations` never changes. It holds functions and a module, which all threads may
// use.
unsafe impl<T> Sync for FileOperations<T> {}

impl<T: AnonFile> FileOperations<T> {
    /// Makes the operations, to be put in the `static` that [`AnonFile::OPS`] refers to.
    pub const fn build() -> Self {
        // INVARIANT: The functions are those below.
        Self {
            raw: bindings::file_operations {
                owner: this_module::<T::Module>().as_ptr(),
                llseek: Some(bindings::noop_llseek),
                read: if T::HAS_READ { Some(Self::read) } else { None },
                read_iter: if T::HAS_READ {
                    Some(Self::read_iter)
                } else {
                    None
                },
                write: if T::HAS_WRITE {
                    Some(Self::write)
                } else {
                    None
                },
                poll: if T::HAS_POLL { Some(Self::poll) } else { None },
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
                mmap: if T::HAS_MAP_SIZE {
                    Some(Self::mmap)
                } else {
                    None
                },
                flush: if T::HAS_FLUSH {
                    Some(Self::flush)
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

    const VM_OPS: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: if T::HAS_PAGE { Some(Self::fault) } else { None },
        ..pin_init::zeroed()
    };

    /// The same operations with another `open()`, which must set the private data as `create()`
    /// does.
    pub(in crate::abstractions) const fn with_open(mut self, open: Open) -> Self {
        self.raw.open = Some(open);
        self
    }

    /// The C structure.
    pub(in crate::abstractions) const fn as_raw(&self) -> &bindings::file_operations {
        &self.raw
    }

    /// Sets the private data of a new file.
    ///
    /// # Safety
    ///
    /// `file` must be valid, have these operations, and not have private data of `T` yet. No other
    /// task may use it yet.
    pub(in crate::abstractions) unsafe fn set_data(file: *mut bindings::file, data: T::Private) {
        // SAFETY: The file is valid, and only this task uses it.
        unsafe { (*file).private_data = data.into_raw() };
    }

    /// Borrows the private data of a file.
    ///
    /// # Safety
    ///
    /// `file` must be a file with these operations, and must not be released during `'a`.
    #[inline(always)]
    unsafe fn data<'a>(file: *const bindings::file) -> &'a T {
        // SAFETY: The file is valid. `create()` has set its private data to a result of
        // `into_raw()`, which only `release()` takes back.
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
        // SAFETY: The VFS passes a file with these operations and holds a reference on it. The file
        // has no position, so it does not matter whether its position lock is held.
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
        // SAFETY: The VFS passes a valid `kiocb`.
        let (file, flags) = unsafe { ((*kiocb).ki_filp, (*kiocb).ki_flags) };
        // SAFETY: See `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        let blocking = Blocking {
            file,
            nowait: flags & helpers::IOCB_NOWAIT != 0,
        };
        // SAFETY: The VFS passes a valid iterator to read into, for exclusive use during the call.
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
        // SAFETY: See `read()`.
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
        // SAFETY: See `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        // SAFETY: The VFS passes a valid table or null. A value borrowed from the private data,
        // other than under a lock in it, lives as long as the private data, which lives until the
        // file is released.
        let table = unsafe { PollTable::from_raw(table, file) };
        T::poll(this, &table).bits()
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn ioctl(file: *mut bindings::file, cmd: c_uint, arg: c_ulong) -> c_long {
        // SAFETY: See `read()`.
        let (this, file) = unsafe { (Self::data(file), File::from_raw_file(file)) };
        let blocking = Blocking {
            file,
            nowait: false,
        };
        from_result(|| Ok(T::ioctl(this, cmd, UserPtr::from_addr(arg), blocking)? as c_long))
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn mmap(
        file: *mut bindings::file,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: See `read()`.
        let this = unsafe { Self::data(file) };
        from_result(|| {
            let (size, inherited) = (T::map_size(this), T::is_map_inherited(this));
            // SAFETY: The VFS passes a new mapping, whose lock is held.
            if !unsafe { helpers::evfd_helper_map_shared(vma, size, inherited) } {
                return Err(EINVAL);
            }
            // SAFETY: The operations live as long as the module, on which the mapped file has a
            // reference.
            unsafe { (*vma).vm_ops = &Self::VM_OPS };
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// Must be called by the kernel, for a mapping of a file with these operations.
    unsafe extern "C" fn fault(fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: By the safety requirement. The mapping holds a reference on the file.
        let (this, offset) = unsafe {
            (
                Self::data(helpers::evfd_helper_fault_file(fault)),
                helpers::evfd_helper_fault_offset(fault),
            )
        };
        match T::page(this, offset) {
            Some(page) => {
                // SAFETY: The fault is valid, and the address is in shared memory by the
                // invariant of `SharedPage`.
                unsafe { helpers::evfd_helper_fault_with(fault, page.address()) };
                0
            }
            None => bindings::vm_fault_reason_VM_FAULT_SIGBUS,
        }
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations.
    unsafe extern "C" fn flush(file: *mut bindings::file, id: bindings::fl_owner_t) -> c_int {
        // SAFETY: See `read()`.
        T::flush(unsafe { Self::data(file) }, DescriptorTable::from_id(id));
        0
    }

    /// # Safety
    ///
    /// Must be called by procfs, for a file with these operations.
    unsafe extern "C" fn show_fdinfo(m: *mut bindings::seq_file, file: *mut bindings::file) {
        // SAFETY: procfs passes a file on which it holds a reference, and its own seq_file.
        let (this, m) = unsafe { (Self::data(file), SeqFile::from_raw(m)) };
        T::show_fdinfo(this, m);
    }

    /// # Safety
    ///
    /// Must be called by the VFS, for a file with these operations, as the last call on it.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `create()` has set it to a result of `into_raw()`. No borrow is left, because the
        // last reference on the file was dropped.
        T::release(unsafe { T::Private::from_raw((*file).private_data) });
        0
    }
}

/// Makes a file whose private data is `data`, and a descriptor of the current process for it.
///
/// `flags` are those of open(2) and apply to both. Useful are the access mode, `O_CLOEXEC` and
/// `O_NONBLOCK`.
///
/// Nothing can fail once the descriptor can be seen by others.
///
/// Context: task, may sleep. Errors: `EMFILE`, `ENFILE`, `ENOMEM`.
pub fn create<T: AnonFile>(data: T::Private, flags: u32) -> Result<u32> {
    let fd = FileDescriptorReservation::get_unused_fd_flags(flags)?;
    let private = data.into_raw();
    // SAFETY: Name and operations live as long as the module, on which the new file takes a
    // reference.
    let file = from_err_ptr(unsafe {
        helpers::anon_inode_getfile_fmode(
            T::NAME.as_char_ptr(),
            &raw const T::OPS.raw,
            private,
            flags as c_int,
            // The file has no position that the VFS must update.
            helpers::FMODE_NOWAIT | helpers::FMODE_STREAM,
        )
    })
    .inspect_err(|_| {
        // SAFETY: No file was made, so the private data is still ours.
        drop(unsafe { T::Private::from_raw(private) });
    })?;
    let number = fd.reserved_fd();
    // SAFETY: The file is new, not null, and its reference is ours.
    fd.fd_install(unsafe { ARef::from_raw(NonNull::new_unchecked(file.cast())) });
    Ok(number)
}

/// The file of a descriptor of the current process, or `EBADF`.
///
/// Context: task, in a system call that does not use `fdget_pos()`, such as ioctl(2), or in a
/// function that modules call, because modules cannot use `fdget_pos()`.
pub fn fget(fd: c_int) -> Result<ARef<File>> {
    let file = LocalFile::fget(fd as u32)?;
    // SAFETY: By the context, no `fdget_pos()` is active.
    Ok(unsafe { LocalFile::assume_no_fdget_pos(file) })
}

/// A descriptor of the current process that is in use, C's `struct fd`.
///
/// # Invariants
///
/// It is a result of `fdget()` and has a file.
struct Fd(bindings::fd);

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it is a result of `fdget()`, and this is its only use.
        unsafe { helpers::evfd_helper_fdput(self.0) };
    }
}

/// Calls `f` with the file of a descriptor of the current process, or fails with `EBADF`. This is
/// faster than [`fget`] if no other thread shares the descriptors.
///
/// Context: task, in a system call that does not use `fdget_pos()`, such as ioctl(2). `f` must not
/// close descriptors; there is no safe function for that.
pub fn with_file<R>(fd: c_int, f: impl FnOnce(&File) -> Result<R>) -> Result<R> {
    // SAFETY: By the context, and the result is put when `fd` is dropped.
    let fd = unsafe { bindings::fdget(fd as u32) };
    let flags = (bindings::FDPUT_FPUT | bindings::FDPUT_POS_UNLOCK) as usize;
    let file = (fd.word & !flags) as *const bindings::file;
    if file.is_null() {
        return Err(EBADF);
    }
    // INVARIANT: There is a file.
    let _fd = Fd(fd);
    // SAFETY: The file is open until `_fd` is dropped, after `f`. By the context, no `fdget_pos()`
    // is active.
    f(unsafe { File::from_raw_file(file) })
}

/// Whether the current task has a descriptor of the file with the private data `data`. `hint` is the
/// number of a descriptor that the file has had, if any. The search is under the lock of the
/// descriptor table, and so is each close, before its [`AnonFile::flush`].
///
/// Context: task.
pub fn has_descriptor<T: AnonFile<Private = Arc<T>>>(data: &T, hint: &Atomic<i32>) -> bool {
    let mut fd = hint.load(Relaxed);
    // SAFETY: The function gets the address of `data`, and the hint is valid.
    let found = unsafe {
        helpers::evfd_helper_has_descriptor(
            Some(is_file_of::<T>),
            ptr::from_ref(data).cast(),
            &mut fd,
        )
    };
    hint.store(fd, Relaxed);
    found
}

/// Returns `fd` + 1 if `file` has the private data at the address `data`, otherwise 0.
///
/// # Safety
///
/// `file` must be valid.
unsafe extern "C" fn is_file_of<T: AnonFile>(
    data: *const c_void,
    file: *mut bindings::file,
    fd: c_uint,
) -> c_int {
    // SAFETY: By the safety requirement. It is not used by `fdget_pos()` here.
    let file = unsafe { File::from_raw_file(file) };
    match self::data::<T>(file) {
        Ok(found) if ptr::eq(found, data.cast()) => fd as c_int + 1,
        _ => 0,
    }
}

/// The private data of `file`, or `EINVAL` if it is not a `T`.
///
/// Context: any.
#[inline(always)]
pub fn data<T: AnonFile>(file: &File) -> Result<&T> {
    if !is_of::<T>(file) {
        return Err(EINVAL);
    }
    // SAFETY: The file has the operations of a `T`, and is not released while it is borrowed.
    Ok(unsafe { FileOperations::<T>::data(file.as_ptr()) })
}

/// Like [`data`], for private data in an [`Arc`].
#[inline(always)]
pub fn shared_data<T: AnonFile<Private = Arc<T>>>(file: &File) -> Result<ArcBorrow<'_, T>> {
    if !is_of::<T>(file) {
        return Err(EINVAL);
    }
    // SAFETY: The file has the operations of a `T`, so its private data is a result of
    // `Arc::into_foreign()`. The file is not released while it is borrowed.
    Ok(unsafe { <Arc<T> as ForeignOwnable>::borrow((*file.as_ptr()).private_data) })
}

#[inline(always)]
fn is_of<T: AnonFile>(file: &File) -> bool {
    // SAFETY: The file is valid, and the operations of an open file do not change.
    unsafe { (*file.as_ptr()).f_op == &raw const T::OPS.raw }
}
