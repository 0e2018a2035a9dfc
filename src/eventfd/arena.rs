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
            SharedItem,
            SharedPage, //
        },
        sync::atomic::{
            and_full,
            read_once, //
        }, //
    },
    uapi, //
};
use kernel::{
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

/// Cells, and which of them have a descriptor.
pub(crate) struct Arena {
    cells: Arc<Shared<Cell>>,
    /// A bit for each cell.
    bound: KVVec<Atomic<u64>>,
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
        let mut bound = KVVec::with_capacity(words, GFP_KERNEL_ACCOUNT)?;
        for _ in 0..words {
            bound.push(Atomic::new(0), GFP_KERNEL_ACCOUNT)?;
        }
        let cells = Arc::new(Shared::new(len)?, GFP_KERNEL_ACCOUNT)?;
        Ok(Arc::new(Self { cells, bound }, GFP_KERNEL_ACCOUNT)?)
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
        self.cells.size()
    }

    fn page(&self, offset: usize) -> Option<SharedPage<'_>> {
        self.cells.page(offset)
    }

    fn show_fdinfo(&self, m: &SeqFile) {
        let bound: u32 = self
            .bound
            .iter()
            .map(|word| read_once(word).count_ones())
            .sum();
        seq_print!(m, "evfd-cells: {} bound: {bound}\n", self.cells.len());
    }

    fn release(_this: Arc<Self>) {}
}

/// A cell that belongs to a descriptor. It keeps the memory of its arena.
pub(crate) struct Bound {
    cell: SharedItem<Cell>,
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
        let cell = SharedItem::new(arena.cells.clone(), index).ok_or(EINVAL)?;
        if !arena.claim(index) {
            wait();
            if !arena.claim(index) {
                return Err(EBUSY);
            }
        }
        cell.begin(count.into());
        Ok(Self { cell, arena })
    }

    /// The cell.
    pub(crate) fn cell(&self) -> &Cell {
        &self.cell
    }

    /// The index of the cell in its arena.
    pub(crate) fn index(&self) -> usize {
        self.cell.index()
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
