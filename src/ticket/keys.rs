//! Keys that seal: XChaCha20-Poly1305 under a key that names itself.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use super::mac::Derivation;
use crate::error::{Error, ErrorKind};

/// How many bytes tell which key has sealed.
const ID: usize = 8;
pub(crate) const NONCE: usize = 24;
/// How many bytes prove that nothing was changed.
pub(crate) const SEAL: usize = 16;

/// A key of one secret for one use.
#[derive(Clone)]
pub(crate) struct SealingKey {
    id: [u8; ID],
    cipher: XChaCha20Poly1305,
}

impl SealingKey {
    /// How many bytes [`seal`](Self::seal) adds to a content.
    pub(crate) const ADDED: usize = ID + NONCE + SEAL;

    fn derive(secret: &Derivation, label: &[u8]) -> Result<Self, Error> {
        let made = secret.key::<{ 32 + ID }>(label);
        let (key, name) = made.split_at(32);
        let mut id = [0; ID];
        id.copy_from_slice(name);
        let cipher = XChaCha20Poly1305::new_from_slice(key)
            .map_err(|_| Error::new(ErrorKind::InvalidOption, "no key can be made of a secret"))?;
        Ok(Self { id, cipher })
    }

    /// The name that stands beside what it has sealed. It tells nothing of the key.
    pub(crate) fn id(&self) -> &[u8; ID] {
        &self.id
    }

    /// Encrypts in place. What is `bound` must be the same when it is opened. No two contents may have the same nonce.
    pub(crate) fn encrypt(
        &self,
        nonce: &[u8; NONCE],
        bound: &[u8],
        content: &mut [u8],
    ) -> Result<[u8; SEAL], Error> {
        self.cipher
            .encrypt_inout_detached(nonce.into(), bound, content.into())
            .map(Into::into)
            .map_err(|_| Error::new(ErrorKind::TooLarge, "the content is too large to be sealed"))
    }

    /// Decrypts in place; says whether it is what was sealed. If not, it is left as it was.
    pub(crate) fn decrypt(
        &self,
        nonce: &[u8; NONCE],
        bound: &[u8],
        content: &mut [u8],
        seal: &[u8; SEAL],
    ) -> bool {
        self.cipher.decrypt_inout_detached(nonce.into(), bound, content.into(), seal.into()).is_ok()
    }

    /// Key id, nonce, encrypted content, seal.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE], bound: &[u8], content: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = Vec::with_capacity(Self::ADDED + content.len());
        sealed.extend_from_slice(&self.id);
        sealed.extend_from_slice(nonce);
        sealed.extend_from_slice(content);
        let seal = self.encrypt(nonce, bound, &mut sealed[ID + NONCE..])?;
        sealed.extend_from_slice(&seal);
        Ok(sealed)
    }
}

/// The keys of all secrets for one use, newest first.
pub(crate) struct SealingKeys(Vec<SealingKey>);

impl SealingKeys {
    pub(crate) fn derive(secrets: &[Derivation], label: &[u8]) -> Result<Self, Error> {
        let keys = secrets.iter().map(|secret| SealingKey::derive(secret, label));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// The key that seals. There is always one.
    pub(crate) fn newest(&self) -> &SealingKey {
        &self.0[0]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &SealingKey> {
        self.0.iter()
    }

    /// The key of this name, and whether it is the newest.
    pub(crate) fn named(&self, id: &[u8]) -> Option<(&SealingKey, bool)> {
        let at = self.0.iter().position(|key| key.id == *id)?;
        Some((&self.0[at], at == 0))
    }

    /// What [`SealingKey::seal`] has sealed, and whether by the newest key; `None` for anything else.
    pub(crate) fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<(Vec<u8>, bool)> {
        let (id, rest) = sealed.split_first_chunk::<ID>()?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>()?;
        let (content, seal) = rest.split_last_chunk::<SEAL>()?;
        let (key, is_newest) = self.named(id)?;
        let mut content = content.to_vec();
        key.decrypt(nonce, bound, &mut content, seal).then_some((content, is_newest))
    }
}
