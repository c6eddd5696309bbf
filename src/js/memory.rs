//! The fast lane: whole values in memory, numbers across the border.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use js_sys::{Function, Uint8Array};
use wasm_bindgen::prelude::*;

use super::{
    clock::{JsClock, timestamp},
    error::to_js,
    options::{limit, number, timeout},
    storage::StorageCore,
    window::{CELLS, Input, Window},
};
use crate::{
    clock::Timestamp,
    error::Error,
    memory::{
        Condition, Content, MemoryOptions, Session, SessionStorageMemory, Shared, Table, Terms, WhenFull,
    },
    session::Tags,
};

/// `SessionStorageMemory`, as the package's TypeScript calls it. Ids and contents stand in the [`Window`]; a
/// result of -1 means that `takeError` has an error.
#[wasm_bindgen]
pub struct MemoryCore {
    storage: SessionStorageMemory,
}

/// The session has more in its content than one piece: ask `readPieces`.
const IN_PIECES: f64 = 1.0;

#[wasm_bindgen]
impl MemoryCore {
    /// Timeouts in milliseconds; infinity is none, for limits too.
    #[wasm_bindgen(constructor)]
    #[allow(clippy::too_many_arguments)] // an object's fields, passed as numbers
    pub fn new(
        idle: f64,
        absolute: f64,
        session_bytes: f64,
        bytes: f64,
        sessions: f64,
        reject: bool,
        clock: Function,
    ) -> Result<Self, JsValue> {
        let options = MemoryOptions::new()
            .idle_timeout(timeout(idle))
            .absolute_timeout(timeout(absolute))
            .max_session_bytes(limit(session_bytes))
            .max_bytes(limit(bytes))
            .max_sessions(limit(sessions))
            .when_full(if reject { WhenFull::Reject } else { WhenFull::Evict })
            .clock(JsClock(clock));
        let storage = SessionStorageMemory::with_options(options).map_err(|error| to_js(&error))?;
        Ok(Self { storage })
    }

    /// The same sessions behind promises and streams.
    pub fn storage(&self) -> StorageCore {
        StorageCore::new(Arc::new(self.storage.clone()))
    }

    /// How this storage's revisions begin; the number of each follows.
    #[wasm_bindgen(js_name = revisionPrefix)]
    pub fn revision_prefix(&self) -> Result<String, JsValue> {
        let prefix = self.shared().with(|table| Ok(table.lineage().prefix()));
        prefix.map_err(|error| to_js(&error))
    }

    /// Writes the content in the window. Timeouts in milliseconds: NaN keeps, infinity is none. A condition of
    /// NaN is none, of zero "no session". Answers with the new revision's number.
    pub fn put(&self, id: usize, content: usize, now: f64, idle: f64, absolute: f64, condition: f64) -> f64 {
        let terms = terms(idle, absolute, condition, None);
        self.call(id, now, &mut |table, input, _, id, now| {
            table.put(id, Content::Copied(input.content(content)), &terms, now).map(number)
        })
    }

    /// The same with the tags that were added, or with the content in the allocation that was reserved.
    #[wasm_bindgen(js_name = putLarge)]
    #[allow(clippy::too_many_arguments)] // numbers across the border, as `put`
    pub fn put_large(
        &self,
        id: usize,
        content: usize,
        reserved: bool,
        now: f64,
        idle: f64,
        absolute: f64,
        condition: f64,
        tagged: bool,
    ) -> f64 {
        let large = reserved.then(|| Bytes::from(Window::with(Window::take_large)));
        let tags = match tagged.then(Window::take_tags).transpose() {
            Ok(tags) => tags,
            Err(error) => return Window::with(|window| window.fail(error)),
        };
        let terms = terms(idle, absolute, condition, tags);
        self.call(id, now, &mut |table, input, _, id, now| {
            let content = match &large {
                Some(large) => Content::whole(large),
                None => Content::Copied(input.content(content)),
            };
            table.put(id, content, &terms, now).map(number)
        })
    }

    /// Finds a session's content: its address, 0 for no session, or [`IN_PIECES`]. Leaves its info in the
    /// cells. The address is good until the next call.
    pub fn find(&self, id: usize, now: f64) -> f64 {
        self.call(id, now, &mut |table, _, cells, id, now| {
            Ok(table.get(id, now).map_or(0.0, |session| {
                *cells = info_cells(session);
                session.body().contiguous().map_or(IN_PIECES, address)
            }))
        })
    }

