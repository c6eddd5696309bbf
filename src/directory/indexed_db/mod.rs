//! Records in a browser's database, for all tabs and workers of a site.

mod batch;
mod connection;
mod fetch;
mod stage;
mod sys;
mod value;

use std::{fmt, rc::Rc};

use bytes::Bytes;
use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbObjectStore};

use self::{
    batch::{Batches, Grant, Refused},
    connection::{Connection, DAMAGED, OVER, RECORDS, STAGES, TAGS},
    stage::{Chunks, StagedChunks},
    sys::{Failed, result},
    value::{Found, Value, value},
};
use super::{
    DirectoryOptions, DirectoryStorage,
    medium::{Body, Change, Content, Current, Decide, Directory, Record, Stage},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    key::Key,
    maybe_send::BoxFuture,
    record::HEADER,
    session::Durability,
};

/// How many records are read at once where all of them are looked at.
const PAGE: u32 = 256;

impl DirectoryStorage {
    /// Keeps sessions in an IndexedDB database of this name, which the first call makes if it is not there. All tabs and workers of
    /// the site may use it at the same time.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for an option that makes no sense.
    pub fn in_database(name: &str, options: DirectoryOptions) -> Result<Self, Error> {
        let connection = Rc::new(Connection::new(name.to_owned()));
        let strict = options.durability == Durability::Strict;
        let batches = Batches::new(Rc::clone(&connection), strict);
        Self::on(Box::new(IndexedDb { connection, batches }), options)
    }
}

struct IndexedDb {
    connection: Rc<Connection>,
    batches: Rc<Batches>,
}

/// Why an attempt did not succeed.
enum Stopped {
    /// The transaction, perhaps because of others in it.
    Refused(Refused),
    Failed(Error),
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Refused(failed.into())
    }
}

impl From<Refused> for Stopped {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl IndexedDb {
    async fn attempt(
        &self,
        key: &Key,
        content: &mut Content,
        decide: &mut dyn Decide,
        alone: bool,
    ) -> Result<(), Stopped> {
        let grant = self.batches.change(key.hex(), alone).await;
        let mut grant = grant.map_err(|_| Failed::unknown())??;
        // From here to the last request nothing is waited for: the transaction would end.
        let found = Found::read(&grant.value);
        let current = match &found {
            Ok(None) => Current::Nothing,
            Ok(Some(found)) => Current::Record(&found.head),
            Err(error) if error.kind() == ErrorKind::Corrupt => Current::Damaged,
            Err(error) => return Err(error.duplicate().into()),
        };
        let change = decide.decide(None, current)?;
        let old = found.ok().flatten();
        if apply(&mut grant, key, content, old, change)? { Ok(grant.done().await?) } else { Ok(()) }
    }

    async fn records(&self) -> Result<IdbObjectStore, Error> {
        let transaction = self.batches.begin(&[RECORDS], false).await?;
        Ok(sys::store(&transaction, RECORDS)?)
    }

