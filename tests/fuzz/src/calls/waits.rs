// SPDX-License-Identifier: GPL-2.0

//! Waiting for several descriptors, or without blocking: poll, select, epoll, io_uring and aio.

use super::{descriptor, number, put, Caller};
use crate::program::{Call, Op};
use io_uring::{
    opcode,
    squeue::Entry,
    types::{CancelBuilder, Fd},
};
use std::mem;

/// The events to poll for. The bits are the same in poll(2) and epoll(7).
pub(super) const EVENTS: [u32; 8] = [1, 4, 5, 0x2001, 2, 8, 0x41, 0];
const AIO_PREAD: u16 = 0;
const AIO_POLL: u16 = 5;

/// `struct iocb` of linux/aio_abi.h.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Iocb {
    data: u64,
    key: u32,
    rw_flags: i32,
    opcode: u16,
    priority: i16,
    fd: u32,
    buffer: u64,
    size: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    resfd: u32,
}

/// Creates a context of aio. It is kept because destroying it takes long.
pub fn new_aio() -> u64 {
    let mut context = 0u64;
    // SAFETY: The variable outlives the call.
    unsafe { libc::syscall(libc::SYS_io_setup, 64, &raw mut context) };
    context
}

fn milliseconds(b: u8) -> i32 {
    i32::from(b % 4 == 3)
}

impl Caller {
    /// Starts a request of io_uring.
    fn submit(&mut self, entry: Entry) {
        self.calls += 1;
        self.requests = true;
        let ring = &mut self.uring;
        // SAFETY: The entry points to memory that the thread keeps, or to no memory.
        unsafe { _ = ring.submission().push(&entry) };
        _ = ring.submit();
        ring.completion().for_each(drop);
    }

    fn poll(&mut self, call: &Call) {
        let events = EVENTS[usize::from(call.a % 8)] as i16;
        let mut fds = [call.slot, call.other].map(|slot| libc::pollfd {
            fd: descriptor(slot),
            events,
            revents: 0,
        });
        let address = fds.as_mut_ptr() as usize;
        let timeout = milliseconds(call.b) as usize;
        self.system_call(libc::SYS_poll, [address, 2, timeout, 0, 0, 0]);
    }

    fn select(&mut self, call: &Call) {
        let fd = descriptor(call.slot);
        if fd < 0 {
            return;
        }
        // SAFETY: All zeros are a valid set, and the descriptor is below its size.
        let mut sets: [libc::fd_set; 3] = unsafe { mem::zeroed() };
        for (i, set) in sets.iter_mut().enumerate() {
            if call.a & (1 << i) != 0 {
                // SAFETY: As above.
                unsafe { libc::FD_SET(fd, set) };
            }
        }
        let timeout = [0i64, 1000 * i64::from(milliseconds(call.b))];
        let [read, write, except] = sets.each_mut().map(|set| &raw mut *set as usize);
        let timeout = timeout.as_ptr() as usize;
        self.system_call(
            libc::SYS_select,
            [fd as usize + 1, read, write, except, timeout, 0],
        );
    }

    fn epoll_ctl(&mut self, call: &Call) {
        let operation = [1, 1, 3, 2][usize::from(call.a % 4)];
        let mode = match call.b >> 4 {
            1 => libc::EPOLLET,
            2 => libc::EPOLLONESHOT,
            3 => libc::EPOLLEXCLUSIVE,
            4 => libc::EPOLLEXCLUSIVE | libc::EPOLLET,
            5 => libc::EPOLLWAKEUP,
            _ => 0,
        };
        let mut event = libc::epoll_event {
            events: EVENTS[usize::from(call.b % 8)] | mode as u32,
            u64: 0,
        };
        let fds = [call.slot, call.other].map(|slot| descriptor(slot) as usize);
        let event = &raw mut event as usize;
        self.system_call(
            libc::SYS_epoll_ctl,
            [fds[0], operation, fds[1], event, 0, 0],
        );
    }

