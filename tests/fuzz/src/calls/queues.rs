// SPDX-License-Identifier: GPL-2.0

//! Queues of `/dev/kevent`: operations, waits, and access to the shared memory.

use super::{
    descriptor, descriptors::clock, number, put, signals, waits::EVENTS, Caller, MEMORY, PAGE,
};
use crate::{
    program::{Call, Op},
    uapi,
};
use std::{
    mem::{self, offset_of, size_of},
    ptr,
    sync::{
        atomic::{
            AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
        Mutex,
    },
};

/// A mapping that all threads use. No thread unmaps it before the end of the program.
struct Map {
    address: AtomicUsize,
    slots: AtomicUsize,
    size: AtomicUsize,
}

const MAPS: usize = 4;
static MAP: [Map; MAPS] = [const {
    Map {
        address: AtomicUsize::new(0),
        slots: AtomicUsize::new(0),
        size: AtomicUsize::new(0),
    }
}; MAPS];

/// The handles of the last kevents.
static HANDLES: [AtomicU64; 16] = [const { AtomicU64::new(0) }; 16];

/// A file with the words of [`word`]. Threads store these in shared memory by pread(2), which fails
/// where a store would end the process: if there is no memory for a page.
static WORDS: AtomicI32 = AtomicI32::new(-1);

/// The producers of `tests/kmod/produce.c`: without and with a function to poll.
static PRODUCERS: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];

/// A word for shared memory.
fn word(i: u8) -> u64 {
    match i {
        0..0x10 => number(i),
        0x10..0x38 => uapi::KEVENT_QUEUED as u64 | (1 << (i % 32)),
        0x38..0x40 => uapi::KEVENT_QUEUED as u64 | uapi::KEVENT_RAISED | (1 << (i % 8)),
        0x40..0x80 => 1 << (i % 64),
        // Offsets of slots, valid or not, in both phases.
        0x80..0xc0 => (u64::from(i % 64) * 32) | (u64::from(i % 2) << 31),
        _ => u64::MAX / u64::from(i),
    }
}

pub fn prepare() {
    let words: Vec<u64> = (0..=255).map(word).collect();
    // SAFETY: The name is a string, and the buffer has the size that is passed.
    unsafe {
        let fd = libc::memfd_create(c"words".as_ptr(), libc::MFD_CLOEXEC);
        let size = words.len() * size_of::<u64>();
        assert!(libc::write(fd, words.as_ptr().cast(), size) == size as isize);
        WORDS.store(fd, SeqCst);
        for (producer, path) in PRODUCERS
            .iter()
            .zip([c"/dev/evfd_produce", c"/dev/evfd_produce_level"])
        {
            let fd = libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
            assert!(fd >= 0, "there is no producer");
            producer.store(fd, SeqCst);
        }
    }
}

/// Releases the test module.
pub fn close_producers() {
    for producer in &PRODUCERS {
        // SAFETY: The descriptor is no longer in use.
        unsafe { libc::close(producer.swap(-1, SeqCst)) };
    }
}

/// The file with the words.
pub(super) fn words() -> i32 {
    WORDS.load(SeqCst)
}

/// One of the producers.
pub(super) fn producer(which: u8) -> i32 {
    PRODUCERS[usize::from(which & 1)].load(SeqCst)
}

/// Unmaps all queues. No thread may be running a program.
pub fn clear() {
    for map in &MAP {
        let address = map.address.swap(0, SeqCst);
        if address != 0 {
            // SAFETY: It is a mapping of ours, which no thread uses any more.
            unsafe { libc::munmap(address as *mut _, map.size.load(SeqCst)) };
        }
    }
    HANDLES.iter().for_each(|handle| handle.store(0, SeqCst));
}

/// A number of slots. The largest take long.
fn slots(a: u8) -> u32 {
    match a {
        0..0xe0 => [1, 128, 129, 256, 1, 2, 1000, 4096][usize::from(a % 8)],
        _ => [0, 1 << 16, 1 << 20, (1 << 20) + 1, u32::MAX, 1 << 31][usize::from(a % 6)],
    }
}

/// A time in nanoseconds: usually a short time.
fn nanoseconds(x: u8) -> u64 {
    match x {
        0..8 => [1, 0, 1000, i64::MAX as u64, u64::MAX, 1 << 63, 1 << 32, 2][usize::from(x)],
        8..64 => u64::from(x) * 1000,
        _ => u64::from(x) * 10_000,
    }
}

/// The flags of a kevent, from the high bits of `a`. Flags that some type does not have are rare.
fn flags(a: u8, type_: u32) -> u8 {
    let bits = a >> 3;
    let own = match type_ {
        uapi::KEVENT_POLL
        | uapi::KEVENT_SOCKET
        | uapi::KEVENT_PIPE
        | uapi::KEVENT_PROCESS
        | uapi::KEVENT_PRODUCER
        | uapi::KEVENT_SIGNAL => uapi::KEVENT_ET,
        uapi::KEVENT_TIMER | uapi::KEVENT_POSIX_TIMER => uapi::KEVENT_TIMER_ABSTIME,
        _ => 0,
    };
    let once = [0, uapi::KEVENT_ONESHOT, uapi::KEVENT_DISPATCH, 0][usize::from(bits & 3)];
    let own = if bits & 4 != 0 { own } else { 0 };
    let own = match type_ {
        uapi::KEVENT_SOCKET | uapi::KEVENT_PIPE if bits & 8 != 0 => own | uapi::KEVENT_BYTES,
        _ => own,
    };
    let any = if a >= 0xf8 { 1 << (a & 7) } else { 0 };
    (once | own) as u8 | any
}

