//! One error type with a stable kind.

use std::{borrow::Cow, error::Error as StdError, fmt, io, sync::Arc};

/// What went wrong, for a program to act on. The same words in every backend and, as `code`, in
/// JavaScript; a storage's own errors are kept as the [source](StdError::source).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no such session, or it has expired (C3).
    NotFound,
    /// The revision has moved on, or the session was invalidated after this write began (C4, C5).
    Conflict,
    /// An id that is empty or longer than 1,024 bytes (C8).
    InvalidId,
    /// The content is larger than `max_session_bytes` (C10).
    TooLarge,
    /// The storage is full, or the platform's quota is exceeded (C10).
    Quota,
    /// A stored record is damaged; other sessions are not affected (C12).
    Corrupt,
    /// The storage, or the channel, has been closed.
    Closed,
    /// This backend cannot do it: see [`Capabilities`](crate::Capabilities).
    Unsupported,
    /// An option makes no sense, such as a timeout of no time.
    InvalidOption,
    /// The medium failed; the source says how.
    Storage,
}

/// A failure of a storage.
///
/// `Display` says what to do and never holds an id, a payload or a secret.
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    /// Shared by those who waited for one call that failed.
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind. The message is for the developer who reads a log: no ids, no content.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Keeps what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ErrorKind::NotFound, "there is no such session, or it has expired")
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the storage has been closed; make a new one")
    }

    pub(crate) fn channel_closed() -> Self {
        Self::new(ErrorKind::Closed, "the channel is closed; nothing can be written to it any more")
    }

    /// In words, since the cause's own `Debug` alone would make the wasm 4 % larger.
    pub(crate) fn no_random(cause: getrandom::Error) -> Self {
        Self::new(ErrorKind::Storage, format!("the system's random source failed: {cause}"))
    }

    pub(crate) fn unsupported(what: &'static str) -> Self {
        Self::new(ErrorKind::Unsupported, what)
    }

    /// The same failure for somebody else who met it.
    pub(crate) fn duplicate(&self) -> Self {
        Self { kind: self.kind, message: self.message.clone(), source: self.source.clone() }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}: {}", self.kind, self.message)?;
        match &self.source {
            Some(source) => write!(out, " ({source})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Keeps the error, so that it comes back whole when a channel's [`io::Error`] is turned into an
/// [`Error`] again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::TooLarge => io::ErrorKind::FileTooLarge,
            ErrorKind::Quota => io::ErrorKind::QuotaExceeded,
            ErrorKind::Corrupt => io::ErrorKind::InvalidData,
            ErrorKind::Closed => io::ErrorKind::BrokenPipe,
            ErrorKind::Unsupported => io::ErrorKind::Unsupported,
            ErrorKind::InvalidId | ErrorKind::InvalidOption => io::ErrorKind::InvalidInput,
            ErrorKind::Conflict | ErrorKind::Storage => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| {
            let message = format!("reading or writing failed: {error}");
            match error.into_inner() {
                Some(source) => Self::new(ErrorKind::Storage, message).with_source(source),
                None => Self::new(ErrorKind::Storage, message),
            }
        })
    }
}

/// How a call with a callback failed: by the storage, or by the callback itself. So a `NotFound` that a
/// consumer raises is never taken for the storage's own (C3).
#[derive(Debug)]
pub enum Failure<E> {
    /// The storage failed.
    Storage(Error),
    /// The provider or consumer failed, with its own error.
    Callback(E),
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(out),
            Self::Callback(error) => error.fmt(out),
        }
    }
}

impl<E: StdError + 'static> StdError for Failure<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Storage(error) => error.source(),
            Self::Callback(error) => error.source(),
        }
    }
}

/// For callers who need not know whose failure it was.
impl<E: Into<Self>> From<Failure<E>> for Error {
    fn from(failure: Failure<E>) -> Self {
        match failure {
            Failure::Storage(error) => error,
            Failure::Callback(error) => error.into(),
        }
    }
}
