// SPDX-License-Identifier: GPL-2.0

//! The kernel API, by the device of `tests/modules/post_device.c`: see `post_test.h` there.

use super::{descriptor, descriptors::ioctl_number, number, put, Caller};
use crate::program::{Call, Op};

const READ: u32 = 2;
const WRITE: u32 = 1;
const BOTH: u32 = READ | WRITE;

const fn post_test<T>(direction: u32, number: u32) -> u32 {
    ioctl_number::<T>(direction, 0xed, number)
}

/// fd, via, amount, mask, result, reserved
type Post = [u32; 6];
/// fd, amount, contexts, posts, added
type Run = [u64; 5];
/// watched, posted, amount, times, flags, reserved
type Hook = [u32; 6];
/// hook and result, count
type Unhook = [u64; 2];

impl Caller {
    fn post_ioctl<T: Copy>(&mut self, call: &Call, command: u32, value: T) {
        let argument = self.argument(0, value);
        self.ioctl(descriptor(call.slot), command, argument, 0);
    }

    pub(super) fn posts(&mut self, op: Op, call: &Call) {
        let fd = descriptor(call.other) as u32;
        let amount = number(call.a) as u32;
        match op {
            Op::PostOpen => {
                let path = c"/dev/evfd_post_test".as_ptr() as usize;
                let flags = libc::O_RDWR as usize;
                let at = libc::AT_FDCWD as usize;
                let new = self.system_call(libc::SYS_openat, [at, path, flags, 0, 0, 0]);
                put(call.slot, new);
            }
            Op::Post => {
                let post = [fd, u32::from(call.b % 7), amount, u32::from(call.c), 0, 0];
                self.post_ioctl::<Post>(call, post_test::<Post>(BOTH, 0), post);
            }
            Op::PostRun => {
                let contexts = [u64::from(call.b % 7), u64::from(call.b / 7 % 7)];
                let run = [
                    u64::from(fd) | u64::from(amount) << 32,
                    contexts[0] | contexts[1] << 32,
                    u64::from(call.c % 64) + 1,
                    0,
                    0,
                ];
                self.post_ioctl::<Run>(call, post_test::<Run>(BOTH, 1), run);
            }
            Op::Hold => {
                let command = 2 + u32::from(call.a & 1);
                self.post_ioctl(call, post_test::<u32>(WRITE, command), fd);
            }
            Op::HeldPost => {
                let post = [0, 0, amount, u32::from(call.b), 0, 0];
                self.post_ioctl::<Post>(call, post_test::<Post>(BOTH, 4), post);
            }
            Op::HeldRead => self.post_ioctl(call, post_test::<u64>(READ, 5), 0u64),
            Op::Release => self.post_ioctl(call, post_test::<[u8; 0]>(0, 6), 0u64),
            Op::Hook => {
                let posted = descriptor(call.a) as u32;
                let drain = u32::from(call.c & 0x10 != 0);
                let amount = number(call.b) as u32;
                let hook = [fd, posted, amount, u32::from(call.c % 4), drain, 0];
                self.post_ioctl::<Hook>(call, post_test::<Hook>(WRITE, 7), hook);
            }
            _ => {
                let unhook = [u64::from(call.a % 4), 0];
                self.post_ioctl::<Unhook>(call, post_test::<Unhook>(BOTH, 9), unhook);
            }
        }
    }
}
