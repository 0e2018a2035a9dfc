// SPDX-License-Identifier: GPL-2.0

//! The record that a read returns for a signal, `struct signalfd_siginfo`.

use crate::{
    abstractions::task::siginfo::{
        Detail,
        SigInfo, //
    },
    uapi::signalfd_siginfo, //
};

const _: () = assert!(size_of::<signalfd_siginfo>() == 128);

/// The record of `info`. Fields that its layout does not have are 0.
pub(crate) fn of(info: &SigInfo) -> signalfd_siginfo {
    let mut record = signalfd_siginfo {
        ssi_signo: info.signal() as u32,
        ssi_errno: info.errno(),
        ssi_code: info.code(),
        ..signalfd_siginfo::default()
    };
    fill(&mut record, info.detail());
    record
}

/// Sets the fields of `detail`. The others stay as they are.
fn fill(record: &mut signalfd_siginfo, detail: Detail) {
    match detail {
        Detail::Kill { pid, uid } => set_sender(record, pid, uid),
        Detail::Timer {
            id,
            overrun,
            int,
            ptr,
        } => {
            record.ssi_tid = id as u32;
            record.ssi_overrun = overrun as u32;
            set_value(record, int, ptr);
        }
        Detail::Poll { band, fd } => {
            record.ssi_band = band as u32;
            record.ssi_fd = fd;
        }
        Detail::Fault { addr } => record.ssi_addr = addr,
        Detail::FaultTrapNo { addr, trapno } => {
            record.ssi_addr = addr;
            record.ssi_trapno = trapno as u32;
        }
        Detail::FaultMcErr { addr, lsb } => {
            record.ssi_addr = addr;
            record.ssi_addr_lsb = lsb as u16;
        }
        Detail::Child {
            pid,
            uid,
            status,
            utime,
            stime,
        } => {
            set_sender(record, pid, uid);
            record.ssi_status = status;
            record.ssi_utime = utime as u64;
            record.ssi_stime = stime as u64;
        }
        Detail::Rt { pid, uid, int, ptr } => {
            set_sender(record, pid, uid);
            set_value(record, int, ptr);
        }
        Detail::Sys {
            call_addr,
            syscall,
            arch,
        } => {
            record.ssi_call_addr = call_addr;
            record.ssi_syscall = syscall;
            record.ssi_arch = arch;
        }
    }
}

fn set_sender(record: &mut signalfd_siginfo, pid: i32, uid: u32) {
    record.ssi_pid = pid as u32;
    record.ssi_uid = uid;
}

fn set_value(record: &mut signalfd_siginfo, int: i32, ptr: u64) {
    record.ssi_int = int;
    record.ssi_ptr = ptr;
}
