//! Random histories of several requests over one session, beside a model of what must come of them.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use sessile::{CommitOutcome, Session};
use smol::block_on;

use crate::app::{Client, client};

const REQUESTS: usize = 4;

#[derive(Debug, Clone, Copy)]
enum Step {
    Load,
    Count,
    AddKey,
    Regenerate,
    Clear,
    /// Commits, answers, and begins the next request with the cookie of then.
    Finish,
}

/// What is stored: none, or one session under its latest id.
#[derive(Debug, Clone, Default)]
struct Stored {
    /// Another one after each login.
    session: u32,
    /// Another one after each new id.
    id: u32,
    is_there: bool,
    count: u64,
    keys: BTreeSet<usize>,
    /// The sessions and ids that were given up. A logout removes those that lead it to the session.
    marks: BTreeSet<(u32, u32)>,
}

/// What a request has, and what it wants.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // each is an independent fact
struct Wants {
    /// The session and id of its cookie.
    cookie: (u32, u32),
    is_loaded: bool,
    /// It was there when it was loaded.
    is_mine: bool,
    has_moved: bool,
    is_cleared: bool,
    count: u64,
    keys: BTreeSet<usize>,
    regenerates: bool,
}

impl Wants {
    fn load(&mut self, stored: &Stored) {
        if !self.is_loaded {
            self.is_loaded = true;
            self.is_mine = self.finds(stored);
            self.has_moved = stored.marks.contains(&self.cookie);
        }
    }

    fn finds(&self, stored: &Stored) -> bool {
        stored.is_there && self.cookie == (stored.session, stored.id)
    }

    fn changes(&self) -> bool {
        self.count > 0 || !self.keys.is_empty()
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Load),
        4 => Just(Step::Count),
        4 => Just(Step::AddKey),
        1 => Just(Step::Regenerate),
        1 => Just(Step::Clear),
        4 => Just(Step::Finish),
    ]
}

fn counted(value: Option<Value>) -> Value {
    let mut value = value.unwrap_or_else(|| json!({ "count": 0 }));
    value["count"] = (value["count"].as_u64().unwrap() + 1).into();
    value
}

async fn add_key(session: &Session<Value>, key: usize) {
    let mut value = session.get().await.unwrap().unwrap_or_else(|| json!({ "count": 0 }));
    value[format!("key {key}")] = true.into();
    session.set(value).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s1_s2_s3_requests_do_what_they_would_do_one_after_another(
        steps in prop::collection::vec((0..REQUESTS, step()), 1..60),
    ) {
        let mut client: Client = client();
        client.set(json!({ "count": 0 }));
        let mut stored = Stored { is_there: true, ..Stored::default() };
        let mut open: Vec<_> = (0..REQUESTS).map(|_| (client.open(), Wants::default())).collect();
        for (at, (request, step)) in steps.into_iter().enumerate() {
            let (session, wants) = &mut open[request];
            match step {
                Step::Load => {
                    let found = block_on(session.get()).unwrap();
                    let was_loaded = wants.is_loaded;
                    wants.load(&stored);
                    if !was_loaded {
                        let expected = wants.is_mine.then_some(stored.count);
                        prop_assert_eq!(found.map(|value| value["count"].as_u64().unwrap()), expected);
                    }
                }
                Step::Count => {
                    block_on(session.update(counted)).unwrap();
                    wants.load(&stored);
                    wants.count += 1;
                }
                Step::AddKey => {
                    block_on(add_key(session, at));
                    wants.load(&stored);
                    wants.keys.insert(at);
                }
                Step::Regenerate => {
                    block_on(session.regenerate()).unwrap();
                    wants.load(&stored);
                    wants.regenerates = wants.is_mine && !wants.is_cleared;
                    wants.has_moved = false;
                }
                Step::Clear => {
                    block_on(session.clear()).unwrap();
                    let (session, id) = wants.cookie;
                    if wants.finds(&stored) || stored.marks.contains(&wants.cookie) {
                        stored.is_there &= session != stored.session;
                        stored.marks.retain(|mark| mark.0 != session || mark.1 < id);
                    }
                    *wants = Wants { is_loaded: true, is_cleared: true, cookie: wants.cookie, ..Wants::default() };
                }
                Step::Finish => {
                    let came_to = block_on(session.commit()).unwrap();
                    let sent = block_on(session.finish()).unwrap();
                    let expected = if !wants.is_loaded || (!wants.changes() && !wants.regenerates) {
                        CommitOutcome::Unchanged
                    } else if wants.has_moved || (wants.is_mine && !wants.finds(&stored)) {
                        CommitOutcome::Ended
                    } else {
                        CommitOutcome::Written
                    };
                    prop_assert_eq!(came_to, expected);
                    if expected == CommitOutcome::Written && wants.is_mine {
                        stored.count += wants.count;
                        stored.keys.append(&mut wants.keys);
                        if wants.regenerates {
                            stored.marks.insert((stored.session, stored.id));
                            stored.id += 1;
                        }
                        prop_assert_eq!(sent.is_some(), wants.regenerates);
                        client.keep(sent.as_ref());
                    } else if expected == CommitOutcome::Written && !stored.is_there {
                        // A login: the others' requests from now on come with it.
                        let (session, id) = (stored.session + 1, stored.id);
                        let (count, keys) = (wants.count, std::mem::take(&mut wants.keys));
                        stored = Stored { session, id, is_there: true, count, keys, ..stored };
                        prop_assert!(sent.is_some());
                        client.keep(sent.as_ref());
                    } else if expected == CommitOutcome::Written {
                        // A session of its own beside the one that is there: nobody else has its cookie.
                        prop_assert!(sent.is_some());
                    }
                    let cookie = (stored.session, stored.id);
                    open[request] = (client.open(), Wants { cookie, ..Wants::default() });
                }
            }
        }
        let found = client.value();
        if stored.is_there {
            let keys = stored.keys.iter().map(|key| (format!("key {key}"), json!(true)));
            let mut expected: serde_json::Map<_, _> = keys.collect();
            expected.insert("count".to_owned(), stored.count.into());
            prop_assert_eq!(found, Some(Value::Object(expected)));
        } else {
            prop_assert_eq!(found, None);
        }
    }
}
