//! HMAC-SHA256 under a key that is prepared once.

use hmac::{Hmac, KeyInit, Mac, digest::CtOutput};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};

type HmacSha256 = Hmac<Sha256>;

/// The key's two blocks are hashed already: a short text costs two more in place of four.
pub(crate) struct MacKey(HmacSha256);

/// A text's authentication code. Two are compared in constant time.
#[derive(PartialEq)]
pub(crate) struct Code(CtOutput<HmacSha256>);

impl Code {
    pub(crate) const BYTES: usize = 32;

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(CtOutput::new(bytes.into()))
    }

    pub(crate) fn into_bytes(self) -> [u8; Self::BYTES] {
        self.0.into_bytes().into()
    }
}

// Never inlined: each place that calls one of them would take a kilobyte of the wasm.
impl MacKey {
    #[inline(never)]
    pub(crate) fn new(key: &[u8]) -> Result<Self, Error> {
        // HMAC takes keys of any length.
        let refused = |_| Error::new(ErrorKind::InvalidOption, "no key can be made of a secret");
        HmacSha256::new_from_slice(key).map(Self).map_err(refused)
    }

    #[inline(never)]
    pub(crate) fn code(&self, text: &[u8]) -> Code {
        Code(self.0.clone().chain_update(text).finalize())
    }
}

/// HKDF-SHA256 (RFC 5869) of one secret: extracted once, expanded for each use.
pub(crate) struct Derivation(MacKey);

impl Derivation {
    pub(super) fn new(salt: &[u8], secret: &[u8]) -> Result<Self, Error> {
        let extracted = Zeroizing::new(MacKey::new(salt)?.code(secret).into_bytes());
        Ok(Self(MacKey::new(&*extracted)?))
    }

    /// The key for one use. Those of two labels have nothing to do with each other.
    pub(crate) fn key<const N: usize>(&self, label: &[u8]) -> Zeroizing<[u8; N]> {
        let mut key = Zeroizing::new([0; N]);
        self.expand(label, &mut *key);
        key
    }

    fn expand(&self, label: &[u8], key: &mut [u8]) {
        let mut text = Zeroizing::new(Vec::with_capacity(Code::BYTES + label.len() + 1));
        for (number, part) in (1..=u8::MAX).zip(key.chunks_mut(Code::BYTES)) {
            text.extend_from_slice(label);
            text.push(number);
            let code = Zeroizing::new(self.0.code(&text).into_bytes());
            part.copy_from_slice(&code[..part.len()]);
            text.clear();
            text.extend_from_slice(&*code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test cases 1 and 2 of RFC 5869.
    #[test]
    fn keys_are_those_of_the_rfc() -> Result<(), Error> {
        let bytes = |from: u8, to: u8| (from..=to).collect::<Vec<_>>();
        let one = Derivation::new(&bytes(0, 0x0c), &[0x0b; 22])?.key::<42>(&bytes(0xf0, 0xf9));
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
        assert_eq!(base16ct::lower::encode_string(&*one), expected);
        let two = Derivation::new(&bytes(0x60, 0xaf), &bytes(0, 0x4f))?.key::<82>(&bytes(0xb0, 0xff));
        let expected = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
            da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87";
        assert_eq!(base16ct::lower::encode_string(&*two), expected);
        Ok(())
    }
}
