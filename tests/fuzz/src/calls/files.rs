// SPDX-License-Identifier: GPL-2.0

//! Calls on any file: read, write, dup, close, and the like.

use super::{descriptor, number, put, Caller, MEMORY, PAGE};
use crate::program::{Call, Op, THREADS};
use std::{
    mem, ptr,
    sync::atomic::{AtomicI32, Ordering::SeqCst},
};

/// A pipe and /dev/null, the other ends of splice and sendfile.
static PIPE: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];
static NOTHING: AtomicI32 = AtomicI32::new(-1);

const SIZES: [usize; 8] = [8, 16, 128, 7, 4, 256, 1024, 0];

pub fn prepare() {
    let mut ends = [0; 2];
    // SAFETY: The arguments are valid for the system calls.
    unsafe {
        assert!(libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK) == 0);
        NOTHING.store(libc::open(c"/dev/null".as_ptr(), libc::O_RDWR), SeqCst);
    }
    PIPE.iter()
        .zip(ends)
        .for_each(|(end, fd)| end.store(fd, SeqCst));
}

/// Sets the limit for the number of descriptors.
fn limit(n: u64) {
    let limit = libc::rlimit {
        rlim_cur: n,
        rlim_max: 4096,
    };
    // SAFETY: The structure outlives the call.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) };
}

pub fn unlimit() {
    limit(1024);
}

/// The task of a child in the memory of its parent. The parent waits, so the child must not block.
struct Child {
    what: u8,
    fd: i32,
    epoll: i32,
}

extern "C" fn child(argument: *mut libc::c_void) -> i32 {
    let mut data = [0u8; 128];
    // SAFETY: `fork()` passes a `Child` and waits. The arguments are valid for the system calls.
    unsafe {
        let child = &*argument.cast::<Child>();
        let iov = libc::iovec {
            iov_base: data.as_mut_ptr().cast(),
            iov_len: data.len(),
        };
        let mut event = libc::epoll_event {
            events: (libc::EPOLLIN | libc::EPOLLET) as u32,
            u64: 0,
        };
        let mut poll = libc::pollfd {
            fd: child.fd,
            events: libc::POLLIN | libc::POLLOUT,
            revents: 0,
        };
        match child.what % 4 {
            0 => libc::poll(&mut poll, 1, 0),
            1 => libc::epoll_ctl(child.epoll, libc::EPOLL_CTL_ADD, child.fd, &mut event),
            2 => libc::preadv2(child.fd, &iov, 1, -1, libc::RWF_NOWAIT) as i32,
            _ => libc::close(child.fd),
        };
        libc::syscall(libc::SYS_exit_group, 0);
    }
    0
}

impl Caller {
    fn fork(&mut self, call: &Call) {
        let mut stack = vec![0u8; 32 << 10];
        let mut argument = Child {
            what: call.a,
            fd: descriptor(call.slot),
            epoll: descriptor(call.other),
        };
        self.calls += 3;
        // SAFETY: The child has a stack of its own, and ends before its parent continues.
        unsafe {
            let top = stack.as_mut_ptr().add(stack.len() & !15);
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(child, top.cast(), flags, (&raw mut argument).cast());
            while pid > 0
                && libc::waitpid(pid, ptr::null_mut(), libc::__WALL) < 0
                && *libc::__errno_location() == libc::EINTR
            {}
        }
    }

    /// Sends a descriptor to this process.
    fn pass(&mut self, call: &Call) {
        let (mut ends, mut byte, fd) = ([0; 2], 0u8, descriptor(call.slot));
        self.calls += 5;
        // SAFETY: All buffers outlive the calls, and have the sizes that are passed.
        unsafe {
            let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
            if libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) != 0 {
                return;
            }
            let mut iov = libc::iovec {
                iov_base: (&raw mut byte).cast(),
                iov_len: 1,
            };
            let mut control = [0u64; 4];
            let mut message: libc::msghdr = mem::zeroed();
            message.msg_iov = &mut iov;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(4) as usize;
            let header = libc::CMSG_FIRSTHDR(&message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(4) as usize;
            ptr::write_unaligned(libc::CMSG_DATA(header).cast(), fd);
            let sent = libc::sendmsg(ends[0], &message, libc::MSG_NOSIGNAL);
            if sent == 1 && libc::recvmsg(ends[1], &mut message, 0) == 1 {
                let header = libc::CMSG_FIRSTHDR(&message);
                if !header.is_null() {
                    let new: i32 = ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                    put(call.other, new.into());
                }
            }
            ends.iter().for_each(|&end| _ = libc::close(end));
        }
    }

    fn fdinfo(&mut self, fd: i32) {
        let path = format!("/proc/self/fdinfo/{fd}\0");
        let mut text = [0u8; 256];
        self.calls += 3;
        // SAFETY: The path is a string, and the buffer outlives the call.
        unsafe {
            let file = libc::open(path.as_ptr().cast(), libc::O_RDONLY);
            if file >= 0 {
                libc::read(file, text.as_mut_ptr().cast(), text.len());
                libc::close(file);
            }
        }
    }

    fn splice(&mut self, fd: usize, way: u8) {
        let [output, input] = [&PIPE[0], &PIPE[1]].map(|end| end.load(SeqCst) as usize);
        let nothing = NOTHING.load(SeqCst) as usize;
        let flags = libc::SPLICE_F_NONBLOCK as usize;
        match way % 4 {
            0 => self.system_call(libc::SYS_splice, [fd, 0, input, 0, 128, flags]),
            1 => self.system_call(libc::SYS_splice, [output, 0, fd, 0, 8, flags]),
            2 => self.system_call(libc::SYS_sendfile, [nothing, fd, 0, 8, 0, 0]),
            _ => self.system_call(libc::SYS_sendfile, [fd, nothing, 0, 8, 0, 0]),
        };
    }

