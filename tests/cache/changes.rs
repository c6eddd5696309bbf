//! Several changes of one session at the same time, and changes that nobody waits for any more.

use sessile::ErrorKind;

use super::*;
use crate::{
    calls::start,
    gated::{At, Call},
};

/// Each pair of changes, answered in the other order than they were made.
#[test]
fn c9_of_two_changes_at_once_the_cache_tells_the_one_that_stayed() {
    let calls = [Call::Set, Call::Commit, Call::Touch, Call::Invalidate];
    for first in calls {
        for second in calls {
            for (first_at, kept) in [(At::Begin, false), (At::Begin, true), (At::End, false), (At::End, true)]
            {
                let (cache, delegate) = with_old();
                if kept {
                    get(&cache, &id());
                }
                let gate = delegate.hold(first, first_at);
                let one = start(change(&cache, first, "first"));
                assert!(gate.is_reached());
                let second_gate = delegate.hold(second, At::End);
                let two = start(change(&cache, second, "second"));
                get(&cache, &id());
                second_gate.let_go();
                two.end();
                // What has resolved is seen, though the other is still under way.
                let there = get(delegate.memory(), &id());
                assert_eq!(get(&cache, &id()), there, "{first:?} held at its {first_at:?}, {second:?}");
                gate.let_go();
                one.end();
                tells_the_truth(&cache, &delegate);
                is_kept(&cache, &delegate, &id());
            }
        }
    }
}

async fn change(cache: &Cache, call: Call, content: &'static str) {
    let id = id();
    // An invalidate refuses a stream that began before it.
    let _ = match call {
        Call::Set => cache.set(&id, content.into(), WriteOptions::new()).await.map(drop),
        Call::Commit => stream(cache, &id, content).await,
        Call::Touch => cache.touch(&id).await.map(drop),
        _ => cache.invalidate(&id).await.map(drop),
    };
}

#[test]
fn c4_an_ended_session_is_gone_from_the_cache_at_once() {
    let (cache, delegate) = with_old();
    let id = id();
    get(&cache, &id);
    delegate.hold(Call::Invalidate, At::End);
    let _end = start(cache.invalidate(&id));
    assert_eq!(get(&cache, &id), None);
}

#[test]
fn c1_a_change_that_nobody_waits_for_is_not_kept() {
    for call in [Call::Set, Call::Commit, Call::Touch, Call::Invalidate, Call::InvalidateTagged] {
        for held in [At::Begin, At::End] {
            for polled in [true, false] {
                let (cache, delegate) = with_old();
                get(&cache, &id());
                delegate.hold(call, held);
                let given_up = async {
                    match call {
                        Call::InvalidateTagged => drop(cache.invalidate_tagged("tag").await),
                        _ => change(&cache, call, "new").await,
                    }
                };
                if polled {
                    drop(start(given_up));
                } else {
                    drop(given_up);
                }
                tells_the_truth(&cache, &delegate);
                is_kept(&cache, &delegate, &id());
            }
        }
    }
}

#[test]
fn c1_a_stream_that_is_given_up_leaves_what_is_kept() {
    let (cache, delegate) = with_old();
    let id = id();
    get(&cache, &id);
    let mut writer = block_on(cache.begin(&id, WriteOptions::new())).unwrap();
    block_on(writer.write_all(b"half")).unwrap();
    is_kept(&cache, &delegate, &id);
    drop(writer);
    is_kept(&cache, &delegate, &id);
}

#[test]
fn c5_a_conflict_makes_the_next_read_ask_again() {
    let (cache, delegate) = with_old();
    let id = id();
    get(&cache, &id);
    write(delegate.memory(), &id, "from elsewhere");
    let known = block_on(cache.info(&id)).unwrap().unwrap().revision;
    let refused = || WriteOptions::new().if_revision(known.clone());
    let error = block_on(cache.set(&id, "lost".into(), refused())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    is_not_kept(&cache, &delegate, &id);

    write(delegate.memory(), &id, "from elsewhere again");
    let writer = block_on(cache.begin(&id, WriteOptions::new().if_absent()));
    let error = match writer {
        Ok(writer) => block_on(writer.commit()).unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.kind(), ErrorKind::Conflict);
    tells_the_truth(&cache, &delegate);
}

#[test]
fn c4_a_touch_does_not_bring_back_what_was_changed_before_its_answer() {
    let (cache, delegate) = with_old();
    let id = id();
    get(&cache, &id);
    let gate = delegate.hold(Call::Set, At::Begin);
    let write = start(cache.set(&id, "new".into(), WriteOptions::new()));
    let touch_gate = delegate.hold(Call::Touch, At::Begin);
    let touch = start(cache.touch(&id));
    gate.let_go();
    assert!(write.end().is_ok());
    touch_gate.let_go();
    assert!(touch.end().unwrap());
    assert_eq!(get(&cache, &id).as_deref(), Some("new"));
    tells_the_truth(&cache, &delegate);
}

#[test]
fn a_commit_that_tells_nothing_is_asked_for() {
    let (cache, delegate) = with_old_and(Traits { no_info: true, ..Traits::default() });
    let id = id();
    get(&cache, &id);
    write(&cache, &id, "new");
    is_not_kept(&cache, &delegate, &id);
    block_on(stream(&cache, &id, "newer")).unwrap();
    is_not_kept(&cache, &delegate, &id);
    is_kept(&cache, &delegate, &id);
}

#[test]
fn a_commit_that_tells_all_is_kept() {
    let (cache, delegate) = with_old();
    write(&cache, &id(), "new");
    is_kept(&cache, &delegate, &id());
    block_on(stream(&cache, &other(), "newer")).unwrap();
    is_kept(&cache, &delegate, &other());
    assert_eq!(delegate.reads(), 0);
    tells_the_truth(&cache, &delegate);
}
