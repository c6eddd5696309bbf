//! Records in a browser's database, for all tabs and workers of a site.

mod batch;
mod connection;
mod fetch;
mod stage;
mod sys;
mod value;
mod waits;

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
};

use js_sys::Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbKeyRange, IdbObjectStore};

use self::{
    batch::{Batches, Grant, Manner, Refused},
    connection::{CHUNKS, Connection, DAMAGED, RECORDS, STAGES, TAGS},
    fetch::rows,
    stage::{Chunks, StagedChunks, Tidied, put_away},
    sys::Failed,
    value::{Found, chunks_of, stored, value},
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
    record::{ACTIVITY_AT, HEADER, Head},
    session::{Durability, Tags},
};

/// The most records that one look owes to those that found it at work.
const OWED: u32 = 64;
/// So many times writes look for expired records until one of them tidies.
const LOOKS_PER_TIDY: u32 = 4;
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
        let medium = IndexedDb {
            connection,
            batches,
            looked_at: RefCell::default(),
            is_looking: Cell::default(),
            owed: Cell::default(),
            looks: Cell::default(),
            tidied: Tidied::default(),
        };
        Self::on(Box::new(medium), options)
    }
}

struct IndexedDb {
    connection: Rc<Connection>,
    batches: Rc<Batches>,
    /// Up to which key the last sweep has looked.
    looked_at: RefCell<String>,
    is_looking: Cell<bool>,
    /// How many records those did not look at who came while another did.
    owed: Cell<u32>,
    /// How often writes looked.
    looks: Cell<u32>,
    tidied: Tidied,
}

/// Says that nobody looks any more, also where the work is given up.
struct Looking<'a>(&'a Cell<bool>);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Why an attempt did not succeed.
enum Stopped {
    /// The transaction, perhaps because of others in it.
    Refused(Refused),
    Failed(Error),
    /// It needs more than the records.
    Wider,
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

impl From<Stopped> for Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Refused(refused) => refused.into(),
            Stopped::Failed(error) => error,
            Stopped::Wider => Failed::unknown().into(),
        }
    }
}

impl IndexedDb {
    async fn attempt(
        &self,
        key: &Key,
        content: &mut Content,
        decide: &mut dyn Decide,
        manner: &mut Manner,
    ) -> Result<(), Stopped> {
        let grant = self.batches.change(key, manner).await;
        let mut grant = grant.map_err(|_| Failed::unknown())??;
        if let Content::Staged(stage) = content {
            if !grant.is_wide() {
                return Err(Stopped::Wider);
            }
            stage::check_kept(grant.transaction(), stage.name()).await?;
        }
        // From here to the last request nothing is waited for: the transaction would end.
        let found = Found::read(key, grant.value.as_ref());
        let current = match &found {
            Ok(None) => Current::Nothing,
            Ok(Some(found)) => Current::Record(&found.head),
            Err(error) if error.kind() == ErrorKind::Corrupt => Current::Damaged,
            Err(error) => return Err(error.duplicate().into()),
        };
        let lineage = current.lineage();
        let decided = decide.decide(manner.before, current);
        // Who comes again comes later than it was called: what has happened since is told by what is there now.
        manner.before.get_or_insert(lineage);
        let old = found.ok().flatten();
        let applied = decided.map_err(Stopped::from);
        let applied = applied.and_then(|change| apply(&mut grant, key, content, old, change));
        if let Err(Stopped::Refused(_)) = applied {
            // A part of it may have been asked for.
            grant.transaction().abort();
        } else if matches!(applied, Ok(true)) || grant.is_pending() {
            // What another call of this transaction put there is there only once that has succeeded: until then it answers nothing.
            grant.done().await?;
        }
        applied.map(drop)
    }

    /// The whole records among the next after a key, and the last key; an empty one at the end.
    async fn page(&self, after: &str, limit: u32) -> Result<(Vec<(String, Head)>, String), Error> {
        let transaction = self.batches.begin(&[RECORDS], false).await?;
        let (keys, values, last) = rows(&transaction, RECORDS, after, limit).await?;
        let whole = |(name, value): (JsValue, JsValue)| {
            let name = name.as_string()?;
            let found = Found::read(&Key::from_hex(&name)?, stored(&value).as_ref());
            Some((name, found.ok()??.head))
        };
        Ok((keys.iter().zip(values.iter()).filter_map(whole).collect(), last))
    }
}

