//! What a cache tells of itself, and its end.

use futures::FutureExt;
use sessile::{CacheStats, ErrorKind, Tags};

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

fn counted(cache: &Cache) -> (u64, u64, u64) {
    let CacheStats { hits, misses, fills, .. } = cache.cache_stats().unwrap();
    (hits, misses, fills)
}

#[test]
fn reads_are_counted() {
    let (cache, delegate) = with_old();
    assert_eq!(cache.cache_stats().unwrap(), CacheStats::default());
    let id = id();
    let gate = delegate.hold(Call::Get, At::End);
    let reads = [start(read(&cache, &id)), start(read(&cache, &id)), start(read_stream(&cache, &id))];
    assert_eq!(counted(&cache), (0, 3, 1));
    gate.let_go();
    for read in reads {
        read.end().unwrap();
    }
    get(&cache, &id);
    block_on(read_stream(&cache, &id)).unwrap();
    assert_eq!(counted(&cache), (2, 3, 1));
    // What is no read.
    block_on(cache.info(&id)).unwrap();
    block_on(cache.touch(&id)).unwrap();
    write(&cache, &id, "new");
    assert_eq!(counted(&cache), (2, 3, 1));
    // A session that is known to be missing is a hit as well.
    get(&cache, &other());
    get(&cache, &other());
    assert_eq!(counted(&cache), (3, 4, 2));
}

#[test]
fn what_is_held_is_counted() {
    let (cache, _) = with_old();
    let tags = WriteOptions::new().tags(Tags::new(["ab", "cde"]).unwrap());
    block_on(cache.set(&id(), "12345".into(), tags)).unwrap();
    get(&cache, &other());
    let stats = cache.cache_stats().unwrap();
    assert_eq!((stats.sessions, stats.bytes), (2, 3 + 5 + 5 + 5));
    write(&cache, &id(), "1");
    block_on(cache.touch(&id())).unwrap();
    block_on(cache.invalidate(&id())).unwrap();
    cache.forget(&other()).unwrap();
    let stats = cache.cache_stats().unwrap();
    assert_eq!((stats.sessions, stats.bytes, stats.evicted), (0, 0, 0));
}

#[test]
fn what_is_forgotten_is_asked_for() {
    let (cache, delegate) = with_old();
    write(&cache, &other(), "another");
    get(&cache, &id());
    cache.forget(&id()).unwrap();
    is_kept(&cache, &delegate, &other());
    is_not_kept(&cache, &delegate, &id());
    cache.forget_all().unwrap();
    is_not_kept(&cache, &delegate, &id());
    is_not_kept(&cache, &delegate, &other());
}

#[test]
fn a_tag_ends_its_sessions_in_the_cache_and_no_others() {
    let (cache, delegate) = with_old();
    let tags = WriteOptions::new().tags(Tags::new(["a"]).unwrap());
    block_on(cache.set(&id(), "tagged".into(), tags)).unwrap();
    write(&cache, &other(), "another");
    assert_eq!(block_on(cache.invalidate_tagged("a")).unwrap(), 1);
    is_kept(&cache, &delegate, &other());
    assert_eq!(get(&cache, &id()), None);
    assert_eq!(block_on(cache.invalidate_tagged("")).unwrap_err().kind(), ErrorKind::InvalidOption);
}

/// What others change is seen late here, so the cache itself is not for sharing.
#[test]
fn a_cache_can_what_its_delegate_can_and_is_not_shared() {
    let (cache, delegate) = with_old_and(Traits { shared: true, ..Traits::default() });
    let can = delegate.capabilities();
    assert!(can.shared && can.conditional && can.tags);
    assert_eq!(cache.capabilities(), sessile::Capabilities { shared: false, ..can });
}

/// Over a shared storage others may have tagged what is kept here without the tag.
#[test]
fn c13_a_tag_that_others_gave_ends_the_session_here() {
    let (cache, delegate) = with_old_and(Traits { shared: true, ..Traits::default() });
    get(&cache, &id());
    let tags = WriteOptions::new().tags(Tags::new(["a"]).unwrap());
    block_on(delegate.memory().set(&id(), "tagged elsewhere".into(), tags)).unwrap();
    assert_eq!(block_on(cache.invalidate_tagged("a")).unwrap(), 1);
    assert_eq!(get(&cache, &id()), None);
}

/// The delegate here refuses nothing; so it is the cache that does.
#[test]
fn a_closed_cache_refuses_every_call_and_closes_its_delegate() {
    for used in [false, true] {
        let (cache, delegate) = with_old();
        let id = id();
        if used {
            get(&cache, &id);
        }
        let same = cache.clone();
        let writer = block_on(cache.begin(&id, WriteOptions::new())).unwrap();
        block_on(cache.close()).unwrap();
        block_on(cache.close()).unwrap();
        assert!(delegate.count(Call::Close) >= 1);
        let cache = same;
        let refusals = [
            cache.get(&id).now_or_never().unwrap().err(),
            cache.open(&id).now_or_never().unwrap().err(),
            cache.info(&id).now_or_never().unwrap().err(),
            cache.set(&id, "new".into(), WriteOptions::new()).now_or_never().unwrap().err(),
            cache.begin(&id, WriteOptions::new()).now_or_never().unwrap().err(),
            writer.commit().now_or_never().unwrap().err(),
            cache.touch(&id).now_or_never().unwrap().err(),
            cache.invalidate(&id).now_or_never().unwrap().err(),
            cache.invalidate_tagged("a").now_or_never().unwrap().err(),
            cache.list_tagged("a").now_or_never().unwrap().err(),
            cache.sweep().now_or_never().unwrap().err(),
            cache.stats().now_or_never().unwrap().err(),
            cache.forget(&id).err(),
            cache.forget_all().err(),
            cache.cache_stats().err(),
        ];
        for (call, error) in refusals.iter().enumerate() {
            assert_eq!(error.as_ref().map(Error::kind), Some(ErrorKind::Closed), "call {call}");
        }
        assert_eq!(get(delegate.memory(), &id).as_deref(), Some("old"));
    }
}

#[test]
fn a_close_while_calls_are_under_way_lets_them_end() {
    let (cache, delegate) = with_old();
    let id = id();
    let calls = [Call::Get, Call::Set, Call::Touch, Call::Invalidate, Call::InvalidateTagged];
    let gates = calls.map(|call| delegate.hold(call, At::Begin));
    let reads = [start(read(&cache, &id)), start(read(&cache, &id))];
    let set = start(cache.set(&id, "new".into(), WriteOptions::new()));
    let touch = start(cache.touch(&id));
    let invalidate = start(cache.invalidate(&id));
    let tagged = start(cache.invalidate_tagged("a"));
    block_on(cache.close()).unwrap();
    for gate in &gates {
        gate.let_go();
    }
    for read in reads {
        assert_eq!(read.end().unwrap().as_deref(), Some("old"));
    }
    assert!(set.end().is_ok());
    assert!(touch.end().unwrap());
    assert!(invalidate.end().unwrap());
    assert_eq!(tagged.end().unwrap(), 0);
    assert_eq!(read(&cache, &id).now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn c8_a_cache_shows_no_id_and_no_content() {
    let (cache, _) = with_old();
    write(&cache, &SessionId::new("secret-id").unwrap(), "secret-content");
    assert!(!format!("{cache:?}").contains("secret"));
}
