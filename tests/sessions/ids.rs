//! S3: no fixation. S5: signed ids.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use sessile::{
    CommitOutcome, ErrorKind, ManualClock, MemoryOptions, Secrets, SessionEvent, SessionId, SessionStorage,
    SessionStorageMemory, SessionsOptions, Signer, WriteOptions,
};
use smol::block_on;

use crate::app::{Client, Events, NEW, OLD, Request, client, client_of, gated, held, kind, sessions};

const MINUTE: Duration = Duration::from_secs(60);

fn signed(secrets: &[&str]) -> SessionsOptions {
    SessionsOptions::new().secrets(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

#[test]
fn s3_an_id_that_is_not_ours_is_never_adopted() {
    for options in [SessionsOptions::new(), signed(&[NEW])] {
        let sessions = sessions(SessionStorageMemory::new(), options);
        let long = "x".repeat(2_000);
        for chosen in ["chosen", "s:chosen.AAAA", &long, "%E0%A4%A", "__proto__", "ö"] {
            let session = sessions.open(&Request::new(Some(&format!("user={chosen}"))));
            assert_eq!(block_on(session.get()).unwrap(), None);
            assert!(session.is_new());
            block_on(session.set(json!({ "name": "Ada" }))).unwrap();
            let sent = block_on(session.finish()).unwrap().unwrap();
            let id = session.id().unwrap();
            assert_eq!(id.as_str().len(), 43);
            assert!(!id.as_str().contains(chosen) && !sent.value.contains(&format!("user={chosen}")));
        }
        let stale = sessions.open(&Request::new(Some("user=chosen")));
        block_on(stale.get()).unwrap();
        let sent = block_on(stale.finish()).unwrap().unwrap();
        assert!(sent.value.starts_with("user=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; "));
    }
}

#[test]
fn s3_regenerate_keeps_the_data_and_what_others_write_and_the_old_id_is_dead() {
    let mut client = client();
    client.set(json!({ "cart": [1] }));
    let mut before = client.clone();
    let mut fixed = client.clone();
    client.send(async |session| {
        session.regenerate().await.unwrap();
        session.set(json!({ "cart": [1], "name": "Ada" })).await.unwrap();
        before.send(async |other| {
            drop(other.update(|_| json!({ "cart": [1], "theirs": true })).await.unwrap());
        });
    });
    assert_ne!(client.cookie, fixed.cookie);
    assert_eq!(client.value(), Some(json!({ "cart": [1], "theirs": true, "name": "Ada" })));
    assert_eq!(fixed.value(), None);
}

#[test]
fn s3_another_id_gives_no_longer_life() {
    let clock = Arc::new(ManualClock::default());
    let storage = SessionStorageMemory::with_options(MemoryOptions::new().clock(Arc::clone(&clock))).unwrap();
    let options = SessionsOptions::new().clock(Arc::clone(&clock)).absolute_timeout(60 * MINUTE);
    let mut client = client_of(storage, options);
    client.set(json!({ "kept": 1 }));
    clock.advance(50 * MINUTE);
    let sent = client.send(async |session| session.regenerate().await.unwrap());
    assert!(sent.unwrap().contains("; Max-Age=600; "));
    clock.advance(11 * MINUTE);
    assert_eq!(client.value(), None);
}

#[test]
fn s3_an_id_made_and_changed_by_one_request_keeps_the_timeouts_of_the_storage() {
    let clock = Arc::new(ManualClock::default());
    let options = MemoryOptions::new().clock(Arc::clone(&clock)).idle_timeout(30 * MINUTE);
    let storage = SessionStorageMemory::with_options(options).unwrap();
    let mut client = client_of(storage, SessionsOptions::new().clock(Arc::clone(&clock)));
    client.send(async |session| {
        session.set(json!({ "name": "Ada" })).await.unwrap();
        session.commit().await.unwrap();
        session.regenerate().await.unwrap();
    });
    assert_eq!(client.value(), Some(json!({ "name": "Ada" })));
    clock.advance(31 * MINUTE);
    assert_eq!(client.value(), None);
}

#[test]
fn s3_a_session_that_has_got_another_id_can_be_changed_further_in_the_same_request() {
    let (mut client, storage) = gated();
    client.set(json!({ "count": 1 }));
    storage.clock().advance(MINUTE);
    let session = client.open();
    block_on(session.regenerate()).unwrap();
    block_on(session.commit()).unwrap();
    block_on(session.update(|_| json!({ "count": 2 }))).unwrap();
    // A streamed response: its client has the new id already.
    let id = session.id().unwrap();
    block_on(storage.memory().set(&id, "{\"count\":1,\"theirs\":1}".into(), WriteOptions::new())).unwrap();
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Written);
}

#[test]
fn s3_an_id_that_is_being_given_up_is_no_session_and_nothing_damaged() {
    let storage = SessionStorageMemory::new();
    let options = SessionsOptions::new()
        .on_invalid(|report| panic!("{report:?}"))
        .generate_id(|| SessionId::new("one"));
    let mut client = client_of(storage.clone(), options);
    client.set(json!({ "name": "Ada" }));
    block_on(storage.set(&SessionId::new("one").unwrap(), "".into(), WriteOptions::new())).unwrap();
    let sent = client.send(async |session| assert_eq!(session.get().await.unwrap(), None));
    assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
}

#[test]
fn s3_a_login_after_clear_has_another_id_and_none_of_the_old_data() {
    let mut client = client();
    client.set(json!({ "name": "Ada", "secret": 1 }));
    let before = client.cookie.clone();
    client.send(async |session| {
        session.clear().await.unwrap();
        assert!(session.is_new());
        session.set(json!({ "name": "Bob" })).await.unwrap();
    });
    assert_ne!(client.cookie, before);
    assert_eq!(client.value(), Some(json!({ "name": "Bob" })));
}

#[test]
fn s3_nothing_that_the_client_must_be_told_of_comes_after_the_response() {
    let mut client = client();
    client.set(json!({ "pieces": 0 }));
    let session = client.open();
    block_on(session.update(|_| json!({ "pieces": 1 }))).unwrap();
    block_on(session.finish()).unwrap();
    assert_eq!(kind(block_on(session.regenerate())), Some(ErrorKind::Closed));
    block_on(session.update(|_| json!({ "pieces": 2 }))).unwrap();
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Written);
    assert_eq!(client.value(), Some(json!({ "pieces": 2 })));
    let none = Client::new(&client.sessions).open();
    none.seal();
    block_on(none.set(json!(1))).unwrap();
    assert_eq!(kind(block_on(none.commit())), Some(ErrorKind::Closed));
}

