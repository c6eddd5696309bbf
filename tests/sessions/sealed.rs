//! Sessions that a cookie carries whole. The package's tests of the same are `sessions-sealed.test.mjs`.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessile::{
    CommitOutcome, ErrorKind, InvalidReason, ManualClock, OnConflict, SameSite, Sealer, Secrets,
    SessionCookie, SessionEvent, SessionId, Sessions, SessionsOptions, Tags, Timestamp,
};
use smol::block_on;

use crate::app::{Client, Events, NEW, OLD, Request, kind};

fn secrets(secrets: &[&str]) -> Secrets {
    Secrets::new(secrets.iter().copied()).unwrap()
}

fn sealed(given: &[&str], options: SessionsOptions) -> Client {
    Client::new(&Sessions::sealed("user", &secrets(given), options).unwrap())
}

fn client() -> Client {
    sealed(&[NEW], SessionsOptions::new())
}

fn timed(clock: &Arc<ManualClock>, idle: u64, absolute: u64) -> SessionsOptions {
    let minutes = |count| Duration::from_secs(count * 60);
    SessionsOptions::new()
        .clock(Arc::clone(clock))
        .idle_timeout(minutes(idle))
        .absolute_timeout(minutes(absolute))
}

/// A cookie's content, sealed as a program with the same secret would.
fn forged(content: &str) -> String {
    format!("user={}", Sealer::new(&secrets(&[NEW])).unwrap().seal("user", content.as_bytes()).unwrap())
}

fn opened(client: &Client) -> Value {
    let ticket = client.cookie.as_deref().unwrap().strip_prefix("user=").unwrap();
    let opened = Sealer::new(&secrets(&[NEW])).unwrap().open("user", ticket).unwrap();
    serde_json::from_slice(&opened.content).unwrap()
}

#[test]
fn they_carry_the_value_which_nobody_can_read_or_change() {
    let events = Events::default();
    let mut client = sealed(&[NEW], SessionsOptions::new().on_event(events.told()));
    client.set(json!({ "name": "Ada", "cart": [1] }));
    assert_eq!(client.value(), Some(json!({ "name": "Ada", "cart": [1] })));
    assert_eq!(events.all(), [SessionEvent::Created]);
    let cookie = client.cookie.clone().unwrap();
    let text = cookie.strip_prefix("user=v1.").unwrap();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'));
    for at in "user=".len()..cookie.len() {
        let other = if cookie.as_bytes()[at] == b'A' { "B" } else { "A" };
        let mut changed = client.clone();
        changed.cookie = Some(format!("{}{other}{}", &cookie[..at], &cookie[at + 1..]));
        assert_eq!((changed.value(), changed.cookie), (None, None), "changed at {at}");
    }
    assert_eq!(client.sessions.counters().unknown, u64::try_from(cookie.len() - "user=".len()).unwrap());
}

#[test]
fn they_are_what_the_format_says() {
    let clock = Arc::new(ManualClock::default());
    let mut client = sealed(&[NEW], timed(&clock, 30, 120));
    client.set(json!({ "b": 1, "a": "é\"" }));
    clock.advance(Duration::from_secs(60));
    client.send(async |session| session.flash("info", "Saved").await.unwrap());
    let content = opened(&client);
    let id = client.open();
    block_on(id.get()).unwrap();
    let stored = r#"{"b":1,"a":"é\"","$flash":{"info":["Saved"]}}"#;
    let expected =
        json!([1, id.id().unwrap().as_str(), 1_767_225_600_000_u64, 1_767_225_660_000_u64, stored]);
    assert_eq!(content, expected);
}

#[test]
fn they_are_bound_to_the_cookies_name() {
    let mut client = client();
    client.set(json!({ "role": "admin" }));
    let other = Sessions::<Value>::sealed("other", &secrets(&[NEW]), SessionsOptions::new()).unwrap();
    let mut other = Client::new(&other);
    other.cookie = client.cookie.map(|cookie| cookie.replace("user=", "other="));
    assert_eq!(other.value(), None);
}

