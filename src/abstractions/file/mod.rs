// SPDX-License-Identifier: GPL-2.0

//! Files, and the devices and polls that come with them.
//!
//! | module | C API |
//! | --- | --- |
//! | [`anon_file`] | files on anonymous inodes, `struct file_operations` |
//! | [`closes`] | notifications that a file is closed, `fsnotify` |
//! | [`events`] | poll events, `__poll_t` |
//! | [`inode`] | changes of inodes, `fsnotify`; `struct path` |
//! | [`io`] | reading, writing and syncing a file on behalf of a task |
//! | [`miscdev`] | misc devices that answer ioctls |
//! | [`poll`] | `poll_table` |
//! | [`poller`] | polling a file from the kernel, `vfs_poll()` |
//! | [`producer`] | files of modules that produce events, `struct kevent_producer` |
//! | [`seq_file`] | `seq_file` |
//! | [`stream`] | sockets and pipes |

pub mod anon_file;
pub mod closes;
pub mod events;
pub mod inode;
pub mod io;
pub mod miscdev;
pub mod poll;
pub mod poller;
pub mod producer;
pub mod seq_file;
pub mod stream;
