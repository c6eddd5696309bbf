//! A window of wasm memory that both sides know: JavaScript encodes into it, a call passes numbers.
//!
//! ```text
//! 0            ID_BYTES                     ID_BYTES + CONTENT_BYTES
//! | id, UTF-8  | content                   |
//! ```
//!
//! Results that are more than one number go to `cells`. A content too large for the window goes to an
//! allocation of its own, which becomes the session's content without another copy.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

use super::{error::to_js, options::number};
use crate::{
    error::{Error, ErrorKind},
    session::Tags,
};

/// Room for the longest id, and enough more that a longer one is seen to be too long.
pub(super) const ID_BYTES: usize = 1024 + 8;
const CONTENT_BYTES: usize = 64 * 1024;

/// How many results a call can leave.
pub(super) const CELLS: usize = 8;

/// What JavaScript and Rust pass to each other beside a call's numbers.
pub(super) struct Window {
    bytes: Box<[u8]>,
    cells: Box<[f64; CELLS]>,
    large: Vec<u8>,
    tags: Vec<Box<str>>,
    error: Option<Error>,
}

thread_local! {
    static WINDOW: RefCell<Window> = RefCell::new(Window {
        bytes: vec![0; ID_BYTES + CONTENT_BYTES].into(),
        cells: Box::new([0.0; CELLS]),
        large: Vec::new(),
        tags: Vec::new(),
        error: None,
    });
}

/// Where bytes lie in wasm memory, for the other side to read before its next call. An empty content has an address
/// too, which nobody reads.
pub(super) fn address(bytes: &[u8]) -> f64 {
    number(bytes.as_ptr().addr() as u64).max(8.0)
}

impl Window {
    /// Lends the window to a call, which runs no code of anybody else's.
    pub(super) fn with<T>(call: impl FnOnce(&mut Self) -> T) -> T {
        WINDOW.with_borrow_mut(call)
    }

    /// What was encoded into the window, and where the further results go.
    pub(super) fn parts(&mut self) -> (Input<'_>, &mut [f64; CELLS]) {
        (Input(&self.bytes), &mut self.cells)
    }

    /// The large content, which is taken away.
    pub(super) fn take_large(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.large)
    }

    /// The tags that were added since the last call that took them.
    pub(super) fn take_tags() -> Result<Tags, Error> {
        Tags::new(Self::with(|window| std::mem::take(&mut window.tags)))
    }

    /// Keeps the error for [`take_error`] and answers with what means one.
    pub(super) fn fail(&mut self, error: Error) -> f64 {
        self.error = Some(error);
        -1.0
    }
}

/// What JavaScript has encoded into the window.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn id(self, length: usize) -> Result<&'a str, Error> {
        let bytes = self.0.get(..length.min(ID_BYTES)).unwrap_or_default();
        let id = std::str::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorKind::InvalidId, "a session id is not valid Unicode"))?;
        crate::SessionId::check(id)?;
        Ok(id)
    }

    /// A name that stands where an id would.
    pub(super) fn name(self, length: usize) -> &'a str {
        std::str::from_utf8(self.0.get(..length.min(ID_BYTES)).unwrap_or_default()).unwrap_or_default()
    }

    pub(super) fn content(self, length: usize) -> &'a [u8] {
        self.0.get(ID_BYTES..ID_BYTES + length).unwrap_or_default()
    }
}

/// The wasm memory itself, to make views of.
#[wasm_bindgen(js_name = wasmMemory)]
pub fn wasm_memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Where the window's id begins.
#[wasm_bindgen(js_name = windowAddress)]
pub fn window_address() -> *const u8 {
    Window::with(|window| window.bytes.as_ptr())
}

/// How many bytes an id may take in the window; the content begins after them.
#[wasm_bindgen(js_name = windowIdBytes)]
pub fn window_id_bytes() -> usize {
    ID_BYTES
}

/// How many bytes of content the window has room for.
#[wasm_bindgen(js_name = windowContentBytes)]
pub fn window_content_bytes() -> usize {
    CONTENT_BYTES
}

/// Where a call leaves its further results: eight numbers.
#[wasm_bindgen(js_name = cellsAddress)]
pub fn cells_address() -> *const f64 {
    Window::with(|window| window.cells.as_ptr())
}

/// Makes room for a large content of this length, and says where.
#[wasm_bindgen(js_name = reserveLarge)]
pub fn reserve_large(length: usize) -> Result<*mut u8, JsValue> {
    Window::with(|window| {
        let mut large = Vec::new();
        large.try_reserve_exact(length).map_err(|_| {
            to_js(&Error::new(ErrorKind::Quota, "there is not enough memory for this content"))
        })?;
        large.resize(length, 0);
        window.large = large;
        Ok(window.large.as_mut_ptr())
    })
}

/// Forgets tags that were added for a write that did not come to pass.
#[wasm_bindgen(js_name = clearTags)]
pub fn clear_tags() {
    Window::with(|window| window.tags.clear());
}

/// Adds a tag for the next write that says it has tags.
#[wasm_bindgen(js_name = addTag)]
pub fn add_tag(tag: String) {
    Window::with(|window| window.tags.push(tag.into()));
}

/// The error of the call that has just failed.
#[wasm_bindgen(js_name = takeError)]
pub fn take_error() -> Result<JsValue, JsValue> {
    let error = Window::with(|window| window.error.take());
    Ok(error.map_or(JsValue::UNDEFINED, |error| to_js(&error)))
}
