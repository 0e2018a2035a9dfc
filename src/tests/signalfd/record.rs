// SPDX-License-Identifier: GPL-2.0

//! The records of signals: each layout, and the layout of each signal and code.

use kernel::prelude::*;

#[kunit_tests(evfd_record)]
mod suite {
    use super::*;
    use crate::{
        abstractions::task::siginfo::{
            Detail,
            SigInfo, //
        },
        signalfd::record,
        uapi::signalfd_siginfo, //
    };

    const SIGILL: i32 = 4;
    const SIGTRAP: i32 = 5;
    const SIGBUS: i32 = 7;
    const SIGFPE: i32 = 8;
    const SIGSEGV: i32 = 11;
    const SIGTERM: i32 = 15;
    const SIGCHLD: i32 = 17;
    const SIGPOLL: i32 = 29;
    const SIGSYS: i32 = 31;
    const LAST: i32 = 64;
    const SI_TIMER: i32 = -2;
    const SI_QUEUE: i32 = -1;

    /// Whether all bytes are equal. Prints the first difference.
    fn same(want: &signalfd_siginfo, seen: &signalfd_siginfo) -> bool {
        let (want, seen) = (want.as_bytes(), seen.as_bytes());
        let first = want.iter().zip(seen).position(|(w, s)| w != s);
        if let Some(at) = first {
            pr_err!("byte {}: {:#x}, not {:#x}\n", at, seen[at], want[at]);
        }
        first.is_none()
    }

    /// The record of a signal with `detail`, whose other bytes are not 0.
    fn record_of(signal: i32, code: i32, detail: Detail) -> signalfd_siginfo {
        let mut info = SigInfo::filled(0xa5, signal, -7, code);
        info.set_detail(detail);
        record::of(&info)
    }

    /// A record with all other fields 0.
    fn bare(signal: i32, code: i32) -> signalfd_siginfo {
        signalfd_siginfo {
            ssi_signo: signal as u32,
            ssi_errno: -7,
            ssi_code: code,
            ..signalfd_siginfo::default()
        }
    }

    const PTR: u64 = 0xfedc_ba98_7654_3210;
    const INT: i32 = 0x7654_3210;

    #[test]
    fn kill_is_told() {
        let detail = Detail::Kill {
            pid: 12345,
            uid: u32::MAX,
        };
        let want = signalfd_siginfo {
            ssi_pid: 12345,
            ssi_uid: u32::MAX,
            ..bare(SIGTERM, 0)
        };
        assert!(same(&want, &record_of(SIGTERM, 0, detail)));
    }

    #[test]
    fn a_value_is_told() {
        let detail = Detail::Rt {
            pid: -1,
            uid: 1000,
            int: INT,
            ptr: PTR,
        };
        let want = signalfd_siginfo {
            ssi_pid: u32::MAX,
            ssi_uid: 1000,
            ssi_int: INT,
            ssi_ptr: PTR,
            ..bare(LAST, SI_QUEUE)
        };
        assert!(same(&want, &record_of(LAST, SI_QUEUE, detail)));
    }

    #[test]
    fn a_timer_is_told() {
        let detail = Detail::Timer {
            id: 77,
            overrun: i32::MAX,
            int: INT,
            ptr: PTR,
        };
        let want = signalfd_siginfo {
            ssi_tid: 77,
            ssi_overrun: i32::MAX as u32,
            ssi_int: INT,
            ssi_ptr: PTR,
            ..bare(SIGTERM, SI_TIMER)
        };
        assert!(same(&want, &record_of(SIGTERM, SI_TIMER, detail)));
    }

    #[test]
    fn a_file_is_told() {
        let detail = Detail::Poll {
            band: 0x1111_1111_8765_4321,
            fd: 12,
        };
        let want = signalfd_siginfo {
            ssi_band: 0x8765_4321,
            ssi_fd: 12,
            ..bare(SIGPOLL, 1)
        };
        assert!(same(&want, &record_of(SIGPOLL, 1, detail)));
    }

    #[test]
    fn a_fault_is_told() {
        let detail = Detail::Fault { addr: PTR };
        for signal in [SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV] {
            let want = signalfd_siginfo {
                ssi_addr: PTR,
                ..bare(signal, 1)
            };
            assert!(same(&want, &record_of(signal, 1, detail)));
        }
    }

    #[test]
    fn a_memory_error_is_told() {
        let detail = Detail::FaultMcErr {
            addr: PTR,
            lsb: -12,
        };
        let want = signalfd_siginfo {
            ssi_addr: PTR,
            ssi_addr_lsb: 0xfff4,
            ..bare(SIGBUS, 5)
        };
        assert!(same(&want, &record_of(SIGBUS, 5, detail)));
    }

    #[test]
    fn a_child_is_told() {
        let detail = Detail::Child {
            pid: 5,
            uid: 6,
            status: -3,
            utime: i64::MAX,
            stime: -2,
        };
        let want = signalfd_siginfo {
            ssi_pid: 5,
            ssi_uid: 6,
            ssi_status: -3,
            ssi_utime: i64::MAX as u64,
            ssi_stime: u64::MAX - 1,
            ..bare(SIGCHLD, 1)
        };
        assert!(same(&want, &record_of(SIGCHLD, 1, detail)));
    }

