//! S6 and S7: storages that fail or hang, and stored sessions that cannot be used.

use std::{
    error::Error as _,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessile::{
    CommitOutcome, Error, ErrorKind, InvalidReason, SessionEvent, SessionId, SessionStorage,
    SessionStorageMemory, Sessions, SessionsOptions, WriteOptions,
};
use smol::block_on;

use crate::{
    app::{Client, Events, gated, held, kind},
    calls::start,
    gated::{At, Call},
};

fn down() -> Error {
    Error::new(ErrorKind::Storage, "connection lost")
}

#[test]
fn s6_a_storage_that_fails_is_an_error_and_never_an_empty_session() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    storage.fail(Call::Get, down());
    assert_eq!(block_on(client.open().get()).unwrap_err().to_string(), "connection lost");
    storage.fail(Call::Get, down());
    assert_eq!(kind(block_on(client.open().set(json!(1)))), Some(ErrorKind::Storage));
    storage.fail(Call::Invalidate, down());
    assert_eq!(kind(block_on(client.open().clear())), Some(ErrorKind::Storage));
    // It is ended already, and empty; a second try says the same.
    client.set(json!({ "name": "Bob" }));
    let session = client.open();
    block_on(session.set(json!({ "other": 1 }))).unwrap();
    storage.fail(Call::Set, down());
    assert_eq!(kind(block_on(session.finish())), Some(ErrorKind::Storage));
    assert_eq!(client.value(), Some(json!({ "name": "Bob" })));
}

#[test]
fn s6_who_asks_again_after_a_failed_load_asks_the_storage_again() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    storage.fail(Call::Get, down());
    assert!(block_on(session.get()).is_err());
    assert_eq!(block_on(session.get()).unwrap(), Some(json!({ "name": "Ada" })));
}

#[test]
fn s6_an_application_that_goes_on_after_a_failed_load_gets_no_new_session() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    storage.fail(Call::Get, down());
    assert!(block_on(session.set(json!({ "other": 1 }))).is_err());
    assert!(!session.is_used());
    assert_eq!(block_on(session.finish()).unwrap(), None);
    assert_eq!(storage.count(Call::Set), 1);
}

#[test]
fn s6_a_commit_that_failed_can_be_made_again() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 1 }));
    let session = client.open();
    block_on(session.update(|_| json!({ "count": 2 }))).unwrap();
    storage.fail(Call::Set, down());
    assert!(block_on(session.commit()).is_err());
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Written);
    assert_eq!(client.value(), Some(json!({ "count": 2 })));
}

#[test]
fn s6_a_new_id_that_fails_leaves_the_old_session_and_no_other() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    for failing in [1, 2] {
        let session = client.open();
        block_on(session.regenerate()).unwrap();
        let gate = storage.hold(Call::Set, At::Begin);
        let mut moving = start(session.commit());
        assert!(moving.is_waiting());
        if failing == 1 {
            storage.fail(Call::Set, down());
            gate.let_go();
        } else {
            // The first write passes, the second fails.
            let second = storage.hold(Call::Set, At::Begin);
            gate.let_go();
            assert!(moving.is_waiting());
            storage.fail(Call::Set, down());
            second.let_go();
        }
        assert_eq!(kind(moving.end()), Some(ErrorKind::Storage));
        assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
        assert_eq!(held(storage.memory()), 1);
    }
}

#[test]
fn s6_a_storage_that_hangs_holds_up_no_other_session() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let gate = storage.hold(Call::Get, At::Begin);
    let session = client.open();
    let mut hanging = start(session.update(|_| json!({ "late": true })));
    assert!(hanging.is_waiting());
    let mut other = Client::new(&client.sessions);
    other.set(json!({ "name": "Bob" }));
    assert_eq!(other.value(), Some(json!({ "name": "Bob" })));
    gate.let_go();
    hanging.end().unwrap();
    block_on(session.finish()).unwrap();
    assert_eq!(client.value(), Some(json!({ "late": true })));
}

/// Whoever waits for the same load goes on when the one who made it goes away.
#[test]
fn s6_a_load_that_is_given_up_holds_up_nobody() {
    let (mut client, storage) = gated();
    client.set(json!({ "name": "Ada" }));
    let session = client.open();
    let gate = storage.hold(Call::Get, At::Begin);
    let mut first = start(session.get());
    let mut second = start(session.get());
    assert!(first.is_waiting() && second.is_waiting() && gate.is_reached());
    drop(first);
    assert_eq!(second.end().unwrap(), Some(json!({ "name": "Ada" })));
}

#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Named {
    name: String,
}

