//! S2: a logout sticks.

use std::{sync::Arc, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};
use sessile::{
    CommitOutcome, DirectoryOptions, DirectoryStorage, Error, ErrorKind, ManualClock, MemoryOptions,
    SessionEvent, SessionId, SessionStorageMemory, SessionsOptions,
};
use smol::block_on;
use smol::future::yield_now;

use crate::{
    app::{Events, client_of, gated, gated_with, held, kind, next},
    calls::start,
    gated::{At, Call},
    subjects::folders::TempFolder,
};

fn down() -> Error {
    Error::new(ErrorKind::Storage, "down")
}

fn updated(value: Option<Value>) -> Value {
    let mut value = value.unwrap_or_default();
    value["updates"] = (value["updates"].as_u64().unwrap_or(0) + 1).into();
    value
}

async fn turns(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

#[test]
fn s2_a_logout_racing_100_slow_requests_for_1000_rounds_never_comes_back() {
    let mut seed = 17;
    for round in 0..1_000 {
        let options = SessionsOptions::new().idle_timeout(Duration::from_secs(60)).rolling(round % 2 == 0);
        let mut client = client_of(SessionStorageMemory::new(), options);
        client.set(json!({ "round": round }));
        let client = &client;
        let slow = (0..100).map(|index| {
            let (before, after) = (next(&mut seed) % 30, next(&mut seed) % 60);
            let mut own = client.clone();
            async move {
                turns(before).await;
                let session = own.open();
                let value = session.get().await.unwrap();
                turns(after).await;
                match (value, index % 5) {
                    (None, _) => {}
                    (Some(_), 0) => session.regenerate().await.unwrap(),
                    (Some(mut value), 1) => {
                        value[index.to_string()] = true.into();
                        session.set(value).await.unwrap();
                    }
                    (Some(_), 2) => session.touch().await.unwrap(),
                    (Some(_), 3) => session.tag([index.to_string()]).await.unwrap(),
                    (Some(_), _) => {
                        session.update(updated).await.unwrap();
                    }
                }
                own.keep(session.finish().await.unwrap().as_ref());
                own
            }
        });
        let slow: Vec<_> = slow.collect();
        let at = next(&mut seed) % 60;
        let logout = async {
            turns(at).await;
            let session = client.open();
            session.clear().await.unwrap();
            session.finish().await.unwrap();
        };
        let (slow, ()) = block_on(futures::future::join(join_all(slow), logout));
        for mut own in slow {
            assert_eq!(own.value(), None, "round {round}");
        }
    }
}

#[test]
fn s2_a_logout_among_threads_on_a_folder_is_final() {
    let folder = TempFolder::new();
    let storage = Arc::new(DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap());
    for round in 0..10 {
        let mut client = client_of(Arc::clone(&storage), SessionsOptions::new());
        client.set(json!({ "round": round }));
        let own = std::thread::scope(|scope| {
            let requests: Vec<_> = (0..6)
                .map(|index| {
                    let mut own = client.clone();
                    scope.spawn(move || {
                        own.send(async |session| match index {
                            0 => session.clear().await.unwrap(),
                            1 => session.regenerate().await.unwrap(),
                            _ => {
                                let Some(mut value) = session.get().await.unwrap() else { return };
                                value[index.to_string()] = true.into();
                                session.set(value).await.unwrap();
                            }
                        });
                        own
                    })
                })
                .collect();
            requests.into_iter().map(|request| request.join().unwrap()).collect::<Vec<_>>()
        });
        for mut own in own {
            assert_eq!(own.value(), None, "round {round}");
        }
        assert_eq!(client.value(), None);
        assert_eq!(client.cookie, None);
    }
}

#[test]
fn s2_a_commit_after_the_logout_says_so_and_takes_the_cookie() {
    let events = Events::default();
    let mut client = client_of(SessionStorageMemory::new(), SessionsOptions::new().on_event(events.told()));
    client.set(json!({ "name": "Ada" }));
    let mut other = client.clone();
    let sent = client.send(async |session| {
        session.get().await.unwrap();
        other.send(async |session| session.clear().await.unwrap());
        session.set(json!({ "late": true })).await.unwrap();
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Ended);
        assert_eq!(session.get().await.unwrap(), None);
        assert_eq!(kind(session.set(json!({ "again": 1 })).await), Some(ErrorKind::NotFound));
        assert_eq!(kind(session.update(|_| json!(1)).await), Some(ErrorKind::NotFound));
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Ended);
    });
    assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
    let expected =
        [SessionEvent::Created, SessionEvent::Invalidated, SessionEvent::Conflict, SessionEvent::Ended];
    assert_eq!(events.all(), expected);
}

#[test]
fn s2_a_session_that_regenerates_during_a_logout_is_ended() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let mut other = client.clone();
    client.send(async |session| {
        session.regenerate().await.unwrap();
        other.send(async |session| session.clear().await.unwrap());
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Ended);
    });
    assert_eq!(held(storage.memory()), 0);
}

