//! A session as bytes on somebody else's medium. `docs/format.md` describes version 1 byte by byte.
//!
//! A record is a header of fixed size, the content, and the tags. The last activity stands at the end of the
//! header under a checksum of its own, so that a touch writes these twelve bytes and nothing else.

use base64ct::{Base64UrlUnpadded, Encoding};
use bytes::Bytes;
use crc::{CRC_32_ISO_HDLC, Crc, Digest};

use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::{Lifetime, Millis},
    session::{Revision, SessionInfo, Tags},
};

const MAGIC: [u8; 4] = *b"sesl";
const VERSION: u8 = 1;

/// Where the checked part of the header ends, and its checksum stands.
const CHECKED: usize = 76;
/// Where the last activity stands.
pub(crate) const ACTIVITY_AT: usize = 80;
/// How long it is, with its checksum.
pub(crate) const ACTIVITY: usize = 12;
/// Where the content begins.
pub(crate) const HEADER: usize = ACTIVITY_AT + ACTIVITY;

/// A tombstone, and what is lost with it, is remembered for this long: an hour.
pub(crate) const TOMBSTONE_MILLIS: u64 = 60 * 60 * 1_000;

/// One table of 1 KiB: the larger ones are a quarter of what the whole wasm may weigh.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// The running checksum of what passes by in pieces.
#[derive(Clone)]
pub(crate) struct Sum(Digest<'static, u32>);

impl Sum {
    pub(crate) fn new() -> Self {
        Self(CRC.digest())
    }

    pub(crate) fn of(bytes: &[u8]) -> u32 {
        CRC.checksum(bytes)
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> u32 {
        self.0.finalize()
    }
}

/// What a record stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A session, its content behind the header.
    Session,
    /// A session whose content the medium keeps in records of its own.
    SessionApart,
    /// There was a session, or somebody said that there must be none.
    Tombstone,
}

/// Which life of a session a record belongs to. An invalidate ends one for good: whoever comes later in the same
/// place belongs to another, and can be told to (C4). Zero is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Lineage(u64);

impl Lineage {
    /// There was nothing.
    pub(crate) const NONE: Self = Self(0);

    fn random() -> Result<u64, Error> {
        getrandom::u64().map_err(Error::no_random)
    }

    /// Of a session made where nothing was.
    fn fresh() -> Result<Self, Error> {
        Ok(Self((Self::random()? | 2) & !1))
    }

    /// Of an invalidate, and of what is made in its place.
    fn ended() -> Result<Self, Error> {
        Ok(Self(Self::random()? | 1))
    }

    /// Whether it began with an invalidate.
    pub(crate) fn is_ended(self) -> bool {
        self.0 & 1 == 1
    }
}

/// All that is known of a record without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) lifetime: Lifetime,
    pub(crate) lineage: Lineage,
    pub(crate) length: u64,
    pub(crate) sum: u32,
    pub(crate) tags: Tags,
    revision: [u8; 16],
}

impl Head {
    /// The head of a new revision of a session in the place of `old`, still without content.
    pub(crate) fn session(lifetime: Lifetime, tags: Tags, old: Lineage) -> Result<Self, Error> {
        let mut revision = [0; 16];
        getrandom::fill(&mut revision).map_err(Error::no_random)?;
        let lineage = if old == Lineage::NONE { Lineage::fresh()? } else { old };
        Ok(Self { kind: Kind::Session, lifetime, lineage, length: 0, sum: 0, tags, revision })
    }

    /// What stands in the place of a session that was invalidated at `now`.
    pub(crate) fn tombstone(now: Timestamp) -> Result<Self, Error> {
        let lifetime = Lifetime::begin(now, Millis::NEVER, Millis::new(TOMBSTONE_MILLIS));
        let mut head = Self::session(lifetime, Tags::default(), Lineage::ended()?)?;
        head.kind = Kind::Tombstone;
        Ok(head)
    }

    /// Describes the content of this length and checksum.
    pub(crate) fn with_content(mut self, length: u64, sum: u32) -> Self {
        (self.length, self.sum) = (length, sum);
        self
    }

