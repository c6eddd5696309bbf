//! Writes of what is there already.

use std::{
    sync::{Mutex, OnceLock},
    time::Duration,
};

use futures::FutureExt;
use sessile::{Clock, Committed, ErrorKind, IfRevision, ManualClock, Revision, Tags, Timeout, Timestamp};

use super::*;
use crate::gated::Call;

const IDLE: Duration = Duration::from_secs(10);

/// A cache that knows the session "old", and skips equal writes of it.
fn skipping(traits: Traits) -> (Cache, Gated, Revision) {
    let delegate = Gated::with(MemoryOptions::new().idle_timeout(IDLE), traits);
    let cache = CacheStorage::new(delegate.clone(), options(&delegate).skip_equal_writes()).unwrap();
    let tags = WriteOptions::new().tags(Tags::new(["a", "b"]).unwrap());
    let revision = block_on(cache.set(&id(), "old".into(), tags)).unwrap().revision;
    get(&cache, &id());
    assert_eq!(delegate.count(Call::Set), 1);
    (cache, delegate, revision)
}

fn set(cache: &Cache, content: &'static str, options: WriteOptions) -> Result<Committed, Error> {
    block_on(cache.set(&id(), content.into(), options))
}

#[test]
fn an_equal_write_is_a_touch() {
    let same_tags = WriteOptions::new().tags(Tags::new(["a", "b"]).unwrap());
    for told in [0, 1, 2] {
        let (cache, delegate, revision) = skipping(Traits::default());
        let told = match told {
            0 => WriteOptions::new(),
            1 => same_tags.clone(),
            _ => WriteOptions::new().if_revision(revision.clone()),
        };
        delegate.clock().advance(IDLE / 2);
        let committed = set(&cache, "old", told).unwrap();
        assert_eq!(committed.revision, revision);
        assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (1, 1));
        let info = block_on(delegate.memory().info(&id())).unwrap();
        assert_eq!(committed.info, info, "it is renewed");
        is_kept(&cache, &delegate, &id());
        tells_the_truth(&cache, &delegate);
    }
}

#[test]
fn any_other_write_is_written() {
    let with = WriteOptions::new;
    let writes: [(&'static str, WriteOptions); 8] = [
        ("new", with()),
        ("olds", with()),
        ("ol", with()),
        ("old", with().tags(Tags::new(["b", "a"]).unwrap())),
        ("old", with().tags(Tags::default())),
        ("old", with().idle_timeout(IDLE)),
        ("old", with().idle_timeout(Timeout::Never)),
        ("old", with().absolute_timeout(IDLE * 2)),
    ];
    for (content, told) in writes {
        let (cache, delegate, revision) = skipping(Traits::default());
        let committed = set(&cache, content, told).unwrap();
        assert_ne!(committed.revision, revision);
        assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 0));
        tells_the_truth(&cache, &delegate);
    }
}

#[test]
fn c5_a_condition_that_does_not_hold_is_the_delegates_to_refuse() {
    for condition in [IfRevision::Absent, IfRevision::Is(Revision::new("another"))] {
        let (cache, delegate, _) = skipping(Traits::default());
        let told = match condition {
            IfRevision::Absent => WriteOptions::new().if_absent(),
            IfRevision::Is(revision) => WriteOptions::new().if_revision(revision),
            IfRevision::Any => WriteOptions::new(),
        };
        assert_eq!(set(&cache, "old", told).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 0));
    }
}

#[test]
fn what_is_not_known_is_written() {
    let (cache, delegate, revision) = skipping(Traits::default());
    cache.forget(&id()).unwrap();
    assert_ne!(set(&cache, "old", WriteOptions::new()).unwrap().revision, revision);
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 0));
    // Expired, as it knows itself.
    delegate.clock().advance(IDLE);
    set(&cache, "old", WriteOptions::new()).unwrap();
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (3, 0));
}

