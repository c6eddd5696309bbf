//! S1: parallel requests do not lose each other's changes.

use futures::future::join_all;
use serde_json::{Value, json};
use sessile::{
    DirectoryOptions, DirectoryStorage, ErrorKind, OnConflict, SessionStorage, SessionStorageMemory,
    Sessions, SessionsOptions,
};
use smol::block_on;
use smol::lock::Barrier;

use crate::{
    app::{Client, client, client_of, gated, kind, sessions},
    calls::start,
    gated::{At, Call},
    plain::Plain,
    subjects::folders::TempFolder,
};

const MANY: usize = 200;

fn add_keys(storage: impl SessionStorage + 'static) {
    let mut client = client_of(storage, SessionsOptions::new());
    client.set(json!({ "first": true }));
    let loaded = Barrier::new(MANY);
    block_on(join_all((0..MANY).map(|index| {
        let (session, loaded) = (client.open(), &loaded);
        async move {
            let mut value = session.get().await.unwrap().unwrap();
            loaded.wait().await;
            value[format!("key {index}")] = index.into();
            session.set(value).await.unwrap();
            session.finish().await.unwrap();
        }
    })));
    let value = client.value().unwrap();
    assert_eq!(value.as_object().unwrap().len(), MANY + 1);
    for index in 0..MANY {
        assert_eq!(value[format!("key {index}")], index);
    }
}

fn count(storage: impl SessionStorage + 'static) {
    let mut client = client_of(storage, SessionsOptions::new());
    client.set(json!({ "count": 0 }));
    let loaded = Barrier::new(MANY);
    block_on(join_all((0..MANY).map(|_| {
        let (session, loaded) = (client.open(), &loaded);
        async move {
            session.get().await.unwrap();
            loaded.wait().await;
            session.update(counted_by(1)).await.unwrap();
            session.finish().await.unwrap();
        }
    })));
    assert_eq!(client.value(), Some(json!({ "count": MANY })));
}

fn counted_by(by: u64) -> impl Fn(Option<Value>) -> Value + Send + Sync + 'static {
    move |value| {
        let mut value = value.unwrap();
        value["count"] = (value["count"].as_u64().unwrap() + by).into();
        value
    }
}

#[test]
fn s1_200_parallel_requests_add_200_keys_in_memory() {
    add_keys(SessionStorageMemory::new());
}

#[test]
fn s1_200_parallel_requests_add_200_keys_in_a_folder() {
    let folder = TempFolder::new();
    add_keys(DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap());
}

#[test]
fn s1_200_parallel_updates_count_to_200_in_memory() {
    count(SessionStorageMemory::new());
}

#[test]
fn s1_200_parallel_updates_count_to_200_in_a_folder() {
    let folder = TempFolder::new();
    count(DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap());
}

/// Two servers on one folder: their turns know nothing of each other.
#[test]
fn s1_updates_of_several_threads_and_storages_are_all_counted() {
    let folder = TempFolder::new();
    let storage = || DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap();
    let mut client = client_of(storage(), SessionsOptions::new());
    client.set(json!({ "count": 0 }));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let own = Client { sessions: sessions(storage(), SessionsOptions::new()), ..client.clone() };
            scope.spawn(move || {
                for _ in 0..25 {
                    let session = own.open();
                    block_on(session.update(counted_by(1))).unwrap();
                    block_on(session.finish()).unwrap();
                }
            });
        }
    });
    assert_eq!(client.value(), Some(json!({ "count": 100 })));
}

#[test]
fn s1_what_both_changed_is_as_the_last_has_it_and_all_else_is_kept() {
    let mut client = client();
    client.set(json!({ "both": 0, "gone": 1, "deep": { "mine": 0, "theirs": 0 }, "list": [1] }));
    let mut other = client.clone();
    client.send(async |session| {
        session.get().await.unwrap();
        other.set(json!({
            "both": "theirs", "gone": 1, "deep": { "mine": 0, "theirs": 1 }, "list": [1, 2], "added": true
        }));
        let mine = json!({ "both": "mine", "deep": { "mine": 1, "theirs": 0 }, "list": [1] });
        session.set(mine).await.unwrap();
    });
    let expected = json!({
        "both": "mine", "deep": { "mine": 1, "theirs": 1 }, "list": [1, 2], "added": true
    });
    assert_eq!(client.value(), Some(expected));
}

#[test]
fn s1_set_and_update_are_made_again_in_their_order() {
    let mut client = client();
    client.set(json!({ "count": 1, "own": 0 }));
    let mut other = client.clone();
    client.send(async |session| {
        session.update(counted_by(1)).await.unwrap();
        other.set(json!({ "count": 10, "own": 0 }));
        session.set(json!({ "count": 2, "own": "mine" })).await.unwrap();
        let doubled = |value: Option<Value>| {
            let mut value = value.unwrap();
            value["count"] = (value["count"].as_u64().unwrap() * 2).into();
            value
        };
        assert_eq!(session.update(doubled).await.unwrap()["count"], 4);
    });
    assert_eq!(client.value(), Some(json!({ "count": 22, "own": "mine" })));
}

