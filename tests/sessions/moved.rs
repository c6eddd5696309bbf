//! What requests find that still come with an id that the session has given up.

use std::time::Duration;

use serde_json::json;
use sessile::{CommitOutcome, ErrorKind, SessionEvent, SessionId, SessionStorage, SessionsOptions};
use smol::block_on;

use crate::{
    app::{Client, Events, client, gated, gated_with, held, kind},
    gated::Gated,
};

/// A client whose session has moved on, and one with the old cookie.
fn moved() -> (Client, Client, Gated) {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let old = client.clone();
    client.send(async |session| session.regenerate().await.unwrap());
    (client, old, storage)
}

fn id_of(client: &Client) -> SessionId {
    SessionId::new(client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap()).unwrap()
}

#[test]
fn s3_it_is_no_session_and_the_client_keeps_its_cookie() {
    let (mut client, mut old, _) = moved();
    let sent = old.send(async |session| {
        assert_eq!(session.get().await.unwrap(), None);
        assert!(session.is_new());
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Unchanged);
    });
    assert_eq!(sent, None);
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
}

#[test]
fn s3_what_such_a_request_sets_is_dropped() {
    let (mut client, mut old, storage) = moved();
    let sent = old.send(async |session| {
        session.set(json!({ "planted": true })).await.unwrap();
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Ended);
        assert_eq!(kind(session.set(json!(1)).await), Some(ErrorKind::NotFound));
    });
    assert_eq!(sent, None);
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
    assert_eq!(held(storage.memory()), 2);
}

#[test]
fn s3_a_login_of_such_a_request_begins_a_session_of_its_own() {
    let (mut client, mut old, _) = moved();
    let sent = old.send(async |session| {
        session.regenerate().await.unwrap();
        session.set(json!({ "name": "Bob" })).await.unwrap();
    });
    assert!(sent.is_some());
    assert_eq!(old.value(), Some(json!({ "name": "Bob" })));
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
}

#[test]
fn s2_its_logout_ends_the_session_where_it_is_now() {
    let (mut client, mut old, storage) = moved();
    client.send(async |session| session.regenerate().await.unwrap());
    let sent = old.send(async |session| session.clear().await.unwrap());
    assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
    assert_eq!(client.value(), None);
    assert_eq!(held(storage.memory()), 0);
}

#[test]
fn s3_a_request_that_had_loaded_the_session_before_is_told_that_it_has_ended_and_keeps_its_cookie() {
    let (mut client, _) = gated();
    client.set(json!({ "name": "Ada" }));
    let late = client.open();
    block_on(late.update(|_| json!({ "late": true }))).unwrap();
    client.send(async |session| session.regenerate().await.unwrap());
    assert_eq!(block_on(late.commit()).unwrap(), CommitOutcome::Ended);
    assert_eq!(block_on(late.finish()).unwrap(), None);
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
}

#[test]
fn s3_two_requests_that_give_a_new_id_at_once_leave_one_session() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let other = client.open();
    block_on(other.regenerate()).unwrap();
    client.send(async |session| session.regenerate().await.unwrap());
    assert_eq!(block_on(other.commit()).unwrap(), CommitOutcome::Ended);
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
    // The session, and the mark under its old id.
    assert_eq!(held(storage.memory()), 2);
}

#[test]
fn s3_the_mark_holds_no_id_and_none_of_the_tags_and_lasts_a_minute() {
    let (mut client, storage) = gated();
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.tag(["user 1"]).await.unwrap();
    });
    let mut old = client.clone();
    client.send(async |session| session.regenerate().await.unwrap());
    let (content, info) = block_on(storage.memory().get(&id_of(&old))).unwrap().unwrap();
    let text = String::from_utf8_lossy(&content).into_owned();
    assert!(text.starts_with("moved:v1."));
    assert!(!text.contains(id_of(&client).as_str()));
    assert_eq!(info.tags.iter().collect::<Vec<_>>(), ["sessile moved: user 1"]);
    assert_eq!(info.idle_timeout, Some(Duration::from_secs(60)));
    storage.clock().advance(Duration::from_secs(60));
    // Nobody knows it any more.
    let sent = old.send(async |session| assert_eq!(session.get().await.unwrap(), None));
    assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
}

/// A touch finds the mark: its `Set-Cookie` would take the new id from the client.
#[test]
fn s3_a_touch_of_an_id_that_was_given_up_sends_no_cookie() {
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let options = SessionsOptions::new().idle_timeout(minutes(30)).rolling(true);
    let (mut client, storage) = gated_with(options);
    client.set(json!({ "name": "Ada" }));
    storage.clock().advance(minutes(10));
    let reader = client.open();
    block_on(reader.get()).unwrap();
    client.send(async |session| session.regenerate().await.unwrap());
    assert_eq!(block_on(reader.finish()).unwrap(), None);
}

#[test]
fn s3_a_new_id_is_told_of() {
    let events = Events::default();
    let (mut client, _) = gated_with(SessionsOptions::new().on_event(events.told()));
    client.set(json!(1));
    let mut old = client.clone();
    client.send(async |session| session.regenerate().await.unwrap());
    old.set(json!(2));
    let expected =
        [SessionEvent::Created, SessionEvent::Regenerated, SessionEvent::Moved, SessionEvent::Ended];
    assert_eq!(events.all(), expected);
}

#[test]
fn s3_a_new_session_needs_no_new_id() {
    let mut client = client();
    client.send(async |session| {
        session.regenerate().await.unwrap();
        session.set(json!(1)).await.unwrap();
    });
    assert_eq!(client.value(), Some(json!(1)));
}