/// The new id is stored already; the logout comes before the old one is given up.
#[test]
fn s2_a_logout_between_the_two_writes_of_a_new_id_is_final() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    block_on(session.regenerate()).unwrap();
    let gate = storage.hold(Call::Set, At::End);
    let mut moving = start(session.commit());
    assert!(moving.is_waiting());
    client.clone().send(async |session| session.clear().await.unwrap());
    gate.let_go();
    assert_eq!(moving.end().unwrap(), CommitOutcome::Ended);
    assert_eq!(held(storage.memory()), 0);
}

/// The logout has read where the session is, and it moves before that is ended.
#[test]
fn s2_a_session_that_moves_away_from_a_logout_is_followed() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let logout = client.open();
    let gate = storage.hold(Call::Get, At::End);
    let mut clearing = start(logout.clear());
    assert!(clearing.is_waiting());
    client.send(async |session| session.regenerate().await.unwrap());
    gate.let_go();
    clearing.end().unwrap();
    assert_eq!(client.value(), None);
    assert_eq!(held(storage.memory()), 0);
}

/// What is there may be the mark of a session that has moved, whose new id nobody can tell then.
#[test]
fn s2_a_logout_while_the_storage_cannot_read_fails_and_ends_what_is_under_its_id() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    storage.fail(Call::Get, down());
    storage.fail(Call::Get, down());
    assert_eq!(kind(block_on(session.get())), Some(ErrorKind::Storage));
    assert_eq!(kind(block_on(session.clear())), Some(ErrorKind::Storage));
    assert_eq!(held(storage.memory()), 0);
    block_on(session.clear()).unwrap();
    let sent = block_on(session.finish()).unwrap().unwrap();
    assert!(sent.value.starts_with("user=; Max-Age=0; "));
}

#[test]
fn s2_a_logout_that_cannot_be_told_where_the_session_went_fails() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let old = client.open();
    client.send(async |session| session.regenerate().await.unwrap());
    storage.fail(Call::Get, down());
    assert_eq!(kind(block_on(old.clear())), Some(ErrorKind::Storage));
    assert_eq!(held(storage.memory()), 1);
    // The client's own logout is another one.
    client.send(async |session| session.clear().await.unwrap());
    assert_eq!(held(storage.memory()), 0);
}

#[test]
fn s2_a_logout_that_cannot_empty_the_session_fails_and_ends_it() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    block_on(session.get()).unwrap();
    storage.fail(Call::Set, down());
    assert_eq!(kind(block_on(session.clear())), Some(ErrorKind::Storage));
    assert_eq!(held(storage.memory()), 0);
}

#[test]
fn s2_a_logout_ends_a_session_that_is_damaged() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    storage.fail(Call::Get, Error::new(ErrorKind::Corrupt, "damaged"));
    client.send(async |session| session.clear().await.unwrap());
    assert_eq!(held(storage.memory()), 0);
}

#[test]
fn s2_what_was_loaded_before_a_clear_is_not_the_session_after_it() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    let gate = storage.hold(Call::Get, At::End);
    let mut loading = start(session.get());
    assert!(loading.is_waiting());
    let reader = session.clone();
    block_on(session.clear()).unwrap();
    gate.let_go();
    assert_eq!(loading.end().unwrap(), None);
    assert_eq!(block_on(reader.get()).unwrap(), None);
}

#[test]
fn s2_an_id_that_was_given_to_another_session_is_not_the_one_that_was_loaded() {
    let clock = Arc::new(ManualClock::default());
    let storage = SessionStorageMemory::with_options(MemoryOptions::new().clock(Arc::clone(&clock))).unwrap();
    let options = SessionsOptions::new().clock(Arc::clone(&clock)).generate_id(|| SessionId::new("Ada's"));
    let mut client = client_of(storage, options);
    client.set(json!({ "login": 1 }));
    let session = client.open();
    block_on(session.get()).unwrap();
    client.send(async |session| session.clear().await.unwrap());
    clock.advance(Duration::from_millis(1));
    client.set(json!({ "login": 2 }));
    block_on(session.set(json!({ "late": true }))).unwrap();
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Ended);
    assert_eq!(client.value(), Some(json!({ "login": 2 })));
}

#[test]
fn s2_revoking_a_tag_ends_its_sessions_and_those_tagged_by_other_requests() {
    let tags = sessile::Tags::new(["all"]).unwrap();
    let (mut client, storage) = gated_with(SessionsOptions::new().tags(tags));
    client.set(json!({ "name": "Ada" }));
    let mut other = client.clone();
    client.send(async |session| {
        session.tag(["user 1"]).await.unwrap();
        other.send(async |session| session.tag(["user 2"]).await.unwrap());
    });
    let tagged = |tag| block_on(sessile::SessionStorage::list_tagged(storage.memory(), tag)).unwrap().len();
    assert_eq!([tagged("all"), tagged("user 1"), tagged("user 2")], [1, 1, 1]);
    client.send(async |session| session.regenerate().await.unwrap());
    assert_eq!([tagged("all"), tagged("user 1"), tagged("user 2")], [1, 1, 1]);
    assert_eq!(block_on(client.sessions.revoke_all("user 2")).unwrap(), 1);
    assert_eq!(block_on(client.sessions.revoke_all("all")).unwrap(), 0);
    assert_eq!(client.value(), None);
}
