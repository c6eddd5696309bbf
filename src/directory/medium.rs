//! What a medium must do, so that the rest of a directory storage can be written once.

use std::fmt;

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    error::Error,
    key::Key,
    maybe_send::{BoxFuture, MaybeSend, MaybeSync},
    record::{Head, Lineage, TOMBSTONE_MILLIS},
    session::Capabilities,
};

/// The largest content that is handled as one value; larger ones pass in pieces of this length.
pub(crate) const PIECE: usize = 64 * 1024;

/// Where records lie: a folder, a database.
///
/// Records, lifetimes, fences and tags mean nothing to it beyond what [`Head`] tells. What it answers for is that
/// a record is published all at once (C1), that [`change`](Self::change) looks and publishes in one step for
/// all who share the medium (C5), and that an open record stays what it was (C2).
pub(crate) trait Directory: fmt::Debug + MaybeSend + MaybeSync {
    /// All of them, unless it says otherwise.
    fn capabilities(&self) -> Capabilities {
        Capabilities { streams: true, conditional: true, tags: true, durable: true, shared: true }
    }

    /// Opens the record under a key. Creates nothing.
    fn open<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Record>, Error>>;

    /// A place for a content that is too large to be held, which nobody sees.
    fn stage(&self) -> BoxFuture<'_, Result<Box<dyn Stage>, Error>>;

    /// Asks `decide` what to do with the record under a key, and does it, as one step. It may ask again, where
    /// somebody else came in between.
    fn change<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>>;

    /// The same, of one that does nothing but to the revision that its caller knows, or to a session that is there: it may be
    /// tried on what was read last, where to look again costs much.
    fn change_known<'a>(
        &'a self,
        key: &'a Key,
        content: &'a mut Content,
        decide: &'a mut dyn Decide,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.change(key, content, decide)
    }

    /// The keys of the records that carry a tag, and perhaps of some that did.
    fn tagged<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<Vec<Key>, Error>>;

    /// Looks at the next `limit` records, in an order of its own, for those whose time is up. From the end it
    /// goes on at the beginning.
    fn over(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<Key>, Error>>;

    /// Lets others work, in the midst of much to do.
    fn pause(&self) -> BoxFuture<'_, ()>;

    /// Clears away what those have left who died at work, a part at a time.
    fn tidy(&self) -> BoxFuture<'_, Result<(), Error>>;

    /// How many sessions there are, and their bytes of content. Looks at every record.
    fn count(&self) -> BoxFuture<'_, Result<(u64, u64), Error>>;

    /// Frees what it holds. Nothing is asked of it afterwards.
    fn close(&self) -> BoxFuture<'_, Result<(), Error>>;
}

/// An open record.
pub(crate) struct Record {
    pub(crate) head: Head,
    pub(crate) body: Body,
}

/// The content of an open record.
pub(crate) enum Body {
    /// All of it, checked against the head.
    Whole(Bytes),
    /// One piece after another, which the reader checks.
    Pieces(Box<dyn Pieces>),
}

/// A content that is read piece by piece, of one revision whatever happens to the session.
pub(crate) trait Pieces: MaybeSend {
    /// The next piece, of [`PIECE`] bytes at most; empty at the end.
    fn next(self: Box<Self>) -> BoxFuture<'static, (Box<dyn Pieces>, Result<Bytes, Error>)>;
}

/// Bytes on the medium that nobody sees. Dropped, they are cleared away.
pub(crate) trait Stage: MaybeSend {
    /// Adds a piece of [`PIECE`] bytes, or the last one.
    fn append(self: Box<Self>, piece: Bytes) -> BoxFuture<'static, (Box<dyn Stage>, Result<(), Error>)>;

    /// Completes the record, still unseen. Once more where a change starts over.
    fn complete<'a>(&'a mut self, head: &'a Head) -> BoxFuture<'a, Result<(), Error>>;

    /// By what the medium knows it.
    fn name(&self) -> &str;

    /// The bytes, where the stage is memory.
    fn held(&self) -> &[u8] {
        &[]
    }

    /// Clears it away; well also where that was done. What was published of it stays.
    fn clear(&mut self);
}

/// The content that a change may publish.
pub(crate) enum Content {
    /// None: a tombstone, a removal.
    None,
    /// That which is there: a touch.
    Same,
    /// A value.
    Whole(Bytes),
    /// What was staged.
    Staged(Box<dyn Stage>),
}

/// What is under a key.
#[derive(Clone, Copy)]
pub(crate) enum Current<'a> {
    Nothing,
    /// Something that is no whole record.
    Damaged,
    Record(&'a Head),
}

impl<'a> Current<'a> {
    /// The session, unless it is over.
    pub(crate) fn live(self, now: Timestamp) -> Option<&'a Head> {
        match self {
            Current::Record(head) if head.is_session() && !head.lifetime.is_over(now) => Some(head),
            _ => None,
        }
    }

    /// What is to become of a record whose time may be up.
    ///
    /// Of a session that was made in the place of an ended one a tombstone stays for the rest of the hour: who began to write before
    /// that end may still come, and nothing else tells of it (C4).
    pub(crate) fn removed_if_over(self, now: Timestamp) -> Result<Change, Error> {
        let Current::Record(head) = self else { return Ok(Change::Leave) };
        if !head.lifetime.is_over(now) {
            return Ok(Change::Leave);
        }
        if now >= tells_until(head) {
            return Ok(Change::Remove);
        }
        let mut remains = Head::tombstone(head.lifetime.created)?;
        remains.lineage = head.lineage;
        Ok(Change::Publish(remains))
    }

    pub(crate) fn lineage(self) -> Lineage {
        match self {
            Current::Record(head) => head.lineage,
            Current::Nothing | Current::Damaged => Lineage::NONE,
        }
    }
}

/// Until when a session's record tells that another was ended in its place: as long as that one's tombstone would have.
fn tells_until(head: &Head) -> Timestamp {
    let tells = if head.is_session() && head.lineage.is_ended() { TOMBSTONE_MILLIS } else { 0 };
    Timestamp::from_millis(head.lifetime.created.as_millis().saturating_add(tells))
}

/// What shall be done with the record under a key.
#[derive(Debug)]
pub(crate) enum Change {
    /// Nothing.
    Leave,
    /// The head and the content of the call take its place.
    Publish(Head),
    /// Its activity becomes that of this head, and its content stays where it is.
    Touch(Head),
    /// It goes.
    Remove,
    /// It is put where no reader meets it again, for whoever wants to know what happened.
    Quarantine,
}

/// Decides what to do. It runs while the medium holds what it must hold: no code of a user's.
pub(crate) trait Decide: MaybeSend {
    /// `before` is what was there when the call began, where the medium had to wait since then.
    fn decide(&mut self, before: Option<Lineage>, current: Current<'_>) -> Result<Change, Error>;
}

impl<F> Decide for F
where
    F: FnMut(Option<Lineage>, Current<'_>) -> Result<Change, Error> + MaybeSend,
{
    fn decide(&mut self, before: Option<Lineage>, current: Current<'_>) -> Result<Change, Error> {
        self(before, current)
    }
}