/// Two connected descriptors, which may wait.
fn connected(a: u8) -> [i32; 2] {
    let mut ends = [-1; 2];
    let mode = match a {
        0xa0..0xc0 => 0,
        _ => libc::O_NONBLOCK,
    };
    // SAFETY: The array has the size that the calls expect.
    unsafe {
        match a % 8 {
            0 | 4 => libc::pipe2(ends.as_mut_ptr(), mode),
            1 | 5 => libc::socketpair(libc::AF_UNIX, libc::SOCK_DGRAM | mode, 0, ends.as_mut_ptr()),
            2 => {
                ends[0] = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | mode, 0);
                ends[0]
            }
            6 => {
                ends = listener(mode);
                ends[0]
            }
            _ => libc::socketpair(
                libc::AF_UNIX,
                libc::SOCK_STREAM | mode,
                0,
                ends.as_mut_ptr(),
            ),
        }
    };
    ends
}

/// A socket that listens, and one that connects to it.
fn listener(mode: i32) -> [i32; 2] {
    let flags = libc::SOCK_STREAM | mode;
    // SAFETY: The address has the size that is passed, and room for a longer name. A unix socket
    // that is bound without a name gets one.
    unsafe {
        let mut address: libc::sockaddr_un = mem::zeroed();
        let at = (&raw mut address).cast();
        let mut size = size_of::<libc::sockaddr_un>() as u32;
        let ends = [(); 2].map(|()| libc::socket(libc::AF_UNIX, flags, 0));
        address.sun_family = libc::AF_UNIX as u16;
        libc::bind(ends[0], at, size_of::<u16>() as u32);
        libc::listen(ends[0], 2);
        libc::getsockname(ends[0], at, &mut size);
        libc::connect(ends[1], at, size);
        ends
    }
}

/// A file, which may be deleted already, and its directory.
fn file(a: u8) -> [i32; 2] {
    let name = c"/tmp/fuzz".as_ptr();
    // SAFETY: The names are strings.
    unsafe {
        let file = libc::open(name, libc::O_CREAT | libc::O_RDWR, 0o600);
        if a & 8 != 0 {
            libc::unlink(name);
        }
        if a & 16 != 0 {
            libc::rename(name, c"/tmp/fuzz2".as_ptr());
        }
        [file, libc::open(c"/tmp".as_ptr(), libc::O_PATH)]
    }
}

/// Whether a file is a regular one, whose memory may end before its mapping does.
fn is_regular(fd: i32) -> bool {
    // SAFETY: All zeros are a valid `stat`, which has the size that the call expects.
    unsafe {
        let mut stat: libc::stat = mem::zeroed();
        libc::fstat(fd, &mut stat) == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFREG
    }
}

/// The stacks of the children of [`process`]. They live until all children have ended.
static STACKS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

extern "C" fn child(argument: *mut libc::c_void) -> i32 {
    let a = argument.addr();
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: (a & 7) as i64 * 500_000,
    };
    // SAFETY: The time outlives the call.
    unsafe {
        libc::syscall(libc::SYS_nanosleep, &time, 0);
        libc::syscall(libc::SYS_exit_group, a);
    }
    0
}

/// The pidfd of a child that ends soon, or has been waited for. It shares the memory, because a copy
/// would take longer than a program may.
fn process(a: u8) -> i32 {
    let mut pidfd = -1;
    let mut stack = vec![0u8; 16 << 10];
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
    // SAFETY: The child has a stack of its own, which lives until the child has been waited for.
    unsafe {
        let top = stack.as_mut_ptr().add(stack.len());
        let argument = ptr::without_provenance_mut(a.into());
        STACKS.lock().unwrap().push(stack);
        let pid = libc::clone(child, top.cast(), flags, argument, &mut pidfd);
        if a & 16 != 0 && pid > 0 {
            libc::waitpid(pid, ptr::null_mut(), libc::__WALL);
        }
    }
    pidfd
}

/// Frees the stacks of children. All must have been waited for.
pub fn free_stacks() {
    STACKS.lock().unwrap().clear();
}

fn handle(which: u8) -> u64 {
    match which {
        0xf0.. => number(which & 15),
        0xe0.. => HANDLES[usize::from(which % 16)].load(Relaxed) ^ (1 << 32),
        _ => HANDLES[usize::from(which % 16)].load(Relaxed),
    }
}