#[test]
fn they_need_no_cookie_where_nothing_changes_and_none_where_nobody_asks() {
    let mut client = client();
    assert_eq!(client.send(async |_| ()), None);
    assert_eq!(client.send(async |session| drop(session.get().await.unwrap())), None);
    let first = client.send(async |session| session.set(json!({ "n": 1 })).await.unwrap()).unwrap();
    assert!(first.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax") && !first.contains("Max-Age"));
    assert_eq!(client.send(async |session| session.set(json!({ "n": 1 })).await.unwrap()), None);
    let session = client.open();
    block_on(session.touch()).unwrap();
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Touched);
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Unchanged);
}

#[test]
fn changes_of_one_request_are_kept_over_several_commits() {
    let mut client = client();
    client.send(async |session| {
        for count in 1..=3 {
            session
                .update(|value| json!(value.and_then(|value| value.as_u64()).unwrap_or(0) + 1))
                .await
                .unwrap();
            assert_eq!(session.commit().await.unwrap(), CommitOutcome::Written);
            assert_eq!(session.get_or_set(async || json!(0)).await.unwrap(), json!(count));
        }
    });
    assert_eq!(client.value(), Some(json!(3)));
    assert_eq!(client.sessions.counters().created, 1);
}

#[test]
fn s1_of_parallel_requests_the_last_response_wins() {
    let mut client = client();
    client.set(json!({ "a": 1 }));
    let (one, mut two) = (client.open(), client.clone());
    block_on(one.update(|value| json!({ "one": value }))).unwrap();
    two.send(async |session| session.set(json!({ "two": 2 })).await.unwrap());
    let late = block_on(one.finish()).unwrap();
    assert_eq!(two.value(), Some(json!({ "two": 2 })));
    two.keep(late.as_ref());
    assert_eq!(two.value(), Some(json!({ "one": { "a": 1 } })));
}

#[test]
fn c7_they_expire_by_both_clocks_and_activity_is_noted_now_and_then() {
    let clock = Arc::new(ManualClock::default());
    let events = Events::default();
    let mut client = sealed(&[NEW], timed(&clock, 30, 120).on_event(events.told()));
    let seconds = |count| clock.advance(Duration::from_secs(count));
    let first = client.send(async |session| session.set(json!(1)).await.unwrap()).unwrap();
    assert!(first.contains("; Max-Age=1800;"));
    seconds(30);
    assert_eq!(client.send(async |session| drop(session.get().await.unwrap())), None);
    seconds(30);
    assert!(client.send(async |session| drop(session.get().await.unwrap())).is_some());
    for _ in 0..5 {
        seconds(20 * 60);
        assert_eq!(client.value(), Some(json!(1)));
    }
    let kept = client.cookie.clone();
    seconds(19 * 60);
    assert_eq!((client.value(), &client.cookie), (None, &None));
    client.cookie = kept;
    assert_eq!(client.value(), None);
    assert_eq!(events.all(), [SessionEvent::Created, SessionEvent::Expired, SessionEvent::Expired]);

    client.set(json!(2));
    clock.advance(Duration::from_millis(30 * 60_000 - 1));
    assert_eq!(client.value(), Some(json!(2)));
    seconds(30 * 60);
    assert_eq!(client.value(), None);
}

#[test]
fn c7_timeouts_are_those_of_who_reads_the_cookie() {
    let clock = Arc::new(ManualClock::default());
    let mut client = sealed(&[NEW], timed(&clock, 60, 120));
    client.set(json!(1));
    clock.advance(Duration::from_secs(30 * 60));
    let seen = |options| Client { cookie: client.cookie.clone(), ..sealed(&[NEW], options) }.value();
    assert_eq!(seen(timed(&clock, 30, 120)), None);
    assert_eq!(seen(timed(&clock, 60, 30)), None);
    assert_eq!(seen(timed(&clock, 31, 31)), Some(json!(1)));
}

