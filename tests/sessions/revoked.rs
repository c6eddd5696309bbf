//! S2: sessions that get another id while those of their tag are ended.

use std::sync::Arc;

use serde_json::json;
use sessile::{
    DirectoryOptions, DirectoryStorage, ErrorKind, SessionId, SessionStorage, SessionsOptions, Tags,
};
use smol::block_on;

use crate::{
    app::{Client, client_of, gated, kind},
    calls::start,
    gated::{At, Call},
    stepwise::Stepwise,
    subjects::folders::TempFolder,
};

fn tagged() -> (Client, Stepwise) {
    let storage = Stepwise::new();
    let mut client = client_of(storage.clone(), SessionsOptions::new());
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.tag(["user 1", "all"]).await.unwrap();
    });
    (client, storage)
}

fn move_on(client: &mut Client) {
    client.send(async |session| session.regenerate().await.unwrap());
}

/// The list has the old id alone, and what is under it carries the tag no more.
#[test]
fn s2_a_session_that_gets_another_id_while_its_tag_is_revoked_is_ended() {
    let (mut client, storage) = tagged();
    let sessions = client.sessions.clone();
    let gate = storage.gated.hold(Call::Info, At::Begin);
    let mut revoking = start(sessions.revoke_all("user 1"));
    assert!(revoking.is_waiting());
    move_on(&mut client);
    gate.let_go();
    assert_eq!(revoking.end().unwrap(), 1);
    assert_eq!(client.value(), None);
}

/// Between the two writes of another id: the new one is there, and the old one not yet given up.
#[test]
fn s2_a_tag_that_is_revoked_between_the_two_writes_of_another_id_ends_the_session() {
    for held in [Call::Set, Call::Info] {
        let (mut client, storage) = tagged();
        let sessions = client.sessions.clone();
        let session = client.open();
        block_on(session.regenerate()).unwrap();
        let revoked = storage.gated.hold(Call::Info, At::Begin);
        let written = storage.gated.hold(Call::Set, At::Begin);
        let mut revoking = start(sessions.revoke_all("user 1"));
        let mut moving = start(session.finish());
        assert!(revoking.is_waiting() && moving.is_waiting());
        if held == Call::Set {
            revoked.let_go();
            assert!(!revoking.is_waiting());
            written.let_go();
        } else {
            written.let_go();
            assert!(!moving.is_waiting());
            revoked.let_go();
        }
        client.keep(moving.end().unwrap().as_ref());
        revoking.end().unwrap();
        assert_eq!(client.value(), None);
    }
}

#[test]
fn s2_ids_that_were_given_up_before_cost_no_second_pass() {
    let (mut client, storage) = gated();
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.tag(["user 1"]).await.unwrap();
    });
    move_on(&mut client);
    move_on(&mut client);
    assert_eq!(block_on(client.sessions.revoke_all("user 1")).unwrap(), 1);
    assert_eq!(storage.count(Call::InvalidateTagged), 1);
    assert_eq!(client.value(), None);
}

#[test]
fn s2_a_session_that_never_stays_under_one_id_is_not_said_to_be_revoked() {
    let (mut client, storage) = tagged();
    let sessions = client.sessions.clone();
    let mut gate = storage.gated.hold(Call::Info, At::Begin);
    let mut revoking = start(sessions.revoke_all("user 1"));
    for _ in 0..64 {
        assert!(revoking.is_waiting());
        let next = storage.gated.hold(Call::Info, At::Begin);
        move_on(&mut client);
        gate.let_go();
        revoking.is_waiting();
        gate = next;
    }
    assert_eq!(kind(revoking.end()), Some(ErrorKind::Conflict));
}

#[test]
fn s2_a_revocation_that_cannot_list_what_has_moved_fails() {
    let (client, storage) = tagged();
    storage.gated.fail(Call::ListTagged, sessile::Error::new(ErrorKind::Storage, "down"));
    assert_eq!(kind(block_on(client.sessions.revoke_all("user 1"))), Some(ErrorKind::Storage));
}

/// A tag may be as long as tags are, and of any letters.
#[test]
fn s2_what_moved_is_found_by_the_first_128_letters_of_its_tags() {
    let long = "\u{1f600}".repeat(256);
    let (mut client, storage) = gated();
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.tag([long.as_str(), &format!("{}!", "\u{1f600}".repeat(255)), "user 1"]).await.unwrap();
    });
    let old = SessionId::new(client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap()).unwrap();
    move_on(&mut client);
    let mark = block_on(storage.memory().info(&old)).unwrap().unwrap();
    let expected =
        [format!("sessile moved: {}", "\u{1f600}".repeat(128)), "sessile moved: user 1".to_owned()];
    assert_eq!(mark.tags, Tags::new(expected).unwrap());
    assert_eq!(block_on(client.sessions.revoke_all(&long)).unwrap(), 1);
    assert_eq!(client.value(), None);
}

#[test]
fn s2_a_tag_that_is_revoked_among_threads_on_a_folder_ends_all_its_sessions() {
    let folder = TempFolder::new();
    let storage = Arc::new(DirectoryStorage::new(folder.path(), DirectoryOptions::new()).unwrap());
    let tags = Tags::new(["all"]).unwrap();
    let first = client_of(Arc::clone(&storage), SessionsOptions::new().tags(tags));
    for round in 0..20 {
        let clients = (0..4).map(|_| {
            let mut client = first.clone();
            client.set(json!({ "round": round }));
            client
        });
        let clients: Vec<_> = clients.collect();
        let clients = std::thread::scope(|scope| {
            let moving: Vec<_> = clients
                .into_iter()
                .map(|mut client| {
                    scope.spawn(move || {
                        for _ in 0..8 {
                            move_on(&mut client);
                        }
                        client
                    })
                })
                .collect();
            block_on(first.sessions.revoke_all("all")).unwrap();
            moving.into_iter().map(|moving| moving.join().unwrap()).collect::<Vec<_>>()
        });
        for mut client in clients {
            assert_eq!(client.value(), None, "round {round}");
        }
    }
}