/// An ADD: `a` has the type and flags, `other` the ID, `b` events or times, `c` the user word.
fn add(other: u8, a: u8, b: u8, c: u8) -> uapi::kevent_op {
    const TYPES: [u32; 8] = [
        uapi::KEVENT_POLL,
        uapi::KEVENT_TIMER,
        uapi::KEVENT_USER,
        uapi::KEVENT_SOCKET,
        uapi::KEVENT_TIMER,
        uapi::KEVENT_USER,
        uapi::KEVENT_PIPE,
        uapi::KEVENT_SOCKET,
    ];
    let type_ = match (a, c) {
        (0xf4..0xf8, _) => a.into(),
        (0xf0..0xf4, _) => uapi::KEVENT_NAIO,
        (_, 0xc0..0xc8) => uapi::KEVENT_PROCESS,
        (_, 0xc8..0xd0) => uapi::KEVENT_AIO,
        (_, 0xd0..0xe0) => uapi::KEVENT_INODE,
        (_, 0xe0..0xf0) => uapi::KEVENT_POSIX_TIMER,
        (_, 0xf0..0xf4) => uapi::KEVENT_SIGNAL,
        (_, 0xf4..0xf8) => uapi::KEVENT_PRODUCER,
        _ => TYPES[usize::from(a & 7)],
    };
    let mut op = uapi::kevent_op {
        op: uapi::KEVENT_OP_ADD as u8,
        flags: flags(a, type_),
        type_: type_ as u16,
        user: u64::from(c % 8),
        ..Default::default()
    };
    match type_ {
        uapi::KEVENT_POLL => {
            op.id = descriptor(other) as u32 as u64;
            op.want = EVENTS[usize::from(b % 8)];
        }
        uapi::KEVENT_SOCKET | uapi::KEVENT_PIPE => {
            op.id = descriptor(other) as u32 as u64;
            op.want = u32::from(b % 8);
        }
        uapi::KEVENT_PROCESS => {
            op.id = descriptor(other) as u32 as u64;
            op.want = u32::from(b % 8 != 0);
        }
        uapi::KEVENT_INODE => {
            op.id = descriptor(other) as u32 as u64;
            op.want = [0xff, 0x1f, 0xc, 0x40, 0, 1, 0xff, 0x100][usize::from(b % 8)];
            if b & 8 != 0 {
                op.id = libc::AT_FDCWD as i64 as u64;
                op.arg[0] = [c"/tmp", c"/tmp/fuzz", c"", c"/proc/self/fd/3"]
                    [usize::from((b >> 4) & 3)]
                .as_ptr() as u64;
                op.arg[1] = [0, libc::AT_SYMLINK_NOFOLLOW as u64][usize::from(b >> 7)];
            }
        }
        uapi::KEVENT_PRODUCER => {
            op.id = producer(b) as u64;
            op.want = [0xff, 1, 0xffff, 1 << 16][usize::from((b >> 1) & 3)];
            // The number of a storage, and an error.
            op.arg[0] = u64::from((b >> 3) & 3);
            op.arg[1] = if b >= 0xf0 { u64::from(c) } else { 0 };
        }
        uapi::KEVENT_SIGNAL => {
            op.id = signal_id(other, b);
            op.want = u32::from(b != 0xff);
            op.arg[0] = [0, 1, 1024, 1025][usize::from(b / 2 % 4)] * u64::from(b & 1);
        }
        uapi::KEVENT_AIO => {
            op.id = descriptor(other) as u32 as u64;
            op.want = [1, 2, 4, 8, 1, 2, 0, 3][usize::from(b % 8)];
            if op.want & 3 != 0 {
                op.arg = request(b, c);
            }
        }
        uapi::KEVENT_NAIO => {
            op.id = descriptor(other) as u32 as u64;
            op.want = [1, 2, 1, 2, 1, 16, 0, 3][usize::from(b % 8)];
            op.arg = if op.want == uapi::KEVENT_NAIO_SENDFILE {
                file_to_send(b, c)
            } else {
                transfer(b, c)
            };
        }
        uapi::KEVENT_TIMER | uapi::KEVENT_POSIX_TIMER => {
            op.id = u64::from(clock(other) as u32) | (u64::from(c / 8) << 32);
            op.want = u32::from(b != 0xff);
            op.arg = times(b, c);
        }
        _ => {
            op.id = u64::from(other % 16);
            op.want = [1, 0xff, u32::MAX, 0][usize::from(b % 4)];
        }
    }
    spoil(&mut op, c);
    op
}

/// The ID of a signal, which is consumed unless the lowest bit of `b` is set.
fn signal_id(a: u8, b: u8) -> u64 {
    let signal = signals::signal(a) as u32;
    u64::from(signal)
        | if b & 1 == 0 {
            uapi::KEVENT_SIGNAL_NOMASK as u64
        } else {
            0
        }
}

/// Where a TAKE puts signals, and how many. The place is good or bad.
fn records(b: u8) -> [u64; 3] {
    static RECORDS: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];
    let place = RECORDS.as_ptr() as u64;
    [
        [place, place, 0, u64::MAX - 4095][usize::from(b & 3)],
        [1, 2, 4, 4, 3, 1, 0, 1025][usize::from((b >> 2) & 7)],
        0,
    ]
}

/// An address for reads and writes. Half of them are invalid.
fn memory(which: u8) -> u64 {
    static BUFFER: [AtomicU64; 1024] = [const { AtomicU64::new(0) }; 1024];
    let start = BUFFER.as_ptr().addr() as u64;
    [start, start + 1, 1, u64::MAX - 4096][usize::from(which)]
}

