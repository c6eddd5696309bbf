//! Storages of this crate as stores of the crate `tower-sessions`.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value};
use tower_sessions_core::{
    ExpiredDeletion, SessionStore,
    session::{Id, Record},
    session_store,
};

use crate::{
    clock::{Clock, SystemClock},
    error::{Error, ErrorKind},
    expiry::MAX_TIMEOUT,
    id::SessionId,
    session::WriteOptions,
    storage::SessionStorage,
};

const DATA: &str = "data";
const EXPIRY: &str = "expiry_date";

/// New ids that are taken already: more would be no accident.
const ID_ROUNDS: usize = 8;
/// A save that others come before so often gives up.
const ROUNDS: usize = 64;

/// Any storage of this crate as a store of `tower-sessions`, for applications that have its sessions already.
///
/// A session that was deleted stays so: a save of it that comes later, from a request that had loaded it before, stores
/// nothing. What `tower-sessions` cannot say, this cannot do: it saves a whole record and does not tell which one it had
/// loaded, so of two requests that change a session at the same time the last one wins. [`Sessions`](crate::Sessions) loses
/// none of them.
///
/// The record's id is in no content. A record that has expired is gone for everybody.
///
/// ```
/// use std::sync::Arc;
/// use sessile::{SessionStorageMemory, TowerSessionsStore};
/// use tower_sessions_core::Session;
///
/// # futures::executor::block_on(async {
/// let store = Arc::new(TowerSessionsStore::new(SessionStorageMemory::new()));
/// let session = Session::new(None, store.clone(), None);
/// session.insert("visits", 1).await?;
/// session.save().await?;
///
/// let again = Session::new(session.id(), store, None);
/// assert_eq!(again.get::<u32>("visits").await?, Some(1));
/// # Ok::<(), tower_sessions_core::session::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct TowerSessionsStore<S> {
    storage: S,
    clock: Arc<dyn Clock>,
}

impl<S: SessionStorage> TowerSessionsStore<S> {
    /// A store over a storage.
    pub fn new(storage: S) -> Self {
        Self { storage, clock: Arc::new(SystemClock) }
    }

    /// Where time comes from; it must be the storage's own. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How long the record lives on from now; `None` where it has expired.
    fn options(&self, record: &Record) -> Result<Option<WriteOptions>, session_store::Error> {
        let now = i128::from(self.clock.now().map_err(backend)?.as_millis());
        let expiry = record.expiry_date.unix_timestamp_nanos().div_euclid(1_000_000);
        let left = u64::try_from(expiry - now).unwrap_or(0);
        if left == 0 {
            return Ok(None);
        }
        // Each write begins it anew, and nothing else is told to be activity.
        let left = Duration::from_millis(left).min(MAX_TIMEOUT);
        Ok(Some(WriteOptions::new().idle_timeout(left).absolute_timeout(None)))
    }
}

#[async_trait]
impl<S: SessionStorage + 'static> SessionStore for TowerSessionsStore<S> {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        let Some(options) = self.options(record)? else { return Ok(()) };
        let content = encode(record)?;
        let options = if self.storage.capabilities().conditional { options.if_absent() } else { options };
        for round in 1.. {
            match self.storage.set(&key(&record.id)?, content.clone(), options.clone()).await {
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Conflict && round < ID_ROUNDS => {
                    record.id = Id::default();
                }
                Err(error) => return Err(backend(error)),
            }
        }
        Ok(())
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let Some(options) = self.options(record)? else { return self.delete(&record.id).await };
        let content = encode(record)?;
        let id = key(&record.id)?;
        for _ in 0..ROUNDS {
            let Some(info) = self.storage.info(&id).await.map_err(backend)? else { return Ok(()) };
            let options = options.clone();
            let options = if self.storage.capabilities().conditional {
                options.if_revision(info.revision)
            } else {
                options
            };
            match self.storage.set(&id, content.clone(), options).await {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(backend(error)),
            }
        }
        Err(session_store::Error::Backend("others wrote to the session in each of 64 rounds".to_owned()))
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let found = self.storage.get(&key(id)?).await.map_err(backend)?;
        found.map(|(content, _)| decode(*id, &content)).transpose()
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        self.storage.invalidate(&key(id)?).await.map_err(backend)?;
        Ok(())
    }
}

#[async_trait]
impl<S: SessionStorage + 'static> ExpiredDeletion for TowerSessionsStore<S> {
    async fn delete_expired(&self) -> session_store::Result<()> {
        self.storage.sweep().await.map_err(backend)?;
        Ok(())
    }
}

fn key(id: &Id) -> Result<SessionId, session_store::Error> {
    SessionId::new(id.to_string()).map_err(backend)
}

/// The id is left out: whoever reads the storage's medium could use it.
fn encode(record: &Record) -> Result<Bytes, session_store::Error> {
    // What serde says may quote the content.
    let refused = |_| session_store::Error::Encode("the record has no JSON".to_owned());
    let data = record.data.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut content = Map::new();
    content.insert(DATA.to_owned(), Value::Object(data));
    content.insert(EXPIRY.to_owned(), serde_json::to_value(record.expiry_date).map_err(refused)?);
    Ok(serde_json::to_vec(&content).map_err(refused)?.into())
}

fn decode(id: Id, content: &[u8]) -> Result<Record, session_store::Error> {
    let refused = || session_store::Error::Decode("what is stored is no record of tower-sessions".to_owned());
    let mut content: Map<String, Value> = serde_json::from_slice(content).map_err(|_| refused())?;
    let Some(Value::Object(data)) = content.remove(DATA) else { return Err(refused()) };
    let expiry = content.remove(EXPIRY).ok_or_else(refused)?;
    let expiry_date = serde_json::from_value(expiry).map_err(|_| refused())?;
    Ok(Record { id, data: data.into_iter().collect::<HashMap<_, _>>(), expiry_date })
}

#[allow(clippy::needless_pass_by_value)] // as what turns a failed call's error into another
fn backend(error: Error) -> session_store::Error {
    session_store::Error::Backend(error.to_string())
}