    /// The same, for a content that the medium keeps in records of its own.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn apart(mut self) -> Self {
        self.kind = Kind::SessionApart;
        self
    }

    /// Refuses a record whose content is not in it.
    pub(crate) fn within(self) -> Result<Self, Error> {
        match self.kind {
            Kind::SessionApart => Err(corrupt("its content is kept apart, where nothing is")),
            Kind::Session | Kind::Tombstone => Ok(self),
        }
    }

    pub(crate) fn is_session(&self) -> bool {
        self.kind != Kind::Tombstone
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision::new(Base64UrlUnpadded::encode_string(&self.revision))
    }

    /// A name that no other record has.
    pub(crate) fn name(&self) -> String {
        base16ct::lower::encode_string(&self.revision)
    }

    pub(crate) fn info(&self) -> SessionInfo {
        let info = SessionInfo::new(self.revision(), self.lifetime.created);
        let mut info = info.with_lifetime(&self.lifetime);
        info.byte_length = Some(self.length);
        info.tags = self.tags.clone();
        info
    }

    /// What stands before the content.
    pub(crate) fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&MAGIC);
        header[4] = VERSION;
        header[5] = match self.kind {
            Kind::Session => 0,
            Kind::SessionApart => 1,
            Kind::Tombstone => 2,
        };
        let Lifetime { created, idle, absolute, .. } = self.lifetime;
        header[8..16].copy_from_slice(&created.as_millis().to_le_bytes());
        header[16..24].copy_from_slice(&idle.get().to_le_bytes());
        header[24..32].copy_from_slice(&absolute.get().to_le_bytes());
        header[32..48].copy_from_slice(&self.revision);
        header[48..56].copy_from_slice(&self.lineage.0.to_le_bytes());
        header[56..64].copy_from_slice(&self.length.to_le_bytes());
        header[64..68].copy_from_slice(&self.sum.to_le_bytes());
        let tags = tags_block(&self.tags);
        // At most 64 tags of 1,024 bytes.
        #[allow(clippy::cast_possible_truncation)]
        header[68..72].copy_from_slice(&(tags.len() as u32).to_le_bytes());
        header[72..76].copy_from_slice(&Sum::of(&tags).to_le_bytes());
        let sum = Sum::of(&header[..CHECKED]);
        header[CHECKED..ACTIVITY_AT].copy_from_slice(&sum.to_le_bytes());
        header[ACTIVITY_AT..].copy_from_slice(&self.activity());
        header
    }

    /// What a touch writes at [`ACTIVITY_AT`].
    pub(crate) fn activity(&self) -> [u8; ACTIVITY] {
        let mut activity = [0; ACTIVITY];
        let active = self.lifetime.active.as_millis().to_le_bytes();
        activity[..8].copy_from_slice(&active);
        activity[8..].copy_from_slice(&activity_sum(&self.revision, &active).to_le_bytes());
        activity
    }

    /// A whole record.
    pub(crate) fn record(&self, content: &[u8]) -> Vec<u8> {
        let mut record = Vec::with_capacity(HEADER + content.len());
        record.extend_from_slice(&self.header());
        record.extend_from_slice(content);
        record.extend_from_slice(&tags_block(&self.tags));
        record
    }

    /// The content of the whole record that this head was read of.
    pub(crate) fn content_in(&self, record: &Bytes) -> Bytes {
        let mut content = record.slice(HEADER..);
        content.truncate(usize::try_from(self.length).unwrap_or(usize::MAX));
        content
    }

    /// Reads a whole record and checks all of it (C12).
    pub(crate) fn open(record: &[u8]) -> Result<Self, Error> {
        Self::open_within_or_apart(record)?.within()
    }

    /// The same, on a medium that may keep the content in records of its own.
    pub(crate) fn open_within_or_apart(record: &[u8]) -> Result<Self, Error> {
        let outline = Outline::read(record)?;
        let (content, tags) = outline.split(record)?;
        let head = outline.with_tags(tags)?;
        if head.kind != Kind::SessionApart && Sum::of(content) != head.sum {
            return Err(corrupt("the checksum of its content does not match"));
        }
        Ok(head)
    }
}

/// A header, before the tags are known, which stand behind the content.
pub(crate) struct Outline {
    head: Head,
    tags_length: usize,
    tags_sum: u32,
}