/// The memory, length and position of a read or write.
fn request(b: u8, c: u8) -> [u64; 3] {
    [
        memory(b >> 6),
        u64::from(c % 8) * 1000,
        u64::from(b / 8 % 4) * 999,
    ]
}

/// The memory, length and flags of a transfer by a socket.
fn transfer(b: u8, c: u8) -> [u64; 3] {
    const FLAGS: [i32; 8] = [
        0,
        libc::MSG_WAITALL,
        libc::MSG_DONTWAIT,
        libc::MSG_PEEK,
        libc::MSG_OOB,
        libc::MSG_TRUNC,
        libc::MSG_MORE,
        libc::MSG_ERRQUEUE,
    ];
    [
        memory(b >> 6),
        [1, 0, 8000, 100][usize::from(c / 8 % 4)],
        FLAGS[usize::from(b / 8 % 8)] as u64,
    ]
}

/// The file, the offset and the length of a sendfile().
fn file_to_send(b: u8, c: u8) -> [u64; 3] {
    [
        descriptor(b / 8) as u32 as u64,
        number(c % 4),
        [1, 0, 8000, u64::MAX][usize::from(c / 8 % 4)],
    ]
}

fn times(b: u8, c: u8) -> [u64; 3] {
    let interval = if c & 0x30 == 0 { 0 } else { nanoseconds(c) };
    let slack = if c & 0x40 == 0 { 0 } else { number(b % 8) };
    [nanoseconds(b), interval, slack]
}

/// Gives a field a value that few operations take.
fn spoil(op: &mut uapi::kevent_op, c: u8) {
    match c {
        0xf8 => op.arg[0] = 1,
        0xf9 => op.arg[2] = 1 << 32,
        0xfa => op.want = u32::MAX,
        0xfb => op.handle = 1,
        0xfc => op.id |= 1 << 40,
        0xfd => op.user = u64::MAX,
        0xfe => op.type_ = 2,
        0xff => op.flags |= 2,
        _ => (),
    }
}

/// An operation on the kevent `which`.
fn change(which: u8, a: u8, b: u8, c: u8) -> uapi::kevent_op {
    const OPS: [u32; 8] = [
        uapi::KEVENT_OP_REMOVE,
        uapi::KEVENT_OP_MOD,
        uapi::KEVENT_OP_READY,
        uapi::KEVENT_OP_RECHECK,
        uapi::KEVENT_OP_REARM,
        uapi::KEVENT_OP_READY,
        uapi::KEVENT_OP_MOD,
        uapi::KEVENT_OP_REARM,
    ];
    let what = match a {
        // Rarely, because it may wait for a grace period.
        0xf0..0xf4 => uapi::KEVENT_OP_REQUEUE,
        0xf4..0xf8 => uapi::KEVENT_OP_GETTIME,
        0xec..0xf0 => uapi::KEVENT_OP_TAKE,
        _ => OPS[usize::from(a % 8)],
    };
    let mut op = uapi::kevent_op {
        op: if a >= 0xf8 { c } else { what as u8 },
        handle: handle(which),
        ..Default::default()
    };
    match what {
        uapi::KEVENT_OP_MOD => {
            op.flags = flags(
                a,
                [
                    uapi::KEVENT_POLL,
                    uapi::KEVENT_SOCKET,
                    uapi::KEVENT_TIMER,
                    uapi::KEVENT_TIMER,
                ][usize::from(b >> 6)],
            );
            op.want = [1, EVENTS[usize::from(b % 8)]][usize::from((b >> 6) & 1)];
        }
        uapi::KEVENT_OP_TAKE => op.arg = records(b),
        uapi::KEVENT_OP_READY => op.want = [1, 0, 2, u32::MAX][usize::from(b % 4)],
        uapi::KEVENT_OP_REARM if (0xc8..0xd0).contains(&c) => op.arg = request(b, c),
        uapi::KEVENT_OP_REARM if (0xb0..0xb8).contains(&c) => op.arg = file_to_send(b, c),
        uapi::KEVENT_OP_REARM if (0xb8..0xc0).contains(&c) => op.arg = transfer(b, c),
        uapi::KEVENT_OP_REARM => {
            op.flags = if b & 1 == 0 {
                0
            } else {
                uapi::KEVENT_TIMER_ABSTIME as u8
            };
            op.arg = times(b, c);
        }
        uapi::KEVENT_OP_REQUEUE => {
            op.handle = 0;
            // A position in the first laps of a small queue, or none.
            op.arg[0] = [u64::from(b) + 128, number(b)][usize::from(b >> 7)];
        }
        _ => (),
    }
    spoil(&mut op, c);
    op
}