    fn fcntl(&mut self, call: &Call) {
        let nonblock = if call.b & 1 == 0 { libc::O_NONBLOCK } else { 0 };
        let signal = super::signals::signal_to_send(call.b);
        // SAFETY: It has no arguments.
        let owner = unsafe { libc::getpid() };
        let (command, argument) = match call.a % 7 {
            0 => (libc::F_SETFL, nonblock),
            1 => (libc::F_SETFL, nonblock | libc::O_ASYNC),
            2 => (libc::F_SETOWN, owner),
            3 => (10, signal), // F_SETSIG
            4 => (libc::F_GETFL, 0),
            5 => (libc::F_SETFD, i32::from(call.b & 1)),
            _ => (libc::F_SETFL, nonblock | libc::O_APPEND),
        };
        let fd = descriptor(call.slot) as usize;
        self.system_call(
            libc::SYS_fcntl,
            [fd, command as usize, argument as usize, 0, 0, 0],
        );
    }

    fn mmap(&mut self, fd: usize, protection: u8) {
        let protection = usize::from(protection % 4);
        let flags = libc::MAP_SHARED as usize;
        let address = self.system_call(libc::SYS_mmap, [0, PAGE, protection, flags, fd, 0]);
        if address > 0 {
            self.system_call(libc::SYS_munmap, [address as usize, PAGE, 0, 0, 0, 0]);
        }
    }

    fn vector(&mut self, call: &Call, write: bool) {
        let size = SIZES[usize::from(if write { call.c } else { call.a } % 8)];
        let address = self.pointer(call.b, size);
        if write && call.b % 16 < 11 {
            // SAFETY: The thread's own page.
            unsafe { *(address as *mut u64) = number(call.a) };
        }
        // In two parts, because a single part of 8 bytes would be turned into a plain read.
        let half = size / 2;
        let iov = [[address, half], [address + half, size - half]];
        let iov = iov.as_ptr() as usize;
        let flags = if call.c & 1 != 0 {
            libc::RWF_NOWAIT as usize
        } else {
            0
        };
        let fd = descriptor(call.slot) as usize;
        let number = if write {
            libc::SYS_pwritev2
        } else {
            libc::SYS_preadv2
        };
        self.system_call(number, [fd, iov, 2, usize::MAX, usize::MAX, flags]);
    }

    fn write(&mut self, call: &Call) {
        let address = self.pointer(call.b, 8);
        if call.b % 16 < 11 {
            // SAFETY: The thread's own page.
            unsafe { *(address as *mut u64) = number(call.a) };
        }
        let size = if call.c < 0xc0 {
            8
        } else {
            SIZES[usize::from(call.c % 8)]
        };
        let fd = descriptor(call.slot) as usize;
        self.system_call(libc::SYS_write, [fd, address, size, 0, 0, 0]);
    }

    pub(super) fn files(&mut self, op: Op, call: &Call) {
        let fd = descriptor(call.slot) as usize;
        let other = descriptor(call.other) as usize;
        let size = SIZES[usize::from(call.a % 8)];
        let pointer = self.pointer(call.b, size);
        match op {
            Op::Read => _ = self.system_call(libc::SYS_read, [fd, pointer, size, 0, 0, 0]),
            Op::Write => self.write(call),
            Op::Readv => self.vector(call, false),
            Op::Writev => self.vector(call, true),
            Op::Pread => _ = self.system_call(libc::SYS_pread64, [fd, pointer, size, 0, 0, 0]),
            Op::Lseek => _ = self.system_call(libc::SYS_lseek, [fd, size, 0, 0, 0, 0]),
            Op::Splice => self.splice(fd, call.a),
            Op::Fstat => _ = self.system_call(libc::SYS_fstat, [fd, pointer, 0, 0, 0, 0]),
            Op::Fdinfo => self.fdinfo(fd as i32),
            Op::Dup => {
                let new = self.system_call(libc::SYS_dup, [fd, 0, 0, 0, 0, 0]);
                put(call.other, new);
            }
            Op::Dup2 if fd as i32 >= 0 && other as i32 >= 0 => {
                self.system_call(libc::SYS_dup2, [fd, other, 0, 0, 0, 0]);
            }
            Op::Close | Op::CloseTwice if fd as i32 >= 0 => {
                self.system_call(libc::SYS_close, [fd, 0, 0, 0, 0, 0]);
                if op == Op::Close {
                    let slot = &super::DESCRIPTORS[usize::from(call.slot) % super::SLOTS];
                    _ = slot.compare_exchange(fd as i32, -1, SeqCst, SeqCst);
                }
            }
            Op::Fcntl => self.fcntl(call),
            Op::Mmap => self.mmap(fd, call.a),
            Op::Fork => self.fork(call),
            Op::PassFd => self.pass(call),
            Op::Mprotect => {
                let memory = MEMORY[usize::from(call.a) % THREADS].load(SeqCst) + 4 * PAGE;
                let protection = [3, 0, 1][usize::from(call.b % 3)];
                self.system_call(libc::SYS_mprotect, [memory, PAGE, protection, 0, 0, 0]);
            }
            Op::Limit => {
                self.calls += 1;
                limit(u64::from(call.a % 16));
            }
            _ => (),
        }
    }
}
