//! What was read before a change does not come back after it, in whichever order the answers come.

use futures::FutureExt;
use sessile::{BoxFuture, Tags};

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

const TAG: &str = "user:17";

/// A way to change a session, and the delegate's call that does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Way(Call);

const WAYS: [Way; 5] =
    [Way(Call::Set), Way(Call::Commit), Way(Call::Touch), Way(Call::Invalidate), Way(Call::InvalidateTagged)];

impl Way {
    fn go(self, cache: &Cache) -> BoxFuture<'_, ()> {
        async move {
            let id = id();
            match self.0 {
                Call::Set => drop(cache.set(&id, "new".into(), WriteOptions::new()).await.unwrap()),
                Call::Commit => stream(cache, &id, "new").await.unwrap(),
                Call::Touch => assert!(cache.touch(&id).await.unwrap()),
                Call::Invalidate => assert!(cache.invalidate(&id).await.unwrap()),
                _ => assert_eq!(cache.invalidate_tagged(TAG).await.unwrap(), 1),
            }
        }
        .boxed()
    }
}

/// The old session has a tag, and a timeout that a touch renews.
fn subject(shared: bool) -> (Cache, Gated) {
    let delegate = Gated::with(MemoryOptions::new(), Traits { shared, ..Traits::default() });
    let options =
        WriteOptions::new().tags(Tags::new([TAG]).unwrap()).idle_timeout(std::time::Duration::from_secs(600));
    block_on(delegate.memory().set(&id(), "old".into(), options)).unwrap();
    (over(&delegate), delegate)
}

fn forget(cache: &Cache, all: bool) {
    if all { cache.forget_all() } else { cache.forget(&id()) }.unwrap();
}

/// Each way to change, each way to read, each order of what the two calls do and when they are answered.
#[test]
fn c4_a_fill_that_began_before_a_change_is_answered_and_does_not_stay() {
    for way in WAYS {
        for (shared, streamed) in [(false, false), (false, true), (true, false), (true, true)] {
            for read_at in [At::Begin, At::End] {
                for change_at in [At::Begin, At::End] {
                    for fill_first in [true, false] {
                        let case = format!(
                            "{way:?} held at its {change_at:?}, shared: {shared}, streamed: {streamed}, \
                             read held at its {read_at:?}, let go first: {fill_first}"
                        );
                        one_fill_and_one_change(way, shared, streamed, read_at, change_at, fill_first, &case);
                    }
                }
            }
        }
    }
}

fn one_fill_and_one_change(
    way: Way,
    shared: bool,
    streamed: bool,
    read_at: At,
    change_at: At,
    fill_first: bool,
    case: &str,
) {
    let (cache, delegate) = subject(shared);
    let id = id();
    let fill_gate = delegate.hold(if streamed { Call::Open } else { Call::Get }, read_at);
    let fill = || async { if streamed { read_stream(&cache, &id).await } else { read(&cache, &id).await } };
    let (first, second) = (start(fill()), start(fill()));
    delegate.clock().advance(std::time::Duration::from_millis(5));
    let gate = delegate.hold(way.0, change_at);
    let change = start(way.go(&cache));
    assert!(gate.is_reached(), "{case}");
    let third = start(fill());
    if fill_first {
        fill_gate.let_go();
        let answers = [first.end(), second.end(), third.end()];
        assert!(answers.iter().all(Result::is_ok), "{case}");
        gate.let_go();
        change.end();
    } else {
        gate.let_go();
        change.end();
        // One who comes after it neither waits for the old fill nor gets what that has read.
        let there = block_on(read(delegate.memory(), &id)).unwrap();
        assert_eq!(start(read(&cache, &id)).end().unwrap(), there, "{case}");
        fill_gate.let_go();
        let answers = [first.end(), second.end(), third.end()];
        assert!(answers.iter().all(Result::is_ok), "{case}");
    }
    tells_the_truth(&cache, &delegate);
}

/// The change begins and ends while the answer to the fill is under way.
#[test]
fn c4_a_fill_that_saw_nothing_of_a_change_is_not_kept_after_it() {
    for way in WAYS {
        let (cache, delegate) = subject(false);
        let id = id();
        let gate = delegate.hold(Call::Get, At::End);
        let fill = start(read(&cache, &id));
        assert!(gate.is_reached());
        block_on(way.go(&cache));
        gate.let_go();
        assert_eq!(fill.end().unwrap().as_deref(), Some("old"), "{way:?}");
        tells_the_truth(&cache, &delegate);
    }
}

#[test]
fn a_fill_that_began_before_the_session_was_forgotten_does_not_stay() {
    for forget_all in [false, true] {
        let (cache, delegate) = subject(true);
        let id = id();
        let gate = delegate.hold(Call::Get, At::End);
        let fill = start(read(&cache, &id));
        write(delegate.memory(), &id, "from elsewhere");
        forget(&cache, forget_all);
        assert_eq!(get(&cache, &id).as_deref(), Some("from elsewhere"));
        gate.let_go();
        assert_eq!(fill.end().unwrap().as_deref(), Some("old"));
        is_kept(&cache, &delegate, &id);
    }
}

/// What a change has made may be past already when its answer comes.
#[test]
fn c4_a_change_is_not_kept_whose_session_was_forgotten_before_it_ended() {
    for way in [Way(Call::Set), Way(Call::Commit), Way(Call::Touch)] {
        for forget_all in [false, true] {
            let (cache, delegate) = subject(true);
            let id = id();
            get(&cache, &id);
            let gate = delegate.hold(way.0, At::End);
            let change = start(way.go(&cache));
            write(delegate.memory(), &id, "from elsewhere");
            forget(&cache, forget_all);
            gate.let_go();
            change.end();
            assert_eq!(get(&cache, &id).as_deref(), Some("from elsewhere"), "{way:?}");
        }
    }
}

