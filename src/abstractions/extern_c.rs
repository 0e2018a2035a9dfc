// SPDX-License-Identifier: GPL-2.0

//! Arguments and results of functions that C code calls.
//!
//! Such a function is an `extern "C" fn` with `#[no_mangle]`. The type of a pointer argument says
//! how the pointer must be valid: it is a reference or a type from this file. The function's
//! kernel-doc makes that the duty of the C caller.

use crate::abstractions::{
    compat::this_module,
    file::anon_file::{
        shared_data,
        AnonFile, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    fs::File,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        ArcBorrow, //
    },
    types::ForeignOwnable, //
};

/// A value of either of two types.
pub enum Either<A, B> {
    /// Of the first type.
    First(A),
    /// Of the second type.
    Second(B),
}

/// The bit of a pointer to C that says that it is one to a `B`.
const SECOND: usize = 1;

/// A reference on the private data of a file that C code holds, with a reference on the module.
///
/// The file is of one of two kinds. To C it is a pointer to an opaque structure. It may be
/// [borrowed](Borrowed).
///
/// # Invariants
///
/// The pointer is a result of `Arc<A>::into_foreign()`, or one of `Arc<B>::into_foreign()` with the
/// bit [`SECOND`]. It and a reference on the module of both belong to this value.
#[repr(transparent)]
pub struct Held<A: AnonFile<Private = Arc<A>>, B: AnonFile<Private = Arc<B>>>(
    NonNull<c_void>,
    PhantomData<(Arc<A>, Arc<B>)>,
);

impl<A, B> Held<A, B>
where
    A: AnonFile<Private = Arc<A>>,
    B: AnonFile<Private = Arc<B>, Module = A::Module>,
{
    /// Takes a reference on the private data of `file`, or `EINVAL` if it is neither an `A` nor a
    /// `B`.
    ///
    /// Context: any.
    pub fn from_file(file: &File) -> Result<Self> {
        const {
            assert!(<Arc<A> as ForeignOwnable>::FOREIGN_ALIGN > SECOND);
            assert!(<Arc<B> as ForeignOwnable>::FOREIGN_ALIGN > SECOND);
        }
        let raw = match either_data::<A, B>(file)? {
            Either::First(data) => Arc::<A>::from(data).into_foreign(),
            Either::Second(data) => {
                let raw = Arc::<B>::from(data).into_foreign();
                raw.map_addr(|address| address | SECOND)
            }
        };
        // SAFETY: The open file holds a reference on the module, so the count is not 0.
        unsafe { bindings::__module_get(this_module::<A::Module>().as_ptr()) };
        // INVARIANT: The references were taken above.
        Ok(Self(NonNull::new(raw).ok_or(EINVAL)?, PhantomData))
    }
}

impl<A: AnonFile<Private = Arc<A>>, B: AnonFile<Private = Arc<B>>> Drop for Held<A, B> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant. This is the only place that takes the reference back.
        unsafe {
            match untagged(self.0) {
                Either::First(raw) => drop(Arc::<A>::from_foreign(raw)),
                Either::Second(raw) => drop(Arc::<B>::from_foreign(raw)),
            }
        }
        // SAFETY: By the type invariant the reference on the module is ours.
        unsafe { bindings::module_put(this_module::<A::Module>().as_ptr()) };
    }
}

/// The pointer without the bit, by its type.
#[inline(always)]
fn untagged(ptr: NonNull<c_void>) -> Either<*mut c_void, *mut c_void> {
    let raw = ptr.as_ptr();
    if raw.addr() & SECOND == 0 {
        Either::First(raw)
    } else {
        Either::Second(raw.map_addr(|address| address & !SECOND))
    }
}

/// The private data of `file`, or `EINVAL` if it is neither an `A` nor a `B`.
///
/// Context: any.
#[inline(always)]
pub fn either_data<A, B>(file: &File) -> Result<Either<ArcBorrow<'_, A>, ArcBorrow<'_, B>>>
where
    A: AnonFile<Private = Arc<A>>,
    B: AnonFile<Private = Arc<B>>,
{
    match shared_data::<A>(file) {
        Ok(data) => Ok(Either::First(data)),
        Err(_) => shared_data::<B>(file).map(Either::Second),
    }
}

/// A pointer to C's form of a `T`, or an error pointer.
#[repr(transparent)]
pub struct PtrOrErr<T>(*mut c_void, PhantomData<T>);

impl<A: AnonFile<Private = Arc<A>>, B: AnonFile<Private = Arc<B>>> From<Result<Held<A, B>>>
    for PtrOrErr<Held<A, B>>
{
    fn from(result: Result<Held<A, B>>) -> Self {
        let ptr = match result {
            Ok(held) => ManuallyDrop::new(held).0.as_ptr(),
            Err(e) => e.to_ptr(),
        };
        Self(ptr, PhantomData)
    }
}

impl From<Result<ARef<File>>> for PtrOrErr<File> {
    fn from(result: Result<ARef<File>>) -> Self {
        let ptr = match result {
            Ok(file) => ARef::into_raw(file).as_ptr().cast(),
            Err(e) => e.to_ptr(),
        };
        Self(ptr, PhantomData)
    }
}

/// A [`Held`] that C passes and keeps.
///
/// # Invariants
///
/// The pointer is that of a [`Held`], which lives during `'a`.
#[repr(transparent)]
pub struct Borrowed<'a, A, B>(NonNull<c_void>, PhantomData<&'a (A, B)>);

impl<'a, A: AnonFile<Private = Arc<A>>, B: AnonFile<Private = Arc<B>>> Borrowed<'a, A, B> {
    /// The private data.
    #[inline(always)]
    pub fn get(self) -> Either<ArcBorrow<'a, A>, ArcBorrow<'a, B>> {
        // SAFETY: By the invariants of this type and of `Held`.
        unsafe {
            match untagged(self.0) {
                Either::First(raw) => Either::First(<Arc<A> as ForeignOwnable>::borrow(raw)),
                Either::Second(raw) => Either::Second(<Arc<B> as ForeignOwnable>::borrow(raw)),
            }
        }
    }
}
