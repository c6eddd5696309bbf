//! Sessions in records of a place that many machines share: a table, a key-value store.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;

use super::{
    DirectoryOptions, DirectoryStorage,
    medium::{Body, Change, Content, Current, Decide, Directory, Record, Stage},
};
use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    key::Key,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    record::{ACTIVITY_AT, HEADER, Head, Lineage},
    session::{Capabilities, Tags},
    turns::Turns,
};

/// What you write to get a storage that many machines share: records by key, each replaced only where it is still the one
/// that was seen.
///
/// The key is the SHA-256 of the session's id in 64 lowercase hexadecimal digits, so it is safe as a database key, and a leaked
/// database holds no usable id (C8). The bytes are a record with header and checksum (`docs/format.md`): store them as they are.
///
/// Timeouts, revisions, fences and tombstones are in the record. An expired one may be removed by the place itself, an hour after
/// [`NewRecord::expires_at`] and not before: it may be all that tells a write which began before an invalidate of that (C4).
pub trait Records: MaybeSend + MaybeSync {
    /// What is under this key, and by which version to replace it.
    fn load<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<VersionedRecord>, Error>>;

    /// Puts `record` in the place of the one of that version (`None`: of nothing), or removes that one, as one step for all
    /// machines; answers `false`, with nothing changed, where something else is there by now. When it has resolved, the next
    /// `load` of any machine must see it.
    ///
    /// After an error it may have happened or not: the caller is told that error, and nothing is tried again.
    fn replace<'a>(
        &'a self,
        key: &'a str,
        version: Option<&'a str>,
        record: Option<NewRecord>,
    ) -> BoxFuture<'a, Result<bool, Error>>;

    /// Whether [`tagged`](Self::tagged) answers. If not, the storage has no tags.
    fn has_tags(&self) -> bool {
        false
    }

    /// The keys of all records that carry a tag, and perhaps of some that did. One that was replaced before this call must be
    /// among them.
    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<String>, Error>> {
        let _ = tag;
        Box::pin(async { Err(Error::unsupported("these records have no tags")) })
    }

    /// The keys of at most `limit` records that expired by `now`. None, by default: where the place removes them itself.
    fn expired(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<String>, Error>> {
        let _ = (now, limit);
        Box::pin(async { Ok(Vec::new()) })
    }

    /// How many records are sessions, and the sum of their [`byte_length`](NewRecord::byte_length).
    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        Box::pin(async { Err(Error::unsupported("these records cannot be counted")) })
    }
}

/// A record as it was found.
#[derive(Clone, PartialEq, Eq)]
pub struct VersionedRecord {
    /// The bytes that were stored.
    pub data: Vec<u8>,
    /// Names this state of the record among all that ever were under its key: one that comes again, also after the record was
    /// removed and made anew, would let a write pass that must fail.
    pub version: String,
}

/// A record to be stored.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewRecord {
    /// Its bytes.
    pub data: Vec<u8>,
    /// The length of the session's content, in bytes; none where the record is no session, but remembers that one ended.
    pub byte_length: Option<u64>,
    /// When it expires; never where there is none. From then on [`Records::expired`] names it.
    pub expires_at: Option<Timestamp>,
    /// The tags by which [`Records::tagged`] must find it.
    pub tags: Tags,
}

impl fmt::Debug for VersionedRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("VersionedRecord").field("length", &self.data.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for NewRecord {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NewRecord").field("length", &self.data.len()).finish_non_exhaustive()
    }
}

impl DirectoryStorage {
    /// Keeps sessions in records of your own place.
    ///
    /// A session is whole in memory while it is written or read, and a touch stores it again. Of two machines that write one
    /// session at the same time, the later one looks again; each look is a [`load`](Records::load).
    ///
    /// `durable` says whether the place outlives this process. The machines' clocks decide what has expired: one that goes
    /// wrong by a minute ends sessions a minute early or late.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidOption`] for an option that makes no sense.
    pub fn in_records(
        records: impl Records + 'static,
        durable: bool,
        options: DirectoryOptions,
    ) -> Result<Self, Error> {
        Self::on(
            Box::new(InRecords { records, durable, turns: Turns::new(), seen: Seen::default() }),
            options,
        )
    }
}

/// So many times a change looks again. Each time somebody else has made progress.
const ROUNDS: usize = 1_000;

struct InRecords<R> {
    records: R,
    durable: bool,
    /// Those of this process do not make each other look again more than once.
    turns: Turns,
    /// What was read last: a request that stores what it has loaded need not look before.
    seen: Seen,
}

impl<R> fmt::Debug for InRecords<R> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("InRecords").finish_non_exhaustive()
    }
}

impl<R: Records> InRecords<R> {
    /// A change, tried on what was read last at first if that is known to do.
    fn change<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
        known: bool,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let name = key.hex();
            let mut before = None;
            let mut known = known;
            let mut turn = None;
            for _ in 0..ROUNDS {
                if self.attempt(&name, content, decide, &mut before, known).await? {
                    return Ok(());
                }
                if known {
                    (known, before) = (false, None);
                } else if turn.is_none() {
                    turn = Some(self.turns.wait(&key.name()?).await?);
                }
            }
            Err(Error::new(ErrorKind::Conflict, "others wrote to the session again and again; try later"))
        })
    }

    /// One look, and what `decide` makes of it. Says whether that was done; if not, somebody else was faster.
    ///
    /// With `known`, what was read last does for the look; where that comes to nothing, whatever the reason, it is as if it had not
    /// been tried.
    async fn attempt(
        &self,
        key: &str,
        content: &mut Content,
        decide: &mut dyn Decide,
        before: &mut Option<Lineage>,
        known: bool,
    ) -> Result<bool, Error> {
        let found = if known {
            let seen = self.seen.take(key);
            if seen.is_none() {
                return Ok(false);
            }
            seen
        } else {
            self.records.load(key).await?.map(Found::from)
        };
        let record = match next(found.as_ref(), content, decide, before) {
            Ok(Next::Replaced(record)) => record,
            _ if known => return Ok(false),
            Ok(Next::Stays) => return Ok(true),
            Err(error) => return Err(error),
        };
        let version = found.map(|found| found.version);
        self.records.replace(key, version.as_deref(), record).await
    }
}

