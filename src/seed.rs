//! Hash tables that a client's ids cannot overload.

use std::hash::{BuildHasher, Hasher};

use siphasher::sip::SipHasher13;

use crate::error::Error;

/// SipHash-1-3 under a random key. Ids and tags come from clients; the standard library's own keys are not
/// random on wasm32.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeededState {
    key: (u64, u64),
}

impl SeededState {
    pub(crate) fn random() -> Result<Self, Error> {
        let random = || getrandom::u64().map_err(Error::no_random);
        Ok(Self { key: (random()?, random()?) })
    }

    /// The hash of an id on the hot path.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> u64 {
        let mut hasher = self.build_hasher();
        hasher.write(bytes);
        hasher.finish()
    }
}

impl BuildHasher for SeededState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key.0, self.key.1)
    }
}
