//! S4: cookies as browsers want them, and `Cookie` headers as nobody wants them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sessile::{
    ErrorKind, SameSite, SessionCookie, SessionId, SessionStorageMemory, Sessions, SessionsOptions, Timeout,
};
use smol::block_on;

use crate::app::{Client, Request, client, client_of, kind};

fn made(cookie: impl Into<SessionCookie>, request: &Request) -> String {
    let sessions =
        Sessions::<Value>::cookie(cookie, SessionStorageMemory::new(), SessionsOptions::new()).unwrap();
    let session = sessions.open(request);
    block_on(session.set(json!(1))).unwrap();
    block_on(session.finish()).unwrap().unwrap().value
}

/// What stands behind the id of a cookie of this name.
#[track_caller]
fn attributes(made: &str, name: &str) -> String {
    let rest = made.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')).unwrap();
    let (id, attributes) = rest.split_once(';').unwrap();
    assert_eq!(id.len(), 43);
    attributes.to_owned()
}

fn http() -> Request {
    Request::new(None).by_http()
}

#[test]
fn s4_they_are_safe_when_nothing_is_said() {
    let by_https = made("user", &Request::new(None));
    assert_eq!(attributes(&by_https, "user"), " Path=/; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(attributes(&made("user", &http()), "user"), " Path=/; HttpOnly; SameSite=Lax");
}

#[test]
fn s4_a_forwarded_protocol_counts_only_from_a_trusted_proxy() {
    let forwarded = |proto| http().with("x-forwarded-proto", proto);
    assert!(!made("user", &forwarded("https")).contains("Secure"));
    let cases =
        [("https", true), ("HTTPS , http", true), ("http", false), ("http, https", false), ("httpsx", false)];
    for (proto, secure) in cases {
        let made = made(SessionCookie::new("user").trust_proxy(true), &forwarded(proto));
        assert_eq!(made.contains("; Secure"), secure, "{proto}");
    }
}

#[test]
fn s4_they_have_all_attributes() {
    let cookie = SessionCookie::new("user")
        .domain("example.org")
        .path("/app")
        .same_site(SameSite::None)
        .http_only(false)
        .partitioned(true)
        .max_age(Duration::from_millis(89_001));
    let expected = " Max-Age=90; Domain=example.org; Path=/app; Secure; SameSite=None; Partitioned";
    assert_eq!(attributes(&made(cookie, &http()), "user"), expected);
}

#[test]
fn s4_prefixes_make_them_secure_also_on_http() {
    for name in ["__Host-user", "__Secure-user", "__Http-user", "__Host-Http-user", "__host-user"] {
        assert!(made(name, &http()).contains("; Secure; HttpOnly"), "{name}");
    }
}

#[test]
fn s4_what_a_browser_would_drop_is_refused_when_it_is_configured() {
    let user = || SessionCookie::new("user");
    let host = || SessionCookie::new("__Host-user");
    let long = "x".repeat(257);
    let refused = [
        host().secure(false),
        host().path("/app"),
        host().domain("example.org"),
        SessionCookie::new("__HOST-user").domain("example.org"),
        SessionCookie::new("__Secure-user").secure(false),
        SessionCookie::new("__Http-user").http_only(false),
        SessionCookie::new("__Host-Http-user").http_only(false),
        user().partitioned(true).secure(false),
        user().same_site(SameSite::None).secure(false),
        user().path("app"),
        user().path("/;domain=evil.example"),
        user().path("/ü"),
        user().path(format!("/{}", "x".repeat(1_024))),
        user().domain(""),
        user().domain("exa mple.org"),
        user().domain("example..org"),
        user().domain("-example.org"),
        user().domain("example.org; Secure"),
        user().max_age(Duration::ZERO),
        user().max_age(Duration::MAX),
        "".into(),
        "us er".into(),
        "user=".into(),
        "us;er".into(),
        "üser".into(),
        "us\r\ner".into(),
        long.as_str().into(),
    ];
    let storage = SessionStorageMemory::new;
    for cookie in refused {
        let made = Sessions::<Value>::cookie(cookie.clone(), storage(), SessionsOptions::new());
        assert_eq!(kind(made), Some(ErrorKind::InvalidOption), "{cookie:?}");
    }
    for name in ["", "X Session", "Cookie", "set-cookie", "X:S"] {
        let made = Sessions::<Value>::header(name, storage(), SessionsOptions::new());
        assert_eq!(kind(made), Some(ErrorKind::InvalidOption), "{name}");
    }
    let options = [
        SessionsOptions::new().idle_timeout(Timeout::After(Duration::ZERO)),
        SessionsOptions::new().absolute_timeout(Duration::MAX),
        SessionsOptions::new().touch_after(Duration::ZERO),
    ];
    for options in options {
        let made = Sessions::<Value>::cookie("user", storage(), options);
        assert_eq!(kind(made), Some(ErrorKind::InvalidOption));
    }
    let fine = user().domain(".sub-1.example.org").path("/a b");
    assert!(Sessions::<Value>::cookie(fine, storage(), SessionsOptions::new()).is_ok());
}

#[test]
fn s4_a_cookie_is_found_in_any_header_and_the_first_of_its_name() {
    let mut client = client();
    client.set(json!("Ada"));
    let own = client.cookie.clone().unwrap();
    let id = own.strip_prefix("user=").unwrap();
    let seen = |header: &str| {
        let mut other = Client { cookie: Some(header.to_owned()), ..client.clone() };
        other.value()
    };
    let first = id.bytes().next().unwrap();
    for header in [
        own.clone(),
        format!("a=b; {own}"),
        format!("a=b;{own};c=d"),
        format!("{own}; user=other"),
        format!("user=\"{id}\""),
        format!("  user = {id} "),
        format!("user=%{first:02x}{}", &id[1..]),
        format!("{}{own}", "x=y; ".repeat(13_000)),
        format!(";;;=;=x; ;{own}"),
        format!("user; {own}"),
    ] {
        assert_eq!(seen(&header), Some(json!("Ada")), "{}", &header[header.len().saturating_sub(80)..]);
    }
    for header in [
        String::new(),
        ";".to_owned(),
        "user".to_owned(),
        "user=".to_owned(),
        "user=%".to_owned(),
        "user=%E0%A4%A".to_owned(),
        format!("xuser={id}"),
        format!("user=other; {own}"),
        format!("User={id}"),
        format!("user={}", "x".repeat(65_536)),
        format!("user={}", "%".repeat(65_536)),
        "user=\"".to_owned(),
        "user=\u{e4}\u{1f600}".to_owned(),
        "user=%ED%A0%80".to_owned(),
    ] {
        assert_eq!(seen(&header), None, "{}", header.chars().take(80).collect::<String>());
    }
}

/// A page of a neighbouring host can set a cookie of such a name.
#[test]
fn s4_a_name_with_other_white_space_around_it_is_another_name() {
    let sessions =
        Sessions::<Value>::cookie("__Host-user", SessionStorageMemory::new(), SessionsOptions::new())
            .unwrap();
    let mut client = Client::new(&sessions);
    client.set(json!("Ada"));
    let own = client.cookie.clone().unwrap();
    let id = own.strip_prefix("__Host-user=").unwrap();
    let seen = |header: String| Client { cookie: Some(header), ..client.clone() }.value();
    for blank in "\u{a0}\u{85}\u{b}\u{c}\u{2000}\u{3000}\u{feff}".chars() {
        for pair in [
            format!("{blank}__Host-user={id}"),
            format!("__Host-user{blank}={id}"),
            format!("__Host-user={blank}{id}"),
            format!("__Host-user={id}{blank}"),
        ] {
            assert_eq!(seen(pair.clone()), None, "{:?}", pair.replace(id, "…"));
        }
    }
    assert_eq!(seen(format!("\t __Host-user \t=\t {id}\t ")), Some(json!("Ada")));
}

/// As `encodeURIComponent` and `decodeURIComponent` have it, with what those leave as it is.
#[test]
fn s4_ids_that_need_escaping_are_sent_as_javascript_would() {
    let id = "ö; \"id\"=%41-_.!~*'()";
    let options = SessionsOptions::new().generate_id(|| SessionId::new("ö; \"id\"=%41-_.!~*'()"));
    let mut client = client_of(SessionStorageMemory::new(), options);
    client.set(json!("Ada"));
    assert_eq!(client.cookie.as_deref(), Some("user=%C3%B6%3B%20%22id%22%3D%2541-_.!~*'()"));
    assert_eq!(client.open().id(), None);
    assert_eq!(client.value(), Some(json!("Ada")));
    let session = client.open();
    block_on(session.get()).unwrap();
    assert_eq!(session.id().unwrap().as_str(), id);
}

#[test]
fn s4_a_value_with_an_escape_that_is_none_is_taken_as_it_is() {
    let options = SessionsOptions::new().generate_id(|| SessionId::new("100%"));
    let mut client = client_of(SessionStorageMemory::new(), options);
    client.set(json!("Ada"));
    let mut raw = Client { cookie: Some("user=100%".to_owned()), ..client };
    assert_eq!(raw.value(), Some(json!("Ada")));
}

/// Also where the other one is asked for: each has its own.
#[test]
fn s4_names_that_mean_something_elsewhere_are_names() {
    let storage = Arc::new(SessionStorageMemory::new());
    let names = ["__proto__", "constructor", "toString"];
    let cookies = names
        .map(|name| Sessions::<Value>::cookie(name, Arc::clone(&storage), SessionsOptions::new()).unwrap());
    let none = Request::new(Some("a=b; prototype=x"));
    assert!(cookies.iter().all(|sessions| block_on(sessions.open(&none).get()).unwrap().is_none()));
    let pairs = cookies.each_ref().map(|sessions| {
        let mut client = Client::new(sessions);
        client.set(json!(sessions.name()));
        client.cookie.unwrap()
    });
    let all = Request::new(Some(&pairs.join("; ")));
    for (name, sessions) in names.iter().zip(&cookies) {
        assert_eq!(block_on(sessions.open(&all).get()).unwrap(), Some(json!(name)));
    }
    for name in names {
        let sessions = Sessions::<Value>::header(name, Arc::clone(&storage), SessionsOptions::new());
        let session = sessions.unwrap().open(&none);
        assert_eq!(block_on(session.get()).unwrap(), None);
        block_on(session.set(json!(1))).unwrap();
        assert_eq!(block_on(session.finish()).unwrap().unwrap().name, name);
    }
}

#[test]
fn a_header_carries_a_session_as_well() {
    let sessions =
        Sessions::<Value>::header("X-Session", SessionStorageMemory::new(), SessionsOptions::new()).unwrap();
    assert_eq!(sessions.name(), "X-Session");
    let session = sessions.open(&Request::new(None));
    block_on(session.set(json!("api"))).unwrap();
    let sent = block_on(session.finish()).unwrap().unwrap();
    assert_eq!(sent.name, "X-Session");
    let session = sessions.open(&Request::new(None).with("x-session", &sent.value));
    assert_eq!(block_on(session.get()).unwrap(), Some(json!("api")));
    block_on(session.clear()).unwrap();
    assert_eq!(block_on(session.finish()).unwrap().unwrap().value, "");
    let empty = sessions.open(&Request::new(None).with("x-session", ""));
    block_on(empty.get()).unwrap();
    assert_eq!(block_on(empty.finish()).unwrap(), None);
}

#[test]
fn an_id_that_a_header_cannot_carry_is_refused() {
    let options = SessionsOptions::new().generate_id(|| SessionId::new("two words"));
    let sessions = Sessions::<Value>::header("X-Session", SessionStorageMemory::new(), options).unwrap();
    let session = sessions.open(&Request::new(None));
    block_on(session.set(json!(1))).unwrap();
    assert_eq!(kind(block_on(session.finish())), Some(ErrorKind::InvalidOption));
}

#[test]
fn secrets_ids_and_contents_show_nowhere() {
    let mut client = client();
    client.set(json!({ "secret": "of the content" }));
    let session = client.open();
    block_on(session.update(|value| value.unwrap())).unwrap();
    block_on(session.regenerate()).unwrap();
    let sent = block_on(session.finish()).unwrap();
    let id = session.id().unwrap();
    assert!(sent.as_ref().unwrap().value.contains(id.as_str()));
    let options = SessionsOptions::new();
    for shown in [
        format!("{session:?}"),
        format!("{:?}", client.sessions),
        format!("{options:?}"),
        format!("{sent:?}"),
    ] {
        assert!(!shown.contains(id.as_str()) && !shown.contains("content"), "{shown}");
    }
}
