// SPDX-License-Identifier: GPL-2.0

//! Calls of the kernel API, through the device of `tests/kmod/post_device.c`: see `post_test.h`.

use super::{descriptor, number, put, queues, Caller};
use crate::{
    program::{Call, Op},
    uapi,
};

impl Caller {
    fn post_ioctl<T: Copy>(&mut self, call: &Call, command: u32, value: T) {
        let argument = self.argument(0, value);
        self.ioctl(descriptor(call.slot), command, argument, 0);
    }

    /// A call of a producer: `a` has the events and the storage, `c` the call and what to add.
    fn produce(&mut self, call: &Call) {
        let storage = u32::from(call.a >> 7);
        let command = match call.c % 8 {
            0 => uapi::PRODUCER_LEVEL,
            1 => uapi::PRODUCER_ENQUEUE,
            2 => uapi::PRODUCER_DEQUEUE,
            _ => uapi::PRODUCER_READY,
        };
        let fd = queues::producer(call.b);
        let argument = match command {
            uapi::PRODUCER_LEVEL => self.argument(0, u32::from(call.a & 0x3f)),
            uapi::PRODUCER_ENQUEUE => self.argument(0, storage),
            _ => {
                let ready = uapi::produce_ready {
                    storage,
                    events: u32::from(call.a & 0x7f),
                    n: u64::from(call.c / 8),
                    times: 1,
                    ..Default::default()
                };
                self.argument(0, ready)
            }
        };
        self.ioctl(fd, command, argument, 0);
    }

    pub(super) fn posts(&mut self, op: Op, call: &Call) {
        let fd = descriptor(call.other);
        let amount = number(call.a) as u32;
        match op {
            Op::PostOpen => {
                let path = c"/dev/evfd_post_test".as_ptr() as usize;
                let flags = libc::O_RDWR as usize;
                let at = libc::AT_FDCWD as usize;
                let new = self.system_call(libc::SYS_openat, [at, path, flags, 0, 0, 0]);
                put(call.slot, new);
            }
            Op::Post if call.b >= 0xf8 => self.produce(call),
            Op::Post => {
                let post = uapi::post_test_post {
                    fd,
                    via: u32::from(call.b % 7),
                    amount,
                    mask: u32::from(call.c),
                    ..Default::default()
                };
                self.post_ioctl(call, uapi::POST, post);
            }
            Op::PostRun => {
                let run = uapi::post_test_run {
                    fd,
                    amount,
                    context: [u32::from(call.b % 7), u32::from(call.b / 7 % 7)],
                    posts: u64::from(call.c % 64) + 1,
                    ..Default::default()
                };
                self.post_ioctl(call, uapi::RUN, run);
            }
            Op::Hold => {
                let command = [uapi::HOLD, uapi::HOLD_FILE][usize::from(call.a & 1)];
                self.post_ioctl(call, command, fd);
            }
            Op::HeldPost => {
                let post = uapi::post_test_post {
                    amount,
                    mask: u32::from(call.b),
                    ..Default::default()
                };
                self.post_ioctl(call, uapi::HELD_POST, post);
            }
            Op::HeldRead => self.post_ioctl(call, uapi::HELD_READ, 0u64),
            Op::Release => self.post_ioctl(call, uapi::RELEASE, 0u64),
            Op::Hook => {
                let drain = call.c & 0x10 != 0;
                let hook = uapi::post_test_hook {
                    watched: fd,
                    posted: descriptor(call.a),
                    amount: number(call.b) as u32,
                    times: u32::from(call.c % 4),
                    flags: if drain { uapi::POST_TEST_DRAIN } else { 0 },
                    ..Default::default()
                };
                self.post_ioctl(call, uapi::HOOK, hook);
            }
            _ => {
                let unhook = uapi::post_test_unhook {
                    hook: u32::from(call.a % 4),
                    ..Default::default()
                };
                self.post_ioctl(call, uapi::UNHOOK, unhook);
            }
        }
    }
}
