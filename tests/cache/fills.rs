//! Many who want the same session cost the delegate one call, whoever of them goes away.

use std::{sync::Arc, time::Duration};

use sessile::SessionId;

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

#[test]
fn many_reads_at_once_are_one_call() {
    for held in [At::Begin, At::End] {
        let (cache, delegate) = with_old();
        let gate = delegate.hold(Call::Get, held);
        let id = id();
        let gets: Vec<_> = (0..50).map(|_| start(read(&cache, &id))).collect();
        let opens: Vec<_> = (0..50).map(|_| start(read_stream(&cache, &id))).collect();
        gate.let_go();
        for call in gets.into_iter().chain(opens) {
            assert_eq!(call.end().unwrap().as_deref(), Some("old"));
        }
        assert_eq!((delegate.count(Call::Get), delegate.count(Call::Open)), (1, 0));
        is_kept(&cache, &delegate, &id);
    }
}

#[test]
fn many_streamed_reads_at_once_are_one_call() {
    let (cache, delegate) = with_old();
    let gate = delegate.hold(Call::Open, At::Begin);
    let id = id();
    let opens: Vec<_> = (0..50).map(|_| start(read_stream(&cache, &id))).collect();
    let gets: Vec<_> = (0..50).map(|_| start(read(&cache, &id))).collect();
    gate.let_go();
    for call in gets.into_iter().chain(opens) {
        assert_eq!(call.end().unwrap().as_deref(), Some("old"));
    }
    assert_eq!((delegate.count(Call::Get), delegate.count(Call::Open)), (0, 1));
    is_kept(&cache, &delegate, &id);
}

#[test]
fn reads_of_two_sessions_do_not_wait_for_each_other() {
    let (cache, delegate) = with_old();
    write(delegate.memory(), &other(), "another");
    let gate = delegate.hold(Call::Get, At::Begin);
    let id = id();
    let mut held = start(read(&cache, &id));
    assert_eq!(get(&cache, &other()).as_deref(), Some("another"));
    assert!(held.is_waiting());
    gate.let_go();
    assert_eq!(held.end().unwrap().as_deref(), Some("old"));
}

#[test]
fn whoever_goes_away_the_others_get_their_answer() {
    // The first is the one who has taken the call on so far.
    for leaver in 0..5 {
        let (cache, delegate) = with_old();
        let gate = delegate.hold(Call::Get, At::Begin);
        let id = id();
        let mut calls: Vec<_> = (0..5).map(|_| start(read(&cache, &id))).collect();
        drop(calls.remove(leaver));
        gate.let_go();
        for call in calls {
            assert_eq!(call.end().unwrap().as_deref(), Some("old"));
        }
        assert_eq!(delegate.count(Call::Get), 1);
        is_kept(&cache, &delegate, &id);
    }
}

#[test]
fn one_who_is_woken_and_goes_away_leaves_the_others_awake() {
    let (cache, delegate) = with_old();
    let gate = delegate.hold(Call::Get, At::Begin);
    let id = id();
    let first = start(read(&cache, &id));
    let second = start(read(&cache, &id));
    gate.let_go();
    drop(first);
    assert_eq!(second.end().unwrap().as_deref(), Some("old"));
}

#[test]
fn when_all_go_away_nothing_is_left() {
    let (cache, delegate) = with_old();
    let id = id();
    for held in [At::Begin, At::End] {
        delegate.hold(Call::Get, held);
        drop([start(read(&cache, &id)), start(read_stream(&cache, &id))]);
    }
    is_not_kept(&cache, &delegate, &id);
    is_kept(&cache, &delegate, &id);
}

/// The storage hung once and is well again: who comes later does not wait for those who hang.
#[test]
fn a_read_that_hangs_holds_up_nobody_for_longer_than_ten_seconds() {
    for call in [Call::Get, Call::Open] {
        let (cache, delegate) = with_old();
        let id = id();
        let gate = delegate.hold(call, At::End);
        let ask = || async {
            if call == Call::Get { read(&cache, &id).await } else { read_stream(&cache, &id).await }
        };
        let mut hanging = start(ask());
        delegate.clock().advance(Duration::from_millis(9_999));
        let mut joining = start(ask());
        assert!(joining.is_waiting(), "it is not so long ago");
        delegate.clock().advance(Duration::from_millis(1));
        write(delegate.memory(), &id, "new");
        assert_eq!(start(ask()).end().unwrap().as_deref(), Some("new"));
        assert!(hanging.is_waiting() && joining.is_waiting());
        is_kept(&cache, &delegate, &id);
        // Those have waited for this, and it is kept for nobody else.
        gate.let_go();
        for waiting in [hanging, joining] {
            assert_eq!(waiting.end().unwrap().as_deref(), Some("old"));
        }
        tells_the_truth(&cache, &delegate);
    }
}

#[test]
fn many_who_come_after_a_read_that_hangs_are_one_call() {
    let (cache, delegate) = with_old();
    let id = id();
    delegate.hold(Call::Get, At::Begin);
    let mut hanging = start(read(&cache, &id));
    delegate.clock().advance(Duration::from_secs(10));
    let gate = delegate.hold(Call::Get, At::Begin);
    let next: Vec<_> = (0..10).map(|_| start(read(&cache, &id))).collect();
    gate.let_go();
    for call in next {
        assert_eq!(call.end().unwrap().as_deref(), Some("old"));
    }
    assert_eq!(delegate.count(Call::Get), 2);
    assert!(hanging.is_waiting());
    is_kept(&cache, &delegate, &id);
}

/// Who holds on to an id shows in how often it is counted.
#[test]
fn the_cache_holds_no_id_when_no_call_is_under_way() {
    let (cache, delegate) = with_old();
    let name: Arc<str> = "counted".into();
    let counted = SessionId::new(Arc::clone(&name)).unwrap();
    write(delegate.memory(), &counted, "old");
    let before = Arc::strong_count(&name);
    let calls = [Call::Get, Call::Open, Call::Set, Call::Commit, Call::Touch, Call::Invalidate];
    for call in calls {
        for held in [At::Begin, At::End] {
            for gives_up in [true, false] {
                let gate = delegate.hold(call, held);
                let mut under_way = start(make(&cache, call, &counted));
                assert!(under_way.is_waiting());
                assert!(
                    Arc::strong_count(&name) > before,
                    "{call:?}: it is kept while the call is under way"
                );
                if gives_up {
                    drop(under_way);
                } else {
                    gate.let_go();
                    under_way.end();
                }
                assert_eq!(Arc::strong_count(&name), before, "{call:?}, {held:?}, gives up: {gives_up}");
                cache.forget(&counted).unwrap();
            }
        }
    }
}

async fn make(cache: &Cache, call: Call, id: &SessionId) {
    match call {
        Call::Get => drop(cache.get(id).await.unwrap()),
        Call::Open => drop(cache.open(id).await.unwrap()),
        Call::Set => drop(cache.set(id, "new".into(), WriteOptions::new()).await.unwrap()),
        Call::Commit => stream(cache, id, "new").await.unwrap(),
        Call::Touch => drop(cache.touch(id).await.unwrap()),
        _ => drop(cache.invalidate(id).await.unwrap()),
    }
}
