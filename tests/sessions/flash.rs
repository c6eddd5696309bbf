//! Messages that wait for the next request.

use futures::future::join_all;
use serde_json::{Value, json};
use sessile::{CommitOutcome, ErrorKind, OnConflict, SessionStorageMemory, SessionsOptions};
use smol::{block_on, lock::Barrier};

use crate::app::{Client, client, client_of, kind};

fn flashes_of(client: &mut Client, kind: &str) -> Vec<String> {
    let mut messages = Vec::new();
    client.send(async |session| messages = session.flashes(kind).await.unwrap());
    messages
}

#[test]
fn they_are_there_for_the_next_request_in_their_order_and_once() {
    let mut client = client();
    client.send(async |session| {
        session.flash("info", "Saved").await.unwrap();
        session.flash("error", "Not sent").await.unwrap();
        session.flash("info", "Printed").await.unwrap();
    });
    assert_eq!(client.value(), None);
    assert_eq!(flashes_of(&mut client, "info"), ["Saved", "Printed"]);
    assert!(flashes_of(&mut client, "info").is_empty());
    assert_eq!(flashes_of(&mut client, "error"), ["Not sent"]);
}

#[test]
fn they_stand_beside_any_value_and_change_none() {
    let values = [
        json!({ "name": "Ada" }),
        json!({}),
        json!([]),
        json!([1]),
        json!("text"),
        json!(null),
        json!({ "$flash": { "info": ["mine"] } }),
        json!({ "$value": 1 }),
    ];
    for value in values {
        let mut client = client();
        client.set(value.clone());
        client.send(async |session| session.flash("info", "Saved").await.unwrap());
        assert_eq!(client.value().as_ref(), Some(&value));
        assert_eq!(flashes_of(&mut client, "info"), ["Saved"]);
        assert_eq!(client.value(), Some(value));
    }
}

#[test]
fn s1_parallel_requests_lose_none_and_take_none_twice() {
    let mut client = client();
    client.send(async |session| {
        session.set(json!({ "n": 0 })).await.unwrap();
        session.flash("info", "first").await.unwrap();
    });
    let loaded = Barrier::new(100);
    block_on(join_all((0..100).map(|index| {
        let (session, loaded) = (client.open(), &loaded);
        async move {
            session.get().await.unwrap();
            loaded.wait().await;
            if index == 50 {
                assert_eq!(session.flashes("info").await.unwrap(), ["first"]);
            }
            session.flash("info", format!("message {index}")).await.unwrap();
            let counted = |value: Option<Value>| json!({ "n": value.unwrap()["n"].as_u64().unwrap() + 1 });
            session.update(counted).await.unwrap();
            session.finish().await.unwrap();
        }
    })));
    let mut messages = flashes_of(&mut client, "info");
    assert!(!messages.contains(&"first".to_owned()));
    messages.sort();
    messages.dedup();
    assert_eq!(messages.len(), 100);
    assert_eq!(client.value(), Some(json!({ "n": 100 })));
}

#[test]
fn s1_they_are_merged_also_where_values_are_overwritten() {
    let options = SessionsOptions::new().on_conflict(OnConflict::Overwrite);
    let mut client = client_of(SessionStorageMemory::new(), options);
    client.set(json!(1));
    let session = client.open();
    block_on(session.flash("info", "mine")).unwrap();
    client.send(async |other| other.flash("info", "theirs").await.unwrap());
    block_on(session.finish()).unwrap();
    assert_eq!(flashes_of(&mut client, "info"), ["theirs", "mine"]);
}

#[test]
fn s3_they_go_with_the_session_to_another_id_and_end_with_it() {
    let mut client = client();
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.flash("info", "Welcome").await.unwrap();
        session.commit().await.unwrap();
        session.regenerate().await.unwrap();
        session.flash("info", "back").await.unwrap();
    });
    let mut old = client.clone();
    client.send(async |session| session.regenerate().await.unwrap());
    old.send(async |session| {
        session.flash("info", "late").await.unwrap();
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Ended);
    });
    let copy = client.clone();
    assert_eq!(flashes_of(&mut client, "info"), ["Welcome", "back"]);
    client.send(async |session| session.clear().await.unwrap());
    assert!(flashes_of(&mut copy.clone(), "info").is_empty());
}

#[test]
fn taken_and_not_committed_they_are_still_there() {
    let mut client = client();
    client.send(async |session| session.flash("info", "Saved").await.unwrap());
    let failing = client.open();
    assert_eq!(block_on(failing.flashes("info")).unwrap(), ["Saved"]);
    drop(failing);
    assert_eq!(flashes_of(&mut client, "info"), ["Saved"]);
}

#[test]
fn they_are_of_a_kind_that_has_a_name() {
    let session = client().open();
    assert_eq!(kind(block_on(session.flash("", "text"))), Some(ErrorKind::InvalidOption));
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Unchanged);
}

#[test]
fn they_stand_beside_a_value_that_is_nested_as_deep_as_it_can_be() {
    for around in [|value| json!([value]), |value| json!({ "value": value })] as [fn(_) -> _; 2] {
        let deep: serde_json::Value = (0..200).fold(json!(1), |value, _| around(value));
        let mut client = client();
        client.send(async |session| session.set(deep.clone()).await.unwrap());
        client.send(async |session| session.flash("info", "Saved").await.unwrap());
        client.send(async |session| assert_eq!(session.get().await.unwrap().as_ref(), Some(&deep)));
        assert_eq!(flashes_of(&mut client, "info"), ["Saved"]);
    }
}
