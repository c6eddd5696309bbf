//! The name that a client holds for its session.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::error::{Error, ErrorKind};

/// A session's id: a secret, since whoever holds it is the session's user.
///
/// Any non-empty string of up to [`SessionId::MAX_BYTES`] bytes of UTF-8 is an id (C8); what a storage
/// puts on a disk or a wire is a hash of it. Ids never show in `Debug`, and there is no `Display`: ask
/// [`as_str`](Self::as_str) where the id itself must go out, as in a cookie.
///
/// ```
/// use sessile::SessionId;
///
/// let id = SessionId::generate()?;
/// assert_eq!(id.as_str().len(), 43);
/// assert_eq!(format!("{id:?}"), "SessionId(…)");
/// assert!(SessionId::new("").is_err());
/// # Ok::<(), sessile::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// The longest id that a storage takes, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;

    /// Makes a new id of 256 bits from the system's secure random source, in 43 characters of
    /// `base64url` (RFC 4648, section 5) that need no escaping in a cookie or a header.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] where the system has no random numbers to give.
    pub fn generate() -> Result<Self, Error> {
        let mut bits = [0_u8; 32];
        getrandom::fill(&mut bits).map_err(Error::no_random)?;
        Ok(Self(Base64UrlUnpadded::encode_string(&bits).into()))
    }

    /// Takes a string as an id.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidId`] if it is empty or longer than [`Self::MAX_BYTES`].
    pub fn new(id: impl Into<Arc<str>>) -> Result<Self, Error> {
        let id = id.into();
        Self::check(&id)?;
        Ok(Self(id))
    }

    /// The id itself. Keep it out of logs and messages.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What [`new`](Self::new) refuses, for callers that hold a borrowed string on the hot path.
    pub(crate) fn check(id: &str) -> Result<(), Error> {
        match id.len() {
            1..=Self::MAX_BYTES => Ok(()),
            0 => Err(Error::new(ErrorKind::InvalidId, "a session id is empty")),
            _ => Err(Error::new(ErrorKind::InvalidId, "a session id is longer than 1,024 bytes of UTF-8")),
        }
    }
}

/// Looks an id up in a map by its string; `Hash` and `Eq` are those of the string.
impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionId {
    type Err = Error;

    fn from_str(id: &str) -> Result<Self, Error> {
        Self::new(id)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SessionId(…)")
    }
}
