//! What a session holds, beside what other programs have put there.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessile::{
    ErrorKind, Session, SessionId, SessionStorage, SessionStorageMemory, Sessions, SessionsOptions,
    WriteOptions,
};
use smol::block_on;

use crate::app::{Client, client, kind};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    visits: Option<u32>,
}

fn ada() -> User {
    User { name: "Ada".to_owned(), visits: None }
}

/// A client whose session another program has stored so.
fn stored(content: &str) -> (Client<User>, SessionStorageMemory, SessionId) {
    let storage = SessionStorageMemory::new();
    let sessions = Sessions::<User>::cookie("user", storage.clone(), SessionsOptions::new()).unwrap();
    let mut client = Client::new(&sessions);
    client.set(ada());
    let id = SessionId::new(client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap()).unwrap();
    set(&storage, &id, content);
    (client, storage, id)
}

fn set(storage: &SessionStorageMemory, id: &SessionId, content: &str) {
    block_on(storage.set(id, Bytes::from(content.to_owned()), WriteOptions::new())).unwrap();
}

fn content(storage: &SessionStorageMemory, id: &SessionId) -> Value {
    serde_json::from_slice(&block_on(storage.get(id)).unwrap().unwrap().0).unwrap()
}

#[test]
fn the_content_is_the_values_own_json() {
    let (client, storage, id) = stored("{\"name\":\"Eve\"}");
    client.clone().set(User { visits: Some(3), ..ada() });
    assert_eq!(content(&storage, &id), json!({ "name": "Ada", "visits": 3 }));
}

#[test]
fn keys_that_the_type_does_not_know_stay_whoever_changes_the_others() {
    let (mut client, storage, id) = stored("{\"name\":\"Eve\",\"visits\":1,\"cart\":{\"a\":[1.5]}}");
    client.set(ada());
    assert_eq!(content(&storage, &id), json!({ "name": "Ada", "cart": { "a": [1.5] } }));
    client.send(async |session| {
        let user = session.update(|user| User { visits: Some(7), ..user.unwrap() }).await.unwrap();
        assert_eq!(user.visits, Some(7));
        // Meanwhile another program.
        set(&storage, &id, "{\"name\":\"Bob\",\"cart\":{},\"more\":null}");
    });
    assert_eq!(content(&storage, &id), json!({ "name": "Bob", "visits": 7, "cart": {}, "more": null }));
}

#[test]
fn messages_of_the_npm_package_stay_beside_the_value() {
    let flash = json!({ "info": ["Saved"] });
    let (mut client, storage, id) = stored("{\"name\":\"Eve\",\"$flash\":{\"info\":[\"Saved\"]}}");
    client.send(async |session| {
        drop(session.update(|user| User { visits: Some(1), ..user.unwrap() }).await.unwrap());
    });
    assert_eq!(content(&storage, &id), json!({ "name": "Eve", "visits": 1, "$flash": flash }));
    client.send(async |session| session.regenerate().await.unwrap());
    let id = SessionId::new(client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap()).unwrap();
    assert_eq!(content(&storage, &id), json!({ "name": "Eve", "visits": 1, "$flash": flash }));
    // Messages alone are no value.
    set(&storage, &id, "{\"$flash\":{\"info\":[\"Saved\"]}}");
    assert_eq!(client.value(), None);
    client.set(ada());
    assert_eq!(content(&storage, &id), json!({ "name": "Ada", "$flash": flash }));
}

#[test]
fn keys_keep_their_order_and_new_ones_come_last() {
    let text = |storage: &SessionStorageMemory, id: &SessionId| {
        String::from_utf8(block_on(storage.get(id)).unwrap().unwrap().0.into()).unwrap()
    };
    let (mut client, storage, id) = stored(
        "{\"z\":1,\"name\":\"Eve\",\"$flash\":{\"b\":[\"1\"],\"a\":[\"2\"]},\"deep\":{\"y\":1,\"x\":2}}",
    );
    client.set(User { visits: Some(1), ..ada() });
    let expected = "{\"z\":1,\"name\":\"Ada\",\"deep\":{\"y\":1,\"x\":2},\"visits\":1,\
        \"$flash\":{\"b\":[\"1\"],\"a\":[\"2\"]}}";
    assert_eq!(text(&storage, &id), expected);
}