impl Outline {
    /// Reads the header that a record begins with, and checks it.
    pub(crate) fn read(start: &[u8]) -> Result<Self, Error> {
        let header = start.get(..HEADER).ok_or_else(|| corrupt("it is too short for a header"))?;
        if header[..4] != MAGIC {
            return Err(corrupt("it does not begin as one"));
        }
        let mut checked = [0; CHECKED];
        checked.copy_from_slice(&header[..CHECKED]);
        checked[4] = VERSION;
        let is_whole = header[CHECKED..ACTIVITY_AT] == Sum::of(&checked).to_le_bytes();
        if !is_whole && header[4] != VERSION {
            return Err(Error::unsupported(
                "a stored session was written by a later release: use that, or remove the record",
            ));
        }
        if !is_whole || header[4] != VERSION {
            return Err(corrupt("the checksum of its header does not match"));
        }
        let kind = match header[5] {
            0 => Kind::Session,
            1 => Kind::SessionApart,
            2 => Kind::Tombstone,
            _ => return Err(corrupt("its kind is not known to this release")),
        };
        let mut revision = [0; 16];
        revision.copy_from_slice(&header[32..48]);
        let (active, sum) = header[ACTIVITY_AT..].split_at(8);
        if *sum != activity_sum(&revision, active).to_le_bytes() {
            return Err(corrupt("the checksum of its last activity does not match"));
        }
        let lifetime = Lifetime {
            created: Timestamp::from_millis(word(header, 8)),
            active: Timestamp::from_millis(word(active, 0)),
            idle: Millis::new(word(header, 16)),
            absolute: Millis::new(word(header, 24)),
        };
        let head = Head {
            kind,
            lifetime,
            lineage: Lineage(word(header, 48)),
            length: word(header, 56),
            sum: half(header, 64),
            tags: Tags::default(),
            revision,
        };
        Ok(Self { head, tags_length: half(header, 68) as usize, tags_sum: half(header, 72) })
    }

    /// Where the tags begin and how long they are.
    pub(crate) fn tags(&self) -> (u64, usize) {
        let before = if self.head.kind == Kind::SessionApart { 0 } else { self.head.length };
        ((HEADER as u64).saturating_add(before), self.tags_length)
    }

    /// How long the whole record is.
    pub(crate) fn record_length(&self) -> u64 {
        let (at, length) = self.tags();
        at.saturating_add(length as u64)
    }

    /// The content and the tags of a whole record.
    pub(crate) fn split<'a>(&self, record: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), Error> {
        if record.len() as u64 != self.record_length() {
            return Err(corrupt("it has another length than it says"));
        }
        Ok(record[HEADER..].split_at(record.len() - HEADER - self.tags_length))
    }

    /// The whole head.
    pub(crate) fn with_tags(self, block: &[u8]) -> Result<Head, Error> {
        let mut head = self.head;
        if block.len() != self.tags_length || Sum::of(block) != self.tags_sum {
            return Err(corrupt("the checksum of its tags does not match"));
        }
        head.tags = read_tags(block)?;
        Ok(head)
    }
}

/// What stands for a session's tags: each behind its length.
pub(crate) fn tags_block(tags: &Tags) -> Vec<u8> {
    let mut block = Vec::new();
    for tag in tags.iter() {
        // A tag has at most 1,024 bytes.
        #[allow(clippy::cast_possible_truncation)]
        block.extend_from_slice(&(tag.len() as u16).to_le_bytes());
        block.extend_from_slice(tag.as_bytes());
    }
    block
}

/// The tags of a block whose checksum is right.
pub(crate) fn read_tags(block: &[u8]) -> Result<Tags, Error> {
    let cut_off = || corrupt("a tag is cut off");
    let mut tags = Vec::new();
    let mut rest = block;
    while !rest.is_empty() {
        let (length, more) = rest.split_first_chunk::<2>().ok_or_else(cut_off)?;
        let tag = more.split_at_checked(u16::from_le_bytes(*length).into());
        let (tag, more) = tag.ok_or_else(cut_off)?;
        tags.push(std::str::from_utf8(tag).map_err(|_| corrupt("a tag is not valid Unicode"))?);
        rest = more;
    }
    Tags::new(tags).map_err(|_| corrupt("its tags are not valid"))
}

/// Whether a record says that the medium keeps its content in records of its own, be it damaged or not.
#[cfg(target_arch = "wasm32")]
pub(crate) fn says_apart(record: &[u8]) -> bool {
    record.get(5) == Some(&1)
}

fn activity_sum(revision: &[u8], active: &[u8]) -> u32 {
    let mut sum = Sum::new();
    sum.update(revision);
    sum.update(active);
    sum.finish()
}

/// Both are called with ranges of a header of known length.
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn half(bytes: &[u8], at: usize) -> u32 {
    let mut half = [0; 4];
    half.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(half)
}