/// A structure of 2006: `a` has the type, `other` the ID, `b` events and flags, `c` the user word.
fn ukevent(other: u8, a: u8, b: u8, c: u8) -> uapi::ukevent {
    let poll = uapi::KEVENT_POLL;
    let types = [
        poll,
        uapi::KEVENT_USER,
        uapi::KEVENT_TIMER,
        uapi::KEVENT_USER,
    ];
    let type_ = match a {
        0xe0..0xf0 => uapi::KEVENT_PROCESS,
        0xdc..0xe0 => uapi::KEVENT_SIGNAL,
        0xf0.. => [
            uapi::KEVENT_SOCKET,
            uapi::KEVENT_INODE,
            9,
            uapi::KEVENT_PRODUCER,
        ][usize::from(a % 4)],
        _ => types[usize::from(a / 4 % 4)],
    };
    let (id, event) = match type_ {
        uapi::KEVENT_POLL => (descriptor(other) as u32 as u64, EVENTS[usize::from(b % 8)]),
        uapi::KEVENT_TIMER => (nanoseconds(other) << 32, u32::from(b != 0xff)),
        uapi::KEVENT_PROCESS => (descriptor(other) as u32 as u64, u32::from(b % 8 != 0)),
        uapi::KEVENT_INODE => (descriptor(other) as u32 as u64, u32::from(b)),
        uapi::KEVENT_PRODUCER => (producer(other) as u64, u32::from(b)),
        uapi::KEVENT_SIGNAL => (signal_id(other, b), u32::from(b != 0xff)),
        _ => (
            u64::from(other % 16),
            [1, 0xff, u32::MAX, 0][usize::from(b % 4)],
        ),
    };
    let flags = match c {
        0xf0.. => 1 << (c % 8 + 4),
        _ => (u32::from(b / 8) * 2) | u32::from(c / 8 % 2),
    };
    let mut uk = uapi::ukevent {
        type_,
        event,
        req_flags: flags,
        ..Default::default()
    };
    uk.id.__bindgen_anon_1.raw_u64 = id;
    uk.__bindgen_anon_1.user = [u32::from(c % 8), 0];
    uk
}

impl Caller {
    /// Does a command of 2006 for some kevents.
    fn ctl(&mut self, call: &Call) {
        let num = [1, 1, 2, 3, 0, 1, 20, 4097][usize::from(call.a >> 5)];
        let mut all: Vec<_> = (0..num.min(20) as u8)
            .map(|i| {
                let (a, b) = (call.a.wrapping_add(i * 4), call.b.wrapping_add(i));
                ukevent(call.other.wrapping_add(i), a, b, call.c.wrapping_add(i))
            })
            .collect();
        let records = match call.fail {
            0xf8.. => self.pointer(11 + call.fail % 5, size_of::<uapi::ukevent>()),
            _ => all.as_mut_ptr() as usize,
        };
        let mut args = uapi::kevent_ioc_ctl {
            cmd: [0, 3, 2, 1][usize::from(call.a % 4)],
            num,
            ukevents: records as u64,
            flags: u32::from(call.c >> 6 == 1),
            ..Default::default()
        };
        match call.c {
            0xe8 => args.cmd = 4,
            0xe9 => args.flags = 2,
            0xea => args.reserved = 1,
            _ => (),
        }
        let argument = self.argument(call.c / 8, args);
        self.ioctl(descriptor(call.slot), uapi::QUEUE_CTL, argument, 0);
    }

    /// The address of the signal mask of a wait, or 0.
    fn mask(&self, call: &Call) -> usize {
        let mask = match call.b >> 4 {
            1 => self.pointer(0, 8),
            2 => self.pointer(call.c, 8),
            _ => 0,
        };
        if mask == self.pointer(0, 8) {
            // SAFETY: The thread's own page.
            unsafe { *(mask as *mut u64) = super::signals::some_signals(call.c) };
        }
        mask
    }

    /// Gets events of a queue of 2006. Only a negative timeout has no limit, and is interrupted.
    fn get_events(&mut self, call: &Call) {
        const TIMEOUTS: [i64; 8] = [0, 100_000, 1000, 300_000, -1, 1, i64::MIN, 50_000];
        let [min, max] = [
            [0, 1],
            [1, 1],
            [1, 8],
            [2, 8],
            [1, 20],
            [3, 4],
            [9, 8],
            [1, 1 << 21],
        ][usize::from(call.c % 8)];
        let mut buf = [uapi::ukevent::default(); 20];
        let max: u32 = max;
        let buf = match call.c / 8 {
            kind @ 24.. => self.pointer(kind, max.min(20) as usize * size_of::<uapi::ukevent>()),
            _ => buf.as_mut_ptr() as usize,
        };
        let mask = self.mask(call);
        let mut args = uapi::kevent_ioc_get_events {
            min_nr: min,
            max_nr: max,
            buf: buf as u64,
            timeout: TIMEOUTS[usize::from(call.a % 8)],
            clock: [1, 0, 7, 11, 1, 1, 0, 2][usize::from(call.b % 8)],
            flags: u32::from(call.b & 8 != 0),
            sigmask: mask as u64,
            sigsetsize: if mask != 0 { 8 } else { 0 },
            ..Default::default()
        };
        match call.b {
            0xf0 => args.flags |= 4,
            0xf1 => args.reserved = 1,
            0xf2 => args.sigsetsize = 4,
            _ => (),
        }
        let argument = self.argument(0, args);
        self.ioctl(
            descriptor(call.slot),
            uapi::QUEUE_GET_EVENTS,
            argument,
            call.thread,
        );
    }

