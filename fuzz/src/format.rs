//! A record as `docs/format.md` describes it, read by nothing of the crate's own.

use crc::{CRC_32_ISO_HDLC, Crc};

const HEADER: usize = 92;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Session,
    Apart,
    Tombstone,
}

/// What a whole record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub kind: Kind,
    pub created: u64,
    pub active: u64,
    pub idle: u64,
    pub absolute: u64,
    pub revision: [u8; 16],
    pub content: Vec<u8>,
    pub tags: Vec<String>,
}

impl Model {
    /// `None` for a damaged record.
    pub fn read(record: &[u8]) -> Option<Self> {
        if record.len() < HEADER || &record[..5] != b"sesl\x01" {
            return None;
        }
        let kind = match record[5] {
            0 => Kind::Session,
            1 => Kind::Apart,
            2 => Kind::Tombstone,
            _ => return None,
        };
        let tags_length = u64::from(half(record, 68));
        let length = if kind == Kind::Apart { 0 } else { word(record, 56) };
        if u128::from(length) + u128::from(tags_length) + HEADER as u128 != record.len() as u128 {
            return None;
        }
        let (content, block) = record[HEADER..].split_at(usize::try_from(length).ok()?);
        let sums = [
            (half(record, 76), CRC.checksum(&record[..76])),
            (half(record, 72), CRC.checksum(block)),
            (half(record, 88), CRC.checksum(&[&record[32..48], &record[80..88]].concat())),
        ];
        if sums.iter().any(|(said, is)| said != is)
            || kind != Kind::Apart && half(record, 64) != CRC.checksum(content)
        {
            return None;
        }
        Some(Self {
            kind,
            created: word(record, 8),
            active: word(record, 80),
            idle: word(record, 16),
            absolute: word(record, 24),
            revision: record[32..48].try_into().ok()?,
            content: content.to_vec(),
            tags: tags(block)?,
        })
    }

    pub fn is_over(&self, now: u64) -> bool {
        now >= self.active.saturating_add(self.idle).min(self.created.saturating_add(self.absolute))
    }

    /// Whether a session is there at this time, with its content beside it.
    pub fn is_live(&self, now: u64) -> bool {
        self.kind == Kind::Session && !self.is_over(now)
    }
}

/// At most 64, each of 1 to 1,024 bytes; one that is repeated counts once.
fn tags(mut block: &[u8]) -> Option<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    while !block.is_empty() {
        let (length, rest) = block.split_first_chunk::<2>()?;
        let (tag, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let tag = std::str::from_utf8(tag).ok()?;
        if tag.is_empty() || tag.len() > 1024 {
            return None;
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
        block = rest;
    }
    (tags.len() <= 64).then_some(tags)
}

/// Makes what was mutated whole again, since no fuzzer guesses a checksum: the content's length, and the four sums.
pub fn seal_checksums(record: &mut [u8]) {
    if record.len() < HEADER {
        return;
    }
    let room = record.len() - HEADER;
    let tags_length = (half(record, 68) as usize).min(room);
    let length = if record[5] == 1 { 0 } else { room - tags_length };
    if record[5] != 1 {
        record[56..64].copy_from_slice(&(length as u64).to_le_bytes());
        let sum = CRC.checksum(&record[HEADER..HEADER + length]);
        record[64..68].copy_from_slice(&sum.to_le_bytes());
    }
    let tags_length = room - length;
    record[68..72].copy_from_slice(&u32::try_from(tags_length).unwrap_or(u32::MAX).to_le_bytes());
    let sum = CRC.checksum(&record[HEADER + length..]);
    record[72..76].copy_from_slice(&sum.to_le_bytes());
    let sum = CRC.checksum(&record[..76]);
    record[76..80].copy_from_slice(&sum.to_le_bytes());
    let sum = CRC.checksum(&[&record[32..48], &record[80..88]].concat());
    record[88..92].copy_from_slice(&sum.to_le_bytes());
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}