    fn aio(&mut self, call: &Call, opcode: u16, buffer: usize, size: usize) {
        let iocb = Box::new(Iocb {
            opcode,
            fd: descriptor(call.slot) as u32,
            buffer: buffer as u64,
            size: size as u64,
            ..Iocb::default()
        });
        let context = self.aio as usize;
        let pointer = &raw const *iocb;
        let list = &raw const pointer as usize;
        self.iocbs.push(iocb);
        self.system_call(libc::SYS_io_submit, [context, 1, list, 0, 0, 0]);
    }

    fn wait_for_aio(&mut self, call: &Call) {
        let mut events = [0u64; 4 * 4];
        let none = [0i64, 100_000];
        let least = usize::from(call.a % 2);
        let (events, none) = (events.as_mut_ptr() as usize, none.as_ptr() as usize);
        let context = self.aio as usize;
        self.system_call(libc::SYS_io_getevents, [context, least, 4, events, none, 0]);
    }

    fn wait_for_uring(&mut self, call: &Call) {
        self.calls += 1;
        _ = self.uring.submit_and_wait(usize::from(call.a % 8 == 1));
        self.uring.completion().for_each(drop);
    }

    pub(super) fn waits(&mut self, op: Op, call: &Call) {
        let fd = descriptor(call.slot);
        let size = [8, 128, 16, 4][usize::from(call.a % 4)];
        let buffer = self.pointer(call.b, size as usize);
        match op {
            Op::Poll => self.poll(call),
            Op::Select => self.select(call),
            Op::EpollCreate => {
                let new = self.system_call(libc::SYS_epoll_create1, [0; 6]);
                put(call.slot, new);
            }
            Op::EpollCtl => self.epoll_ctl(call),
            Op::EpollWait => {
                let mut events = [0u64; 16];
                let events = events.as_mut_ptr() as usize;
                let timeout = milliseconds(call.b) as usize;
                self.system_call(
                    libc::SYS_epoll_wait,
                    [fd as usize, events, 8, timeout, 0, 0],
                );
            }
            Op::UringRead => self.submit(opcode::Read::new(Fd(fd), buffer as _, size).build()),
            Op::UringWrite => {
                if call.b % 16 < 11 {
                    // SAFETY: The thread's own page.
                    unsafe { *(buffer as *mut u64) = number(call.a) };
                }
                self.submit(opcode::Write::new(Fd(fd), buffer as _, 8).build());
            }
            Op::UringPoll => {
                let events = EVENTS[usize::from(call.a % 8)];
                let poll = opcode::PollAdd::new(Fd(fd), events).multi(call.b & 1 != 0);
                self.submit(poll.build());
            }
            Op::UringWait => self.wait_for_uring(call),
            Op::UringCancel => {
                let cancel = CancelBuilder::fd(Fd(fd)).all();
                self.submit(opcode::AsyncCancel2::new(cancel).build());
            }
            Op::AioPoll => self.aio(call, AIO_POLL, EVENTS[usize::from(call.a % 8)] as usize, 0),
            Op::AioRead => self.aio(call, AIO_PREAD, buffer, size as usize),
            _ => self.wait_for_aio(call),
        }
    }

    /// Cancels all requests, and waits for their ends.
    pub(super) fn reset_waits(&mut self) {
        if mem::take(&mut self.requests) {
            let all = CancelBuilder::any();
            _ = self.uring.submitter().register_sync_cancel(None, all);
            self.uring.completion().for_each(drop);
        }
        for iocb in mem::take(&mut self.iocbs) {
            let mut result = [0u64; 4];
            let none = [0i64; 2];
            // SAFETY: The context is the thread's own, and both buffers are large enough. A
            // request that cannot be cancelled has ended.
            unsafe {
                libc::syscall(
                    libc::SYS_io_cancel,
                    self.aio,
                    &raw const *iocb,
                    result.as_mut_ptr(),
                );
                libc::syscall(
                    libc::SYS_io_getevents,
                    self.aio,
                    0,
                    1,
                    result.as_mut_ptr(),
                    &none,
                );
            }
        }
    }
}
