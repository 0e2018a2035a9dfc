// SPDX-License-Identifier: GPL-2.0

//! Arenas: files whose memory is an array of cells.

use super::{
    cell::Cell,
    count::Count, //
};
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
            SharedRef, //
        },
        sync::atomic::{
            and_full,
            read_once, //
        }, //
    },
    uapi, //
};
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

static OPS: FileOperations<Arena> = FileOperations::build();

const CELLS_PER_PAGE: usize = PAGE_SIZE / size_of::<Cell>();

/// Cells, and which of them have a descriptor.
///
/// Its memory is single pages, and vectors of `kmalloc()`. The last reference may be dropped in an
/// interrupt or with a spinlock held, where `vfree()` must not be called: in an interrupt it would
/// also write to the pages, which a program may have pinned.
pub(crate) struct Arena {
    pages: KVec<Shared<Cell>>,
    len: usize,
    /// A bit for each cell.
    bound: KVec<Atomic<u64>>,
}

impl Arena {
    /// Makes an arena, for [`uapi::EVFD_IOC_ARENA`].
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
        let arena = Self::new(args.cells)?;
        anon_file::create::<Self>(arena, args.flags | kernel::fs::file::flags::O_RDWR)
    }

    /// Makes an arena without a file. Context: task, may sleep. Errors: `EINVAL`, `ENOMEM`.
    pub(crate) fn new(cells: u32) -> Result<Arc<Self>> {
        if !(1..=uapi::EVFD_ARENA_MAX).contains(&cells) {
            return Err(EINVAL);
        }
        let len = cells as usize;
        let words = len.div_ceil(u64::BITS as usize);
        let mut bound = KVec::with_capacity(words, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..words {
            bound.push_within_capacity(Atomic::new(0))?;
        }
        let nr_pages = len.div_ceil(CELLS_PER_PAGE);
        let mut pages = KVec::with_capacity(nr_pages, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..nr_pages {
            pages.push_within_capacity(Shared::new(CELLS_PER_PAGE)?)?;
        }
        Ok(Arc::new(Self { pages, len, bound }, GFP_KERNEL_ACCOUNT)?)
    }

    /// A cell, or `None` behind the end.
    fn cell(&self, index: usize) -> Option<SharedRef<Cell>> {
        if index >= self.len {
            return None;
        }
        let page = self.pages.get(index / CELLS_PER_PAGE)?;
        page.get_ref(index % CELLS_PER_PAGE)
    }

    /// The word of [`Arena::bound`] and the bit in it that belong to a cell.
    fn bit(&self, index: usize) -> Option<(&Atomic<u64>, u64)> {
        let word = self.bound.get(index / u64::BITS as usize)?;
        Some((word, 1 << (index % u64::BITS as usize)))
    }

    /// Returns false if the cell has a descriptor already.
    fn claim(&self, index: usize) -> bool {
        let Some((word, bit)) = self.bit(index) else {
            return false;
        };
        let mut old = read_once(word);
        while old & bit == 0 {
            // Full: pairs with `release()`, after which the cell does not change.
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
impl AnonFile for Arena {
    type Module = crate::LocalModule;
    type Private = Arc<Self>;

    const NAME: &'static CStr = c"[evfd-arena]";
    const OPS: &'static FileOperations<Self> = &OPS;

    fn map_size(&self) -> usize {
        self.len * size_of::<Cell>()
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
        seq_print!(m, "evfd-cells: {} bound: {bound}\n", self.len);
    }

    fn release(_this: Arc<Self>) {}
}

/// A cell that belongs to a descriptor. It keeps the memory of its arena.
pub(crate) struct Bound {
    cell: SharedRef<Cell>,
    index: usize,
    arena: Arc<Arena>,
}

impl Bound {
    /// Takes the cell of `args`, which begins with the count of `args`. If the cell is bound, tries
    /// once more after `wait`.
    ///
    /// Context: task, in a system call such as ioctl(2). Errors: `EBADF`, `EBUSY`, `EINVAL`.
    pub(crate) fn new(args: &uapi::evfd_bind, wait: impl FnOnce()) -> Result<Self> {
        let file = fget(args.arena)?;
        let arena: Arc<Arena> = anon_file::shared_data::<Arena>(&file)?.into();
        Self::of_arena(arena, args.cell, args.count, wait)
    }

    /// Like [`Bound::new`], for an arena without a file.
    pub(crate) fn of_arena(
        arena: Arc<Arena>,
        cell: u32,
        count: u32,
        wait: impl FnOnce(),
    ) -> Result<Self> {
        let index = cell as usize;
        let cell = arena.cell(index).ok_or(EINVAL)?;
        if !arena.claim(index) {
            wait();
            if !arena.claim(index) {
                return Err(EBUSY);
            }
        }
        cell.begin(count.into());
        Ok(Self { cell, index, arena })
    }

    /// The cell.
    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    /// The index of the cell in its arena.
    pub(crate) fn index(&self) -> usize {
        self.index
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.arena.release(self.index());
    }
}

impl Count for Bound {
    const IS_SHARED: bool = true;

    #[inline(always)]
    fn word(&self) -> &Atomic<u64> {
        self.cell.word()
    }
}