#[test]
fn s3_an_id_that_is_taken_is_not_adopted_and_another_is_made() {
    let storage = SessionStorageMemory::new();
    let made = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let options = SessionsOptions::new().generate_id(move || {
        let number = made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        SessionId::new(if number < 4 { "taken".to_owned() } else { number.to_string() })
    });
    let sessions = sessions(storage.clone(), options);
    let (mut one, mut other) = (Client::new(&sessions), Client::new(&sessions));
    one.set(json!("one"));
    other.set(json!("other"));
    assert_eq!((one.value(), other.value()), (Some(json!("one")), Some(json!("other"))));

    let few = client_of(storage, SessionsOptions::new().generate_id(|| SessionId::new("taken"))).open();
    block_on(few.set(json!(1))).unwrap();
    assert_eq!(kind(block_on(few.finish())), Some(ErrorKind::Conflict));
    assert_eq!(one.value(), Some(json!("one")));
}

#[test]
fn s5_the_newest_secret_signs_all_verify_and_an_older_is_replaced() {
    let storage = SessionStorageMemory::new();
    let mut old = client_of(storage.clone(), signed(&[OLD]));
    old.set(json!({ "name": "Ada" }));
    let events = Events::default();
    let mut both = client_of(storage, signed(&[NEW, OLD]).on_event(events.told()));
    both.cookie.clone_from(&old.cookie);
    assert_eq!(both.value(), Some(json!({ "name": "Ada" })));
    assert_eq!(events.all(), [SessionEvent::Renewed]);
    assert_ne!(both.cookie, old.cookie);
    // `s%3A`, the id, a dot and the signature: what the npm package sends.
    let cookie = both.cookie.clone().unwrap();
    let ticket =
        cookie.strip_prefix("user=").unwrap().replace("%3A", ":").replace("%2B", "+").replace("%2F", "/");
    let verifies = |secret| {
        let signer = Signer::new(&Secrets::new([secret]).unwrap()).unwrap();
        signer.verify(&ticket).is_some_and(|verified| verified.id.len() == 43)
    };
    assert!(verifies(NEW) && !verifies(OLD));
    let last = if cookie.ends_with('A') { "B" } else { "A" };
    let mut tampered = both.clone();
    tampered.cookie = Some(format!("{}{last}", &cookie[..cookie.len() - 1]));
    assert_eq!(tampered.value(), None);
    assert_eq!(both.value(), Some(json!({ "name": "Ada" })));
    both.send(async |session| session.clear().await.unwrap());
    both.cookie = Some(cookie);
    assert_eq!(both.value(), None);
    let expected =
        [SessionEvent::Renewed, SessionEvent::Unknown, SessionEvent::Invalidated, SessionEvent::Expired];
    assert_eq!(events.all(), expected);
}

