//! The name of a session outside the process's own memory.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{error::Error, id::SessionId};

/// SHA-256 of a session's id: no id reaches a path, a key or a log, and a leaked disk holds none (C8).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn of(id: &SessionId) -> Self {
        Self(Sha256::digest(id.as_str().as_bytes()).into())
    }

    /// In 64 lowercase hexadecimal digits: the same name on a file system that ignores case.
    pub(crate) fn hex(&self) -> String {
        base16ct::lower::encode_string(&self.0)
    }

    /// As what a sealed content is bound to.
    pub(crate) fn into_bytes(self) -> [u8; 32] {
        self.0
    }

    /// As an id, for what is kept by id within the process.
    pub(crate) fn name(&self) -> Result<SessionId, Error> {
        SessionId::new(self.hex())
    }

    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        let mut key = [0; 32];
        let decoded = base16ct::lower::decode(hex, &mut key).ok()?;
        (decoded.len() == key.len()).then_some(Self(key))
    }

    #[cfg(target_arch = "wasm32")]
    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// One of 256 parts that keys fall into evenly.
    pub(crate) fn part(&self) -> u8 {
        self.0[0]
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c8_a_key_is_the_hash_in_lowercase() -> Result<(), Error> {
        let key = Key::of(&SessionId::new("abc")?);
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(key.hex(), hex);
        assert_eq!(Key::from_hex(hex), Some(key));
        for bad in ["", &hex[1..], &format!("{hex}0"), &hex.to_uppercase(), "../../etc/passwd"] {
            assert_eq!(Key::from_hex(bad), None, "{bad}");
        }
        assert_eq!(format!("{key:?}"), "Key(…)");
        Ok(())
    }
}
