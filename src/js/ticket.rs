//! What a client holds, by the fast lane: texts stand in the [`Window`], numbers cross. Synchronous, since a server asks for
//! each request.

use std::fmt;

use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

use super::{
    error::to_js,
    options::number,
    window::{Window, address},
};
use crate::{
    error::{Error, ErrorKind},
    ticket::{Sealer, Secrets, Signer},
};

/// What stands for a ticket that is none, one by the newest secret, and one by an older.
const NONE: f64 = 0.0;
const BY_NEWEST: f64 = 1.0;
const BY_OLDER: f64 = 2.0;

/// Secrets, newest first: each behind its length in four bytes. They are cleared when they were read.
pub(super) fn secrets(packed: Vec<u8>) -> Result<Secrets, Error> {
    let packed = Zeroizing::new(packed);
    let mut secrets = Vec::new();
    let mut rest = packed.as_slice();
    while let Some((length, more)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (secret, more) = more
            .split_at_checked(length)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOption, "a secret is cut off"))?;
        secrets.push(secret);
        rest = more;
    }
    Secrets::new(secrets)
}

/// `Signer`, as the package's TypeScript calls it. A result of -1 means that `takeError` has an error.
#[wasm_bindgen]
pub struct SignerCore {
    signer: Signer,
    signature: String,
}

#[wasm_bindgen]
impl SignerCore {
    #[wasm_bindgen(constructor)]
    pub fn new(packed: Vec<u8>) -> Result<Self, JsValue> {
        let signer = secrets(packed).and_then(|secrets| Signer::new(&secrets));
        Ok(Self { signer: signer.map_err(|error| to_js(&error))?, signature: String::new() })
    }

    /// Signs the id in the window. Answers with the address of the signature, which is good until the next call.
    pub fn sign(&mut self, id: usize) -> f64 {
        Window::with(|window| {
            let (input, _) = window.parts();
            match input.id(id) {
                Ok(id) => {
                    self.signature = self.signer.signature(id);
                    address(self.signature.as_bytes())
                }
                Err(error) => window.fail(error),
            }
        })
    }

    /// Whether the text in the window is a signed id, and by which secret.
    pub fn verify(&self, text: usize) -> f64 {
        Window::with(|window| {
            let text = std::str::from_utf8(window.parts().0.content(text)).unwrap_or_default();
            self.signer.verify(text).map_or(NONE, |found| if found.by_newest { BY_NEWEST } else { BY_OLDER })
        })
    }
}

impl fmt::Debug for SignerCore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.signer.fmt(out)
    }
}

/// `Sealer`, as the package's TypeScript calls it. What comes out is good until the next call; its length is in the
/// first cell.
#[wasm_bindgen]
pub struct SealerCore {
    sealer: Sealer,
    outgoing: Vec<u8>,
}

#[wasm_bindgen]
impl SealerCore {
    #[wasm_bindgen(constructor)]
    pub fn new(packed: Vec<u8>) -> Result<Self, JsValue> {
        let sealer = secrets(packed).and_then(|secrets| Sealer::new(&secrets));
        Ok(Self { sealer: sealer.map_err(|error| to_js(&error))?, outgoing: Vec::new() })
    }

    /// Seals the content in the window for the name in it. Answers with the address of the text; -1: an error waits.
    pub fn seal(&mut self, name: usize, content: usize) -> f64 {
        Window::with(|window| {
            let (input, cells) = window.parts();
            match self.sealer.seal(input.name(name), input.content(content)) {
                Ok(text) => {
                    self.outgoing = text.into_bytes();
                    cells[0] = number(self.outgoing.len() as u64);
                    address(&self.outgoing)
                }
                Err(error) => window.fail(error),
            }
        })
    }

    /// Opens the text in the window, which was sealed for the name in it. Answers with the address of the content, or 0 for
    /// none; the second cell tells by which secret.
    pub fn open(&mut self, name: usize, text: usize) -> f64 {
        Window::with(|window| {
            let (input, cells) = window.parts();
            let text = std::str::from_utf8(input.content(text)).unwrap_or_default();
            let Some(opened) = self.sealer.open(input.name(name), text) else { return NONE };
            self.outgoing = opened.content;
            cells[0] = number(self.outgoing.len() as u64);
            cells[1] = if opened.by_newest { BY_NEWEST } else { BY_OLDER };
            address(&self.outgoing)
        })
    }
}

impl fmt::Debug for SealerCore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sealer.fmt(out)
    }
}
