//! The memory storage against a model of a few lines: whatever is asked, both answer the same.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

mod model;
mod operations;

use std::{sync::Arc, time::Duration};

use futures::{AsyncWriteExt, executor::block_on};
use proptest::prelude::*;
use sessile::{
    ErrorKind, ManualClock, MemoryOptions, SessionId, SessionStorage, SessionStorageMemory, WriteOptions,
};

use crate::operations::{Operation, Pair, limits};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_storage_answers_as_the_model_does(
        limits in limits(),
        operations in prop::collection::vec(any::<Operation>(), 1..150),
    ) {
        let mut pair = Pair::new(limits);
        for operation in operations {
            block_on(pair.run(&operation));
        }
        block_on(pair.end());
    }
}

fn with_clock(options: MemoryOptions) -> (SessionStorageMemory, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    let storage = SessionStorageMemory::with_options(options.clock(Arc::clone(&clock))).unwrap();
    (storage, clock)
}

fn write(storage: &SessionStorageMemory, name: &str, options: WriteOptions) {
    let id = SessionId::new(name).unwrap();
    block_on(storage.set(&id, "content".into(), options)).unwrap();
}

/// Nobody sweeps, and no write does more than a little of it.
#[test]
fn c7_expired_sessions_are_freed_by_later_writes_two_at_a_time() {
    const EXPIRED: u64 = 10_000;
    // Free places that there may be between those in use.
    const BLOCK: u64 = 256;
    let (storage, clock) = with_clock(MemoryOptions::new());
    for number in 0..EXPIRED {
        let idle = WriteOptions::new().idle_timeout(Duration::from_secs(1));
        write(&storage, &format!("expired {number}"), idle);
    }
    clock.advance(Duration::from_secs(1));
    let stats = || block_on(storage.stats()).unwrap();
    assert_eq!((stats().sessions, stats().expired), (EXPIRED, 0));
    for number in 1..=EXPIRED {
        write(&storage, &format!("new {number}"), WriteOptions::new());
        let freed = stats().expired;
        assert!(freed <= number * 2, "write {number} looked at more than two: {freed} are freed");
        // A write may fill a place that was freed ahead of the sweep, which then passes it in vain.
        let expected = EXPIRED.min((number * 2).saturating_sub(BLOCK));
        assert!(freed >= expected, "after {number} writes only {freed} are freed");
    }
    assert_eq!((stats().sessions, stats().expired), (EXPIRED, EXPIRED));
}

/// Also where every write is an overwrite, and sessions expire one after another.
#[test]
fn c7_expired_sessions_are_freed_by_overwrites() {
    let (storage, clock) = with_clock(MemoryOptions::new());
    for number in 1..=1_000 {
        let idle = WriteOptions::new().idle_timeout(Duration::from_millis(number));
        write(&storage, &format!("expiring {number}"), idle);
    }
    for _ in 0..3_000 {
        clock.advance(Duration::from_millis(1));
        write(&storage, "the only one", WriteOptions::new());
    }
    let stats = block_on(storage.stats()).unwrap();
    assert_eq!((stats.sessions, stats.expired), (1, 1_000));
    assert_eq!(stats.bytes, ("the only one".len() + "content".len()) as u64);
}

#[test]
fn c10_bytes_on_their_way_count_and_are_given_back() {
    let (storage, _) = with_clock(MemoryOptions::new().max_bytes(10_000));
    let ids = ["a", "b", "c"].map(|id| SessionId::new(id).unwrap());
    block_on(async {
        let push = async |id: &SessionId, bytes: usize| {
            let mut writer = storage.begin(id, WriteOptions::new()).await.unwrap();
            let written = writer.write_all(&vec![1; bytes]).await;
            (writer, written.map_err(|error| sessile::Error::from(error).kind()))
        };
        let (first, written) = push(&ids[0], 6_000).await;
        assert_eq!(written, Ok(()));
        let (second, written) = push(&ids[1], 4_001).await;
        assert_eq!(written, Err(ErrorKind::Quota), "a second write over the limit of both");
        assert_eq!(second.commit().await.unwrap_err().kind(), ErrorKind::Quota);
        let (third, written) = push(&ids[1], 4_000).await;
        assert_eq!(written, Ok(()), "what the failed write had is given back");
        drop(first);
        let (fourth, written) = push(&ids[2], 6_000).await;
        assert_eq!(written, Ok(()), "what the dropped write had is given back");
        third.commit().await.unwrap();
        drop(fourth);
        let (fifth, written) = push(&ids[2], 9_999).await;
        assert_eq!(written, Ok(()), "what the committed write had is given back");
        fifth.commit().await.unwrap();
        let stats = storage.stats().await.unwrap();
        assert_eq!((stats.sessions, stats.bytes, stats.evicted), (1, 10_000, 1));
    });
}

/// More than the sweep of one write looks at.
#[test]
fn c10_a_large_storage_full_of_expired_sessions_takes_new_ones() {
    const COUNT: u64 = 10_000;
    for when_full in [sessile::WhenFull::Reject, sessile::WhenFull::Evict] {
        let (storage, clock) = with_clock(MemoryOptions::new().max_sessions(COUNT).when_full(when_full));
        let idle = || WriteOptions::new().idle_timeout(Duration::from_secs(1));
        (0..COUNT).for_each(|number| write(&storage, &format!("expired {number}"), idle()));
        clock.advance(Duration::from_secs(1));
        (0..COUNT).for_each(|number| write(&storage, &format!("new {number}"), WriteOptions::new()));
        let stats = block_on(storage.stats()).unwrap();
        assert_eq!((stats.sessions, stats.expired, stats.evicted), (COUNT, COUNT, 0));
    }
}
