//! `Sessions` of a cookie: the id that a `Cookie` header brings is the one that it says, and one that was sent comes back.
#![no_main]

use std::{
    borrow::Cow,
    mem,
    sync::{Arc, LazyLock, Mutex},
};

use bytes::Bytes;
use futures::{executor::block_on, future::ready};
use libfuzzer_sys::fuzz_target;
use sessile::{
    BoxFuture, Capabilities, Committed, Error, ErrorKind, OnConflict, RequestHeaders, Revision, Secrets,
    SessionId, SessionInfo, SessionReader, SessionStorage, SessionWriter, Sessions, SessionsOptions, Signer,
    WriteOptions,
};
use sessile_fuzz::{Input, NEW, OLD, cookie_values};

const NAMES: [&str; 4] = ["user", "__Host-user", "__proto__", "!#$%&'*+-.^_`|~09AZaz"];

/// Keeps nothing, and notes which ids it was asked for.
#[derive(Debug, Clone, Default)]
struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    fn take(&self) -> Vec<String> {
        mem::take(&mut *self.0.lock().unwrap())
    }
}

fn refused<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, Error>> {
    Box::pin(ready(Err(Error::new(ErrorKind::Unsupported, "nothing but what sessions call"))))
}

impl SessionStorage for Asked {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    fn open<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<Option<SessionReader>, Error>> {
        refused()
    }

    fn begin<'a>(&'a self, _: &'a SessionId, _: WriteOptions) -> BoxFuture<'a, Result<SessionWriter, Error>> {
        refused()
    }

    fn touch<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        refused()
    }

    fn invalidate<'a>(&'a self, _: &'a SessionId) -> BoxFuture<'a, Result<bool, Error>> {
        refused()
    }

    fn get<'a>(&'a self, id: &'a SessionId) -> BoxFuture<'a, Result<Option<(Bytes, SessionInfo)>, Error>> {
        self.0.lock().unwrap().push(id.as_str().to_owned());
        Box::pin(ready(Ok(None)))
    }

    fn set<'a>(
        &'a self,
        _: &'a SessionId,
        _: Bytes,
        _: WriteOptions,
    ) -> BoxFuture<'a, Result<Committed, Error>> {
        Box::pin(ready(Ok(Revision::new("1").into())))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(ready(Ok(())))
    }
}

struct Request<'a>(&'a str);

impl RequestHeaders for Request<'_> {
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "cookie").then_some(Cow::Borrowed(self.0))
    }

    fn is_https(&self) -> bool {
        true
    }
}

struct Named {
    name: &'static str,
    plain: Sessions<u32>,
    signed: Sessions<u32>,
    asked: Asked,
    /// The id of the next new session.
    next: Arc<Mutex<Option<SessionId>>>,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new(&Secrets::new([NEW, OLD]).unwrap()).unwrap());

static ALL: LazyLock<[Named; 4]> = LazyLock::new(|| {
    NAMES.map(|name| {
        let asked = Asked::default();
        let next = Arc::new(Mutex::new(None::<SessionId>));
        let given = Arc::clone(&next);
        let options = SessionsOptions::new()
            .on_conflict(OnConflict::Overwrite)
            .generate_id(move || Ok(given.lock().unwrap().clone().unwrap()));
        let secrets = Secrets::new([NEW, OLD]).unwrap();
        let signed = options.clone().secrets(&secrets).unwrap();
        let sessions = |options| Sessions::cookie(name, asked.clone(), options).unwrap();
        Named { name, plain: sessions(options), signed: sessions(signed), asked, next }
    })
});

/// A request with this header: it asks for that id, or for none, and a cookie that is of no session is taken away.
fn check(named: &Named, header: &str) {
    let values = cookie_values(header.as_bytes(), named.name);
    let first = values.first().cloned();
    let verified = values.iter().find_map(|value| {
        let verified = SIGNER.verify(std::str::from_utf8(value).ok()?)?;
        Some(verified.id.as_bytes().to_vec())
    });
    for (sessions, expected) in [(&named.plain, first), (&named.signed, verified)] {
        let expected = expected.filter(|id| (1..=SessionId::MAX_BYTES).contains(&id.len()));
        let session = sessions.open(&Request(header));
        assert_eq!(block_on(session.get()).unwrap(), None);
        let asked: Vec<_> = named.asked.take().into_iter().map(String::into_bytes).collect();
        assert_eq!(asked, expected.into_iter().collect::<Vec<_>>());
        let sent = block_on(session.finish()).unwrap();
        assert_eq!(sent.is_some(), !values.is_empty());
        let taken = format!("{}=; Max-Age=0; ", named.name);
        assert!(sent.is_none_or(|sent| sent.value.starts_with(&taken)));
    }
}

/// A new session of this id: what is sent of it is one cookie, and brings the id back.
fn check_given(named: &Named, id: &SessionId) {
    *named.next.lock().unwrap() = Some(id.clone());
    for sessions in [&named.plain, &named.signed] {
        let session = sessions.open(&Request(""));
        block_on(session.set(1)).unwrap();
        let sent = block_on(session.finish()).unwrap().unwrap().value;
        let (pair, attributes) = sent.split_once(';').unwrap();
        assert_eq!(attributes, " Path=/; Secure; HttpOnly; SameSite=Lax");
        let back = sessions.open(&Request(pair));
        block_on(back.get()).unwrap();
        assert_eq!(named.asked.take(), [id.as_str()]);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (mode, at) = (input.byte(), input.number());
    let length = usize::from(input.byte());
    let id = SessionId::new(input.text(length));
    let named = &ALL[usize::from(mode & 3)];
    let mut header = String::from_utf8_lossy(input.rest()).into_owned();
    check(named, &header);
    let Ok(id) = id else { return };
    check_given(named, &id);
    // The same with a signed one somewhere in it, as it is or escaped.
    let ticket = SIGNER.sign(&id);
    let ticket = match mode >> 2 & 1 {
        0 => ticket,
        _ => ticket.bytes().map(|byte| format!("%{byte:02X}")).collect(),
    };
    let mut at = at % (header.len() + 1);
    while !header.is_char_boundary(at) {
        at -= 1;
    }
    let ends = if mode >> 3 & 1 == 0 { [";", ";"] } else { ["", ""] };
    header.insert_str(at, &format!("{}{}={ticket}{}", ends[0], named.name, ends[1]));
    check(named, &header);
});
