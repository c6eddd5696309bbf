//! The secrets of an application, newest first.

use std::fmt;

use zeroize::Zeroizing;

use super::mac::Derivation;
use crate::error::{Error, ErrorKind};

/// The secrets that sign and seal: the first for what is new, all of them for what is there. So a secret is
/// replaced without logging anybody out: put the new one in front, and drop the old one when nobody holds a ticket of
/// its time any more.
///
/// Where several servers share the sessions, give the new secret to all of them behind the old one first, and move it to
/// the front when each of them knows it.
///
/// Take at least 32 random bytes for each: whoever holds a ticket can try short ones out at home. The memory of a secret
/// is cleared when it is dropped, and none shows in `Debug`.
///
/// ```
/// use sessile::Secrets;
///
/// let secrets = Secrets::new(["the newest one, of at least 32 bytes", "the one before, which is as long"])?;
/// assert_eq!(format!("{secrets:?}"), "Secrets(…)");
/// assert!(Secrets::new([""]).is_err());
/// # Ok::<(), sessile::Error>(())
/// ```
pub struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    /// The shortest secret that keys for sealing are made of.
    pub const MIN_SEALING_BYTES: usize = 32;

    /// Takes secrets, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for no secret at all, or an empty one.
    pub fn new<S: Into<Vec<u8>>>(secrets: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let secrets: Vec<_> = secrets.into_iter().map(|secret| Zeroizing::new(secret.into())).collect();
        if secrets.is_empty() {
            return Err(Error::new(ErrorKind::InvalidOption, "there is no secret; give at least one"));
        }
        if secrets.iter().any(|secret| secret.is_empty()) {
            return Err(Error::new(ErrorKind::InvalidOption, "a secret is empty"));
        }
        Ok(Self(secrets))
    }

    /// As they are, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|secret| secret.as_slice())
    }

    /// What keys are made of, newest first.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for a secret of less than [`Self::MIN_SEALING_BYTES`]. A signature's secret may be as
    /// short as an application already has it; one for sealing has no such past.
    pub(crate) fn derivations(&self) -> Result<Vec<Derivation>, Error> {
        if self.iter().any(|secret| secret.len() < Self::MIN_SEALING_BYTES) {
            return Err(Error::new(
                ErrorKind::InvalidOption,
                "a secret that seals has fewer than 32 bytes; take 32 random ones",
            ));
        }
        self.iter().map(|secret| Derivation::new(b"sessile", secret)).collect()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secrets(…)")
    }
}
