//! What a case says of a storage that breaks a rule, and how it comes to say so.

use std::{error::Error as StdError, fmt, panic::Location};

use crate::error::{Error, ErrorKind, Failure};

/// A rule that a storage breaks.
pub struct Broken {
    what: String,
    at: &'static Location<'static>,
}

pub(super) type Outcome = Result<(), Broken>;

impl Broken {
    #[track_caller]
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: Location::caller() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}:{})", self.what, self.at.file(), self.at.line())
    }
}

/// The same as `Display`, so that a test that returns it shows a sentence.
impl fmt::Debug for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl StdError for Broken {}

/// A call that should have succeeded.
impl From<Error> for Broken {
    #[track_caller]
    fn from(error: Error) -> Self {
        Self::new(format!("a call failed that must succeed: {error:?}"))
    }
}

impl<E: fmt::Debug> From<Failure<E>> for Broken {
    #[track_caller]
    fn from(failure: Failure<E>) -> Self {
        Self::new(format!("a call failed that must succeed: {failure:?}"))
    }
}

impl From<std::io::Error> for Broken {
    #[track_caller]
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("a channel failed that must not: {error:?}"))
    }
}

#[track_caller]
pub(super) fn check(holds: bool, otherwise: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Broken::new(otherwise)) }
}

/// By value: what is compared is mostly made for it.
#[track_caller]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn equal<T: PartialEq + fmt::Debug>(actual: T, expected: T, what: &str) -> Outcome {
    check(actual == expected, format!("{what} is {actual:?}, expected {expected:?}"))
}

/// Compares contents without printing megabytes.
#[track_caller]
pub(super) fn same_bytes(actual: &[u8], expected: &[u8], what: &str) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    let first = actual.iter().zip(expected).position(|(a, b)| a != b);
    let first = first.unwrap_or(actual.len().min(expected.len()));
    let (actual, expected) = (actual.len(), expected.len());
    Err(Broken::new(format!(
        "{what} has {actual} bytes where {expected} were written, and differs from byte {first} on"
    )))
}

#[track_caller]
pub(super) fn fails<T>(result: Result<T, Error>, expected: ErrorKind, what: &str) -> Outcome {
    match result {
        Err(error) if error.kind() == expected => Ok(()),
        Err(error) => Err(Broken::new(format!("{what} failed as {:?}, expected {expected:?}", error.kind()))),
        Ok(_) => Err(Broken::new(format!("{what} succeeded, expected {expected:?}"))),
    }
}
