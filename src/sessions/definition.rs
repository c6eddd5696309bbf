//! A kind of session: its name, storage and options, all checked.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    carrier::{Brought, Carrier, RequestHeaders},
    cookie::SessionCookie,
    counters::{Counters, SessionCounters},
    json,
    options::{InvalidSession, SessionEvent, SessionsOptions},
    request_session::RequestSession,
    session::Session,
    tickets::Recognised,
    turns::Turns,
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    id::SessionId,
    session::Capabilities,
    storage::SessionStorage,
    ticket::{Sealer, Secrets},
};

/// Sessions of one kind, for web servers: what they hold, how they travel, and where they are kept.
///
/// A session is loaded when it is asked for and stored before the response's headers go out, such that parallel requests
/// lose none of each other's changes, and an ended session stays ended:
///
/// - **S1** A commit is conditional on the revision that was loaded. On conflict the functions given to
///   [`update`](Session::update) run again on what others have stored, and all else is merged with it by key.
/// - **S2** A request that loaded a session before it was cleared cannot bring it back.
/// - **S3** An id that is unknown, expired or badly signed is never adopted, and the client is told to drop it.
///   [`regenerate`](Session::regenerate) keeps the data; the old id is dead then.
/// - **S4** A cookie that a browser would drop is refused when it is set up.
/// - **S5** Ids are signed, or sealed, where there are secrets.
/// - **S6** A failure of the storage is an error of the call that met it, and never an empty session.
/// - **S7** What is stored and cannot be used is reported, and is no session.
///
/// Those that a cookie carries whole ([`sealed`](Self::sealed)) promise less.
///
/// Cookie and record are those of the npm package `sessile`: servers in both languages share a login. Keys of a record that
/// `T` does not know stay as they are. Numbers beyond 2^53 do not survive JavaScript.
///
/// Cloning makes another handle of the same sessions. With the feature `tower` they come as a layer; for any other server,
/// [`open`](Self::open) a session for each request, and [`finish`](Session::finish) it before the response goes out.
///
/// ```
/// use std::borrow::Cow;
/// use serde::{Deserialize, Serialize};
/// use sessile::{Error, RequestHeaders, SessionStorageMemory, Sessions, SessionsOptions};
///
/// #[derive(Serialize, Deserialize, Default)]
/// struct Visitor {
///     visits: u32,
/// }
///
/// /// A request of any server.
/// struct Request {
///     cookies: String,
/// }
///
/// impl RequestHeaders for Request {
///     fn header(&self, name: &str) -> Option<Cow<'_, str>> {
///         (name == "cookie").then_some(Cow::Borrowed(&self.cookies))
///     }
///     fn is_https(&self) -> bool {
///         true
///     }
/// }
///
/// # futures::executor::block_on(async {
/// let visitors = Sessions::<Visitor>::cookie("visitor", SessionStorageMemory::new(), SessionsOptions::new())?;
///
/// let session = visitors.open(&Request { cookies: String::new() });
/// let visitor = session
///     .update(|visitor| Visitor { visits: visitor.unwrap_or_default().visits + 1 })
///     .await?;
/// assert_eq!(visitor.visits, 1);
/// let header = session.finish().await?.expect("the session is new");
/// assert!(header.value.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Sessions<T> {
    definition: Arc<Definition>,
    holds: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + 'static> Sessions<T> {
    /// Sessions that travel in a cookie.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a cookie that a browser would drop, or options that make no sense or that this
    /// storage cannot promise.
    pub fn cookie(
        cookie: impl Into<SessionCookie>,
        storage: impl SessionStorage + 'static,
        options: SessionsOptions,
    ) -> Result<Self, Error> {
        Self::stored(Carrier::cookie(cookie.into())?, Arc::new(storage), options)
    }

    /// Sessions that travel in a header, for clients without cookies. The response carries it when the session is new, and
    /// empty when it has ended.
    ///
    /// # Errors
    /// As [`cookie`](Self::cookie).
    pub fn header(
        name: &str,
        storage: impl SessionStorage + 'static,
        options: SessionsOptions,
    ) -> Result<Self, Error> {
        Self::stored(Carrier::header(name)?, Arc::new(storage), options)
    }

    /// Sessions that a cookie carries whole, sealed: there is no storage, and the client can neither read nor change what it
    /// holds. The first of the secrets seals, all open, and what an older one has sealed is sealed anew. It is the same cookie
    /// as that of the npm package's `cookie` without a storage.
    ///
    /// This needs no server's memory, but the client can bring an older cookie. So S1 and S2 are not promised, nor that an old id
    /// is dead (S3): of parallel requests the last response wins, and after [`clear`](Session::clear) or
    /// [`regenerate`](Session::regenerate) whoever has kept a copy has a session until it expires. Give it timeouts: those of the
    /// options count when the cookie is read, so a shorter one counts at once. There are no tags, and nothing can be stored after
    /// the response's headers.
    ///
    /// A session too large for the 4,096 bytes that browsers take, the cookie's name among them, is
    /// [`ErrorKind::TooLarge`] when it is committed.
    ///
    /// ```
    /// # use std::{borrow::Cow, time::Duration};
    /// # use sessile::{Error, RequestHeaders, Secrets, Sessions, SessionsOptions};
    /// # struct Request(Option<String>);
    /// # impl RequestHeaders for Request {
    /// #     fn header(&self, name: &str) -> Option<Cow<'_, str>> {
    /// #         self.0.as_deref().filter(|_| name == "cookie").map(Cow::Borrowed)
    /// #     }
    /// #     fn is_https(&self) -> bool { true }
    /// # }
    /// # futures::executor::block_on(async {
    /// let secrets = Secrets::new(["32 random bytes, for instance hex"])?;
    /// let options = SessionsOptions::new().idle_timeout(Duration::from_secs(30 * 60));
    /// let carts = Sessions::<Vec<u32>>::sealed("__Host-cart", &secrets, options)?;
    ///
    /// let cart = carts.open(&Request(None));
    /// cart.set(vec![17]).await?;
    /// let header = cart.finish().await?.expect("the session is new");
    /// assert!(header.value.starts_with("__Host-cart=v1."));
    ///
    /// let next = carts.open(&Request(header.value.split(';').next().map(str::to_owned)));
    /// assert_eq!(next.get().await?, Some(vec![17]));
    /// # Ok::<(), Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a cookie that a browser would drop, a secret of less than
    /// [`Secrets::MIN_SEALING_BYTES`], and options that need a storage: secrets of ids, tags, and
    /// [`OnConflict::Error`](crate::OnConflict::Error).
    pub fn sealed(
        cookie: impl Into<SessionCookie>,
        secrets: &Secrets,
        options: SessionsOptions,
    ) -> Result<Self, Error> {
        let carrier = Carrier::cookie(cookie.into())?;
        options.check_carried()?;
        Self::new(carrier, Place::Cookie(Sealer::new(secrets)?), Capabilities::default(), options)
    }

    fn stored(
        carrier: Carrier,
        storage: Arc<dyn SessionStorage>,
        options: SessionsOptions,
    ) -> Result<Self, Error> {
        let capabilities = storage.capabilities();
        options.check(capabilities)?;
        Self::new(carrier, Place::Storage(storage), capabilities, options)
    }

    fn new(
        carrier: Carrier,
        place: Place,
        capabilities: Capabilities,
        options: SessionsOptions,
    ) -> Result<Self, Error> {
        let turns = Turns::new()?;
        let definition = Definition {
            carrier,
            place,
            capabilities,
            options,
            turns,
            counters: Counters::default(),
            check: json::check::<T>,
        };
        Ok(Self { definition: Arc::new(definition), holds: PhantomData })
    }

    /// The cookie's or header's name.
    pub fn name(&self) -> &str {
        self.definition.carrier.name()
    }

    /// How often what has happened, as [`on_event`](SessionsOptions::on_event) would have told.
    pub fn counters(&self) -> SessionCounters {
        self.definition.counters.all()
    }

    /// The session of a request. Nothing is loaded before somebody asks for it.
    pub fn open(&self, request: &(impl RequestHeaders + ?Sized)) -> Session<T> {
        let brought = self.definition.carrier.read(request);
        Session::new(RequestSession::new(Arc::clone(&self.definition), brought))
    }

    /// Ends all sessions that carry a tag, also those that get another id meanwhile; says how many.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where there is no storage or it has no tags, [`ErrorKind::Conflict`] where sessions never stop getting
    /// other ids, and the storage's own failures.
    pub async fn revoke_all(&self, tag: &str) -> Result<u64, Error> {
        self.definition.end_tagged(tag).await
    }
}