/// Makes the requests of a change. Says whether there were any.
fn apply(
    grant: &mut Grant,
    key: &Key,
    content: &Content,
    old: Option<Found>,
    change: Change,
) -> Result<bool, Stopped> {
    let name = JsValue::from(key.hex());
    let left = grant.value.as_ref().and_then(chunks_of);
    let old_tags = old.as_ref().map(|old| old.head.tags.clone()).unwrap_or_default();
    let tags = match &change {
        Change::Publish(head) => head.tags.clone(),
        Change::Leave | Change::Touch(_) => old_tags.clone(),
        Change::Remove | Change::Quarantine => Tags::default(),
    };
    let is_moved = left.is_some() && !matches!(change, Change::Leave | Change::Touch(_));
    let is_wide = is_moved || tags != old_tags || matches!(change, Change::Quarantine);
    if is_wide && !grant.is_wide() {
        return Err(Stopped::Wider);
    }
    let records = grant.store(RECORDS)?;
    if !matches!(change, Change::Leave) {
        let is_single = !is_wide && !matches!(content, Content::Staged(_));
        grant.will_write(if is_single { 1 } else { 2 });
    }
    let next = match change {
        Change::Leave => return Ok(false),
        Change::Touch(head) => {
            let Some(old) = old else { return Ok(false) };
            let mut record = old.record.to_vec();
            record[ACTIVITY_AT..HEADER].copy_from_slice(&head.activity());
            Some(value(key, record, old.chunks.as_deref()))
        }
        Change::Publish(head) => {
            let next = match content {
                Content::Staged(stage) => {
                    stage::adopt(&grant.store(STAGES)?, stage.name())?;
                    value(key, head.apart().record(&[]), Some(stage.name()))
                }
                Content::Whole(bytes) => value(key, head.record(bytes), None),
                Content::None | Content::Same => value(key, head.record(&[]), None),
            };
            Some(next)
        }
        Change::Remove => None,
        Change::Quarantine => {
            let damaged = sys::bytes(grant.value.as_deref().unwrap_or_default());
            put(&grant.store(DAMAGED)?, &put_away(&damaged), &name)?;
            None
        }
    };
    match &next {
        Some(next) => put(&records, &sys::bytes(next), &name)?,
        None => {
            records.delete(&name).map_err(Failed::from)?;
        }
    }
    if let Some(left) = left.filter(|_| is_moved) {
        if grant.is_full() {
            stage::clear(&grant.store(CHUNKS)?, &left)?;
        } else {
            stage::leave(&grant.store(STAGES)?, &left)?;
        }
    }
    for tag in tags.iter().filter(|tag| !old_tags.contains(tag)) {
        put(&grant.store(TAGS)?, &JsValue::TRUE, &entry(tag, &name))?;
    }
    for tag in old_tags.iter().filter(|tag| !tags.contains(tag)) {
        grant.store(TAGS)?.delete(&entry(tag, &name)).map_err(Failed::from)?;
    }
    grant.changed_to(next);
    Ok(true)
}

fn put(store: &IdbObjectStore, value: &JsValue, key: &JsValue) -> Result<(), Failed> {
    store.put_with_key(value, key)?;
    Ok(())
}

/// The key under which stands that a session carries a tag.
fn entry(tag: &str, key: &JsValue) -> JsValue {
    Array::of2(&tag.into(), key).into()
}