#[test]
fn s3_regenerate_gives_another_id_and_keeps_the_rest() {
    let clock = Arc::new(ManualClock::default());
    let events = Events::default();
    let mut client = sealed(&[NEW], timed(&clock, 30, 120).on_event(events.told()));
    client.set(json!({ "n": 1 }));
    let before = opened(&client);
    clock.advance(Duration::from_secs(1));
    client.send(async |session| session.regenerate().await.unwrap());
    let after = opened(&client);
    assert_ne!(before[1], after[1]);
    assert_eq!(after[1].as_str().map(str::len), Some(43));
    assert_eq!((&before[2], &before[4]), (&after[2], &after[4]));
    assert_eq!(client.value(), Some(json!({ "n": 1 })));
    assert_eq!(events.all(), [SessionEvent::Created, SessionEvent::Regenerated]);
    let own = SessionsOptions::new().generate_id(|| SessionId::new("of their own"));
    let mut own = sealed(&[NEW], own);
    own.set(json!(1));
    assert_eq!(opened(&own)[1], "of their own");
}

#[test]
fn s5_the_newest_secret_seals_all_open_and_an_older_is_replaced() {
    let mut old = sealed(&[OLD], SessionsOptions::new());
    old.set(json!(1));
    let events = Events::default();
    let mut both = sealed(&[NEW, OLD], SessionsOptions::new().on_event(events.told()));
    both.cookie.clone_from(&old.cookie);
    assert_eq!(both.value(), Some(json!(1)));
    assert_ne!(both.cookie, old.cookie);
    assert_eq!(both.value(), Some(json!(1)));
    assert_eq!(events.all(), [SessionEvent::Renewed]);
    let mut renewed = Client { cookie: both.cookie, ..client() };
    assert_eq!(renewed.value(), Some(json!(1)));
    renewed.cookie = old.cookie;
    assert_eq!(renewed.value(), None);
}

#[test]
fn s5_of_several_cookies_of_the_name_the_first_that_opens_counts_among_sixteen() {
    let mut client = client();
    client.set(json!("first"));
    let first = client.cookie.clone().unwrap();
    client.set(json!("second"));
    let second = client.cookie.clone().unwrap();
    let seen = |cookie: String| Client { cookie: Some(cookie), ..client.clone() }.value();
    assert_eq!(seen(format!("user=none; {first}; {second}")), Some(json!("first")));
    assert_eq!(seen(format!("{}{second}", "user=none; ".repeat(15))), Some(json!("second")));
    assert_eq!(seen(format!("{}{second}", "user=none; ".repeat(16))), None);
}

#[test]
fn c10_one_too_large_for_a_cookie_is_refused_to_the_byte() {
    for name in ["user", &"u".repeat(200)] {
        let sessions = Sessions::<String>::sealed(name, &secrets(&[NEW]), SessionsOptions::new()).unwrap();
        let length = |size| {
            let session = sessions.open(&Request::new(None));
            block_on(session.set("x".repeat(size))).unwrap();
            let sent = block_on(session.finish())?.unwrap();
            Ok(sent.value.split(';').next().unwrap().len() - "=".len())
        };
        let mut size = 2_500;
        while length(size + 1).is_ok() {
            size += 1;
        }
        assert!((4_091..=4_096).contains(&length(size).unwrap()));
        assert_eq!(kind(length(size + 1)), Some(ErrorKind::TooLarge));
        assert_eq!(kind(length(1_000_000)), Some(ErrorKind::TooLarge));
    }
}

#[test]
fn c10_one_that_has_grown_too_large_leaves_the_cookie_as_it_was() {
    let mut client = client();
    client.set(json!("small"));
    let session = client.open();
    block_on(session.set(json!("x".repeat(5_000)))).unwrap();
    assert_eq!(kind(block_on(session.commit())), Some(ErrorKind::TooLarge));
    block_on(session.set(json!("smaller"))).unwrap();
    client.keep(block_on(session.finish()).unwrap().as_ref());
    assert_eq!(client.value(), Some(json!("smaller")));
}

