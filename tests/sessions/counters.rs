//! How often what has happened to sessions.

use serde_json::json;
use sessile::{Error, ErrorKind, Secrets, SessionCounters, SessionEvent, SessionsOptions};
use smol::block_on;

use crate::{
    app::{Client, Events, NEW, OLD, client_of, gated_with},
    gated::Call,
};

fn signed(secrets: &[&str]) -> SessionsOptions {
    SessionsOptions::new().secrets(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

/// In the order of the fields.
fn numbers(of: &SessionCounters) -> [u64; 10] {
    [
        of.created,
        of.renewed,
        of.regenerated,
        of.invalidated,
        of.ended,
        of.conflict,
        of.expired,
        of.unknown,
        of.moved,
        of.invalid,
    ]
}

#[test]
fn what_happens_is_counted_as_it_is_told() {
    let events = Events::default();
    let (mut client, storage) = gated_with(signed(&[NEW, OLD]).on_event(events.told()));
    let sessions = client.sessions.clone();
    assert_eq!(sessions.counters(), SessionCounters::default());

    let mut older = client_of(storage.clone(), signed(&[OLD]));
    older.set(json!(1));
    client.cookie = older.cookie;
    client.value();
    let second = client.open();
    block_on(second.update(|_| json!(2))).unwrap();
    client.send(async |session| drop(session.update(|_| json!(3)).await.unwrap()));
    block_on(second.finish()).unwrap();
    let mut old = client.clone();
    client.send(async |session| session.regenerate().await.unwrap());
    old.set(json!(4));
    storage.fail(Call::Get, Error::new(ErrorKind::Corrupt, "damaged"));
    client.clone().value();
    client.clone().send(async |session| session.clear().await.unwrap());
    client.value();
    client.cookie = Some("user=junk".to_owned());
    client.value();
    Client::new(&sessions).set(json!(5));

    let told = events.all();
    let times = |event| u64::try_from(told.iter().filter(|told| **told == event).count()).unwrap();
    let expected = [
        SessionEvent::Created,
        SessionEvent::Renewed,
        SessionEvent::Regenerated,
        SessionEvent::Invalidated,
        SessionEvent::Ended,
        SessionEvent::Conflict,
        SessionEvent::Expired,
        SessionEvent::Unknown,
        SessionEvent::Moved,
        SessionEvent::Invalid,
    ];
    let counted = numbers(&sessions.counters());
    assert_eq!(counted, expected.map(times));
    assert_eq!(counted, [1, 1, 1, 1, 1, 1, 2, 1, 1, 1]);
    assert_eq!(counted.iter().sum::<u64>(), u64::try_from(told.len()).unwrap());
}

#[test]
fn what_happens_is_counted_also_where_nobody_is_told() {
    let (mut client, _) = gated_with(SessionsOptions::new());
    client.set(json!(1));
    client.send(async |session| session.clear().await.unwrap());
    let counted = client.sessions.clone().counters();
    assert_eq!((counted.created, counted.invalidated), (1, 1));
}
