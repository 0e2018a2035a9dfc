// SPDX-License-Identifier: GPL-2.0

//! The kinds of timer that there are descriptors of, and what each has once for all of them.

use crate::{
    abstractions::{
        file::anon_file::FileOperations,
        sync::roster::Roster,
        time::{
            timed::Timed,
            timer::{
                Alarm,
                HrTimer,
                RawTimer, //
            }, //
        }, //
    },
    timerfd::{
        state::TimerState,
        TimerFd, //
    }, //
};

/// A kind of timer: those of alarm clocks take more memory than the others.
pub(crate) trait Kind: RawTimer + 'static {
    const ALARM: bool;
    const OPS: &'static FileOperations<TimerFd<Self>>;

    /// Those to be told when the clock is set.
    fn roster() -> &'static Roster<Timed<Self, TimerState>>;
}

impl Kind for HrTimer {
    const ALARM: bool = false;
    const OPS: &'static FileOperations<TimerFd<Self>> = {
        static OPS: FileOperations<TimerFd<HrTimer>> = FileOperations::build();
        &OPS
    };

    fn roster() -> &'static Roster<Timed<Self, TimerState>> {
        static ROSTER: Roster<Timed<HrTimer, TimerState>> = Roster::empty();
        &ROSTER
    }
}

impl Kind for Alarm {
    const ALARM: bool = true;
    const OPS: &'static FileOperations<TimerFd<Self>> = {
        static OPS: FileOperations<TimerFd<Alarm>> = FileOperations::build();
        &OPS
    };

    fn roster() -> &'static Roster<Timed<Self, TimerState>> {
        static ROSTER: Roster<Timed<Alarm, TimerState>> = Roster::empty();
        &ROSTER
    }
}
