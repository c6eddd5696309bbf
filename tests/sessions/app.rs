//! Requests, and a client that keeps its cookie.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sessile::{
    Error, RequestHeaders, SentHeader, Session, SessionEvent, SessionStorage, SessionStorageMemory, Sessions,
    SessionsOptions,
};
use smol::block_on;

use crate::gated::Gated;

pub(crate) const NEW: &str = "the newest secret, of 32 or more bytes";
pub(crate) const OLD: &str = "the older secret, of 32 or more bytes";

/// A request of any server.
pub(crate) struct Request {
    headers: HashMap<&'static str, String>,
    is_https: bool,
}

impl Request {
    pub(crate) fn new(cookie: Option<&str>) -> Self {
        let headers = cookie.map(|cookie| ("cookie", cookie.to_owned())).into_iter().collect();
        Self { headers, is_https: true }
    }

    pub(crate) fn by_http(mut self) -> Self {
        self.is_https = false;
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.to_owned());
        self
    }
}

impl RequestHeaders for Request {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        self.headers.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }

    fn is_https(&self) -> bool {
        self.is_https
    }
}

/// A browser as far as a session is concerned.
pub(crate) struct Client<T = Value> {
    pub(crate) sessions: Sessions<T>,
    pub(crate) cookie: Option<String>,
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self { sessions: self.sessions.clone(), cookie: self.cookie.clone() }
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Client<T> {
    pub(crate) fn new(sessions: &Sessions<T>) -> Self {
        Self { sessions: sessions.clone(), cookie: None }
    }

    /// The session of a request with the cookie as it is now.
    pub(crate) fn open(&self) -> Session<T> {
        self.sessions.open(&Request::new(self.cookie.as_deref()))
    }

    /// Keeps what a response sets.
    pub(crate) fn keep(&mut self, sent: Option<&SentHeader>) {
        let Some(sent) = sent else { return };
        let pair = sent.value.split(';').next().unwrap().to_owned();
        self.cookie = (!sent.value.contains("; Max-Age=0;")).then_some(pair);
    }

    /// A whole request; answers its `Set-Cookie`.
    pub(crate) fn send(&mut self, work: impl AsyncFnOnce(&Session<T>)) -> Option<String> {
        let session = self.open();
        let sent = block_on(async {
            work(&session).await;
            session.finish().await.unwrap()
        });
        self.keep(sent.as_ref());
        sent.map(|sent| sent.value)
    }

    pub(crate) fn set(&mut self, value: T) {
        self.send(async |session| session.set(value).await.unwrap());
    }

    /// What the next request finds in its session.
    pub(crate) fn value(&mut self) -> Option<T> {
        let mut found = None;
        self.send(async |session| found = session.get().await.unwrap());
        found
    }
}

pub(crate) fn sessions(storage: impl SessionStorage + 'static, options: SessionsOptions) -> Sessions<Value> {
    Sessions::cookie("user", storage, options).unwrap()
}

pub(crate) fn client_of(storage: impl SessionStorage + 'static, options: SessionsOptions) -> Client {
    Client::new(&sessions(storage, options))
}

pub(crate) fn client() -> Client {
    client_of(SessionStorageMemory::new(), SessionsOptions::new())
}

/// A client whose storage counts its calls, waits and fails.
pub(crate) fn gated() -> (Client, Gated) {
    gated_with(SessionsOptions::new())
}

pub(crate) fn gated_with(options: SessionsOptions) -> (Client, Gated) {
    let storage = Gated::new();
    let options = options.clock(Arc::clone(storage.clock()));
    (client_of(storage.clone(), options), storage)
}

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<SessionEvent>>>);

impl Events {
    pub(crate) fn told(&self) -> impl Fn(SessionEvent) + Send + Sync + 'static {
        let Self(events) = self.clone();
        move |event| events.lock().unwrap().push(event)
    }

    pub(crate) fn all(&self) -> Vec<SessionEvent> {
        self.0.lock().unwrap().clone()
    }
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> Option<sessile::ErrorKind> {
    result.err().map(|error| error.kind())
}

pub(crate) fn held(storage: &impl SessionStorage) -> u64 {
    block_on(storage.stats()).unwrap().sessions
}

/// The next of many numbers that look random, the same in each run.
pub(crate) fn next(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*seed >> 33).unwrap()
}
