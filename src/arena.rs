// SPDX-License-Identifier: GPL-2.0

//! Arenas: files whose memory is an array of counters or of timers, which descriptors claim.

use crate::{
    abstractions::{
        compat::EOPNOTSUPP,
        file::anon_file::{
            self,
            fget,
            AnonFile,
            FileOperations, //
        },
        mm::shared::{
            Shared,
            SharedPage,
            SharedRef,
            SharedWords, //
        },
        sync::atomic::{
            and_full,
            read_once, //
        }, //
    },
    uapi, //
};
use core::ops::Deref;
use kernel::{
    page::PAGE_SIZE,
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        Arc, //
    }, //
};

/// An element of an arena.
pub(crate) trait Element: SharedWords + Sized + Send + 'static {
    /// The name of the arena's file.
    const NAME: &'static CStr;

    /// The elements, for fdinfo.
    const ELEMENTS: &'static str;

    /// The operations of the arena's file.
    const OPS: &'static FileOperations<Arena<Self>>;
}

/// Elements, and which of them have a descriptor.
///
/// Its memory is single pages, and vectors of `kmalloc()`. The last reference may be dropped in an
/// interrupt or with a spinlock held, where `vfree()` must not be called: in an interrupt it would
/// also write to the pages, which a program may have pinned.
pub(crate) struct Arena<T: Element> {
    pages: KVec<Shared<T>>,
    len: usize,
    /// A bit for each element.
    bound: KVec<Atomic<u64>>,
}

impl<T: Element> Arena<T> {
    const PER_PAGE: usize = PAGE_SIZE / size_of::<T>();

    /// Makes an arena and its file.
    ///
    /// Context: task, may sleep. Errors: see the UAPI header.
    pub(crate) fn create(args: uapi::evfd_arena) -> Result<u32> {
        if args.flags & !uapi::EVFD_ARENA_CLOEXEC != 0 {
            return Err(EINVAL);
        }
        // Kernel and program see the pages at different addresses.
        if cfg!(CONFIG_CPU_CACHE_ALIASING) {
            return Err(EOPNOTSUPP);
        }
        let arena = Self::new(args.entries)?;
        anon_file::create::<Self>(arena, args.flags | kernel::fs::file::flags::O_RDWR)
    }

    /// Makes an arena without a file. Context: task, may sleep. Errors: `EINVAL`, `ENOMEM`.
    pub(crate) fn new(len: u32) -> Result<Arc<Self>> {
        if !(1..=uapi::EVFD_ARENA_MAX).contains(&len) {
            return Err(EINVAL);
        }
        let len = len as usize;
        let words = len.div_ceil(u64::BITS as usize);
        let mut bound = KVec::with_capacity(words, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..words {
            bound.push_within_capacity(Atomic::new(0))?;
        }
        let nr_pages = len.div_ceil(Self::PER_PAGE);
        let mut pages = KVec::with_capacity(nr_pages, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..nr_pages {
            pages.push_within_capacity(Shared::new(Self::PER_PAGE)?)?;
        }
        Ok(Arc::new(Self { pages, len, bound }, GFP_KERNEL_ACCOUNT)?)
    }

    /// An element, or `None` behind the end.
    fn element(&self, index: usize) -> Option<SharedRef<T>> {
        if index >= self.len {
            return None;
        }
        let page = self.pages.get(index / Self::PER_PAGE)?;
        page.get_ref(index % Self::PER_PAGE)
    }

    /// The word of [`Arena::bound`] and the bit in it that belong to an element.
    fn bit(&self, index: usize) -> Option<(&Atomic<u64>, u64)> {
        let word = self.bound.get(index / u64::BITS as usize)?;
        Some((word, 1 << (index % u64::BITS as usize)))
    }

    /// Returns false if the element has a descriptor already.
    fn claim(&self, index: usize) -> bool {
        let Some((word, bit)) = self.bit(index) else {
            return false;
        };
        let mut old = read_once(word);
        while old & bit == 0 {
            // Full: pairs with `release()`, after which the element does not change.
            match word.cmpxchg(old, old | bit, Full) {
                Ok(_) => return true,
                Err(now) => old = now,
            }
        }
        false
    }

    fn release(&self, index: usize) {
        if let Some((word, bit)) = self.bit(index) {
            and_full(word, !bit);
        }
    }
}

#[vtable]
impl<T: Element> AnonFile for Arena<T> {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = T::NAME;
    const OPS: &'static FileOperations<Self> = T::OPS;

    fn map_size(&self) -> usize {
        self.len * size_of::<T>()
    }

    fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        self.pages.get(offset / PAGE_SIZE)?.page(0)
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        let bound: u32 = self
            .bound
            .iter()
            .map(|word| read_once(word).count_ones())
            .sum();
        seq_print!(m, "evfd-{}: {} bound: {bound}\n", T::ELEMENTS, self.len);
    }

    fn release(_this: Arc<Self>) {}
}

#[cfg(CONFIG_KUNIT = "y")]
impl<T: Element> Arena<T> {
    /// The element that a program with a mapping sees at `index`, for tests.
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let page = self.pages.get(index / Self::PER_PAGE)?;
        page.get(index % Self::PER_PAGE)
    }
}

/// An element that belongs to a descriptor. It keeps the memory of its arena.
pub(crate) struct Claim<T: Element> {
    element: SharedRef<T>,
    index: usize,
    arena: Arc<Arena<T>>,
}

impl<T: Element> Claim<T> {
    /// Claims element `index` of the arena with the descriptor `arena`. If it is claimed, tries once
    /// more after `wait`.
    ///
    /// Context: task, in a system call such as ioctl(2). Errors: `EBADF`, `EBUSY`, `EINVAL`.
    pub(crate) fn new(arena: c_int, index: u32, wait: impl FnOnce()) -> Result<Self> {
        let file = fget(arena)?;
        let arena: Arc<Arena<T>> = anon_file::shared_data::<Arena<T>>(&file)?.into();
        Self::of_arena(arena, index, wait)
    }

    /// Like [`Claim::new`], for an arena without a file.
    pub(crate) fn of_arena(arena: Arc<Arena<T>>, index: u32, wait: impl FnOnce()) -> Result<Self> {
        let index = index as usize;
        let element = arena.element(index).ok_or(EINVAL)?;
        if !arena.claim(index) {
            wait();
            if !arena.claim(index) {
                return Err(EBUSY);
            }
        }
        Ok(Self {
            element,
            index,
            arena,
        })
    }

    /// The index of the element in its arena.
    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

impl<T: Element> Deref for Claim<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.element
    }
}

impl<T: Element> Drop for Claim<T> {
    fn drop(&mut self) {
        self.arena.release(self.index());
    }
}