/// The tag's end comes between a write and its answer; before it, the cache knew another session, or none.
#[test]
fn c4_what_a_tag_has_ended_does_not_come_back_with_the_answer_to_a_write() {
    for (call, kept_before) in
        [(Call::Set, false), (Call::Set, true), (Call::Commit, false), (Call::Commit, true)]
    {
        for shared in [false, true] {
            let delegate = Gated::with(MemoryOptions::new(), Traits { shared, ..Traits::default() });
            let (cache, id) = (over(&delegate), id());
            write(delegate.memory(), &id, "old");
            if kept_before {
                get(&cache, &id);
            }
            let gate = delegate.hold(call, At::End);
            let options = WriteOptions::new().tags(Tags::new([TAG]).unwrap());
            let change = start(async {
                if call == Call::Set {
                    cache.set(&id, "new".into(), options).await
                } else {
                    let mut writer = cache.begin(&id, options).await.unwrap();
                    writer.write_all(b"new").await.unwrap();
                    writer.commit().await
                }
            });
            assert_eq!(block_on(cache.invalidate_tagged(TAG)).unwrap(), 1);
            assert_eq!(get(&cache, &id), None, "{call:?} is under way, kept before: {kept_before}");
            gate.let_go();
            assert!(change.end().is_ok());
            assert_eq!(get(&cache, &id), None, "{call:?}, kept before: {kept_before}");
            tells_the_truth(&cache, &delegate);
        }
    }
}

/// The end of the tag is not answered yet; but somebody has seen it already.
#[test]
fn c4_what_somebody_has_seen_ended_does_not_come_back_with_the_answer_to_a_write() {
    let (cache, delegate) = with_old();
    let id = id();
    let end_gate = delegate.hold(Call::InvalidateTagged, At::Begin);
    let mut end = start(cache.invalidate_tagged(TAG));
    let gate = delegate.hold(Call::Set, At::End);
    let options = WriteOptions::new().tags(Tags::new([TAG]).unwrap());
    let change = start(cache.set(&id, "new".into(), options));
    let answer_gate = delegate.hold(Call::InvalidateTagged, At::End);
    end_gate.let_go();
    assert!(end.is_waiting() && answer_gate.is_reached());
    assert_eq!(get(&cache, &id), None);
    gate.let_go();
    assert!(change.end().is_ok());
    assert_eq!(get(&cache, &id), None);
    answer_gate.let_go();
    assert_eq!(end.end().unwrap(), 1);
    tells_the_truth(&cache, &delegate);
}

/// A write is not answered yet; but somebody has read it already, by a call that began long ago.
#[test]
fn c9_what_somebody_has_read_is_not_followed_by_what_was_kept_before() {
    for streamed in [false, true] {
        let (cache, delegate) = with_old();
        let id = id();
        let fill_gate = delegate.hold(if streamed { Call::Open } else { Call::Get }, At::Begin);
        let fill =
            start(async { if streamed { read_stream(&cache, &id).await } else { read(&cache, &id).await } });
        write(&cache, &id, "new");
        is_kept(&cache, &delegate, &id);
        let gate = delegate.hold(Call::Set, At::End);
        let change = start(cache.set(&id, "newer".into(), WriteOptions::new()));
        assert_eq!(get(&cache, &id).as_deref(), Some("new"));
        fill_gate.let_go();
        assert_eq!(fill.end().unwrap().as_deref(), Some("newer"));
        assert_eq!(get(&cache, &id).as_deref(), Some("newer"));
        gate.let_go();
        assert!(change.end().is_ok());
        tells_the_truth(&cache, &delegate);
    }
}

/// As above, by a call that is answered at once, while another read is under way.
#[test]
fn c9_what_somebody_was_told_is_not_followed_by_what_was_read_before() {
    let (cache, delegate) = with_old();
    let id = id();
    let fill_gate = delegate.hold(Call::Get, At::End);
    let fill = start(read(&cache, &id));
    let gate = delegate.hold(Call::Set, At::End);
    let change = start(cache.set(&id, "new".into(), WriteOptions::new()));
    let told = block_on(cache.info(&id)).unwrap();
    assert_eq!(told, block_on(delegate.memory().info(&id)).unwrap());
    assert_eq!(get(&cache, &id).as_deref(), Some("new"));
    fill_gate.let_go();
    assert_eq!(fill.end().unwrap().as_deref(), Some("old"));
    assert_eq!(get(&cache, &id).as_deref(), Some("new"));
    gate.let_go();
    assert!(change.end().is_ok());
    tells_the_truth(&cache, &delegate);
}

/// The end of the tag has begun before the write, and is answered before it.
#[test]
fn c4_a_write_that_gives_a_tag_while_the_tag_is_ended_is_not_kept() {
    let (cache, delegate) = with_old();
    let id = id();
    get(&cache, &id);
    let end_gate = delegate.hold(Call::InvalidateTagged, At::Begin);
    let end = start(cache.invalidate_tagged(TAG));
    let gate = delegate.hold(Call::Set, At::End);
    let options = WriteOptions::new().tags(Tags::new([TAG]).unwrap());
    let change = start(cache.set(&id, "new".into(), options));
    end_gate.let_go();
    assert_eq!(end.end().unwrap(), 1);
    assert_eq!(get(&cache, &id), None);
    gate.let_go();
    assert!(change.end().is_ok());
    tells_the_truth(&cache, &delegate);
}