    /// Leaves a session's info in the cells; says whether there is one. Not a use of the session.
    pub fn peek(&self, id: usize, now: f64) -> f64 {
        self.call(id, now, &mut |table, _, cells, id, now| {
            Ok(table.peek(id, now).map_or(0.0, |session| {
                *cells = info_cells(session);
                1.0
            }))
        })
    }

    /// A content that lies in pieces, as one array.
    ///
    /// # Errors
    /// None; see [`Answer`](super::call::Answer) for why it could have one.
    #[wasm_bindgen(js_name = readPieces)]
    pub fn read_pieces(&self, id: usize, now: f64) -> Result<Option<Uint8Array>, JsValue> {
        let found = self.look(id, now, |session| (session.payload(), session.body().len()));
        Ok(found.and_then(|(found, length)| {
            let whole = Uint8Array::new_with_length(u32::try_from(length).ok()?);
            let mut at = 0;
            for piece in found.pieces() {
                let end = at + u32::try_from(piece.len()).ok()?;
                whole.subarray(at, end).copy_from(piece);
                at = end;
            }
            Some(whole)
        }))
    }

    /// One of a session's tags; its info says how many it has.
    pub fn tag(&self, id: usize, now: f64, index: usize) -> Option<String> {
        self.look(id, now, |session| session.tags.iter().nth(index).map(String::from)).flatten()
    }

    pub fn touch(&self, id: usize, now: f64) -> f64 {
        self.call(id, now, &mut |table, _, _, id, now| Ok(flag(table.touch(id, now))))
    }

    pub fn invalidate(&self, id: usize, now: f64) -> f64 {
        Window::with(|window| {
            let (input, _) = window.parts();
            let done = timestamp(now).and_then(|now| self.shared().invalidate(input.id(id)?, now));
            done.map_or_else(|error| window.fail(error), flag)
        })
    }
}

impl MemoryCore {
    fn shared(&self) -> &Shared {
        self.storage.shared()
    }

    /// Not generic: it is the same for every call, and stands in the wasm once.
    fn call(&self, id: usize, now: f64, call: &mut Call<'_>) -> f64 {
        Window::with(|window| {
            let (input, cells) = window.parts();
            let done = timestamp(now).and_then(|now| {
                let id = input.id(id)?;
                self.shared().with(|table| call(table, input, cells, id, now))
            });
            done.unwrap_or_else(|error| window.fail(error))
        })
    }

    /// Reads from a session that a call has just found.
    fn look<T>(&self, id: usize, now: f64, look: impl FnOnce(&Session) -> T) -> Option<T> {
        let now = timestamp(now).ok()?;
        let found = Window::with(|window| {
            let id = window.parts().0.id(id)?;
            self.shared().with(|table| Ok(table.peek(id, now).map(look)))
        });
        found.ok().flatten()
    }
}

/// What a call does with the table. It may fill the cells.
type Call<'a> =
    dyn FnMut(&mut Table, Input<'_>, &mut [f64; CELLS], &str, Timestamp) -> Result<f64, Error> + 'a;

impl fmt::Debug for MemoryCore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.storage.fmt(out)
    }
}

/// Length, revision, creation, deadline (NaN: none), number of tags.
fn info_cells(session: &Session) -> [f64; CELLS] {
    let deadline = session.lifetime.expires_at().map_or(f64::NAN, |at| number(at.as_millis()));
    let tags = u32::try_from(session.tags.iter().count()).unwrap_or(u32::MAX);
    [
        number(session.body().len() as u64),
        number(session.revision),
        number(session.lifetime.created.as_millis()),
        deadline,
        f64::from(tags),
        0.0,
        0.0,
        0.0,
    ]
}

fn terms(idle: f64, absolute: f64, condition: f64, tags: Option<Tags>) -> Terms {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a revision's number is a small integer
    let condition = match condition {
        any if any.is_nan() => Condition::Any,
        0.0 => Condition::Absent,
        revision => Condition::Is(revision as u64),
    };
    Terms { idle: timeout(idle), absolute: timeout(absolute), condition, tags }
}

/// Where bytes lie in wasm memory; an empty content has an address too, which nobody reads.
pub(super) fn address(bytes: &[u8]) -> f64 {
    number(bytes.as_ptr().addr() as u64).max(8.0)
}

fn flag(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}