    /// The keys in an index.
    async fn keys(&self, index: &str, range: &JsValue, limit: u32) -> Result<Vec<Key>, Error> {
        let records = self.records().await?;
        let index = records.index(index).map_err(Failed::from)?;
        let request = index.get_all_keys_with_key_and_limit(range, limit).map_err(Failed::from)?;
        let keys: Array = result(&request).await?.unchecked_into();
        Ok(keys.iter().filter_map(|key| Key::from_hex(&key.as_string()?)).collect())
    }
}

/// Makes the requests of a change. Says whether there were any.
fn apply(
    grant: &mut Grant,
    key: &Key,
    content: &Content,
    old: Option<Found>,
    change: Change,
) -> Result<bool, Failed> {
    let name = JsValue::from(key.hex());
    let left = old.as_ref().and_then(|old| old.chunks.clone());
    let next = match change {
        Change::Leave => return Ok(false),
        Change::Touch(head) => {
            let Some(mut old) = old else { return Ok(false) };
            old.record[..HEADER].copy_from_slice(&head.header());
            let next = value(key, &head, &old.record, old.chunks.as_deref());
            grant.store(RECORDS)?.put(&next)?;
            grant.changed_to(next);
            return Ok(true);
        }
        Change::Publish(head) => {
            let next = match content {
                Content::Staged(stage) => {
                    let head = head.apart();
                    stage::adopt(&grant.store(STAGES)?, stage.name())?;
                    value(key, &head, &head.record(&[]), Some(stage.name()))
                }
                Content::Whole(bytes) => value(key, &head, &head.record(bytes), None),
                Content::None | Content::Same => value(key, &head, &head.record(&[]), None),
            };
            grant.store(RECORDS)?.put(&next)?;
            next
        }
        Change::Remove => {
            grant.store(RECORDS)?.delete(&name)?;
            JsValue::UNDEFINED
        }
        Change::Quarantine => {
            grant.store(DAMAGED)?.put_with_key(&grant.value, &name)?;
            grant.store(RECORDS)?.delete(&name)?;
            JsValue::UNDEFINED
        }
    };
    if let Some(left) = left {
        stage::leave(&grant.store(STAGES)?, &left)?;
    }
    grant.changed_to(next);
    Ok(true)
}

impl Directory for IndexedDb {
    fn open<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        let seat = self.batches.look(key.hex());
        Box::pin(async move {
            let value = seat.await.map_err(|_| Failed::unknown())??;
            let Some(Found { head, record, chunks }) = Found::read(&value)? else { return Ok(None) };
            let body = if let Some(name) = chunks {
                let batches = Rc::clone(&self.batches);
                Body::Pieces(Box::new(Chunks { batches, name, next: 0 }))
            } else {
                let end = record.len() - head.tags_block().len();
                Body::Whole(Bytes::from(record).slice(HEADER..end))
            };
            Ok(Some(Record { head, body }))
        })
    }

    fn stage(&self) -> BoxFuture<'_, Result<Box<dyn Stage>, Error>> {
        Box::pin(async {
            let mut name = [0; 16];
            getrandom::fill(&mut name).map_err(Error::no_random)?;
            let name = base16ct::lower::encode_string(&name);
            Ok(Box::new(StagedChunks::new(Rc::clone(&self.batches), name)) as Box<dyn Stage>)
        })
    }

    fn change<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let mut tries = 0;
            loop {
                // What fails together with others may succeed alone, or over another connection.
                match self.attempt(key, content, decide, tries > 0).await {
                    Ok(()) => {
                        if let Content::Staged(stage) = content {
                            stage.clear();
                        }
                        return Ok(());
                    }
                    Err(Stopped::Refused(Refused::Failed(failed))) if tries < 2 => {
                        tries += 1;
                        if failed.is_lost_connection() {
                            self.connection.close();
                        }
                    }
                    Err(Stopped::Refused(refused)) => return Err(refused.into()),
                    Err(Stopped::Failed(error)) => return Err(error),
                }
            }
        })
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<Key>, Error>> {
        Box::pin(async move {
            let only = IdbKeyRange::only(&tag.into()).map_err(Failed::from)?;
            self.keys(TAGS, &only, u32::MAX).await
        })
    }

    fn over(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Key>, Error>> {
        Box::pin(async move {
            #[allow(clippy::cast_precision_loss)] // a time
            let range = IdbKeyRange::upper_bound(&(now.as_millis() as f64).into()).map_err(Failed::from)?;
            self.keys(OVER, &range, u32::try_from(limit).unwrap_or(u32::MAX)).await
        })
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(stage::clear_left(&self.batches))
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(async move {
            let (mut sessions, mut bytes) = (0, 0);
            let mut range = JsValue::UNDEFINED;
            loop {
                let request = self.records().await?.get_all_with_key_and_limit(&range, PAGE);
                let page: Array = result(&request.map_err(Failed::from)?).await?.unchecked_into();
                for value in page.iter() {
                    if let Ok(Some(found)) = Found::read(&value) {
                        sessions += u64::from(found.head.is_session());
                        bytes += found.head.length;
                    }
                }
                if page.length() < PAGE {
                    return Ok((sessions, bytes));
                }
                let last = page.get(PAGE - 1).unchecked_ref::<Value>().key();
                range = IdbKeyRange::lower_bound_with_open(&last, true).map_err(Failed::from)?.into();
            }
        })
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        self.connection.close();
        Box::pin(async { Ok(()) })
    }
}

impl fmt::Debug for IndexedDb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("IndexedDb").finish_non_exhaustive()
    }
}