impl<T> Clone for Sessions<T> {
    fn clone(&self) -> Self {
        Self { definition: Arc::clone(&self.definition), holds: PhantomData }
    }
}

impl<T> fmt::Debug for Sessions<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition.fmt(out)
    }
}

/// Where sessions are kept.
pub(super) enum Place {
    Storage(Arc<dyn SessionStorage>),
    /// In the client's own cookie, sealed.
    Cookie(Sealer),
}

/// What stands behind [`Sessions`], without the type: it is compiled once.
pub(super) struct Definition {
    pub(super) carrier: Carrier,
    pub(super) place: Place,
    pub(super) capabilities: Capabilities,
    pub(super) options: SessionsOptions,
    pub(super) turns: Turns,
    pub(super) counters: Counters,
    /// Whether a value is one of the sessions' type.
    pub(super) check: fn(&Value) -> Result<(), serde_json::Error>,
}

impl Definition {
    pub(super) fn now(&self) -> Result<Timestamp, Error> {
        self.options.clock.now()
    }

    /// # Errors
    /// [`ErrorKind::Unsupported`] where the sessions are kept in none.
    pub(super) fn storage(&self) -> Result<&dyn SessionStorage, Error> {
        match &self.place {
            Place::Storage(storage) => Ok(&**storage),
            Place::Cookie(_) => Err(carried_untagged()),
        }
    }