    #[test]
    fn a_refused_call_is_told() {
        let detail = Detail::Sys {
            call_addr: PTR,
            syscall: -38,
            arch: 0xc000_003e,
        };
        let want = signalfd_siginfo {
            ssi_call_addr: PTR,
            ssi_syscall: -38,
            ssi_arch: 0xc000_003e,
            ..bare(SIGSYS, 1)
        };
        assert!(same(&want, &record_of(SIGSYS, 1, detail)));
    }

    const FOURS: u32 = 0x4444_4444;
    const FOURS_INT: i32 = FOURS as i32;
    const FOURS_LONG: u64 = 0x4444_4444_4444_4444;

    /// The expected record for a layout, if all bytes of the signal are 0x44.
    #[derive(Clone, Copy)]
    enum Tells {
        Kill,
        Timer,
        Poll,
        Fault,
        MemoryError,
        Child,
        Value,
        Sys,
    }

    impl Tells {
        fn record(self) -> signalfd_siginfo {
            let nothing = signalfd_siginfo::default();
            let sender = signalfd_siginfo {
                ssi_pid: FOURS,
                ssi_uid: FOURS,
                ..nothing
            };
            let value = signalfd_siginfo {
                ssi_int: FOURS_INT,
                ssi_ptr: FOURS_LONG,
                ..nothing
            };
            let fault = signalfd_siginfo {
                ssi_addr: FOURS_LONG,
                ..nothing
            };
            match self {
                Tells::Kill => sender,
                Tells::Timer => signalfd_siginfo {
                    ssi_tid: FOURS,
                    ssi_overrun: FOURS,
                    ..value
                },
                Tells::Poll => signalfd_siginfo {
                    ssi_band: FOURS,
                    ssi_fd: FOURS_INT,
                    ..nothing
                },
                Tells::Fault => fault,
                Tells::MemoryError => signalfd_siginfo {
                    ssi_addr_lsb: FOURS as u16,
                    ..fault
                },
                Tells::Child => signalfd_siginfo {
                    ssi_status: FOURS_INT,
                    ssi_utime: FOURS_LONG,
                    ssi_stime: FOURS_LONG,
                    ..sender
                },
                Tells::Value => signalfd_siginfo {
                    ssi_pid: FOURS,
                    ssi_uid: FOURS,
                    ..value
                },
                Tells::Sys => signalfd_siginfo {
                    ssi_call_addr: FOURS_LONG,
                    ssi_syscall: FOURS_INT,
                    ssi_arch: FOURS,
                    ..nothing
                },
            }
        }
    }

    /// Whether the record of a signal with that code is as expected.
    fn tells(signal: i32, code: i32, tells: Tells) -> bool {
        let want = signalfd_siginfo {
            ssi_signo: signal as u32,
            ssi_errno: 9,
            ssi_code: code,
            ..tells.record()
        };
        let good = same(&want, &record::of(&SigInfo::filled(0x44, signal, 9, code)));
        if !good {
            pr_err!("signal {}, code {}\n", signal, code);
        }
        good
    }

    #[test]
    fn codes_of_one_signal() {
        let table = [
            (SIGILL, 1..=11, Tells::Fault),
            (SIGTRAP, 1..=6, Tells::Fault),
            (SIGBUS, 1..=3, Tells::Fault),
            (SIGBUS, 4..=5, Tells::MemoryError),
            (SIGFPE, 1..=15, Tells::Fault),
            (SIGSEGV, 1..=10, Tells::Fault),
            (SIGCHLD, 1..=6, Tells::Child),
            (SIGPOLL, 1..=6, Tells::Poll),
            (SIGSYS, 1..=2, Tells::Sys),
            // Codes above the signal's own: up to 6, they have the layout of files.
            (SIGILL, 12..=127, Tells::Kill),
            (SIGTRAP, 7..=127, Tells::Kill),
            (SIGBUS, 6..=6, Tells::Poll),
            (SIGBUS, 7..=127, Tells::Kill),
            (SIGFPE, 16..=127, Tells::Kill),
            (SIGSEGV, 11..=127, Tells::Kill),
            (SIGCHLD, 7..=127, Tells::Kill),
            (SIGPOLL, 7..=127, Tells::Kill),
            (SIGSYS, 3..=6, Tells::Poll),
            (SIGSYS, 7..=127, Tells::Kill),
        ];
        for (signal, codes, layout) in table {
            for code in codes {
                assert!(tells(signal, code, layout));
            }
        }
    }

    #[test]
    fn signals_without_codes_of_their_own() {
        let own = [
            SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGCHLD, SIGPOLL, SIGSYS,
        ];
        for signal in 1..=LAST {
            if own.contains(&signal) {
                continue;
            }
            for code in 1..=127 {
                let layout = if code <= 6 { Tells::Poll } else { Tells::Kill };
                assert!(tells(signal, code, layout));
            }
        }
    }

    #[test]
    fn codes_of_all_signals() {
        let table = [
            (i32::MIN, Tells::Value),
            (-0x80, Tells::Value),
            (-60, Tells::Value),
            (-8, Tells::Value),
            (-7, Tells::Value),
            (-6, Tells::Value),
            (-5, Tells::Poll),
            (-4, Tells::Value),
            (-3, Tells::Value),
            (-2, Tells::Timer),
            (-1, Tells::Value),
            (0, Tells::Kill),
            (0x80, Tells::Kill),
            (0x81, Tells::Kill),
            (0x104, Tells::Kill),
            (0x10001, Tells::Kill),
            (i32::MAX, Tells::Kill),
        ];
        for signal in 1..=LAST {
            for (code, layout) in table {
                assert!(tells(signal, code, layout));
            }
        }
    }
}
