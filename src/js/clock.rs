//! A clock that is a JavaScript function.

use std::fmt;

use js_sys::Function;
use wasm_bindgen::JsValue;

use super::error::from_js;
use crate::{
    clock::{Clock, Timestamp},
    error::{Error, ErrorKind},
};

/// Milliseconds since the epoch, as `Date.now`.
pub(super) struct JsClock(pub(super) Function);

// Not derived: the function's own would print its source, and its code is as long as all else here.
impl fmt::Debug for JsClock {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JsClock")
    }
}

impl Clock for JsClock {
    fn now(&self) -> Result<Timestamp, Error> {
        let now = self.0.call0(&JsValue::UNDEFINED).map_err(from_js)?;
        timestamp(now.as_f64().unwrap_or(f64::NAN))
    }
}

/// A JavaScript time, if it is one: the largest that a `Date` can hold is 8.64e15.
pub(super) fn timestamp(millis: f64) -> Result<Timestamp, Error> {
    if (0.0..=8.64e15).contains(&millis) {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range, as just seen
        Ok(Timestamp::from_millis(millis as u64))
    } else {
        Err(Error::new(
            ErrorKind::Storage,
            "the clock told no time; it must give milliseconds since the epoch, as Date.now",
        ))
    }
}
