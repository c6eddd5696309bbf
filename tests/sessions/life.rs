//! How long sessions live, and what they cost.

use std::time::Duration;

use serde_json::json;
use sessile::{CommitOutcome, SessionCookie, SessionStorageMemory, Sessions, SessionsOptions};
use smol::block_on;

use crate::{
    app::{Client, Request, gated, gated_with},
    gated::Call,
};

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

#[test]
fn a_request_that_does_not_ask_costs_no_call_and_one_that_reads_costs_one() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let calls = || (storage.count(Call::Get), storage.count(Call::Set), storage.count(Call::Touch));
    assert_eq!(calls(), (0, 1, 0));
    let plain = client.open();
    assert!(!plain.is_used());
    assert_eq!(block_on(plain.finish()).unwrap(), None);
    assert_eq!(calls(), (0, 1, 0));
    let sent = client.send(async |session| {
        let (one, other) = futures::join!(session.get(), session.get());
        assert_eq!(one.unwrap(), other.unwrap());
        session.set(json!({ "name": "Ada" })).await.unwrap();
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Unchanged);
    });
    assert_eq!((calls(), sent), ((1, 1, 0), None));
    let none = client.sessions.open(&Request::new(None));
    assert_eq!(block_on(none.get()).unwrap(), None);
    assert_eq!(block_on(none.finish()).unwrap(), None);
    assert_eq!(calls(), (1, 1, 0));
}

#[test]
fn what_is_read_is_touched_but_not_each_time() {
    let options = SessionsOptions::new().idle_timeout(minutes(30)).rolling(true);
    let (mut client, storage) = gated_with(options);
    let made = client.send(async |session| session.set(json!({ "name": "Ada" })).await.unwrap());
    assert!(made.unwrap().contains("; Max-Age=1800; "));
    for _ in 0..6 {
        storage.clock().advance(minutes(10));
        let sent = client.send(async |session| drop(session.get().await.unwrap()));
        assert!(sent.unwrap().contains("; Max-Age=1800; "));
        assert_eq!(client.send(async |session| drop(session.get().await.unwrap())), None);
    }
    assert_eq!((storage.count(Call::Touch), storage.count(Call::Set)), (6, 1));
    storage.clock().advance(minutes(31));
    assert_eq!(client.value(), None);
}

#[test]
fn a_session_is_not_touched_where_that_could_not_lengthen_it() {
    let options = SessionsOptions::new().idle_timeout(minutes(30)).absolute_timeout(minutes(60));
    let (mut client, storage) = gated_with(options);
    client.set(json!(1));
    for advance in [20, 20, 5, 5, 5] {
        storage.clock().advance(minutes(advance));
        assert_eq!(client.value(), Some(json!(1)));
    }
    assert_eq!(storage.count(Call::Touch), 2);
    storage.clock().advance(minutes(6));
    assert_eq!(client.value(), None);
}

#[test]
fn a_touch_that_is_asked_for_counts_at_once() {
    let (mut client, storage) = gated_with(SessionsOptions::new().idle_timeout(minutes(30)));
    client.set(json!(1));
    client.send(async |session| {
        session.touch().await.unwrap();
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Touched);
        assert_eq!(session.commit().await.unwrap(), CommitOutcome::Unchanged);
    });
    assert_eq!(storage.count(Call::Touch), 1);
}

#[test]
fn activity_is_noted_as_seldom_as_asked() {
    let options = SessionsOptions::new().idle_timeout(minutes(30)).touch_after(minutes(10));
    let (mut client, storage) = gated_with(options);
    client.set(json!(1));
    storage.clock().advance(minutes(9));
    client.value();
    assert_eq!(storage.count(Call::Touch), 0);
    storage.clock().advance(minutes(1));
    client.value();
    assert_eq!(storage.count(Call::Touch), 1);
}

#[test]
fn a_session_that_ended_while_it_was_read_is_told_of() {
    let (mut client, storage) = gated_with(SessionsOptions::new().idle_timeout(minutes(30)));
    client.set(json!(1));
    storage.clock().advance(minutes(10));
    let session = client.open();
    block_on(session.get()).unwrap();
    client.send(async |session| session.clear().await.unwrap());
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Ended);
}

#[test]
fn a_cookie_lives_as_long_as_its_session_unless_it_is_said() {
    let age = |cookie: SessionCookie, options: SessionsOptions| {
        let sessions = Sessions::cookie(cookie, SessionStorageMemory::new(), options).unwrap();
        let sent = Client::new(&sessions).send(async |session| session.set(json!(1)).await.unwrap()).unwrap();
        sent.split("; ").find_map(|part| part.strip_prefix("Max-Age=").map(str::to_owned))
    };
    let user = || SessionCookie::new("user");
    let both = || SessionsOptions::new().idle_timeout(minutes(30)).absolute_timeout(minutes(60));
    assert_eq!(age(user(), SessionsOptions::new()), None);
    assert_eq!(age(user(), SessionsOptions::new().idle_timeout(minutes(30))), None);
    assert_eq!(age(user(), both()).as_deref(), Some("3600"));
    assert_eq!(age(user(), both().rolling(true)).as_deref(), Some("1800"));
    assert_eq!(age(user().until_closed(), both()), None);
    assert_eq!(age(user().max_age(minutes(1)), both()).as_deref(), Some("60"));
}