#[test]
fn s1_an_update_that_panics_changes_nothing_and_leaves_the_session_usable() {
    let mut client = client();
    client.set(json!({ "count": 1 }));
    let session = client.open();
    let panicking = session.update(|_| panic!("of the function"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| block_on(panicking)));
    assert!(caught.is_err());
    block_on(session.update(counted_by(1))).unwrap();
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 2 })));
}

#[test]
fn s1_a_change_during_a_commit_is_stored_by_the_next_and_only_once() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 0 }));
    let session = client.open();
    block_on(session.update(counted_by(1))).unwrap();
    client.send(async |other| drop(other.update(counted_by(10)).await.unwrap()));
    let gate = storage.hold(Call::Get, At::Begin);
    let mut committed = start(session.commit());
    assert!(committed.is_waiting() && gate.is_reached());
    block_on(session.update(counted_by(100))).unwrap();
    gate.let_go();
    assert_eq!(committed.end().unwrap(), sessile::CommitOutcome::Written);
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 111 })));
}

#[test]
fn s1_a_change_while_the_write_is_under_way_is_stored_by_the_next() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 0 }));
    let session = client.open();
    block_on(session.update(counted_by(1))).unwrap();
    let gate = storage.hold(Call::Set, At::End);
    let mut committed = start(session.commit());
    assert!(committed.is_waiting());
    block_on(session.update(counted_by(100))).unwrap();
    gate.let_go();
    committed.end().unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 1 })));
    client.send(async |other| drop(other.update(counted_by(10)).await.unwrap()));
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 111 })));
}

#[test]
fn s1_a_change_during_a_write_is_made_on_what_others_have_put_back_to_what_it_was() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 0 }));
    let session = client.open();
    block_on(session.update(counted_by(1))).unwrap();
    let gate = storage.hold(Call::Set, At::End);
    let mut committed = start(session.commit());
    assert!(committed.is_waiting());
    block_on(session.update(counted_by(100))).unwrap();
    gate.let_go();
    committed.end().unwrap();
    client.set(json!({ "count": 0 }));
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 100 })));
}

/// The commit that is dropped has met a conflict and stands in the queue; those behind it go on.
#[test]
fn s1_who_gives_up_waiting_holds_up_nobody() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 0 }));
    let [first, second, third] = [1, 10, 100].map(|by| {
        let session = client.open();
        block_on(session.update(counted_by(by))).unwrap();
        session
    });
    client.send(async |other| drop(other.update(counted_by(1_000)).await.unwrap()));
    let gate = storage.hold(Call::Get, At::End);
    let mut ahead = start(first.commit());
    let mut given_up = start(second.commit());
    let mut behind = start(third.commit());
    assert!(ahead.is_waiting() && given_up.is_waiting() && behind.is_waiting());
    drop(given_up);
    gate.let_go();
    ahead.end().unwrap();
    behind.end().unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 1_101 })));
}

#[test]
fn s1_on_conflict_error_fails_and_overwrite_does_not_merge() {
    for on_conflict in [OnConflict::Error, OnConflict::Overwrite] {
        let mut client =
            client_of(SessionStorageMemory::new(), SessionsOptions::new().on_conflict(on_conflict));
        client.set(json!({ "first": 1 }));
        let session = client.open();
        block_on(session.get()).unwrap();
        client.set(json!({ "theirs": 1 }));
        block_on(session.set(json!({ "first": 1, "mine": 1 }))).unwrap();
        let finished = block_on(session.finish());
        if on_conflict == OnConflict::Error {
            assert_eq!(kind(finished), Some(ErrorKind::Conflict));
            assert_eq!(client.value(), Some(json!({ "theirs": 1 })));
        } else {
            finished.unwrap();
            assert_eq!(client.value(), Some(json!({ "first": 1, "mine": 1 })));
        }
    }
}

#[test]
fn s1_a_storage_without_conditions_can_only_overwrite() {
    for on_conflict in [OnConflict::Merge, OnConflict::Error] {
        let options = SessionsOptions::new().on_conflict(on_conflict);
        let made = Sessions::<Value>::cookie("user", Plain::default(), options);
        assert_eq!(kind(made), Some(ErrorKind::InvalidOption));
    }
    let options = SessionsOptions::new().on_conflict(OnConflict::Overwrite);
    let mut client = client_of(Plain::default(), options);
    client.set(json!({ "kept": 1 }));
    let before = client.clone();
    client.send(async |session| {
        session.regenerate().await.unwrap();
        session.set(json!({ "kept": 2 })).await.unwrap();
    });
    assert_eq!(client.value(), Some(json!({ "kept": 2 })));
    assert_eq!(before.clone().value(), None);
    client.send(async |session| session.clear().await.unwrap());
    assert_eq!(client.cookie, None);
}

#[test]
fn s1_what_clones_of_one_session_change_at_the_same_time_is_all_kept() {
    let mut client = client();
    client.set(json!({ "count": 0 }));
    let session = client.open();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let own = session.clone();
            scope.spawn(move || {
                for _ in 0..100 {
                    block_on(own.update(counted_by(1))).unwrap();
                }
            });
        }
    });
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "count": 400 })));
}
