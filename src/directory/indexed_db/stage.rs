//! Contents that are too large for a record: chunks under the name of their generation.

use std::{cell::RefCell, rc::Rc};

use bytes::Bytes;
use js_sys::{Array, Date, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbKeyRange};

use super::{
    Stopped,
    batch::{Batches, Refused},
    connection::{CHUNKS, DAMAGED, STAGES},
    fetch::rows,
    sys::{self, Failed, Transaction},
};
use crate::{
    directory::medium::{Pieces, Stage},
    error::{Error, ErrorKind},
    maybe_send::BoxFuture,
    record::{Head, corrupt},
};

/// How large a chunk is. Chromium keeps a value of more than 64 KiB in a file of its own: one more thing that a kill can leave undone,
/// and perhaps why it drops a whole database now and then.
const CHUNK: usize = 32 * 1024;
/// So many chunks are put together, and got.
const CHUNKS_OF_PIECE: u32 = 2;
/// The largest content that lies in the record itself, which for the same reason must not be much larger.
pub(super) const WHOLE: usize = 60 * 1024;

/// A content that nobody has published for so long is nobody's: a day, in milliseconds.
const ABANDONED: f64 = 24.0 * 60.0 * 60.0 * 1_000.0;
/// So long nobody asks again whether it is still there: an hour.
const MARKED_FOR: f64 = 60.0 * 60.0 * 1_000.0;
/// So long one that was replaced stays for those who still read it: ten minutes.
const REPLACED: f64 = 10.0 * 60.0 * 1_000.0;
/// So long a damaged record is kept: a week.
const DAMAGED_FOR: f64 = 7.0 * 24.0 * 60.0 * 60.0 * 1_000.0;
/// How many of them one call looks at: several times as many as come about between two calls, if every write leaves one.
const TIDIED_AT_ONCE: u32 = 256;

/// The key of a chunk: `[name, number]`.
fn chunk(name: &str, number: u32) -> JsValue {
    Array::of2(&name.into(), &number.into()).into()
}

/// `{ name, until }`: from when on the chunks of this name are nobody's.
fn marker(name: &str, time: f64) -> JsValue {
    let marker = Object::new();
    // Setting a property of a new plain object cannot fail.
    let _ = Reflect::set(&marker, &"name".into(), &name.into());
    let _ = Reflect::set(&marker, &"until".into(), &(Date::now() + time).into());
    marker.into()
}

/// What is kept of a damaged record, for whoever wants to look at it.
pub(super) fn put_away(value: &JsValue) -> JsValue {
    let kept = Object::new();
    let _ = Reflect::set(&kept, &"value".into(), value);
    let _ = Reflect::set(&kept, &"until".into(), &(Date::now() + DAMAGED_FOR).into());
    kept.into()
}

/// Leaves the chunks of a session that was replaced or has ended to those who read them, for a while.
pub(super) fn leave(stages: &web_sys::IdbObjectStore, name: &str) -> Result<(), Failed> {
    stages.put(&marker(name, REPLACED))?;
    Ok(())
}

/// Clears away the chunks of this name.
pub(super) fn clear(chunks: &web_sys::IdbObjectStore, name: &str) -> Result<(), Failed> {
    chunks.delete(IdbKeyRange::bound(&chunk(name, 0), &chunk(name, u32::MAX))?.as_ref())?;
    Ok(())
}

/// Refuses what has been cleared away since it was written: it took too long, or somebody removed the database.
pub(super) async fn check_kept(transaction: &Transaction, name: &str) -> Result<(), Stopped> {
    let marker = transaction.store(STAGES)?.get(&name.into()).map_err(Failed::from)?;
    if transaction.result(&marker).await?.is_undefined() {
        return Err(Stopped::Failed(Error::new(
            ErrorKind::Storage,
            "what this write had stored was cleared away in the meantime; write it again",
        )));
    }
    Ok(())
}

/// Takes note that the chunks of this name belong to a session.
pub(super) fn adopt(stages: &web_sys::IdbObjectStore, name: &str) -> Result<(), Failed> {
    stages.delete(&name.into())?;
    Ok(())
}

/// Up to where the markers and the damaged records were looked at.
#[derive(Default)]
pub(super) struct Tidied {
    stages: RefCell<String>,
    damaged: RefCell<String>,
}

/// Clears away the chunks that are nobody's, and damaged records that nobody has looked at.
pub(super) async fn clear_left(batches: &Rc<Batches>, tidied: &Tidied) -> Result<(), Error> {
    for (store, after) in [(STAGES, &tidied.stages), (DAMAGED, &tidied.damaged)] {
        for name in past(batches, store, after).await? {
            remove(batches, store, &name, true).await?;
        }
    }
    Ok(())
}

/// The keys of those among the next whose `until` has come; from the end on at the beginning.
async fn past(batches: &Rc<Batches>, name: &str, after: &RefCell<String>) -> Result<Vec<String>, Error> {
    let transaction = batches.begin(&[name], false).await?;
    let from = after.take();
    let (keys, values, last) = rows(&transaction, name, &from, TIDIED_AT_ONCE).await?;
    after.replace(last);
    let past = keys.iter().zip(values.iter()).filter(|(_, value)| is_past(value));
    Ok(past.filter_map(|(key, _)| key.as_string()).collect())
}

/// Whether the time of a marker, or of a damaged record, has come.
fn is_past(value: &JsValue) -> bool {
    let until = Reflect::get(value, &"until".into()).ok().and_then(|until| until.as_f64());
    until.is_some_and(|until| until < Date::now())
}

