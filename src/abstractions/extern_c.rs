// SPDX-License-Identifier: GPL-2.0

//! Arguments and results of functions that C code calls.
//!
//! Such a function is an `extern "C" fn` with `#[no_mangle]`. The type of a pointer argument says
//! how the pointer must be valid: it is a reference or a type from this file. The function's
//! kernel-doc makes that the duty of the C caller.

use crate::abstractions::{
    compat::this_module,
    file::anon_file::AnonFile, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop, //
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

/// A reference on the private data of a file that C code holds, with a reference on the module.
///
/// To C it is a pointer to an opaque structure. It may be borrowed as an [`ArcBorrow`].
///
/// # Invariants
///
/// A reference on `T::Module` belongs to this value.
#[repr(transparent)]
pub struct Held<T: AnonFile<Private = Arc<T>>>(ManuallyDrop<Arc<T>>);

impl<T: AnonFile<Private = Arc<T>>> Held<T> {
    /// Takes a reference on the private data of `file`, or `EINVAL` if it is not a `T`.
    ///
    /// Context: any.
    pub fn from_file(file: &File) -> Result<Self> {
        let data = super::file::anon_file::shared_data::<T>(file)?;
        // SAFETY: The open file holds a reference on the module, so the count is not 0.
        unsafe { bindings::__module_get(this_module::<T::Module>().as_ptr()) };
        // INVARIANT: The reference was taken above.
        Ok(Self(ManuallyDrop::new(data.into())))
    }
}

impl<T: AnonFile<Private = Arc<T>>> Drop for Held<T> {
    fn drop(&mut self) {
        // SAFETY: This is the only place that drops the reference.
        unsafe { ManuallyDrop::drop(&mut self.0) };
        // SAFETY: By the type invariant the reference on the module is ours.
        unsafe { bindings::module_put(this_module::<T::Module>().as_ptr()) };
    }
}

/// A pointer to C's form of a `T`, or an error pointer.
#[repr(transparent)]
pub struct PtrOrErr<T>(*mut c_void, PhantomData<T>);

impl<T: AnonFile<Private = Arc<T>>> From<Result<Held<T>>> for PtrOrErr<Held<T>> {
    fn from(result: Result<Held<T>>) -> Self {
        let ptr = match result {
            Ok(held) => {
                let held = ManuallyDrop::new(held);
                // SAFETY: `held` is neither used nor dropped after this.
                unsafe { core::ptr::read(&*held.0) }.into_foreign()
            }
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
pub type Borrowed<'a, T> = ArcBorrow<'a, T>;
