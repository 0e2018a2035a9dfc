// SPDX-License-Identifier: GPL-2.0

//! Work that several CPUs defer at once, and waiting for it.

use kernel::prelude::*;

#[kunit_tests(evfd_defer)]
mod suite {
    use super::*;
    use crate::abstractions::{
        sync::{
            defer::{
                DeferQueue,
                Deferred,
                Link, //
            },
            irq_work::{
                Handler,
                PerCpuIrqWork, //
            }, //
        },
        testing::{
            call_in,
            EVERY_CPU, //
        }, //
    };
    use kernel::{
        cpu::CpuId,
        sync::{
            atomic::{
                Atomic,
                Full,
                Relaxed, //
            },
            Arc, //
        },
        time::{
            Delta,
            Instant,
            Monotonic, //
        },
    };

    fn spin(limit_ms: i64, until: impl Fn() -> bool) {
        let start = Instant::<Monotonic>::now();
        while !until() && start.elapsed() < Delta::from_millis(limit_ms) {
            core::hint::spin_loop();
        }
    }

    /// Counts calls. With several CPUs, the call on the CPU `first` begins before any other call
    /// ends, and is the first to end.
    struct Overlapping {
        first: Atomic<u32>,
        begun: Atomic<u32>,
        ended: Atomic<u32>,
    }

    impl Handler for Overlapping {
        fn run(&self) {
            self.begun.fetch_add(1, Full);
            if CpuId::current().as_u32() == self.first.load(Relaxed) {
                spin(200, || self.begun.load(Relaxed) > 1);
            } else {
                spin(200, || self.ended.load(Relaxed) > 0);
                spin(20, || false);
            }
            self.ended.fetch_add(1, Full);
        }
    }

    static OVERLAPPING: PerCpuIrqWork<Overlapping> = PerCpuIrqWork::unregistered();
    static CALLS: Overlapping = Overlapping {
        first: Atomic::new(0),
        begun: Atomic::new(0),
        ended: Atomic::new(0),
    };

    /// Queues a call on every CPU, then calls `wait`, which must return after all calls have ended.
    /// Returns the numbers of calls that were queued, and that had begun and ended by then.
    fn overlap(wait: impl FnOnce()) -> (u32, u32, u32) {
        let asked = Atomic::new(0u32);
        // The CPU of `wait`. Calls on other CPUs may still run then.
        CALLS.first.store(CpuId::current().as_u32(), Relaxed);
        CALLS.begun.store(0, Relaxed);
        CALLS.ended.store(0, Relaxed);
        call_in(EVERY_CPU, || {
            asked.fetch_add(1, Full);
            OVERLAPPING.queue();
        });
        wait();
        (
            asked.load(Relaxed),
            CALLS.begun.load(Relaxed),
            CALLS.ended.load(Relaxed),
        )
    }

    #[test]
    fn every_cpu_is_waited_for() -> Result {
        let registration = OVERLAPPING.register(&CALLS)?;
        let (asked, begun, ended) = overlap(|| OVERLAPPING.sync());
        assert!(asked > 0);
        assert_eq!((begun, ended), (asked, asked));
        let (asked, begun, ended) = overlap(|| drop(registration));
        assert_eq!((begun, ended), (asked, asked));
        Ok(())
    }

    struct Count(Atomic<u32>);

    impl Handler for Count {
        fn run(&self) {
            self.0.fetch_add(1, Full);
        }
    }

    #[test]
    fn only_what_is_registered_is_called() -> Result {
        static IRQ_WORK: PerCpuIrqWork<Count> = PerCpuIrqWork::unregistered();
        static COUNT: Count = Count(Atomic::new(0));
        IRQ_WORK.queue();
        IRQ_WORK.sync();
        assert_eq!(COUNT.0.load(Relaxed), 0);
        for round in 1..=3 {
            let registration = IRQ_WORK.register(&COUNT)?;
            assert!(IRQ_WORK.register(&COUNT).is_err_and(|e| e == EBUSY));
            IRQ_WORK.queue();
            drop(registration);
            IRQ_WORK.queue();
            IRQ_WORK.sync();
            assert_eq!(COUNT.0.load(Relaxed), round);
        }
        Ok(())
    }

    static ITEMS: DeferQueue<Item> = DeferQueue::empty();

    /// Adds up the bits of all calls of [`Deferred::run`].
    struct Item {
        link: Link,
        sum: Atomic<u32>,
    }

    impl Item {
        fn new() -> Result<Arc<Self>> {
            let item = Self {
                link: ITEMS.link()?,
                sum: Atomic::new(0),
            };
            Ok(Arc::new(item, GFP_KERNEL)?)
        }
    }

    impl Deferred for Item {
        fn link(&self) -> &Link {
            &self.link
        }

        fn run(&self, bits: u32) {
            self.sum.fetch_add(bits, Full);
        }
    }

    #[test]
    fn pushes_of_every_cpu_are_run() -> Result {
        assert!(Item::new().is_err_and(|e| e == ENODEV));
        let registration = ITEMS.register()?;
        let items = [Item::new()?, Item::new()?, Item::new()?, Item::new()?];
        for _ in 0..200 {
            let (cpus, pushed) = (Atomic::new(0u32), Atomic::new(0u32));
            call_in(EVERY_CPU, || {
                // Each has its own bit, as far as the bits suffice.
                let Some(bit) = 1u32.checked_shl(cpus.fetch_add(1, Full)) else {
                    return;
                };
                pushed.fetch_add(bit, Full);
                for item in &items {
                    ITEMS.push(item.as_arc_borrow(), bit);
                }
            });
            ITEMS.flush();
            assert!(pushed.load(Relaxed) != 0);
            for item in &items {
                assert_eq!(item.sum.xchg(0, Full), pushed.load(Relaxed));
            }
        }
        drop(registration);
        Ok(())
    }
}
