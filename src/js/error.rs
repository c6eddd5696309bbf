//! Errors on their way to JavaScript and back.

use std::{cell::RefCell, fmt};

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::error::{Error, ErrorKind};

thread_local! {
    /// Makes a `SessionError` of a code, a message and a cause.
    static FACTORY: RefCell<Option<Function>> = const { RefCell::new(None) };
    /// What user code has thrown and a Rust error stands for: an [`Error`] is `Send`, a `JsValue` is not.
    static THROWN: RefCell<Thrown> = const { RefCell::new(Thrown { next: 0, values: Vec::new() }) };
}

struct Thrown {
    next: u32,
    /// Few at a time: each is here only until its call has failed.
    values: Vec<(u32, JsValue)>,
}

impl Thrown {
    fn position(&self, ticket: &Ticket) -> Option<usize> {
        self.values.iter().position(|(number, _)| *number == ticket.0)
    }
}

/// Tells how to make a `SessionError`; called once, before anything else.
#[wasm_bindgen(js_name = setErrorFactory)]
pub fn set_error_factory(factory: Function) {
    FACTORY.set(Some(factory));
}

/// The kind of a `SessionError`; that of a medium's failure for all else.
fn kind(value: &JsValue) -> ErrorKind {
    // What is no object has no properties, and a getter that throws has no code.
    let code = js_sys::Reflect::get(value, &"code".into()).ok().and_then(|code| code.as_string());
    KINDS.into_iter().find(|&kind| code.as_deref() == Some(self::code(kind))).unwrap_or(ErrorKind::Storage)
}

const KINDS: [ErrorKind; 10] = [
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::InvalidId,
    ErrorKind::TooLarge,
    ErrorKind::Quota,
    ErrorKind::Corrupt,
    ErrorKind::Closed,
    ErrorKind::Unsupported,
    ErrorKind::InvalidOption,
    ErrorKind::Storage,
];

/// The `code` of a kind, as DESIGN and the package's types name it.
fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "ERR_SESSION_NOT_FOUND",
        ErrorKind::Conflict => "ERR_SESSION_CONFLICT",
        ErrorKind::InvalidId => "ERR_SESSION_INVALID_ID",
        ErrorKind::TooLarge => "ERR_SESSION_TOO_LARGE",
        ErrorKind::Quota => "ERR_SESSION_QUOTA",
        ErrorKind::Corrupt => "ERR_SESSION_CORRUPT",
        ErrorKind::Closed => "ERR_SESSION_CLOSED",
        ErrorKind::Unsupported => "ERR_SESSION_UNSUPPORTED",
        ErrorKind::InvalidOption => "ERR_SESSION_INVALID_OPTION",
        ErrorKind::Storage => "ERR_SESSION_STORAGE",
    }
}

/// A `SessionError`; or what user code threw, if that is what the error stands for.
pub(super) fn to_js(error: &Error) -> JsValue {
    let source = std::error::Error::source(error);
    if let Some(ticket) = source.and_then(|source| source.downcast_ref::<Ticket>()) {
        let thrown =
            THROWN.with_borrow(|thrown| Some(thrown.values.get(thrown.position(ticket)?)?.1.clone()));
        if let Some(thrown) = thrown {
            return thrown;
        }
    }
    let cause = source.map_or(JsValue::UNDEFINED, |source| js_sys::Error::new(&source.to_string()).into());
    let message = JsValue::from(error.to_string());
    let factory = FACTORY.with_borrow(Clone::clone);
    let made = factory.and_then(|factory| {
        factory.call3(&JsValue::UNDEFINED, &code(error.kind()).into(), &message, &cause).ok()
    });
    made.unwrap_or(message)
}

/// An error that stands for what user code threw, and becomes it again on the way out.
pub(super) fn from_js(value: JsValue) -> Error {
    let kind = kind(&value);
    let ticket = THROWN.with_borrow_mut(|thrown| {
        thrown.next = thrown.next.wrapping_add(1);
        thrown.values.push((thrown.next, value));
        Ticket(thrown.next)
    });
    Error::new(kind, "the storage's own code failed").with_source(ticket)
}

/// Keeps a thrown value for as long as its error lives.
#[derive(Debug)]
struct Ticket(u32);

impl fmt::Display for Ticket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("thrown by user code")
    }
}

impl std::error::Error for Ticket {}

impl Drop for Ticket {
    fn drop(&mut self) {
        // The value is dropped outside the borrow: that may run code of the engine's.
        let value = THROWN.with_borrow_mut(|thrown| {
            let position = thrown.position(self)?;
            Some(thrown.values.swap_remove(position))
        });
        drop(value);
    }
}