    /// Makes a queue of 2006, usually with a ring. Its memory is the thread's own.
    fn init(&mut self, call: &Call) {
        let new = self.system_call(
            libc::SYS_openat,
            [
                libc::AT_FDCWD as usize,
                c"/dev/kevent".as_ptr() as usize,
                libc::O_RDWR as usize,
                0,
                0,
                0,
            ],
        );
        put(call.slot, new);
        let mut args = uapi::kevent_ioc_init {
            ring: self.pointer(call.b, 8 + 8 * size_of::<uapi::ukevent>()) as u64,
            num: [2, 3, 4, 8, 8, 1, 0, 1 << 21][usize::from(call.c % 8)],
            slots: [0, 0, slots(call.a)][usize::from(call.a % 3)],
            ..Default::default()
        };
        match call.b {
            0xf0 => args.flags = 1,
            0xf1 => args.reserved = 1,
            0xf2.. => (args.ring, args.num) = (0, 0),
            _ => (),
        }
        let argument = self.argument(call.c / 8, args);
        self.ioctl(new as i32, uapi::QUEUE_INIT, argument, call.thread);
    }

    /// Commits events and waits for others.
    fn wait_for_ring(&mut self, call: &Call) {
        const TIMEOUTS: [i64; 8] = [0, 100_000, 1000, 300_000, -1, 1, 0, 50_000];
        let mut args = uapi::kevent_ioc_wait {
            num: u32::from(call.c % 4),
            old_uidx: u32::from(call.c / 4 % 4),
            timeout: TIMEOUTS[usize::from(call.a % 8)],
            clock: [1, 0, 7, 11, 1, 1, 0, 2][usize::from(call.b % 8)],
            flags: u32::from(call.b & 8 != 0),
            ..Default::default()
        };
        match call.b {
            0xf0 => args.flags |= 4,
            0xf1 => args.reserved = 1,
            0xf2 => args.sigsetsize = 4,
            _ => (),
        }
        let argument = self.argument(call.c / 16, args);
        self.ioctl(
            descriptor(call.slot),
            uapi::QUEUE_WAIT,
            argument,
            call.thread,
        );
    }

    fn commit(&mut self, call: &Call) {
        let args = uapi::kevent_ioc_commit {
            new_uidx: [u32::from(call.a % 8), number(call.a) as u32][usize::from(call.a >> 7)],
            over: [u32::from(call.b % 4), number(call.b) as u32][usize::from(call.b >> 7)],
        };
        let argument = self.argument(call.c, args);
        self.ioctl(
            descriptor(call.slot),
            uapi::QUEUE_COMMIT,
            argument,
            call.thread,
        );
    }

    fn queue_ioctl(&mut self, call: &Call, args: uapi::kevent_submit) -> i64 {
        let argument = self.argument(call.c / 4, args);
        self.ioctl(descriptor(call.slot), uapi::QUEUE_SUBMIT, argument, 0)
    }

    fn set_up(&mut self, fd: i32, call: &Call) {
        let mut setup = uapi::kevent_setup {
            slots: slots(call.a),
            flags: u32::from(call.b >> 4)
                & (uapi::KEVENT_SETUP_AUTOREMOVE | uapi::KEVENT_SETUP_NOFORK),
            ..Default::default()
        };
        match call.b {
            0xf0 => setup.flags = 4,
            0xf1 => setup.reserved[0] = 1,
            0xf2 => setup.reserved[1] = 1,
            _ => (),
        }
        let argument = self.argument(call.c, setup);
        self.ioctl(fd, uapi::QUEUE_SETUP, argument, call.c);
    }

    /// Makes two connected descriptors, whose close may end their kevents; or a file and its
    /// directory; or a pidfd.
    fn ends(&mut self, call: &Call) {
        self.calls += 1;
        let ends = match call.a {
            0xc0..0xe0 => file(call.a),
            0xe0.. => [process(call.a), -1],
            _ => connected(call.a),
        };
        put(call.slot, ends[0].into());
        put(call.other, ends[1].into());
    }

    /// Maps a queue through a descriptor of its own, since other threads may put another file into
    /// the slot.
    fn map_queue(&mut self, fd: i32, which: u8, part: u8) {
        // SAFETY: It has no pointers.
        let own = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
        if own >= 0 {
            if !is_regular(own) {
                self.map_file(own, which, part);
            }
            // SAFETY: At worst this is a new descriptor of another thread.
            unsafe { libc::close(own) };
        }
    }