/// Clears away what is in a store under this name, and chunks; or only if its time has come, since the writer of chunks may be about to
/// publish them. Of a damaged record's key there are none.
async fn remove(batches: &Rc<Batches>, store: &str, name: &str, if_past: bool) -> Result<(), Refused> {
    let transaction = batches.begin(&[CHUNKS, store], true).await?;
    let end = transaction.end();
    let markers = transaction.store(store)?;
    let marker = || markers.get(&name.into()).map_err(Failed::from);
    if !if_past || is_past(&transaction.result(&marker()?).await?) {
        clear(&transaction.store(CHUNKS)?, name)?;
        markers.delete(&name.into()).map_err(Failed::from)?;
    }
    Ok(end.done().await?)
}

/// Chunks that are written one after another.
pub(super) struct StagedChunks {
    batches: Rc<Batches>,
    name: String,
    count: u32,
    /// When, and over which connection, it was last seen that its marker is there.
    marked: Option<(f64, IdbDatabase)>,
    is_left: bool,
    /// Holds a piece until the engine has cloned it: a new one for each would have to be collected.
    room: Option<Uint8Array>,
}

impl StagedChunks {
    pub(super) fn new(batches: Rc<Batches>, name: String) -> Self {
        Self { batches, name, count: 0, marked: None, is_left: true, room: None }
    }

    /// A clone of a view takes the whole buffer: only a full chunk may go by way of the room.
    fn bytes_of(&mut self, chunk: &[u8]) -> Uint8Array {
        if chunk.len() != CHUNK {
            return sys::bytes(chunk);
        }
        #[allow(clippy::cast_possible_truncation)] // a small constant
        let room = self.room.get_or_insert_with(|| Uint8Array::new_with_length(CHUNK as u32));
        room.copy_from(chunk);
        room.clone()
    }

    async fn put(&mut self, piece: &Bytes) -> Result<(), Stopped> {
        let now = Date::now();
        // Whoever changes a record has the markers: only now and then does this one wait for them.
        let known = match &self.marked {
            Some((at, database)) if (0.0..MARKED_FOR).contains(&(now - at)) => {
                // Another connection may be one to another database of the same name.
                let begun = self.batches.begin(&[CHUNKS], true).await?;
                Some(begun).filter(|begun| begun.database() == *database)
            }
            _ => None,
        };
        let mut marked = None;
        let is_marked = known.is_some();
        let transaction = match known {
            Some(transaction) => transaction,
            None => self.batches.begin(&[CHUNKS, STAGES], true).await?,
        };
        let end = transaction.end();
        if !is_marked {
            if self.count > 0 {
                check_kept(&transaction, &self.name).await?;
            }
            transaction.store(STAGES)?.put(&marker(&self.name, ABANDONED)).map_err(Failed::from)?;
            marked = Some((now, transaction.database()));
        }
        let chunks = transaction.store(CHUNKS)?;
        for (number, own) in (self.count..).zip(piece.chunks(CHUNK)) {
            let key = chunk(&self.name, number);
            chunks.put_with_key(&self.bytes_of(own), &key).map_err(Failed::from)?;
        }
        end.done().await?;
        self.marked = marked.or(self.marked.take());
        Ok(())
    }
}

impl Stage for StagedChunks {
    fn append(mut self: Box<Self>, piece: Bytes) -> BoxFuture<'static, (Box<dyn Stage>, Result<(), Error>)> {
        Box::pin(async move {
            let put = match self.put(&piece).await {
                // Over another connection; Firefox refuses the first of those who come after an exceeded quota.
                Err(Stopped::Refused(Refused::Failed(failed))) if failed.is_lost_connection() => {
                    self.put(&piece).await
                }
                put => put,
            };
            let put = put.map_err(Error::from);
            self.count += CHUNKS_OF_PIECE;
            (self as Box<dyn Stage>, put)
        })
    }

    fn complete<'a>(&'a mut self, _: &'a Head) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async { Ok(()) })
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn clear(&mut self) {
        self.is_left = false;
    }
}

impl Drop for StagedChunks {
    fn drop(&mut self) {
        if self.is_left && self.count > 0 {
            let (batches, name) = (Rc::clone(&self.batches), std::mem::take(&mut self.name));
            wasm_bindgen_futures::spawn_local(async move {
                // What stays is cleared when it is a day old.
                let _ = remove(&batches, STAGES, &name, false).await;
            });
        }
    }
}

/// The chunks of an open session, one after another.
pub(super) struct Chunks {
    pub(super) batches: Rc<Batches>,
    pub(super) name: String,
    pub(super) next: u32,
}

impl Chunks {
    async fn read(&self) -> Result<Bytes, Error> {
        let transaction = self.batches.begin(&[CHUNKS], false).await?;
        let last = self.next + CHUNKS_OF_PIECE - 1;
        let both = IdbKeyRange::bound(&chunk(&self.name, self.next), &chunk(&self.name, last));
        let chunks = transaction.store(CHUNKS)?;
        let both = both.map_err(Failed::from)?;
        let request = chunks.get_all_with_key(&both).map_err(Failed::from)?;
        let found: Array = transaction.result(&request).await?.unchecked_into();
        let mut piece = Vec::new();
        for found in found.iter() {
            let own: Uint8Array = found.dyn_into().map_err(|_| corrupt("something else is in its place"))?;
            let at = piece.len();
            piece.resize(at + own.length() as usize, 0);
            own.copy_to(&mut piece[at..]);
            sys::free(&own);
        }
        if piece.is_empty() {
            return Err(corrupt("a part of its content is missing"));
        }
        Ok(piece.into())
    }
}

impl Pieces for Chunks {
    fn next(mut self: Box<Self>) -> BoxFuture<'static, (Box<dyn Pieces>, Result<Bytes, Error>)> {
        Box::pin(async move {
            let piece = self.read().await;
            self.next += CHUNKS_OF_PIECE;
            (self as Box<dyn Pieces>, piece)
        })
    }
}
