//! Contents that a client holds and cannot read.

use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};

use super::{
    keys::{NONCE, SealingKey, SealingKeys},
    secrets::Secrets,
};
use crate::error::{Error, ErrorKind};

/// The version of the format. What stands behind it is base64url.
const PREFIX: &str = "v1.";

/// Seals a content for a cookie or a header: a session's id that shall not be read, or a whole small session.
///
/// Sealed is encrypted, bound to the cookie's name, and found to be so when it is opened: `XChaCha20-Poly1305` under a
/// random nonce, with a key that is made of a secret for this use alone. A text of one cookie cannot be opened as that of
/// another. It says nothing of time: put a deadline into the content if it shall have one.
///
/// ```
/// use sessile::{Sealer, Secrets};
///
/// let sealer = Sealer::new(&Secrets::new(["32 random bytes, for instance hex"])?)?;
/// let ticket = sealer.seal("cart", b"{\"items\":[17]}")?;
/// assert!(ticket.starts_with("v1."));
/// assert_eq!(sealer.open("cart", &ticket).map(|found| found.content), Some(b"{\"items\":[17]}".to_vec()));
/// assert_eq!(sealer.open("another", &ticket), None);
/// # Ok::<(), sessile::Error>(())
/// ```
pub struct Sealer {
    keys: SealingKeys,
}

/// What [`Sealer::open`] has found in a sealed text.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was sealed.
    pub content: Vec<u8>,
    /// Whether the newest secret has sealed it. If not, give the client one that it has.
    pub by_newest: bool,
}

impl fmt::Debug for Opened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Opened").field("by_newest", &self.by_newest).finish_non_exhaustive()
    }
}

impl Sealer {
    /// The largest content, in bytes: more than any browser takes in a cookie, or any server in a header.
    pub const MAX_BYTES: usize = 16 * 1024;
    const MAX_TEXT: usize = PREFIX.len() + (Self::MAX_BYTES + SealingKey::ADDED) * 4 / 3 + 1;

    /// Makes the keys.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a secret of less than [`Secrets::MIN_SEALING_BYTES`].
    pub fn new(secrets: &Secrets) -> Result<Self, Error> {
        Ok(Self { keys: SealingKeys::derive(&secrets.derivations()?, b"sessile ticket v1")? })
    }

    /// Seals a content by the newest secret, for the cookie of this name. The text needs no escaping in a cookie.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] for a content of more than [`Self::MAX_BYTES`]; [`ErrorKind::Storage`] where the
    /// system has no random numbers to give.
    pub fn seal(&self, name: &str, content: &[u8]) -> Result<String, Error> {
        if content.len() > Self::MAX_BYTES {
            return Err(Error::new(ErrorKind::TooLarge, "the content is larger than a client would hold"));
        }
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(Error::no_random)?;
        let sealed = self.keys.newest().seal(&nonce, name.as_bytes(), content)?;
        Ok(format!("{PREFIX}{}", Base64UrlUnpadded::encode_string(&sealed)))
    }

    /// What was sealed for the cookie of this name; `None` for anything else. Any text may be asked for: one that is too
    /// long is refused unread.
    pub fn open(&self, name: &str, text: &str) -> Option<Opened> {
        if text.len() > Self::MAX_TEXT {
            return None;
        }
        let sealed = Base64UrlUnpadded::decode_vec(text.strip_prefix(PREFIX)?).ok()?;
        let (content, by_newest) = self.keys.open(name.as_bytes(), &sealed)?;
        Some(Opened { content, by_newest })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sealer").finish_non_exhaustive()
    }
}