    /// Maps a queue, whose size the header says. Any other file that can be mapped would end the
    /// access to its memory with SIGBUS.
    fn map_file(&mut self, fd: i32, which: u8, part: u8) {
        let map = &MAP[usize::from(which) % MAPS];
        let mmap = |size, protection, offset| {
            let flags = if part >= 0xf0 {
                libc::MAP_PRIVATE
            } else {
                libc::MAP_SHARED
            };
            [
                0,
                size,
                protection as usize,
                flags as usize,
                fd as usize,
                offset,
            ]
        };
        let first = self.system_call(libc::SYS_mmap, mmap(PAGE, libc::PROT_READ, 0));
        if first <= 0 {
            return;
        }
        let mut header = [0u32; 8];
        // SAFETY: The mapping has a page, which was made by SETUP.
        unsafe {
            ptr::copy_nonoverlapping(first as *const u32, header.as_mut_ptr(), 8);
            libc::munmap(first as *mut _, PAGE);
        }
        let at = |offset: usize| header[offset / size_of::<u32>()] as usize;
        let slots = at(offset_of!(uapi::kevent_header, slots));
        let size = at(offset_of!(uapi::kevent_header, off_slots)) + slots * 32;
        // A program may have written the header.
        if !slots.is_power_of_two() || !(PAGE..128 << 20).contains(&size) {
            return;
        }
        let protection = match part {
            0xe0.. => libc::PROT_READ | libc::PROT_EXEC,
            _ => libc::PROT_READ | libc::PROT_WRITE,
        };
        let offset = usize::from(part & 15 == 15) * PAGE;
        let size = size + usize::from(part & 15 == 14) * PAGE - offset;
        let address = self.system_call(libc::SYS_mmap, mmap(size, protection, offset));
        if address <= 0 {
            return;
        }
        // The first mapping stays until the end of the program.
        let address = address as usize;
        let old = map.address.compare_exchange(0, usize::MAX, SeqCst, SeqCst);
        if offset != 0 || protection & libc::PROT_EXEC != 0 || old.is_err() {
            if old.is_ok() {
                map.address.store(0, SeqCst);
            }
            self.system_call(libc::SYS_munmap, [address, size, 0, 0, 0, 0]);
            return;
        }
        map.slots.store(slots, SeqCst);
        map.size.store(size, SeqCst);
        map.address.store(address, SeqCst);
    }

    /// Stores words in a map: in the header, the ring, or a slot.
    fn touch(&mut self, call: &Call) {
        let map = &MAP[usize::from(call.slot) % MAPS];
        let address = map.address.load(SeqCst);
        if address == 0 || address == usize::MAX {
            return;
        }
        let ring = map.slots.load(SeqCst) * size_of::<u32>();
        let slots = (PAGE + ring).next_multiple_of(PAGE);
        let size = map.size.load(SeqCst);
        let b = usize::from(call.b);
        let offset = match call.other % 8 {
            0 => b % 48 * 4,
            1 => [64, 128, 132, 192][b % 4],
            2 => PAGE + b * 4,
            3 => size - 8 - b * 4,
            // The last: any page.
            7 => slots + b * (size - slots) / 256 / 8 * 8,
            _ => slots + b % 64 * 8,
        };
        let length = if call.a & 1 == 0 { 8 } else { 4 };
        let words = WORDS.load(SeqCst) as usize;
        let from = usize::from(call.c) * size_of::<u64>();
        if offset + length <= size {
            let arguments = [words, address + offset, length, from, 0, 0];
            self.system_call(libc::SYS_pread64, arguments);
        }
    }

    /// Consumes entries of the ring like a program.
    fn take(&mut self, call: &Call) {
        let map = &MAP[usize::from(call.slot) % MAPS];
        let address = map.address.load(SeqCst);
        if address == 0 || address == usize::MAX {
            return;
        }
        self.calls += 1;
        let slots = map.slots.load(SeqCst);
        let first = (PAGE + slots * size_of::<u32>()).next_multiple_of(PAGE);
        // SAFETY: The map has a header, a ring and slots, and is not unmapped meanwhile. All access
        // is atomic.
        unsafe {
            let head = &*((address + offset_of!(uapi::kevent_header, head)) as *const AtomicU64);
            let ring = (address + PAGE) as *const AtomicU32;
            for _ in 0..1 + call.a % 8 {
                let at = head.load(SeqCst);
                let entry = (*ring.add(at as usize & (slots - 1))).load(SeqCst);
                if (entry >> 31 != 0) != (at as usize & slots != 0) {
                    return;
                }
                let slot = (entry & !uapi::KEVENT_PHASE) as usize / 32 % slots;
                let ready = (address + first + slot * 32) as *const AtomicU64;
                (*ready).swap(0, SeqCst);
                head.store(at.wrapping_add(1), SeqCst);
            }
        }
    }

    /// Does a single operation, and keeps the handle.
    fn operate(&mut self, call: &Call, op: uapi::kevent_op) {
        let is_add = op.op == uapi::KEVENT_OP_ADD as u8;
        let usual = MEMORY[self.index].load(SeqCst) + PAGE;
        let size = size_of::<uapi::kevent_op>();
        let at = match call.fail {
            0xf8.. => self.pointer(11 + call.fail % 5, size),
            _ => usual,
        };
        if at == usual {
            // SAFETY: The thread's own page.
            unsafe { ptr::write_unaligned(at as *mut uapi::kevent_op, op) };
        }
        let args = uapi::kevent_submit {
            ops: at as u64,
            nr: 1,
            ..Default::default()
        };
        let argument = self.argument(0, args);
        let done = self.ioctl(
            descriptor(call.slot),
            uapi::QUEUE_SUBMIT,
            argument,
            call.thread,
        );
        if done == 1 && is_add && at == usual {
            // SAFETY: The thread's own page.
            let op = unsafe { ptr::read_unaligned(at as *const uapi::kevent_op) };
            if op.result == 0 {
                HANDLES[usize::from(call.c) % HANDLES.len()].store(op.handle, Relaxed);
            }
        }
    }

