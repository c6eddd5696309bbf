//! Records of a place that many share, as a map with a compare-and-set.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use sessile::{
    BoxFuture, Capabilities, DirectoryOptions, DirectoryStorage, Error, ErrorKind, NewRecord, Records,
    SessionId, SessionStorage, Timestamp, VersionedRecord,
    conformance::{Damage, Harness, Setup},
};

use super::{key_of, step_aside};

type Rows = Arc<Mutex<HashMap<String, (u64, NewRecord)>>>;

/// A map that lets others run before and after it does what it is asked.
struct InMap {
    rows: Rows,
    yields: usize,
}

static VERSIONS: AtomicU64 = AtomicU64::new(0);

impl Records for InMap {
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<VersionedRecord>, Error>> {
        Box::pin(async move {
            step_aside(self.yields).await;
            let found = self.rows.lock().unwrap().get(key).cloned();
            step_aside(self.yields).await;
            Ok(found.map(|(version, row)| VersionedRecord { data: row.data, version: version.to_string() }))
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        version: Option<&'a str>,
        record: Option<NewRecord>,
    ) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            step_aside(self.yields).await;
            let replaced = {
                let mut rows = self.rows.lock().unwrap();
                let current = rows.get(key).map(|(version, _)| version.to_string());
                let is_as_seen = current.as_deref() == version;
                if is_as_seen {
                    match record {
                        Some(row) => {
                            rows.insert(key.into(), (VERSIONS.fetch_add(1, Ordering::Relaxed), row));
                        }
                        None => {
                            rows.remove(key);
                        }
                    }
                }
                is_as_seen
            };
            step_aside(self.yields).await;
            Ok(replaced)
        })
    }

    fn has_tags(&self) -> bool {
        true
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        Box::pin(async move {
            step_aside(self.yields).await;
            let rows = self.rows.lock().unwrap();
            let tagged = rows.iter().filter(|(_, (_, row))| row.tags.contains(tag));
            Ok(tagged.map(|(key, _)| key.clone()).collect())
        })
    }

    fn expired(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        Box::pin(async move {
            let rows = self.rows.lock().unwrap();
            let over = rows.iter().filter(|(_, (_, row))| row.expires_at.is_some_and(|at| at <= now));
            Ok(over.map(|(key, _)| key.clone()).take(limit).collect())
        })
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(async move {
            let rows = self.rows.lock().unwrap();
            let lengths = || rows.values().filter_map(|(_, row)| row.byte_length);
            Ok((lengths().count() as u64, lengths().sum()))
        })
    }
}

/// A [`DirectoryStorage`] over maps that outlive it.
pub(crate) struct SharedRecords {
    yields: usize,
    media: Mutex<HashMap<u64, Rows>>,
}

impl SharedRecords {
    pub(crate) fn new() -> Self {
        Self { yields: 0, media: Mutex::default() }
    }

    /// Over a medium that takes its time.
    pub(crate) fn slow(self) -> Self {
        Self { yields: 3, ..self }
    }

    pub(crate) fn storage(&self, medium: u64, options: DirectoryOptions) -> Result<DirectoryStorage, Error> {
        let records = InMap { rows: self.rows(medium), yields: self.yields };
        DirectoryStorage::in_records(records, true, options)
    }

    fn rows(&self, medium: u64) -> Rows {
        Arc::clone(self.media.lock().unwrap().entry(medium).or_default())
    }
}

impl Harness for SharedRecords {
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: false, conditional: true, tags: true, durable: true, shared: true }
    }

    fn open(&self, setup: Setup) -> BoxFuture<'_, Result<Arc<dyn SessionStorage>, Error>> {
        Box::pin(async move {
            let options = DirectoryOptions::new()
                .clock(setup.clock)
                .idle_timeout(setup.idle)
                .absolute_timeout(setup.absolute)
                .max_session_bytes(setup.max_session_bytes.unwrap_or(u64::MAX));
            let storage = self.storage(setup.medium, options)?;
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
            let rows = self.rows(medium);
            let mut rows = rows.lock().unwrap();
            let Some((version, row)) = rows.get_mut(&key_of(id)) else {
                return Err(Error::new(ErrorKind::Storage, "there is no record to damage"));
            };
            damage(&mut row.data);
            *version = VERSIONS.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
}