    pub(super) fn ticket_of(&self, id: &SessionId) -> Result<String, Error> {
        self.options.tickets.give(self.carrier.name(), id)
    }

    /// `None` where no ticket was brought that we have given.
    pub(super) fn recognise(&self, brought: &Brought) -> Option<Recognised> {
        self.options.tickets.recognise(self.carrier.name(), &brought.tickets)
    }

    /// What is to be stored, as the next request will load it.
    pub(super) fn validate(&self, value: &Value) -> Result<(), Error> {
        // What serde says may quote the value.
        (self.check)(value).map_err(|_| json::unfit())
    }

    /// No lock is held by who calls this.
    pub(super) fn tell(&self, event: SessionEvent) {
        self.counters.add(event);
        if let Some(tell) = &self.options.on_event {
            tell(event);
        }
    }

    /// The same.
    pub(super) fn tell_invalid(&self, report: InvalidSession) {
        if let Some(tell) = &self.options.on_invalid {
            tell(report);
        }
    }

    pub(super) fn check_tags(&self) -> Result<(), Error> {
        if self.capabilities.tags {
            return Ok(());
        }
        self.storage()?;
        Err(Error::new(ErrorKind::Unsupported, "this storage has no tags"))
    }
}

/// Whoever asks for the storage of such sessions wants to find them by a tag.
fn carried_untagged() -> Error {
    Error::new(ErrorKind::Unsupported, "a session that its cookie carries is found by no tag")
}

impl fmt::Debug for Definition {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sessions").field("name", &self.carrier.name()).finish_non_exhaustive()
    }
}
