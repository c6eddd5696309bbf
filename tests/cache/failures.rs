//! Calls that fail: told to all who asked, with their cause, and not kept.

use std::{
    error::Error as _,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use sessile::{Clock, ErrorKind, Timestamp};

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

#[derive(Debug)]
struct Cause;

impl fmt::Display for Cause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the cable is cut")
    }
}

impl std::error::Error for Cause {}

fn failure() -> Error {
    Error::new(ErrorKind::Corrupt, "it failed").with_source(Cause)
}

#[track_caller]
fn is_the_failure(error: &Error) {
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Corrupt, "it failed"));
    let cause = error.source().expect("the source is kept");
    assert!(cause.downcast_ref::<Cause>().is_some(), "the source is the delegate's own");
}

#[test]
fn a_failed_read_is_told_to_all_and_the_next_one_asks_again() {
    for call in [Call::Get, Call::Open] {
        let (cache, delegate) = with_old();
        let id = id();
        let gate = delegate.hold(call, At::Begin);
        delegate.fail(call, failure());
        let reads: Vec<_> = (0..10)
            .map(|_| {
                start(async {
                    if call == Call::Get { read(&cache, &id).await } else { read_stream(&cache, &id).await }
                })
            })
            .collect();
        gate.let_go();
        for read in reads {
            is_the_failure(&read.end().unwrap_err());
        }
        assert_eq!(delegate.count(call), 1);
        assert_eq!(get(&cache, &id).as_deref(), Some("old"));
        is_kept(&cache, &delegate, &id);
    }
}

#[test]
fn one_who_comes_after_a_failed_answer_asks_again_while_others_wait_to_hear_of_it() {
    let (cache, delegate) = with_old();
    let id = id();
    let gate = delegate.hold(Call::Get, At::End);
    delegate.fail(Call::Get, failure());
    let first = start(read(&cache, &id));
    let second = start(read(&cache, &id));
    gate.let_go();
    is_the_failure(&first.end().unwrap_err());
    assert_eq!(get(&cache, &id).as_deref(), Some("old"));
    is_the_failure(&second.end().unwrap_err());
    is_kept(&cache, &delegate, &id);
}

#[test]
fn a_change_that_failed_makes_the_next_read_ask_again() {
    for call in [Call::Set, Call::Commit, Call::Touch, Call::Invalidate] {
        for held in [At::Begin, At::End] {
            let (cache, delegate) = with_old();
            let id = id();
            get(&cache, &id);
            let gate = delegate.hold(call, held);
            delegate.fail(call, failure());
            let change = start(async {
                match call {
                    Call::Set => cache.set(&id, "new".into(), WriteOptions::new()).await.map(drop),
                    Call::Commit => stream(&cache, &id, "new").await,
                    Call::Touch => cache.touch(&id).await.map(drop),
                    _ => cache.invalidate(&id).await.map(drop),
                }
            });
            gate.let_go();
            is_the_failure(&change.end().unwrap_err());
            is_not_kept(&cache, &delegate, &id);
            is_kept(&cache, &delegate, &id);
        }
    }
}

#[test]
fn a_stream_that_cannot_begin_changes_nothing() {
    let (cache, delegate) = with_old();
    get(&cache, &id());
    delegate.fail(Call::Begin, failure());
    is_the_failure(&block_on(cache.begin(&id(), WriteOptions::new())).unwrap_err());
    is_kept(&cache, &delegate, &id());
}

/// A clock that fails when it is told to.
#[derive(Debug, Clone)]
struct Moody {
    clock: Arc<sessile::ManualClock>,
    fails: Arc<AtomicBool>,
}

impl Clock for Moody {
    fn now(&self) -> Result<Timestamp, Error> {
        if self.fails.load(Ordering::SeqCst) { Err(failure()) } else { self.clock.now() }
    }
}

#[test]
fn a_clock_that_fails_fails_the_call_and_nothing_after_it() {
    let delegate = Gated::new();
    write(delegate.memory(), &id(), "old");
    let clock = Moody { clock: Arc::clone(delegate.clock()), fails: Arc::default() };
    let cache =
        CacheStorage::new(delegate.clone(), CacheOptions::new().clock(clock.clone()).skip_equal_writes())
            .unwrap();
    let id = id();
    for kept in [false, true] {
        if kept {
            get(&cache, &id);
        }
        clock.fails.store(true, Ordering::SeqCst);
        is_the_failure(&block_on(cache.get(&id)).unwrap_err());
        is_the_failure(&block_on(cache.open(&id)).unwrap_err());
        is_the_failure(&block_on(cache.info(&id)).unwrap_err());
        is_the_failure(&block_on(cache.touch(&id)).unwrap_err());
        is_the_failure(&block_on(cache.sweep()).unwrap_err());
        is_the_failure(&block_on(cache.set(&id, "lost".into(), WriteOptions::new())).unwrap_err());
        is_the_failure(&block_on(stream(&cache, &id, "lost")).unwrap_err());
        // The end of a session asks no clock of the cache's.
        assert!(block_on(cache.invalidate(&other())).is_ok());
        clock.fails.store(false, Ordering::SeqCst);
        tells_the_truth(&cache, &delegate);
        assert_eq!(get(&cache, &id).as_deref(), Some("old"));
    }
}
