//! What a client holds: an id that is signed, or a content that is sealed.

mod keys;
mod mac;
mod seal;
mod secrets;
mod sign;

pub(crate) use self::{
    keys::{NONCE, SEAL, SealingKey, SealingKeys},
    mac::{Derivation, MacKey},
};
pub use self::{
    seal::{Opened, Sealer},
    secrets::Secrets,
    sign::{Signer, Verified},
};
