//! A session as it lies under its key. `docs/format.md` has the record byte by byte.

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use sha1::{Digest, Sha1};

use super::failure::later;
use crate::{
    clock::Timestamp,
    error::Error,
    expiry::{Lifetime, Millis, Timeout},
    record::{Sum, corrupt, read_tags},
    session::{IfRevision, Revision, SessionInfo, WriteOptions},
};

/// The bytes before a record's tags and content.
pub(super) const HEADER: usize = 124;
/// What its checksum is of.
const CHECKED: usize = HEADER - 8;

/// What a write must have seen when it began, to learn whether the session was invalidated since. Zeros where nothing was.
pub(super) type Lineage = [u8; 8];

/// A header that is whole, and what was read behind it.
pub(super) struct Head(Bytes);

/// A session's record.
pub(super) struct Record {
    pub(super) head: Head,
    pub(super) info: SessionInfo,
    /// Absent where it lies in pieces.
    pub(super) content: Option<Bytes>,
}

impl Record {
    /// A whole record that was checked (C12); `None` for a tombstone.
    pub(super) fn read(bytes: Bytes) -> Result<Option<Self>, Error> {
        let head = Head::read(bytes)?;
        if !head.is_session() {
            return Ok(None);
        }
        let info = head.info()?;
        let content = head.0.slice(head.end()..);
        if head.is_in_pieces() {
            let is_alone = content.is_empty();
            return if is_alone { Ok(Some(Self { head, info, content: None })) } else { Err(other_length()) };
        }
        if content.len() as u64 != head.length() {
            return Err(other_length());
        }
        if Sum::of(&content) != head.word(64) {
            return Err(corrupt("the checksum of its content does not match"));
        }
        Ok(Some(Self { head, info, content: Some(content) }))
    }
}

impl Head {
    /// Takes bytes that begin with a header and may end anywhere behind it.
    pub(super) fn read(bytes: Bytes) -> Result<Self, Error> {
        let header = bytes.get(..HEADER).ok_or_else(|| corrupt("it is too short for a header"))?;
        let (fields, check) = header.split_at(CHECKED);
        if !fields.starts_with(b"sesr") {
            return Err(corrupt("it does not begin as one"));
        }
        if base16ct::lower::encode_string(&Sha1::digest(fields)[..4]).as_bytes() != check {
            return Err(corrupt("the checksum of its header does not match"));
        }
        if header[4] != 1 {
            return Err(later());
        }
        Ok(Self(bytes))
    }

    pub(super) fn is_session(&self) -> bool {
        self.0[5] < 2
    }

    fn is_in_pieces(&self) -> bool {
        self.0[5] == 1
    }

    /// Whether it was made where a session was invalidated.
    pub(super) fn is_fence(&self) -> bool {
        self.0[83] & 1 == 1
    }

    pub(super) fn revision(&self) -> [u8; 16] {
        self.array(40)
    }

    /// Of the content.
    pub(super) fn length(&self) -> u64 {
        whole(self.double(56))
    }

    /// Where the tags end.
    pub(super) fn end(&self) -> usize {
        HEADER.saturating_add(self.word(68) as usize)
    }

    /// Whether the tags were read as well.
    pub(super) fn has_tags(&self) -> bool {
        self.0.len() >= self.end()
    }

    pub(super) fn info(&self) -> Result<SessionInfo, Error> {
        let tags = self.0.get(HEADER..self.end()).ok_or_else(other_length)?;
        if Sum::of(tags) != self.word(72) {
            return Err(corrupt("the checksum of its tags does not match"));
        }
        let lifetime = Lifetime {
            created: Timestamp::from_millis(whole(self.double(8))),
            active: Timestamp::from_millis(whole(self.double(16))),
            idle: Millis::new(whole(self.double(24))),
            absolute: Millis::new(whole(self.double(32))),
        };
        let revision = revision_text(&self.revision());
        let mut info = SessionInfo::new(revision, lifetime.created).with_lifetime(&lifetime);
        info.byte_length = Some(self.length());
        info.tags = read_tags(tags)?;
        Ok(info)
    }

    /// A header is longer than whatever is asked for in it.
    fn array<const LENGTH: usize>(&self, at: usize) -> [u8; LENGTH] {
        let mut array = [0; LENGTH];
        array.copy_from_slice(&self.0[at..at + LENGTH]);
        array
    }

    fn double(&self, at: usize) -> f64 {
        f64::from_le_bytes(self.array(at))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }
}

/// The lineage in what may be the beginning of a record.
pub(super) fn lineage_in(start: &[u8]) -> Lineage {
    start
        .get(76..84)
        .filter(|_| start.len() >= HEADER)
        .and_then(|own| own.try_into().ok())
        .unwrap_or_default()
}

fn other_length() -> Error {
    corrupt("it has another length than it says")
}