pub(crate) fn corrupt(how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored session is not a whole record: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Result<Head, Error> {
        let lifetime = Lifetime {
            created: Timestamp::from_millis(1),
            active: Timestamp::from_millis(2),
            idle: Millis::new(3),
            absolute: Millis::NEVER,
        };
        let tags = Tags::new(["user:17", "é"])?;
        let mut head = Head::session(lifetime, tags, Lineage(8))?.with_content(12, Sum::of(b"some content"));
        head.revision = *b"0123456789abcdef";
        Ok(head)
    }

    #[test]
    fn c12_every_damaged_bit_and_every_cut_is_found() -> Result<(), Error> {
        let head = head()?;
        let record = head.record(b"some content");
        assert_eq!(Head::open(&record)?, head);
        let kind = |record: &[u8]| Head::open(record).err().map(|error| error.kind());
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kind(&damaged), Some(ErrorKind::Corrupt), "bit {bit}");
        }
        for length in 0..record.len() {
            assert_eq!(kind(&record[..length]), Some(ErrorKind::Corrupt), "{length} bytes");
        }
        assert_eq!(kind(&[&record[..], b"x"].concat()), Some(ErrorKind::Corrupt));
        Ok(())
    }

    #[test]
    fn c12_a_tag_that_is_cut_off_is_found() -> Result<(), Error> {
        for block in [&b"\x01"[..], b"\x02\0x", b"\x01\0x\0"] {
            let (length, sum) = (u32::try_from(block.len()).unwrap_or(u32::MAX), Sum::of(block));
            let mut header = Head { tags: Tags::default(), ..head()?.with_content(0, Sum::of(b"")) }.header();
            header[68..72].copy_from_slice(&length.to_le_bytes());
            header[72..76].copy_from_slice(&sum.to_le_bytes());
            let sum = Sum::of(&header[..CHECKED]).to_le_bytes();
            header[CHECKED..ACTIVITY_AT].copy_from_slice(&sum);
            let opened = Head::open(&[&header[..], block].concat()).err().map(|error| error.kind());
            assert_eq!(opened, Some(ErrorKind::Corrupt), "{block:?}");
        }
        Ok(())
    }

    #[test]
    fn c12_a_record_without_its_content_is_taken_only_where_that_lies_apart() -> Result<(), Error> {
        let apart = Head { kind: Kind::SessionApart, ..head()? };
        let record = apart.record(b"");
        assert_eq!(Head::open(&record).err().map(|error| error.kind()), Some(ErrorKind::Corrupt));
        assert_eq!(Head::open_within_or_apart(&record)?, apart);
        Ok(())
    }

    #[test]
    fn c7_a_touch_changes_the_activity_alone() -> Result<(), Error> {
        let mut head = head()?;
        let mut record = head.record(b"some content");
        head.lifetime.touch(Timestamp::from_millis(9));
        record[ACTIVITY_AT..HEADER].copy_from_slice(&head.activity());
        assert_eq!(Head::open(&record)?, head);
        assert_eq!(record, head.record(b"some content"));
        Ok(())
    }

    #[test]
    fn the_activity_of_another_revision_is_not_taken() -> Result<(), Error> {
        let mut other = head()?;
        other.revision = *b"fedcba9876543210";
        let mut record = head()?.record(b"some content");
        record[ACTIVITY_AT..HEADER].copy_from_slice(&other.activity());
        assert!(Head::open(&record).is_err());
        Ok(())
    }

    #[test]
    fn a_record_of_a_later_version_is_not_taken_for_a_damaged_one() -> Result<(), Error> {
        let mut record = head()?.record(b"some content");
        record[4] = 2;
        let sum = Sum::of(&record[..CHECKED]).to_le_bytes();
        record[CHECKED..ACTIVITY_AT].copy_from_slice(&sum);
        assert_eq!(Head::open(&record).err().map(|error| error.kind()), Some(ErrorKind::Unsupported));
        Ok(())
    }

    #[test]
    fn the_format_is_that_of_version_1() -> Result<(), Error> {
        let record = head()?.record(b"some content");
        let expected = b"sesl\x01\0\0\0\x01\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\
            0123456789abcdef\x08\0\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0";
        assert_eq!(record[..64], expected[..]);
        assert_eq!(record[HEADER..], *b"some content\x07\0user:17\x02\0\xc3\xa9");
        Ok(())
    }

    #[test]
    fn c4_a_lineage_tells_how_it_began() -> Result<(), Error> {
        let now = Timestamp::from_millis(5);
        let life = Lifetime::begin(now, Millis::NEVER, Millis::NEVER);
        let first = Head::session(life, Tags::default(), Lineage::NONE)?;
        assert!(first.lineage != Lineage::NONE && !first.lineage.is_ended());
        let next = Head::session(life, Tags::default(), first.lineage)?;
        assert_eq!(next.lineage, first.lineage);
        assert_ne!(next.revision(), first.revision());
        let end = Head::tombstone(now)?;
        assert!(end.lineage.is_ended() && !end.is_session());
        assert_eq!(end.lifetime.deadline(), 5 + TOMBSTONE_MILLIS);
        Ok(())
    }
}
