// SPDX-License-Identifier: GPL-2.0

//! KUnit suites: they run when the module is loaded into a kernel with `CONFIG_KUNIT=y`.

mod abstractions;
mod eventfd;
mod kevent;
mod seen;
mod signalfd;
mod timerfd;