#[test]
fn s5_an_id_that_is_not_signed_is_none_where_there_are_secrets() {
    let storage = SessionStorageMemory::new();
    let mut plain = client_of(storage.clone(), SessionsOptions::new());
    plain.set(json!(1));
    let mut signed = client_of(storage.clone(), signed(&[NEW]));
    signed.cookie.clone_from(&plain.cookie);
    assert_eq!(signed.value(), None);
    assert_eq!(held(&storage), 1);
}

/// A page of a neighbouring host may have set one of a longer path, which a browser sends first.
#[test]
fn s5_a_cookie_that_nobody_signed_hides_no_signed_one_of_its_name() {
    let storage = SessionStorageMemory::new();
    let sessions = sessions(storage.clone(), signed(&[NEW, OLD]));
    let (mut ada, mut bob) = (Client::new(&sessions), Client::new(&sessions));
    ada.set(json!("Ada"));
    bob.set(json!("Bob"));
    let mut eve = client_of(storage.clone(), signed(&[OLD]));
    eve.set(json!("Eve"));
    let cookie = |client: &Client| client.cookie.clone().unwrap();
    let (ada, bob, eve) = (cookie(&ada), cookie(&bob), cookie(&eve));
    let junk = ["user=junk", "user=", "user=%", "user=s:junk.AAAA", &ada[..ada.len() - 1]];
    let found = |header: String| {
        let mut client = Client { cookie: Some(header), ..Client::new(&sessions) };
        let mut value = None;
        let sent = client.send(async |session| value = session.get().await.unwrap());
        (value, sent)
    };
    for junk in junk {
        assert_eq!(found(format!("{junk}; {ada}; {bob}")), (Some(json!("Ada")), None), "{junk}");
        assert_eq!(found(format!("{junk}; a=b; {junk}; {bob}")), (Some(json!("Bob")), None), "{junk}");
        let (value, sent) = found(format!("{junk}; {junk}"));
        assert_eq!(value, None);
        assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
        let (value, sent) = found(format!("{junk}; {eve}"));
        assert_eq!(value, Some(json!("Eve")));
        assert!(sent.unwrap().starts_with("user=s%3A"));
    }
    let logout = Client { cookie: Some(format!("user=junk; {ada}")), ..Client::new(&sessions) }.open();
    block_on(logout.clear()).unwrap();
    assert_eq!(held(&storage), 2);
    // One that has ended was signed as well, and is the first.
    let (value, sent) = found(format!("user=junk; {ada}; {bob}"));
    assert_eq!(value, None);
    assert!(sent.unwrap().starts_with("user=; Max-Age=0; "));
}
