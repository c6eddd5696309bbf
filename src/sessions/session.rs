//! The session of one request.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    carrier::SentHeader,
    commit::CommitOutcome,
    draft::Update,
    json::{carry, decode, encode, project},
    request_session::RequestSession,
};
use crate::{
    error::{Error, ErrorKind},
    id::SessionId,
    session::Tags,
};

/// The session of one request. It is loaded when it is first asked for.
///
/// Clones are the same session: a handler may hold one and whoever answers the request another. Each call that asks the
/// storage fails as the storage does, and what it stores is JSON, as serde makes it of `T`.
///
/// ```
/// # use serde_json::{Value, json};
/// # use sessile::{Error, RequestHeaders, Sessions, SessionStorageMemory, SessionsOptions};
/// # struct Request;
/// # impl RequestHeaders for Request {
/// #     fn header(&self, _: &str) -> Option<std::borrow::Cow<'_, str>> { None }
/// #     fn is_https(&self) -> bool { true }
/// # }
/// # futures::executor::block_on(async {
/// # let sessions = Sessions::<Value>::cookie("user", SessionStorageMemory::new(), SessionsOptions::new())?;
/// let session = sessions.open(&Request);
/// assert!(session.get().await?.is_none());
///
/// // Somebody logs in.
/// session.regenerate().await?;
/// session.set(json!({ "name": "Ada" })).await?;
/// session.tag(["user:17"]).await?;
/// session.commit().await?;
///
/// // And out.
/// session.clear().await?;
/// assert!(session.is_new());
/// # Ok::<(), Error>(())
/// # }).unwrap();
/// ```
pub struct Session<T> {
    inner: Arc<RequestSession>,
    holds: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + 'static> Session<T> {
    /// The value; `None` where there is no session.
    pub async fn get(&self) -> Result<Option<T>, Error> {
        self.inner.load().await?;
        let value = self.inner.lock().draft.value().cloned();
        value.map(|value| decode(&value)).transpose()
    }

    /// Replaces the value. Others' changes of keys that this request leaves as they were are kept.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for a value that has no JSON or is nested deeper than 200;
    /// [`NotFound`](crate::ErrorKind::NotFound) for a session that a commit has found ended.
    pub async fn set(&self, value: T) -> Result<(), Error> {
        let after = encode(&value)?;
        drop(value);
        self.inner.load().await?;
        let make: Update = Arc::new(move |current| {
            let seen = current.and_then(project::<T>);
            Ok(carry::<T>(current, seen.as_ref(), after.clone()))
        });
        self.inner.change(&make, false)?;
        Ok(())
    }

    /// Makes a new value of the one that is there, and answers it. The function runs again if another request has written
    /// meanwhile, so it must do nothing else; other commits of this session wait for it.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn update(&self, update: impl Fn(Option<T>) -> T + Send + Sync + 'static) -> Result<T, Error> {
        self.inner.load().await?;
        let make: Update = Arc::new(move |current| {
            let typed: Option<T> = current.map(decode).transpose()?;
            let seen = typed.as_ref().and_then(|typed| serde_json::to_value(typed).ok());
            let after = encode(&update(typed))?;
            Ok(carry::<T>(current, seen.as_ref(), after))
        });
        decode(&*self.inner.change(&make, true)?)
    }

    /// The value, made first where there is none.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub async fn get_or_set(&self, make: impl AsyncFnOnce() -> T) -> Result<T, Error> {
        self.inner.load().await?;
        let value = self.inner.lock().draft.value().cloned();
        if let Some(value) = value {
            return decode(&value);
        }
        let value = encode(&make().await)?;
        // Somebody else in this request may have been faster.
        decode(&*self.inner.set_if_absent(Arc::new(value))?)
    }
}

impl<T> Session<T> {
    pub(super) fn new(inner: RequestSession) -> Self {
        Self { inner: Arc::new(inner), holds: PhantomData }
    }

    /// The id, once it is loaded or stored. A secret: who has it, has the session.
    pub fn id(&self) -> Option<SessionId> {
        self.inner.id()
    }