pub(super) fn revision_text(revision: &[u8; 16]) -> Revision {
    Revision::new(Base64UrlUnpadded::encode_string(revision))
}

/// What a write has found when it began.
#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    pub(super) lineage: Lineage,
    /// When that was, by the server's time, in milliseconds.
    pub(super) began: f64,
}

/// What a commit asks of the server's script.
pub(super) struct CommitRequest<'a> {
    /// The time of a clock that was given.
    pub(super) now: Option<Timestamp>,
    /// By the server's time, in milliseconds: afterwards it must not be done.
    pub(super) deadline: f64,
    pub(super) options: &'a WriteOptions,
    pub(super) idle: Timeout,
    pub(super) absolute: Timeout,
    /// Of `options`.
    pub(super) tags: Option<&'a [u8]>,
    pub(super) revision: [u8; 16],
    pub(super) lineage: Lineage,
    /// Given by a write that began before it commits.
    pub(super) seen: Option<Seen>,
    /// Absent where the content lies in pieces.
    pub(super) content: Option<&'a [u8]>,
    pub(super) length: u64,
    /// Of the content; 0 where it lies in the record.
    pub(super) pieces: u32,
    /// How many indexes of tags lie on the same server.
    pub(super) indexes: u16,
}

impl CommitRequest<'_> {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let (absent, expected) = match &self.options.condition {
            IfRevision::Any => (false, None),
            IfRevision::Absent => (true, None),
            IfRevision::Is(revision) => (false, Some(revision_bytes(revision))),
        };
        let flags = [
            self.now.is_some(),
            absent,
            expected.is_some(),
            self.seen.is_some(),
            self.content.is_none(),
            self.tags.is_some(),
        ];
        let flags = flags.into_iter().rev().fold(0, |flags, flag| flags << 1 | u8::from(flag));
        let tags = self.tags.unwrap_or_default();
        let mut bytes = Vec::with_capacity(127 + tags.len());
        bytes.push(flags);
        for double in [
            self.now.map_or(0.0, |now| double(now.as_millis())),
            self.deadline,
            asked(self.options.idle)?,
            asked(self.options.absolute)?,
            millis(self.idle.resolve(Millis::NEVER)?),
            millis(self.absolute.resolve(Millis::NEVER)?),
            double(self.length),
        ] {
            bytes.extend_from_slice(&double.to_le_bytes());
        }
        bytes.extend_from_slice(&self.content.map_or(0, Sum::of).to_le_bytes());
        bytes.extend_from_slice(&self.tags.map_or(0, Sum::of).to_le_bytes());
        bytes.extend_from_slice(&self.revision);
        bytes.extend_from_slice(&self.lineage);
        bytes.extend_from_slice(&expected.unwrap_or_default());
        let seen = self.seen.unwrap_or_default();
        bytes.extend_from_slice(&seen.lineage);
        bytes.extend_from_slice(&self.pieces.to_le_bytes());
        bytes.extend_from_slice(&self.indexes.to_le_bytes());
        bytes.extend_from_slice(&seen.began.to_le_bytes());
        bytes.extend_from_slice(tags);
        Ok(bytes)
    }
}

/// No session has the revision that stands for one that is none of ours.
fn revision_bytes(revision: &Revision) -> [u8; 16] {
    let mut bytes = [0; 16];
    match Base64UrlUnpadded::decode(revision.as_str(), &mut bytes).map(<[u8]>::len) {
        Ok(16) => bytes,
        _ => [0; 16],
    }
}

/// A piece of a content behind its checksum, which has its place already.
pub(super) fn seal_piece(piece: &mut [u8]) {
    if let Some((sum, content)) = piece.split_first_chunk_mut::<4>() {
        *sum = Sum::of(content).to_le_bytes();
    }
}

/// A piece as it was read, of the length that it must have.
pub(super) fn open_piece(piece: &Bytes, length: usize) -> Result<Bytes, Error> {
    let Some((sum, content)) = piece.split_first_chunk::<4>() else { return Err(other_length()) };
    if content.len() != length {
        return Err(other_length());
    }
    if Sum::of(content) != u32::from_le_bytes(*sum) {
        return Err(corrupt("the checksum of a piece of its content does not match"));
    }
    Ok(piece.slice(4..))
}

/// Not a number keeps what the session has; infinity is none.
fn asked(timeout: Timeout) -> Result<f64, Error> {
    match timeout {
        Timeout::Keep => Ok(f64::NAN),
        Timeout::Never | Timeout::After(_) => timeout.resolve(Millis::NEVER).map(millis),
    }
}

fn millis(millis: Millis) -> f64 {
    if millis == Millis::NEVER { f64::INFINITY } else { double(millis.get()) }
}

#[allow(clippy::cast_precision_loss)] // times and lengths of more than 2^53 have no meaning
fn double(number: u64) -> f64 {
    number as f64
}

/// Infinity is the largest number, which stands for none as well.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}
