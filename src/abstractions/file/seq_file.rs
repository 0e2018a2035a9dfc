// SPDX-License-Identifier: GPL-2.0

//! Files whose text is made when it is read.
//!
//! C header: [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use kernel::{
    bindings,
    seq_file::SeqFile, //
};

/// Whether the text so far is longer than the buffer. What follows is dropped, and all of it is made
/// again with a larger buffer.
pub fn has_overflowed(m: &SeqFile) -> bool {
    let m: *const bindings::seq_file = core::ptr::from_ref(m).cast();
    // SAFETY: A `SeqFile` is a transparent wrapper of a `seq_file`, which no other thread uses.
    unsafe { (*m).count == (*m).size }
}
