// SPDX-License-Identifier: GPL-2.0

//! The address space of a process, for calls that use an address of an earlier call.

use kernel::{
    current,
    mm::Mm,
    sync::aref::ARef, //
};

/// An address space. It outlives its process, but its memory does not.
pub struct AddressSpace(ARef<Mm>);

impl AddressSpace {
    /// The address space of the current task, or `None` if it is a kernel thread. Context: task.
    pub fn current() -> Option<Self> {
        let current = current!();
        let mm: &Mm = current.mm()?;
        Some(Self(ARef::from(mm)))
    }

    /// Whether it is the current task's. Context: task.
    pub fn is_current(&self) -> bool {
        current!()
            .mm()
            .is_some_and(|mm| core::ptr::eq::<Mm>(&**mm, &*self.0))
    }
}