/// What becomes of a record.
enum Next {
    Stays,
    Replaced(Option<NewRecord>),
}

/// What is to take the place of what was found.
fn next(
    found: Option<&Found>,
    content: &Content,
    decide: &mut dyn Decide,
    before: &mut Option<Lineage>,
) -> Result<Next, Error> {
    let head = match found.map(|found| Head::open(&found.data)) {
        None => None,
        Some(Ok(head)) => Some(Some(head)),
        Some(Err(error)) if error.kind() == ErrorKind::Corrupt => Some(None),
        Some(Err(error)) => return Err(error),
    };
    let current = match &head {
        None => Current::Nothing,
        Some(None) => Current::Damaged,
        Some(Some(head)) => Current::Record(head),
    };
    let change = decide.decide(*before, current)?;
    before.get_or_insert(current.lineage());
    Ok(match change {
        // What is damaged stays for whoever wants to know what happened, until it is overwritten.
        Change::Leave | Change::Quarantine => Next::Stays,
        Change::Remove => Next::Replaced(None),
        Change::Publish(head) => Next::Replaced(Some(published(&head, content))),
        Change::Touch(head) => {
            found.map_or(Next::Stays, |found| Next::Replaced(Some(touched(&head, found.data.to_vec()))))
        }
    })
}

/// A record and its version.
#[derive(Clone)]
struct Found {
    version: String,
    data: Bytes,
}

impl From<VersionedRecord> for Found {
    fn from(record: VersionedRecord) -> Self {
        Self { version: record.version, data: record.data.into() }
    }
}

/// So many records are kept in mind, none of which is longer.
const MOST_SEEN: usize = 128;
const LONGEST_SEEN: usize = 16_384;

/// The records that were read last, each until it is written.
#[derive(Default)]
struct Seen(Mutex<Vec<(String, Found)>>);

impl Seen {
    fn note(&self, key: String, found: &Found) {
        if found.data.len() <= LONGEST_SEEN {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            seen.retain(|(other, _)| *other != key);
            if seen.len() == MOST_SEEN {
                seen.remove(0);
            }
            seen.push((key, found.clone()));
        }
    }

    fn take(&self, key: &str) -> Option<Found> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = seen.iter().rposition(|(other, _)| other == key)?;
        Some(seen.remove(at).1)
    }
}

fn published(head: &Head, content: &Content) -> NewRecord {
    let bytes: &[u8] = match content {
        Content::None | Content::Same => &[],
        Content::Whole(bytes) => bytes,
        Content::Staged(stage) => stage.held(),
    };
    record_of(head, head.record(bytes))
}

fn touched(head: &Head, mut data: Vec<u8>) -> NewRecord {
    if let Some(activity) = data.get_mut(ACTIVITY_AT..HEADER) {
        activity.copy_from_slice(&head.activity());
    }
    record_of(head, data)
}

fn record_of(head: &Head, data: Vec<u8>) -> NewRecord {
    NewRecord {
        data,
        byte_length: head.is_session().then_some(head.length),
        expires_at: head.lifetime.expires_at(),
        tags: head.tags.clone(),
    }
}

impl<R: Records> Directory for InRecords<R> {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            streams: false,
            conditional: true,
            tags: self.records.has_tags(),
            durable: self.durable,
            shared: true,
        }
    }

    fn open<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, Error>> {
        Box::pin(async move {
            let name = key.hex();
            let Some(found) = self.records.load(&name).await?.map(Found::from) else { return Ok(None) };
            let head = Head::open(&found.data)?;
            self.seen.note(name, &found);
            let content = head.content_in(&found.data);
            Ok(Some(Record { head, body: Body::Whole(content) }))
        })
    }

    fn stage(&self) -> BoxFuture<'_, Result<Box<dyn Stage>, Error>> {
        Box::pin(async { Ok(Box::new(Held(Vec::new())) as Box<dyn Stage>) })
    }

    fn change<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.change(key, content, decide, false)
    }

    fn change_known<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.change(key, content, decide, true)
    }

    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<Key>, Error>> {
        Box::pin(async move { keys(&self.records.tagged(tag).await?) })
    }

    fn over(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Key>, Error>> {
        Box::pin(async move { keys(&self.records.expired(now, limit).await?) })
    }

    fn pause(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>> {
        self.records.count()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }
}

fn keys(names: &[String]) -> Result<Vec<Key>, Error> {
    let keys = names.iter().map(|name| Key::from_hex(name));
    let all: Option<Vec<_>> = keys.collect();
    all.ok_or_else(|| Error::new(ErrorKind::Storage, "the records answered a key that was never given"))
}

/// A content that is gathered in memory, since a record is stored as one value.
struct Held(Vec<u8>);

impl Stage for Held {
    fn append(mut self: Box<Self>, piece: Bytes) -> BoxFuture<'static, (Box<dyn Stage>, Result<(), Error>)> {
        self.0.extend_from_slice(&piece);
        Box::pin(async move { (self as Box<dyn Stage>, Ok(())) })
    }

    fn complete<'a>(&'a mut self, _: &'a Head) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn name(&self) -> &'static str {
        ""
    }

    fn held(&self) -> &[u8] {
        &self.0
    }

    fn clear(&mut self) {
        self.0 = Vec::new();
    }
}