    /// Whether nothing was stored when it was loaded, or nothing since [`clear`](Self::clear).
    pub fn is_new(&self) -> bool {
        self.inner.id().is_none()
    }

    /// Whether anybody has asked for it: if not, there is nothing to commit.
    pub fn is_used(&self) -> bool {
        self.inner.lock().is_loaded()
    }

    /// Keeps a message for the next request that asks for those of its kind, such as the page after a redirect.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for a kind without a name;
    /// [`NotFound`](crate::ErrorKind::NotFound) for a session that a commit has found ended.
    pub async fn flash(&self, kind: impl Into<String>, message: impl Into<String>) -> Result<(), Error> {
        let (kind, message) = (kind.into(), message.into());
        if kind.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption, "the kind of a flash message has no name"));
        }
        self.inner.load().await?;
        self.inner.flash(kind, message)
    }

    /// The messages of a kind, oldest first; the commit removes them.
    pub async fn flashes(&self, kind: &str) -> Result<Vec<String>, Error> {
        self.inner.load().await?;
        Ok(self.inner.lock().flash.take(kind))
    }

    /// Ends the session, for good once this has resolved, and tells the client. A value set after begins another session.
    ///
    /// It works without a load, and ends the session also where it has got another id meanwhile.
    ///
    /// # Errors
    /// The storage's own. What is stored under the session's id is ended as far as the storage can, but it may be that the
    /// session has another id, and lives on. [`Closed`](crate::ErrorKind::Closed) for one that its cookie carries, once the
    /// response's headers are gone.
    pub async fn clear(&self) -> Result<(), Error> {
        self.inner.clear().await
    }

    /// Gives the session a new id when it is committed; the old one is dead then. Do so when somebody logs in.
    ///
    /// For a minute the storage knows the old id as one that was given up: a request that still comes with it has no session, and
    /// keeps its cookie, which may be the new one by then.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed) once the response's headers are gone.
    pub async fn regenerate(&self) -> Result<(), Error> {
        self.inner.regenerate().await
    }

    /// Adds names under which the session can be found and revoked, such as a user's id.
    ///
    /// # Errors
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) for what is no tag, [`Unsupported`](crate::ErrorKind::Unsupported)
    /// where the storage has none, or there is no storage.
    pub async fn tag<N: Into<Box<str>>>(&self, tags: impl IntoIterator<Item = N>) -> Result<(), Error> {
        let tags = Tags::new(tags)?;
        self.inner.tag(tags).await
    }

    /// Counts as activity, however short ago the last was.
    pub async fn touch(&self) -> Result<(), Error> {
        self.inner.load().await?;
        self.inner.lock().touches = true;
        Ok(())
    }

    /// Stores what was changed. Whoever answers the request does so at its end, by [`finish`](Self::finish).
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) where [`OnConflict::Error`](crate::OnConflict::Error) asks for it, or others
    /// never stop writing; [`InvalidOption`](crate::ErrorKind::InvalidOption) for what the next request could not load as a
    /// `T`; [`Closed`](crate::ErrorKind::Closed) for a new session when the response's headers are gone. One that its cookie
    /// carries is `Closed` then for each change, and [`TooLarge`](crate::ErrorKind::TooLarge) where no browser would take it.
    pub async fn commit(&self) -> Result<CommitOutcome, Error> {
        self.inner.commit().await
    }

    /// Stores what was changed, and answers the header that the response needs, if any. A response that has it must not be
    /// kept by a shared cache. If this fails, no response must go out but an error.
    ///
    /// Nothing can be told to the client after this: what would need it fails with [`Closed`](crate::ErrorKind::Closed).
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn finish(&self) -> Result<Option<SentHeader>, Error> {
        let committed = self.inner.commit().await;
        self.inner.seal();
        committed?;
        self.inner.sent()
    }

    /// The headers went out without it, as those of a session that nobody had asked for.
    pub fn seal(&self) {
        self.inner.seal();
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), holds: PhantomData }
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(out)
    }
}
