//! S5: ids that are sealed.

use serde_json::{Value, json};
use sessile::{
    ErrorKind, Sealer, Secrets, SessionEvent, SessionId, SessionStorage, SessionStorageMemory, Sessions,
    SessionsOptions,
};
use smol::block_on;

use crate::app::{Client, Events, NEW, OLD, Request, client_of, held, kind};

fn sealed(secrets: &[&str]) -> SessionsOptions {
    SessionsOptions::new().sealing_secrets(&Secrets::new(secrets.iter().copied()).unwrap()).unwrap()
}

fn ticket(client: &Client) -> String {
    client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap().to_owned()
}

fn opened(name: &str, ticket: &str) -> Option<SessionId> {
    let sealer = Sealer::new(&Secrets::new([NEW]).unwrap()).unwrap();
    let opened = sealer.open(name, ticket)?;
    SessionId::new(String::from_utf8(opened.content).unwrap()).ok()
}

#[test]
fn s5_a_sealed_id_is_read_by_nobody_and_opens_under_its_name_alone() {
    let storage = SessionStorageMemory::new();
    let mut client = client_of(storage.clone(), sealed(&[NEW]));
    client.set(json!("Ada"));
    assert_eq!(client.value(), Some(json!("Ada")));
    let ticket = ticket(&client);
    let id = opened("user", &ticket).unwrap();
    assert!(block_on(storage.get(&id)).unwrap().is_some());
    assert!(ticket.starts_with("v1.") && !ticket.contains(id.as_str()));
    let other = Sessions::<Value>::cookie("other", storage.clone(), sealed(&[NEW])).unwrap();
    let other = other.open(&Request::new(Some(&format!("other={ticket}"))));
    assert_eq!(block_on(other.get()).unwrap(), None);
    let seen = |cookie: String| Client { cookie: Some(cookie), ..client.clone() }.value();
    let last = if ticket.ends_with('A') { "B" } else { "A" };
    for changed in [id.as_str(), &format!("{}{last}", &ticket[..ticket.len() - 1]), &ticket[..40], ""] {
        assert_eq!(seen(format!("user={changed}")), None);
        assert_eq!(seen(format!("user={changed}; user={ticket}")), Some(json!("Ada")));
    }
    client.send(async |session| session.clear().await.unwrap());
    assert_eq!(held(&storage), 0);
}

#[test]
fn s5_the_newest_secret_seals_all_open_and_an_older_is_replaced() {
    let storage = SessionStorageMemory::new();
    let mut old = client_of(storage.clone(), sealed(&[OLD]));
    old.set(json!("Ada"));
    let events = Events::default();
    let mut both = client_of(storage, sealed(&[NEW, OLD]).on_event(events.told()));
    both.cookie.clone_from(&old.cookie);
    assert_eq!(opened("user", &ticket(&both)), None);
    assert_eq!(both.value(), Some(json!("Ada")));
    assert!(opened("user", &ticket(&both)).is_some());
    let before = both.cookie.clone();
    both.send(async |session| session.clear().await.unwrap());
    both.cookie = before;
    assert_eq!(both.value(), None);
    both.cookie = Some("user=v1.none".to_owned());
    assert_eq!(both.value(), None);
    let expected =
        [SessionEvent::Renewed, SessionEvent::Invalidated, SessionEvent::Expired, SessionEvent::Unknown];
    assert_eq!(events.all(), expected);
}

#[test]
fn s5_a_secret_that_could_be_guessed_seals_nothing() {
    let short = Secrets::new(["the newest secret, of 32 or more bytes", "short"]).unwrap();
    assert_eq!(kind(SessionsOptions::new().sealing_secrets(&short)), Some(ErrorKind::InvalidOption));
    assert!(SessionsOptions::new().secrets(&short).is_ok());
}

#[test]
fn s5_the_longest_id_is_sealed_in_a_cookie_and_in_a_header() {
    let long = "ö".repeat(512);
    let options = || {
        let long = long.clone();
        sealed(&[NEW]).generate_id(move || SessionId::new(long.as_str()))
    };
    let mut client = client_of(SessionStorageMemory::new(), options());
    let sent = client.send(async |session| session.set(json!(1)).await.unwrap()).unwrap();
    assert!(sent.len() + 256 < 4_096);
    assert_eq!(client.value(), Some(json!(1)));
    let sessions = Sessions::<Value>::header("X-Session", SessionStorageMemory::new(), options()).unwrap();
    let session = sessions.open(&Request::new(None));
    block_on(session.set(json!(2))).unwrap();
    let sent = block_on(session.finish()).unwrap().unwrap();
    assert_eq!(opened("X-Session", &sent.value).unwrap().as_str(), long);
    let session = sessions.open(&Request::new(None).with("x-session", &sent.value));
    assert_eq!(block_on(session.get()).unwrap(), Some(json!(2)));
}