#[test]
fn s7_what_cannot_be_used_is_reported_and_stays_as_it_is() {
    let cases: [(&'static [u8], InvalidReason); 6] = [
        (b"{not JSON", InvalidReason::Damaged),
        (b"{\"name\":\"Ada\"} ?", InvalidReason::Damaged),
        (&[0xff, 0xfe], InvalidReason::Damaged),
        (b"{\"nick\":\"Ada\"}", InvalidReason::Type),
        (b"{\"name\":17}", InvalidReason::Type),
        (b"17", InvalidReason::Type),
    ];
    for (stored, reason) in cases {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&reports);
        let options = SessionsOptions::new().on_invalid(move |report| {
            // What caused it may quote the content.
            let reason = report.reason;
            assert_eq!(format!("{report:?}"), format!("InvalidSession {{ reason: {reason:?}, .. }}"));
            told.lock().unwrap().push(reason);
        });
        let storage = SessionStorageMemory::new();
        let sessions = Sessions::<Named>::cookie("user", storage.clone(), options).unwrap();
        let mut client = Client::new(&sessions);
        client.set(Named { name: "Ada".to_owned() });
        let id = SessionId::new(client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap()).unwrap();
        block_on(storage.set(&id, Bytes::from_static(stored), WriteOptions::new())).unwrap();
        client.send(async |session| {
            assert_eq!(session.get().await.unwrap(), None);
            session.set(Named { name: "Bob".to_owned() }).await.unwrap();
        });
        assert_eq!(*reports.lock().unwrap(), [reason]);
        assert!(!client.cookie.as_deref().unwrap().contains(id.as_str()));
        assert_eq!(client.value(), Some(Named { name: "Bob".to_owned() }));
        assert_eq!(block_on(storage.get(&id)).unwrap().unwrap().0, stored);
    }
}

#[test]
fn s7_a_record_that_the_storage_finds_damaged_is_reported() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    let events = Events::default();
    let options = SessionsOptions::new()
        .on_invalid(move |report| told.lock().unwrap().push(report))
        .on_event(events.told());
    let (mut client, storage) = crate::app::gated_with(options);
    client.set(json!(1));
    storage.fail(Call::Get, Error::new(ErrorKind::Corrupt, "damaged"));
    assert_eq!(client.value(), None);
    let reports = reports.lock().unwrap();
    assert_eq!((reports.len(), reports[0].reason), (1, InvalidReason::Damaged));
    assert_eq!(events.all(), [SessionEvent::Created, SessionEvent::Invalid, SessionEvent::Unknown]);
    assert_eq!(reports[0].cause.downcast_ref::<Error>().map(Error::kind), Some(ErrorKind::Corrupt));
}

/// It asks for the session again, which would wait for ever for a turn that is still held.
#[test]
fn s7_who_is_told_may_use_the_session() {
    let holder = Arc::new(Mutex::new(None::<sessile::Session<Value>>));
    let used = Arc::clone(&holder);
    let options = SessionsOptions::new().on_invalid(move |_| {
        let session = used.lock().unwrap().take().unwrap();
        assert_eq!(start(session.get()).end().unwrap(), None);
    });
    let (mut client, storage) = crate::app::gated_with(options);
    client.set(json!(1));
    let session = client.open();
    *holder.lock().unwrap() = Some(session.clone());
    storage.fail(Call::Get, Error::new(ErrorKind::Corrupt, "damaged"));
    assert_eq!(block_on(session.get()).unwrap(), None);
    assert!(holder.lock().unwrap().is_none(), "nobody was told");
}

/// A value that its own type would not take back: JSON has no infinity.
#[test]
fn s7_a_value_that_would_not_come_back_is_not_stored_and_no_message_tells_it() {
    let storage = SessionStorageMemory::new();
    let sessions = Sessions::<f64>::cookie("user", storage, SessionsOptions::new()).unwrap();
    let mut client = Client::new(&sessions);
    client.set(1.5);
    let session = client.open();
    block_on(session.set(f64::INFINITY)).unwrap();
    let error = block_on(session.commit()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidOption);
    assert!(error.source().is_none());
    assert_eq!(client.value(), Some(1.5));
}

#[test]
fn s7_a_value_that_has_no_json_is_refused_when_it_is_set() {
    let sessions = Sessions::<std::collections::HashMap<Vec<u8>, u8>>::cookie(
        "user",
        SessionStorageMemory::new(),
        SessionsOptions::new(),
    )
    .unwrap();
    let session = Client::new(&sessions).open();
    let value = [(vec![1], 1)].into_iter().collect();
    assert_eq!(kind(block_on(session.set(value))), Some(ErrorKind::InvalidOption));
    assert_eq!(block_on(session.finish()).unwrap(), None);
}
