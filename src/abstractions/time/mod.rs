// SPDX-License-Identifier: GPL-2.0

//! Clocks and timers.
//!
//! | module | C API |
//! | --- | --- |
//! | [`clock`] | clocks, time namespaces |
//! | [`clock_steps`] | a count of the times that clocks are set |
//! | [`once`] | timers that call a function once for each start |
//! | [`timed`] | a wait queue with a timer |
//! | [`timer`] | `struct hrtimer`, `struct alarm` |

pub mod clock;
pub mod clock_steps;
pub mod once;
pub mod timed;
pub mod timer;