/// A storage that evicts, say.
#[test]
fn what_is_not_there_any_more_is_written() {
    let (cache, delegate, revision) = skipping(Traits::default());
    block_on(delegate.memory().invalidate(&id())).unwrap();
    assert_ne!(set(&cache, "old", WriteOptions::new()).unwrap().revision, revision);
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 1));
    tells_the_truth(&cache, &delegate);
}

#[test]
fn it_has_no_effect_over_a_shared_storage_nor_unless_it_is_said() {
    let (cache, delegate, revision) = skipping(Traits { shared: true, ..Traits::default() });
    assert_ne!(set(&cache, "old", WriteOptions::new()).unwrap().revision, revision);
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 0));

    let (cache, delegate) = with_old();
    get(&cache, &id());
    write(&cache, &id(), "old");
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (1, 0));
}

/// What others have written there meanwhile is not known.
#[test]
fn it_has_no_effect_over_a_storage_that_has_no_conditional_writes() {
    let (cache, delegate, revision) = skipping(Traits { unconditional: true, ..Traits::default() });
    assert_ne!(set(&cache, "old", WriteOptions::new()).unwrap().revision, revision);
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 0));
}

#[test]
fn c9_where_there_is_no_touch_it_is_written() {
    let (cache, delegate, revision) = skipping(Traits::default());
    delegate.fail(Call::Touch, Error::new(ErrorKind::Unsupported, "it has no touch"));
    assert_ne!(set(&cache, "old", WriteOptions::new()).unwrap().revision, revision);
    assert_eq!((delegate.count(Call::Set), delegate.count(Call::Touch)), (2, 1));
    tells_the_truth(&cache, &delegate);
}

#[test]
fn a_touch_that_fails_otherwise_fails_the_write() {
    let (cache, delegate, _) = skipping(Traits::default());
    delegate.fail(Call::Touch, Error::new(ErrorKind::Storage, "it is down"));
    assert_eq!(set(&cache, "old", WriteOptions::new()).unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(delegate.count(Call::Set), 1);
}

/// A clock that does something while it is asked, as another thread may just then.
#[derive(Debug, Clone)]
struct Busy {
    clock: Arc<ManualClock>,
    cache: Arc<OnceLock<Cache>>,
    /// What is asked before it writes.
    asks_before: Arc<Mutex<Option<usize>>>,
}

impl Clock for Busy {
    fn now(&self) -> Result<Timestamp, Error> {
        let is_now = {
            let mut left = self.asks_before.lock().unwrap();
            let is_now = *left == Some(0);
            *left = left.and_then(|left| left.checked_sub(1));
            is_now
        };
        if is_now && let Some(cache) = self.cache.get() {
            let write = cache.set(&id(), "from another thread".into(), WriteOptions::new()).now_or_never();
            assert!(write.is_some_and(|written| written.is_ok()));
        }
        self.clock.now()
    }
}

/// What was equal when it was looked at may not be so when the touch begins.
#[test]
fn c9_a_write_is_not_skipped_whose_session_is_changed_as_it_begins() {
    for asks in 0..4 {
        let delegate = Gated::new();
        let clock =
            Busy { clock: Arc::clone(delegate.clock()), cache: Arc::default(), asks_before: Arc::default() };
        let told = CacheOptions::new().clock(clock.clone()).skip_equal_writes();
        let cache = CacheStorage::new(delegate.clone(), told).unwrap();
        clock.cache.set(cache.clone()).unwrap();
        write(&cache, &id(), "old");
        *clock.asks_before.lock().unwrap() = Some(asks);
        let committed = set(&cache, "old", WriteOptions::new()).unwrap();
        *clock.asks_before.lock().unwrap() = None;
        let (content, info) = block_on(delegate.memory().get(&id())).unwrap().unwrap();
        assert_eq!(
            content == "old",
            committed.revision == info.revision,
            "after {asks} asks: the revision that it answers has the content that it wrote"
        );
        tells_the_truth(&cache, &delegate);
    }
}
