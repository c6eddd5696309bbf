//! Ids that a client can read and nobody can forge.

use std::fmt;

use base64ct::{Base64Unpadded, Encoding};

use super::{
    mac::{Code, MacKey},
    secrets::Secrets,
};
use crate::{error::Error, id::SessionId};

const PREFIX: &str = "s:";
/// HMAC-SHA256 in base64 without padding.
const SIGNATURE: usize = 43;
/// The prefix, the dot, the signature.
const ADDED: usize = PREFIX.len() + 1 + SIGNATURE;

/// Signs ids for a cookie or a header, and verifies what comes back.
///
/// The text is that of express-session and of the npm package `cookie-signature`: `s:`, the id, a dot, and HMAC-SHA256 of
/// the id in base64 without padding. So sessions carry over from there and back. It is not escaped: a cookie's value takes
/// percent-encoding.
///
/// ```
/// use sessile::{Secrets, SessionId, Signer};
///
/// let signer = Signer::new(&Secrets::new(["newest", "older"])?)?;
/// let id = SessionId::generate()?;
/// let ticket = signer.sign(&id);
/// assert_eq!(signer.verify(&ticket).map(|found| found.id), Some(id.as_str()));
/// assert_eq!(signer.verify("s:chosen.by.the.client"), None);
///
/// // Signed with the older secret, and so to be signed anew.
/// let old = Signer::new(&Secrets::new(["older"])?)?.sign(&id);
/// assert!(signer.verify(&old).is_some_and(|found| !found.by_newest));
/// # Ok::<(), sessile::Error>(())
/// ```
pub struct Signer {
    /// Newest first.
    keys: Vec<MacKey>,
}

/// A text that [`Signer::verify`] has found to be signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The id that was signed.
    pub id: &'a str,
    /// Whether the newest secret has signed it. If not, give the client one that it has.
    pub by_newest: bool,
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Verified").field("by_newest", &self.by_newest).finish_non_exhaustive()
    }
}

impl Signer {
    /// The longest text that can be a signed id, in bytes.
    pub const MAX_BYTES: usize = SessionId::MAX_BYTES + ADDED;

    /// Prepares the secrets. They may be of any length: the format says so.
    ///
    /// # Errors
    /// None; the signature leaves room for one.
    pub fn new(secrets: &Secrets) -> Result<Self, Error> {
        Ok(Self { keys: secrets.iter().map(MacKey::new).collect::<Result<_, _>>()? })
    }

    /// The id with its signature by the newest secret.
    pub fn sign(&self, id: &SessionId) -> String {
        let id = id.as_str();
        format!("{PREFIX}{id}.{}", self.signature(id))
    }

    /// The signature alone, by the newest secret. There is always one.
    pub(crate) fn signature(&self, id: &str) -> String {
        Base64Unpadded::encode_string(&self.keys[0].code(id.as_bytes()).into_bytes())
    }

    /// The id in a signed text; `None` for a text that no secret has signed. Any text may be asked for: one that is too long
    /// is refused unread, and none takes a time that tells how much of it was right.
    pub fn verify<'a>(&self, text: &'a str) -> Option<Verified<'a>> {
        if text.len() > Self::MAX_BYTES {
            return None;
        }
        // The last dot: an id may have some of its own, a signature has none.
        let (id, signature) = text.strip_prefix(PREFIX)?.rsplit_once('.')?;
        SessionId::check(id).ok()?;
        let mut given = [0; Code::BYTES];
        if signature.len() != SIGNATURE || Base64Unpadded::decode(signature, &mut given).is_err() {
            return None;
        }
        let given = Code::from_bytes(given);
        let (mut by_any, mut by_newest) = (false, false);
        for (at, key) in self.keys.iter().enumerate() {
            // Compared in constant time, and with all of them.
            let same = key.code(id.as_bytes()) == given;
            by_any |= same;
            if at == 0 {
                by_newest = same;
            }
        }
        by_any.then_some(Verified { id, by_newest })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer").finish_non_exhaustive()
    }
}