#[test]
fn s7_what_cannot_be_used_is_reported() {
    #[derive(Serialize, Deserialize)]
    struct Second {
        second: u32,
    }

    let mut first = client();
    first.set(json!({ "first": 1 }));
    let (events, reports) = (Events::default(), Arc::new(Mutex::new(Vec::new())));
    let told = Arc::clone(&reports);
    let options = SessionsOptions::new()
        .on_event(events.told())
        .on_invalid(move |report| told.lock().unwrap().push(report.reason));
    let sessions = Sessions::<Second>::sealed("user", &secrets(&[NEW]), options).unwrap();
    let mut second = Client { cookie: first.cookie, ..Client::new(&sessions) };
    assert!(second.value().is_none());
    assert_eq!(second.cookie, None);
    second.set(Second { second: 2 });
    assert_eq!(second.value().map(|value| value.second), Some(2));
    // No string of Rust, but one of JavaScript.
    second.cookie = Some(forged(r#"[1,"id",0,0,"\"\\ud800\""]"#));
    assert!(second.value().is_none());
    assert_eq!(*reports.lock().unwrap(), [InvalidReason::Type, InvalidReason::Damaged]);
    assert_eq!(events.all(), [SessionEvent::Invalid, SessionEvent::Created, SessionEvent::Invalid]);
}

#[test]
fn what_the_same_secret_has_sealed_for_another_purpose_is_none() {
    let contents = [
        "",
        "null",
        "[]",
        "[1]",
        r#"[2,"id",0,0,"1"]"#,
        r#"[1,"",0,0,"1"]"#,
        r#"[1,7,0,0,"1"]"#,
        r#"[1,"id",null,0,"1"]"#,
        r#"[1,"id",0,1e999,"1"]"#,
        r#"[1,"id",0,0,1]"#,
        "\u{feff}[",
    ];
    for content in contents {
        let mut client = Client { cookie: Some(forged(content)), ..client() };
        assert_eq!(client.value(), None, "{content}");
        assert_eq!((client.sessions.counters().unknown, client.cookie), (1, None), "{content}");
    }
}

#[test]
fn c7_times_of_any_clock_of_javascript_are_read() {
    let clock = Arc::new(ManualClock::default());
    clock.set(Timestamp::from_millis(60_000));
    let options = || SessionsOptions::new().clock(Arc::clone(&clock)).idle_timeout(Duration::from_secs(60));
    for (times, value) in [("-1,0.5", None), ("-1,1.5", Some(1)), ("1e300,1e300", Some(1))] {
        let cookie = Some(forged(&format!("[1,\"id\",{times},\"1\"]")));
        assert_eq!(Client { cookie, ..sealed(&[NEW], options()) }.value(), value.map(|value| json!(value)));
    }
}

#[test]
fn they_carry_flash_messages_and_end_with_clear() {
    let events = Events::default();
    let mut client = sealed(&[NEW], SessionsOptions::new().on_event(events.told()));
    client.send(async |session| {
        session.set(json!({ "n": 1 })).await.unwrap();
        session.flash("info", "Saved").await.unwrap();
    });
    for expected in [&["Saved"][..], &[]] {
        client.send(async |session| assert_eq!(session.flashes("info").await.unwrap(), expected));
    }
    assert_eq!(client.value(), Some(json!({ "n": 1 })));
    let sent = client.send(async |session| session.clear().await.unwrap()).unwrap();
    assert!(sent.starts_with("user=; Max-Age=0"));
    assert_eq!(client.value(), None);
    client.send(async |session| session.flash("info", "Goodbye").await.unwrap());
    client.send(async |session| assert_eq!(session.flashes("info").await.unwrap(), ["Goodbye"]));
    let created = SessionEvent::Created;
    assert_eq!(events.all(), [created, SessionEvent::Invalidated, created]);
}

#[test]
fn s2_a_value_set_after_clear_begins_another_session() {
    let mut client = client();
    client.set(json!({ "n": 1 }));
    let before = opened(&client);
    client.send(async |session| {
        session.update(|_| json!({ "n": 2 })).await.unwrap();
        session.clear().await.unwrap();
        session.clear().await.unwrap();
        session.update(|value| json!({ "was": value })).await.unwrap();
    });
    assert_eq!(client.value(), Some(json!({ "was": null })));
    assert_ne!(opened(&client)[1], before[1]);
    let counters = client.sessions.counters();
    assert_eq!((counters.created, counters.invalidated), (2, 1));
}

#[test]
fn they_cannot_be_tagged() {
    let client = client();
    assert_eq!(kind(block_on(client.open().tag(["Ada"]))), Some(ErrorKind::Unsupported));
    assert_eq!(kind(block_on(client.sessions.revoke_all("Ada"))), Some(ErrorKind::Unsupported));
}

#[test]
fn nothing_can_be_changed_after_the_headers() {
    let closed = Some(ErrorKind::Closed);
    let mut client = sealed(&[NEW, OLD], SessionsOptions::new());
    let late = client.open();
    block_on(late.finish()).unwrap();
    block_on(late.set(json!(1))).unwrap();
    assert_eq!(kind(block_on(late.commit())), closed);
    client.set(json!(1));
    let late = || {
        let session = client.open();
        session.seal();
        session
    };
    let (touched, ended, changed) = (late(), late(), late());
    block_on(touched.touch()).unwrap();
    assert_eq!(kind(block_on(touched.commit())), closed);
    assert_eq!(kind(block_on(late().regenerate())), closed);
    // A logout that the client is not told of is none.
    assert_eq!(kind(block_on(ended.clear())), closed);
    block_on(changed.set(json!(2))).unwrap();
    assert_eq!(kind(block_on(changed.commit())), closed);
    let nobody = client.sessions.open(&Request::new(None));
    nobody.seal();
    block_on(nobody.clear()).unwrap();
}

#[test]
fn who_only_reads_after_the_headers_is_no_error() {
    let clock = Arc::new(ManualClock::default());
    let mut old = sealed(&[OLD], timed(&clock, 30, 120));
    old.set(json!(1));
    clock.advance(Duration::from_secs(10 * 60));
    let client = Client { cookie: old.cookie, ..sealed(&[NEW, OLD], timed(&clock, 30, 120)) };
    let session = client.open();
    session.seal();
    assert_eq!(block_on(session.get()).unwrap(), Some(json!(1)));
    assert_eq!(block_on(session.commit()).unwrap(), CommitOutcome::Unchanged);
    assert_eq!(block_on(session.finish()).unwrap(), None);
}

#[test]
fn they_need_secrets_that_cannot_be_guessed_and_options_that_need_no_storage() {
    let of = |cookie: SessionCookie, given: &[&str], options: SessionsOptions| {
        kind(Sessions::<Value>::sealed(cookie, &secrets(given), options))
    };
    let (user, options) = (|| SessionCookie::new("user"), SessionsOptions::new);
    let invalid = Some(ErrorKind::InvalidOption);
    assert_eq!(of(user(), &[NEW], options()), None);
    assert_eq!(of(user(), &[NEW], options().on_conflict(OnConflict::Overwrite)), None);
    assert_eq!(of(user(), &[NEW, "short"], options()), invalid);
    assert_eq!(of(user().same_site(SameSite::None).secure(false), &[NEW], options()), invalid);
    let refused = [
        options().tags(Tags::new(["Ada"]).unwrap()),
        options().on_conflict(OnConflict::Error),
        options().secrets(&secrets(&[NEW])).unwrap(),
        options().sealing_secrets(&secrets(&[NEW])).unwrap(),
        options().touch_after(Duration::ZERO),
        options().idle_timeout(Duration::ZERO),
    ];
    for options in refused {
        assert_eq!(of(user(), &[NEW], options), invalid);
    }
}
