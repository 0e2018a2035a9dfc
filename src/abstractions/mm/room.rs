// SPDX-License-Identifier: GPL-2.0

//! Room for a value of any of several types, which saves an allocation for each value.

use crate::abstractions::compat::raw_try_init;
use core::pin::Pin;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A type whose values can be used as a `D`.
///
/// # Safety
///
/// `upcast()` must return the same address, with which a value of this type is a valid `D`.
pub unsafe trait Upcast<D: ?Sized> {
    /// Makes a pointer to a `D` of one to this type.
    fn upcast(this: *mut Self) -> *mut D;
}

/// Lets every implementation of a trait have room as a `dyn` of it.
#[macro_export]
macro_rules! upcast_to {
    ($name:ident) => {
        // SAFETY: The coercion keeps the address, and adds the table of functions of `T`.
        unsafe impl<T: $name + 'static> $crate::abstractions::mm::room::Upcast<dyn $name> for T {
            fn upcast(this: *mut T) -> *mut dyn $name {
                this
            }
        }
    };
}

/// Room of `WORDS` times 8 bytes for a pinned `D`, which owns it.
///
/// # Invariants
///
/// If `view` is set, `memory` holds a valid value of the type of `view`.
pub struct Room<D: ?Sized, const WORDS: usize> {
    view: Option<fn(*mut u64) -> *mut D>,
    memory: Opaque<[u64; WORDS]>,
}

// SAFETY: It owns a `D`.
unsafe impl<D: ?Sized + Send, const WORDS: usize> Send for Room<D, WORDS> {}
// SAFETY: A shared reference gives access to the shared `D` only.
unsafe impl<D: ?Sized + Sync, const WORDS: usize> Sync for Room<D, WORDS> {}

fn view<T: Upcast<D>, D: ?Sized>(memory: *mut u64) -> *mut D {
    T::upcast(memory.cast())
}

impl<D: ?Sized, const WORDS: usize> Room<D, WORDS> {
    /// The value, unless the room is empty.
    #[inline]
    pub fn get(&self) -> Option<&D> {
        let value = self.view?(self.memory.get().cast());
        // SAFETY: By the type invariant.
        Some(unsafe { &*value })
    }

    /// Like [`Room::get`], for a value that nobody else uses meanwhile.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Option<Pin<&mut D>> {
        // SAFETY: Nothing is moved out of the reference.
        let this = unsafe { self.get_unchecked_mut() };
        let value = this.view?(this.memory.get().cast());
        // SAFETY: By the type invariant the value is valid. It is pinned until it is dropped, and
        // the room is borrowed mutably.
        Some(unsafe { Pin::new_unchecked(&mut *value) })
    }

    /// Makes a value in the room, and drops the one that was there. Returns the new value. The room
    /// is empty if that fails.
    #[inline(always)]
    pub fn put<T, E>(mut self: Pin<&mut Self>, init: impl PinInit<T, E>) -> Result<&T, E>
    where
        T: Upcast<D> + 'static,
    {
        const { assert!(size_of::<T>() <= WORDS * size_of::<u64>()) };
        const { assert!(align_of::<T>() <= align_of::<u64>()) };
        if self.view.is_some() {
            self.as_mut().clear();
        }
        // SAFETY: Nothing is moved out of the reference.
        let this = unsafe { self.get_unchecked_mut() };
        let value: *mut T = this.memory.get().cast();
        // SAFETY: The memory is valid for a `T`, and holds no value. It is pinned until the value
        // is dropped.
        unsafe { raw_try_init(value, init)? };
        // INVARIANT: The value was just made.
        this.view = Some(view::<T, D>);
        // SAFETY: The value is valid as long as the room is borrowed.
        Ok(unsafe { &*value })
    }

    /// Drops the value.
    pub fn clear(self: Pin<&mut Self>) {
        // SAFETY: Nothing is moved out of the reference.
        let this = unsafe { self.get_unchecked_mut() };
        // INVARIANT: There is no value from here on.
        if let Some(view) = this.view.take() {
            // SAFETY: By the type invariant the value was valid. It is dropped once.
            unsafe { view(this.memory.get().cast()).drop_in_place() };
        }
    }
}

impl<D: ?Sized, const WORDS: usize> Default for Room<D, WORDS> {
    fn default() -> Self {
        // INVARIANT: There is no value.
        Self {
            view: None,
            memory: Opaque::uninit(),
        }
    }
}

impl<D: ?Sized, const WORDS: usize> Drop for Room<D, WORDS> {
    fn drop(&mut self) {
        // SAFETY: A value is made in a pinned room only, so the room has not moved since.
        unsafe { Pin::new_unchecked(self) }.clear();
    }
}