    /// Does many operations, then perhaps waits.
    fn batch(&mut self, call: &Call) {
        let nr = [2, 3, 0, 8, 16, 64, 200, 4097][usize::from(call.a % 8)];
        let mut ops: Vec<_> = (0..nr.min(200) as u8)
            .map(|i| match call.b.wrapping_add(i) % 4 {
                _ if nr == 200 => uapi::kevent_op {
                    type_: uapi::KEVENT_USER as u16,
                    want: 1,
                    user: i.into(),
                    ..Default::default()
                },
                0 | 1 => add(
                    call.other.wrapping_add(i),
                    call.b.wrapping_mul(i | 1),
                    i,
                    call.c,
                ),
                _ => change(i, call.b.wrapping_add(i), call.other, 0),
            })
            .collect();
        let wait = call.a & 8 != 0;
        let args = uapi::kevent_submit {
            ops: ops.as_mut_ptr() as u64,
            nr,
            flags: if wait { uapi::KEVENT_WAIT } else { 0 },
            clock: u32::from(wait),
            ..Default::default()
        };
        self.queue_ioctl(call, args);
        for (i, op) in ops.iter().enumerate() {
            if op.op == 0 && op.result == 0 && op.handle != 0 {
                HANDLES[i % HANDLES.len()].store(op.handle, Relaxed);
            }
        }
    }

    /// Waits. Only the timeout -1 has no limit, and is interrupted.
    fn wait(&mut self, call: &Call) {
        const TIMEOUTS: [i64; 8] = [0, 100_000, 1000, 300_000, -1, 1, -1, 50_000];
        let absolute = call.b & 8 != 0;
        let timeout = match call.a {
            0xf0.. => number(call.a & 15) as i64 & 0xffff,
            0xe0.. => i64::MIN + i64::from(call.a),
            _ => TIMEOUTS[usize::from(call.a % 8)],
        };
        let mask = self.mask(call);
        let head = match MAP[usize::from(call.other) % MAPS].address.load(SeqCst) {
            0 | usize::MAX => number(call.c % 32),
            // SAFETY: The map has a header, and is not unmapped meanwhile.
            address if call.c & 3 != 0 => unsafe {
                let at = address + offset_of!(uapi::kevent_header, head);
                (*(at as *const AtomicU64)).load(SeqCst)
            },
            _ => number(call.c % 32),
        };
        let mut args = uapi::kevent_submit {
            flags: uapi::KEVENT_WAIT | if absolute { uapi::KEVENT_ABSTIME } else { 0 },
            head,
            timeout,
            clock: [1, 0, 7, 11, 1, 1, 0, 2][usize::from(call.b % 8)],
            min_nr: [0, 1, 2, u32::MAX][usize::from(call.c / 4 % 4)],
            sigmask: mask as u64,
            sigsetsize: if mask != 0 { 8 } else { 0 },
            ..Default::default()
        };
        match call.b {
            0xf0 => args.flags |= 4,
            0xf1 => args.reserved = 1,
            0xf2 => args.sigsetsize = 4,
            0xf3 => args.flags = 0,
            0xf4 => args.nr = u32::MAX,
            0xf5 => (args.nr, args.ops) = (1, 0),
            _ => (),
        }
        let argument = self.argument(0, args);
        self.ioctl(
            descriptor(call.slot),
            uapi::QUEUE_SUBMIT,
            argument,
            call.thread,
        );
    }

    pub(super) fn queues(&mut self, op: Op, call: &Call) {
        match op {
            Op::Ends => self.ends(call),
            Op::QueueNew => {
                let path = c"/dev/kevent".as_ptr() as usize;
                let flags = libc::O_RDWR as usize;
                let at = libc::AT_FDCWD as usize;
                let new = self.system_call(libc::SYS_openat, [at, path, flags, 0, 0, 0]);
                if call.b & 1 == 0 && new >= 0 {
                    self.set_up(new as i32, call);
                }
                if call.b & 2 == 0 && new >= 0 {
                    self.map_queue(new as i32, call.slot, 0);
                }
                put(call.slot, new);
            }
            Op::QueueSetup => self.set_up(descriptor(call.slot), call),
            Op::QueueMap => self.map_queue(descriptor(call.slot), call.other, call.b),
            Op::QueueTouch => self.touch(call),
            Op::QueueTake => self.take(call),
            Op::QueueAdd => self.operate(call, add(call.other, call.a, call.b, call.c)),
            Op::QueueChange => self.operate(call, change(call.other, call.a, call.b, call.c)),
            Op::QueueBatch => self.batch(call),
            Op::Ctl => self.ctl(call),
            Op::QueueInit => self.init(call),
            Op::WaitForRing => self.wait_for_ring(call),
            Op::Commit => self.commit(call),
            Op::GetEvents => self.get_events(call),
            _ => self.wait(call),
        }
    }
}
