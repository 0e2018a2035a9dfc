// SPDX-License-Identifier: GPL-2.0

//! Deferred work: never lost, never done twice, never done before the pusher's writes are visible.

use crate::{
    defer::{
        DeferQueue,
        Deferred,
        Link, //
    },
    irq_work::{
        Handler,
        Registration, //
    },
    sync::{
        Arc,
        ArcBorrow, //
    },
    tests::model,
};
use loom::{
    sync::atomic::{
        AtomicU32,
        Ordering, //
    },
    thread, //
};

/// An object with deferred work. Each bit stands for a value in `data`, put there by its pusher.
struct Object {
    link: Link,
    data: [AtomicU32; 2],
    done: AtomicU32,
}

impl Deferred for Object {
    fn link(&self) -> &Link {
        &self.link
    }

    fn run(&self, bits: u32) {
        assert_ne!(bits, 0, "run for nothing");
        for (i, data) in self.data.iter().enumerate() {
            if bits & (1 << i) != 0 {
                assert_eq!(data.load(Ordering::Relaxed), 1, "old data");
            }
        }
        self.done.fetch_or(bits, Ordering::AcqRel);
    }
}

type Queue = &'static DeferQueue<Object>;

/// Makes a queue and `N` objects. Each object is pushed once, without an interrupt, to make the
/// atomics here: see `Atomic`.
fn queue_with<const N: usize>() -> (Queue, Registration<DeferQueue<Object>>, [Arc<Object>; N]) {
    let queue: Queue = Box::leak(Box::new(DeferQueue::empty()));
    let registration = queue.register().unwrap();
    let objects = [(); N].map(|()| {
        Arc::new(Object {
            link: queue.link().unwrap(),
            data: Default::default(),
            done: AtomicU32::new(0),
        })
    });
    drop(registration);
    for object in &objects {
        queue.push(object.as_arc_borrow(), 1 << 7);
    }
    queue.run();
    for object in &objects {
        assert_eq!(object.done.swap(0, Ordering::Relaxed), 1 << 7);
    }
    (queue, queue.register().unwrap(), objects)
}

fn push(queue: Queue, object: ArcBorrow<'_, Object>, number: usize) {
    object.data[number].store(1, Ordering::Relaxed);
    queue.push(object, 1 << number);
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "old data"))]
#[cfg_attr(feature = "torn", should_panic(expected = "twice"))]
fn two_pushes_of_one_object_are_both_done() {
    model(Some(3), || {
        let (queue, _registration, [object]) = queue_with();
        let other = thread::spawn({
            let object = object.clone();
            move || push(queue, object.as_arc_borrow(), 1)
        });
        push(queue, object.as_arc_borrow(), 0);
        other.join().unwrap();
        queue.flush();
        assert_eq!(object.done.load(Ordering::Relaxed), 0b11);
        assert_eq!(object.count(), 1);
    });
}

#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "old data"))]
#[cfg_attr(feature = "torn", should_panic)]
fn two_objects_are_both_done() {
    model(Some(2), || {
        let (queue, _registration, objects) = queue_with::<2>();
        let other = thread::spawn({
            let object = objects[1].clone();
            move || push(queue, object.as_arc_borrow(), 1)
        });
        push(queue, objects[0].as_arc_borrow(), 0);
        other.join().unwrap();
        queue.flush();
        for (i, object) in objects.iter().enumerate() {
            assert_eq!(object.done.load(Ordering::Relaxed), 1 << i);
            assert_eq!(object.count(), 1);
        }
    });
}

/// A run which reads `next` too late finds the value of a later push.
#[test]
#[cfg_attr(feature = "unordered", should_panic(expected = "old data"))]
#[cfg_attr(feature = "torn", should_panic)]
fn an_object_that_is_pushed_again_is_done() {
    model(Some(3), || {
        let (queue, _registration, objects) = queue_with::<2>();
        push(queue, objects[0].as_arc_borrow(), 0);
        push(queue, objects[1].as_arc_borrow(), 0);
        push(queue, objects[0].as_arc_borrow(), 1);
        queue.flush();
        for (object, bits) in objects.iter().zip([0b11, 0b1]) {
            assert_eq!(object.done.load(Ordering::Relaxed), bits);
            assert_eq!(object.count(), 1);
        }
    });
}
