//! The cache's hits on the fast lane: as in [`memory`](super::memory), numbers across the border.

use std::{fmt, sync::Arc};

use js_sys::Function;
use wasm_bindgen::prelude::*;

use super::{
    clock::{JsClock, timestamp},
    error::to_js,
    options::{self, limit, millis, number, timeout},
    storage::StorageCore,
    window::{CELLS, Window, address},
};
use crate::{
    cache::{CacheOptions, CacheStorage, Cached, Known},
    error::Error,
    storage::SessionStorage,
};

/// `CacheStorage`, as the package's TypeScript calls it.
#[wasm_bindgen]
pub struct CacheCore {
    cache: CacheStorage<Arc<dyn SessionStorage>>,
}

/// Nothing is kept of the session: ask `storage`.
const ASK: f64 = 1.0;

#[wasm_bindgen]
impl CacheCore {
    /// Timeouts in milliseconds: NaN is the default, infinity none; zero or infinity bounds nothing.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
    pub fn new(
        delegate: &StorageCore,
        idle: f64,
        absolute: f64,
        bytes: f64,
        sessions: f64,
        entry_bytes: f64,
        skip_equal_writes: bool,
        clock: Function,
    ) -> Result<Self, JsValue> {
        let mut options = CacheOptions::new()
            .absolute_timeout(timeout(absolute))
            .max_bytes(limit(bytes))
            .max_sessions(limit(sessions))
            .max_entry_bytes(limit(entry_bytes))
            .clock(JsClock(clock));
        if !idle.is_nan() {
            options = options.idle_timeout(timeout(idle));
        }
        if skip_equal_writes {
            options = options.skip_equal_writes();
        }
        let cache = CacheStorage::new(delegate.shared(), options).map_err(|error| to_js(&error))?;
        Ok(Self { cache })
    }

    /// The cache behind promises and streams.
    pub fn storage(&self) -> StorageCore {
        StorageCore::new(Arc::new(self.cache.clone()))
    }

    /// Finds a session's content: its address, 0 where there is no session, or [`ASK`]. Leaves its info in the cells.
    /// The addresses are good until the next call. -1 means that `takeError` has an error.
    pub fn find(&self, id: usize, now: f64) -> f64 {
        Window::with(|window| {
            let (input, cells) = window.parts();
            let found = timestamp(now).and_then(|now| {
                let id = input.id(id)?;
                self.cache.state().hit(id, now, |known| match known {
                    Known::Session(cached) => {
                        *cells = info_cells(cached);
                        address(&cached.content)
                    }
                    Known::Missing => 0.0,
                })
            });
            match found {
                Ok(found) => found.unwrap_or(ASK),
                Err(error) => window.fail(error),
            }
        })
    }

    /// One of the tags of a session that was just found.
    pub fn tag(&self, id: usize, now: f64, index: usize) -> Option<String> {
        let now = timestamp(now).ok()?;
        Window::with(|window| {
            let id = window.parts().0.id(id).ok()?;
            let tag = self.cache.state().peek(id, now, |known| match known {
                Known::Session(cached) => cached.info.tags.iter().nth(index).map(String::from),
                Known::Missing => None,
            });
            tag.ok()??
        })
    }

    /// What the cache holds and has counted.
    pub fn stats(&self) -> Result<JsValue, JsValue> {
        self.cache.cache_stats().map(|stats| options::cache_stats(&stats)).map_err(|error| to_js(&error))
    }

    /// Drops what is kept of one session, or of all.
    pub fn forget(&self, id: Option<String>) -> Result<(), JsValue> {
        let forgotten = || -> Result<(), Error> {
            match id {
                Some(id) => self.cache.forget(&crate::id::SessionId::new(id)?),
                None => self.cache.forget_all(),
            }
        };
        forgotten().map_err(|error| to_js(&error))
    }
}

impl fmt::Debug for CacheCore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cache.fmt(out)
    }
}

/// Length, address and length of the revision, creation, deadline, timeouts (NaN: none), number of tags.
fn info_cells(cached: &Cached) -> [f64; CELLS] {
    let info = &cached.info;
    let revision = info.revision.as_str();
    [
        number(cached.content.len() as u64),
        address(revision.as_bytes()),
        number(revision.len() as u64),
        number(info.created_at.as_millis()),
        info.expires_at.map_or(f64::NAN, |at| number(at.as_millis())),
        millis(info.idle_timeout),
        millis(info.absolute_timeout),
        number(info.tags.iter().count() as u64),
    ]
}