impl Directory for IndexedDb {
    fn open<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        let seat = self.batches.look(key.hex());
        Box::pin(async move {
            let value = seat.await.map_err(|_| Failed::unknown())??;
            let Some(Found { head, record, chunks }) = Found::read(key, value.as_ref())? else {
                return Ok(None);
            };
            let body = if let Some(name) = chunks {
                let batches = Rc::clone(&self.batches);
                Body::Pieces(Box::new(Chunks { batches, name, next: 0 }))
            } else {
                Body::Whole(head.content_in(&record))
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
            if let Content::Whole(bytes) = content
                && bytes.len() > stage::WHOLE
            {
                let (stage, put) = self.stage().await?.append(bytes.clone()).await;
                put?;
                *content = Content::Staged(stage);
            }
            let mut tries = 0;
            let mut is_uncertain = false;
            let mut manner = Manner { is_wide: matches!(content, Content::Staged(_)), ..Manner::default() };
            loop {
                match self.attempt(key, content, decide, &mut manner).await {
                    Ok(()) => {
                        if let Content::Staged(stage) = content {
                            stage.clear();
                        }
                        return Ok(());
                    }
                    Err(Stopped::Wider) => {
                        manner.is_wide = true;
                        self.batches.widen();
                    }
                    // What fails together with others may succeed alone, or over another connection.
                    Err(Stopped::Refused(Refused::Failed(failed))) if tries < 2 => {
                        tries += 1;
                        manner.is_alone = true;
                        manner.is_full = failed.is_quota() && matches!(content, Content::None);
                        if failed.is_lost_connection() {
                            is_uncertain = true;
                            self.connection.give_up();
                        }
                    }
                    Err(stopped) => {
                        // It may have been published, if nobody could say so: what is nobody's goes with a sweep.
                        if let Content::Staged(stage) = content
                            && is_uncertain
                        {
                            stage.clear();
                        }
                        return Err(stopped.into());
                    }
                }
            }
        })
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<Key>, Error>> {
        Box::pin(async move {
            let transaction = self.batches.begin(&[TAGS], false).await?;
            // A key has hexadecimal digits, which all come before this letter.
            let (first, last) = (entry(tag, &"".into()), entry(tag, &"g".into()));
            let range = IdbKeyRange::bound(&first, &last).map_err(Failed::from)?;
            let request = transaction.store(TAGS)?.get_all_keys_with_key(&range).map_err(Failed::from)?;
            let entries: Array = transaction.result(&request).await?.unchecked_into();
            let key = |entry: JsValue| Key::from_hex(&entry.unchecked_ref::<Array>().get(1).as_string()?);
            Ok(entries.iter().filter_map(key).collect())
        })
    }

    fn over(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Key>, Error>> {
        Box::pin(async move {
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            if limit < PAGE && self.is_looking.get() {
                // Many writes of one turn look once, for a good part of them; the next one looks for more.
                self.owed.set((self.owed.get() + limit).min(OWED));
                return Ok(Vec::new());
            }
            self.is_looking.set(true);
            let _looking = Looking(&self.is_looking);
            self.looks.set(self.looks.get().wrapping_add(1));
            if limit < PAGE && self.looks.get().is_multiple_of(LOOKS_PER_TIDY) {
                // Nobody need call `sweep` for what large sessions leave as they are replaced.
                let _ = self.tidy().await;
            }
            let limit = limit.saturating_add(self.owed.take());
            let after = self.looked_at.take();
            let (mut page, mut last) = self.page(&after, limit).await?;
            let left = limit.saturating_sub(u32::try_from(page.len()).unwrap_or(u32::MAX));
            if last.is_empty() && !after.is_empty() && left > 0 {
                // From the end on at the beginning.
                let (first, end) = self.page("", left).await?;
                page.extend(first.into_iter().filter(|(key, _)| *key <= after));
                last = end;
            }
            self.looked_at.replace(last);
            let over = page.into_iter().filter(|(_, head)| head.lifetime.is_over(now));
            Ok(over.filter_map(|(key, _)| Key::from_hex(&key)).collect())
        })
    }

    fn pause(&self) -> BoxFuture<'_, ()> {
        // Each of its calls waits for the engine, and others work meanwhile.
        Box::pin(async {})
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(stage::clear_left(&self.batches, &self.tidied))
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(async move {
            let (mut sessions, mut bytes) = (0, 0);
            let mut after = String::new();
            loop {
                let (page, last) = self.page(&after, PAGE).await?;
                for (_, head) in page {
                    sessions += u64::from(head.is_session());
                    bytes += head.length;
                }
                if last.is_empty() {
                    return Ok((sessions, bytes));
                }
                after = last;
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