#[test]
fn a_value_may_be_anything_that_json_has() {
    let mut client = client();
    for value in [
        json!(null),
        json!(0),
        json!("text"),
        json!([1, [2]]),
        json!({}),
        json!({ "$flash": { "a": ["b"] } }),
    ] {
        client.set(value.clone());
        assert_eq!(client.value(), Some(value));
    }
}

#[test]
fn keys_that_mean_something_elsewhere_are_data() {
    let mut client = client();
    client.set(json!({ "__proto__": { "admin": true }, "n": 0 }));
    let mut other = client.clone();
    client.send(async |session| {
        session.get().await.unwrap();
        other.set(json!({ "__proto__": { "admin": true, "theirs": 1 }, "n": 0 }));
        session.set(json!({ "__proto__": { "admin": true }, "n": 1 })).await.unwrap();
    });
    assert_eq!(client.value(), Some(json!({ "__proto__": { "admin": true, "theirs": 1 }, "n": 1 })));
}

#[test]
fn a_value_nested_too_deep_is_refused_when_it_is_set() {
    let nested = |depth| (0..depth).fold(json!(1), |within, _| json!([within]));
    let mut client = client();
    client.set(nested(200));
    assert_eq!(client.value(), Some(nested(200)));
    let session = client.open();
    assert_eq!(kind(block_on(session.set(nested(201)))), Some(ErrorKind::InvalidOption));
    let deeper = block_on(session.update(|value| json!([value])));
    assert_eq!(kind(deeper), Some(ErrorKind::InvalidOption));
    assert_eq!(client.value(), Some(nested(200)));
}

#[test]
fn get_or_set_makes_a_value_only_where_there_is_none() {
    let mut client = client();
    client
        .send(async |session| assert_eq!(session.get_or_set(async || json!("made")).await.unwrap(), "made"));
    client.send(async |session| {
        let there = session.get_or_set(async || panic!("there is one")).await.unwrap();
        assert_eq!(there, "made");
    });
    let mut other = Client::new(&client.sessions);
    other.send(async |session| {
        let faster = session.get_or_set(async || {
            session.set(json!("faster")).await.unwrap();
            json!("late")
        });
        assert_eq!(faster.await.unwrap(), "faster");
    });
    assert_eq!(other.value(), Some(json!("faster")));
}

#[test]
fn several_sessions_of_one_request_are_independent() {
    let storage = SessionStorageMemory::new();
    let user = Sessions::<User>::cookie("user", storage.clone(), SessionsOptions::new()).unwrap();
    let cart = Sessions::<HashMap<String, u32>>::cookie("cart", storage, SessionsOptions::new()).unwrap();
    let (mut user, mut cart) = (Client::new(&user), Client::new(&cart));
    user.set(ada());
    cart.set([("a".to_owned(), 1)].into_iter().collect());
    user.send(async |session| session.clear().await.unwrap());
    let both = format!("{}; {}", user.cookie.as_deref().unwrap_or("user=gone"), cart.cookie.clone().unwrap());
    (user.cookie, cart.cookie) = (Some(both.clone()), Some(both));
    assert_eq!(user.value(), None);
    assert_eq!(cart.value().unwrap()["a"], 1);
}

#[test]
fn its_futures_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let storage = SessionStorageMemory::new();
    let sessions = Sessions::<User>::cookie("user", storage, SessionsOptions::new()).unwrap();
    let session: Session<User> = Client::new(&sessions).open();
    is_send(&session.get());
    is_send(&session.set(ada()));
    is_send(&session.update(Option::unwrap_or_default));
    is_send(&session.get_or_set(async || ada()));
    is_send(&session.clear());
    is_send(&session.regenerate());
    is_send(&session.tag(["a"]));
    is_send(&session.touch());
    is_send(&session.commit());
    is_send(&session.finish());
}
