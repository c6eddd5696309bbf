//! The storages that the conformance kit runs on, here and in each wasm environment.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file takes what it needs
#![allow(clippy::arc_with_non_send_sync)] // as in the crate, where there is one thread

#[cfg(target_arch = "wasm32")]
pub(crate) mod databases;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod folders;
#[cfg(target_arch = "wasm32")]
mod in_wasm;
pub(crate) mod records;
pub(crate) mod sealing;

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    sync::{Arc, Mutex},
    task::Poll,
};

use sessile::{
    BoxFuture, CacheOptions, CacheStorage, Capabilities, Error, ErrorKind, LoadStore, MemoryOptions,
    SessionId, SessionStorage, SessionStorageMemory, SimplifiedOptions, SimplifiedSessionStorage, Timestamp,
    conformance::{Bounds, Damage, Harness, Setup},
};
use sha2::{Digest, Sha256};

pub(crate) fn memory_options(setup: Setup) -> MemoryOptions {
    MemoryOptions::new()
        .clock(setup.clock)
        .idle_timeout(setup.idle)
        .absolute_timeout(setup.absolute)
        .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX))
        .max_bytes(setup.max_bytes.unwrap_or(u64::MAX))
        .max_sessions(setup.max_sessions.unwrap_or(u64::MAX))
        .when_full(setup.when_full)
}

pub(crate) struct Memory;

impl Harness for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: false, shared: false }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let storage = SessionStorageMemory::with_options(memory_options(setup))?;
            Ok(Arc::new(storage) as Arc<dyn SessionStorage>)
        })
    }

    fn bounds(&self) -> Bounds {
        Bounds { session: true, storage: true }
    }
}

/// A [`CacheStorage`] over what another harness opens.
pub(crate) struct Cached<H>(pub(crate) H);

impl<H: Harness> Harness for Cached<H> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { shared: false, ..self.0.capabilities() }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let options = CacheOptions::new().clock(Arc::clone(&setup.clock)).max_entry_bytes(100_000);
            let cache = CacheStorage::new(self.0.open(setup).await?, options)?;
            Ok(Arc::new(cache) as Arc<dyn SessionStorage>)
        })
    }

    /// What the storage's own bound evicts, a cache still has; and a damage behind its back it does not see.
    fn bounds(&self) -> Bounds {
        Bounds { storage: false, ..self.0.bounds() }
    }
}

/// What a database or a folder would keep.
pub(crate) type Records = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A map that lets others run before and after it does what it is asked.
pub(crate) struct MapMedium {
    pub(crate) records: Records,
    pub(crate) yields: usize,
}

impl LoadStore for MapMedium {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, Error>> {
        Box::pin(async move {
            step_aside(self.yields).await;
            let found = self.records.lock().unwrap().get(key).cloned();
            step_aside(self.yields).await;
            Ok(found)
        })
    }

    fn store<'a>(
        &'a self,
        key: &'a str,
        data: Option<Vec<u8>>,
        _: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            step_aside(self.yields).await;
            match data {
                Some(data) => self.records.lock().unwrap().insert(key.to_owned(), data),
                None => self.records.lock().unwrap().remove(key),
            };
            step_aside(self.yields).await;
            Ok(())
        })
    }
}

pub(crate) async fn step_aside(times: usize) {
    for _ in 0..times {
        let mut asked = false;
        let once = poll_fn(|task| {
            task.waker().wake_by_ref();
            if std::mem::replace(&mut asked, true) { Poll::Ready(()) } else { Poll::Pending }
        });
        once.await;
    }
}

/// A [`SimplifiedSessionStorage`] over maps that outlive it.
pub(crate) struct Simplified {
    exclusive: bool,
    durable: bool,
    yields: usize,
    media: Mutex<HashMap<u64, Records>>,
}

impl Simplified {
    pub(crate) fn exclusive() -> Self {
        Self { exclusive: true, durable: true, yields: 0, media: Mutex::default() }
    }

    pub(crate) fn shared() -> Self {
        Self { exclusive: false, durable: false, ..Self::exclusive() }
    }

    /// Over a medium that takes its time.
    pub(crate) fn slow(self) -> Self {
        Self { yields: 3, ..self }
    }

    pub(crate) fn records(&self, medium: u64) -> Records {
        Arc::clone(self.media.lock().unwrap().entry(medium).or_default())
    }
}

impl Harness for Simplified {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            streams: false,
            conditional: self.exclusive,
            tags: false,
            durable: self.durable,
            shared: false,
        }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let medium = MapMedium { records: self.records(setup.medium), yields: self.yields };
            let mut options = SimplifiedOptions::new()
                .clock(setup.clock)
                .idle_timeout(setup.idle)
                .absolute_timeout(setup.absolute)
                .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX));
            if self.exclusive {
                options = options.exclusive();
            }
            if self.durable {
                options = options.durable();
            }
            let storage = SimplifiedSessionStorage::new(medium, options)?;
            Ok(Arc::new(storage) as Arc<dyn SessionStorage>)
        })
    }

    fn can_damage(&self) -> bool {
        true
    }

    fn damage<'a>(
        &'a self,
        medium: u64,
        id: &'a SessionId,
        damage: Damage,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let records = self.records(medium);
            match records.lock().unwrap().get_mut(&key_of(id)) {
                Some(record) => damage(record),
                None => return Err(Error::new(ErrorKind::Storage, "there is no record to damage")),
            }
            Ok(())
        })
    }
}

/// As documented: the SHA-256 of the id, in lowercase hexadecimal digits.
pub(crate) fn key_of(id: &SessionId) -> String {
    base16ct::lower::encode_string(&Sha256::digest(id.as_str()))
}

/// Only to say that a future may be sent.
pub(crate) fn is_send<F: Future + Send>(future: F) -> F {
    future
}
