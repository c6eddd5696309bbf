//! A session as bytes on somebody else's medium: a header of fixed size, then the content.
//!
//! | offset | bytes | what (integers are little-endian) |
//! | ---: | ---: | --- |
//! | 0 | 4 | `sesl` |
//! | 4 | 1 | version of the format: 1 |
//! | 5 | 3 | zero |
//! | 8 | 8 | created, in milliseconds since the epoch |
//! | 16 | 8 | last activity, the same |
//! | 24 | 8 | idle timeout in milliseconds; all ones: none |
//! | 32 | 8 | absolute timeout, the same |
//! | 40 | 16 | revision, random |
//! | 56 | 8 | length of the content |
//! | 64 | 4 | CRC-32 (ISO-HDLC) of bytes 0 to 63 and the content |
//! | 68 | | content |

use base64ct::{Base64UrlUnpadded, Encoding};
use crc::{CRC_32_ISO_HDLC, Crc};

use crate::{
    clock::Timestamp,
    error::{Error, ErrorKind},
    expiry::{Lifetime, Millis},
    session::{Revision, SessionInfo},
};

const MAGIC: [u8; 4] = *b"sesl";
const VERSION: u8 = 1;
const CHECKED: usize = 64;

/// One table of 1 KiB: the larger ones are a quarter of what the whole wasm may weigh.
static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Where the content begins.
pub(crate) const HEADER: usize = CHECKED + 4;

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) lifetime: Lifetime,
    revision: [u8; 16],
}

impl Header {
    /// The header of a new revision.
    pub(crate) fn new(lifetime: Lifetime) -> Result<Self, Error> {
        let mut revision = [0; 16];
        getrandom::fill(&mut revision).map_err(Error::no_random)?;
        Ok(Self { lifetime, revision })
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision::new(Base64UrlUnpadded::encode_string(&self.revision))
    }

    pub(crate) fn info(&self, content: usize) -> SessionInfo {
        let mut info = SessionInfo::new(self.revision(), self.lifetime.created);
        info.byte_length = Some(content as u64);
        info.expires_at = self.lifetime.expires_at();
        info
    }

    /// Fills in the header of a record whose first [`HEADER`] bytes were left free before the content.
    pub(crate) fn seal(&self, record: &mut [u8]) {
        let Some((header, content)) = record.split_at_mut_checked(HEADER) else { return };
        header.fill(0);
        header[..4].copy_from_slice(&MAGIC);
        header[4] = VERSION;
        let Lifetime { created, active, idle, absolute } = self.lifetime;
        let words = [created.as_millis(), active.as_millis(), idle.get(), absolute.get()];
        for (word, place) in words.iter().zip(header[8..40].chunks_exact_mut(8)) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        header[40..56].copy_from_slice(&self.revision);
        header[56..64].copy_from_slice(&(content.len() as u64).to_le_bytes());
        let sum = checksum(&header[..CHECKED], content);
        header[CHECKED..].copy_from_slice(&sum.to_le_bytes());
    }

    /// Reads the header of a whole record and checks all of it (C12).
    pub(crate) fn open(record: &[u8]) -> Result<Self, Error> {
        let (header, content) =
            record.split_at_checked(HEADER).ok_or_else(|| corrupt("it is too short for a header"))?;
        if header[..4] != MAGIC {
            return Err(corrupt("it does not begin as one"));
        }
        if header[4] != VERSION {
            return Err(corrupt("its version is not known to this release"));
        }
        if word(header, 56) != content.len() as u64 {
            return Err(corrupt("its content has another length than it says"));
        }
        if header[CHECKED..] != checksum(&header[..CHECKED], content).to_le_bytes() {
            return Err(corrupt("its checksum does not match"));
        }
        let mut revision = [0; 16];
        revision.copy_from_slice(&header[40..56]);
        let lifetime = Lifetime {
            created: Timestamp::from_millis(word(header, 8)),
            active: Timestamp::from_millis(word(header, 16)),
            idle: Millis::new(word(header, 24)),
            absolute: Millis::new(word(header, 32)),
        };
        Ok(Self { lifetime, revision })
    }
}

fn word(header: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&header[at..at + 8]);
    u64::from_le_bytes(word)
}

fn checksum(header: &[u8], content: &[u8]) -> u32 {
    let mut sum = CRC.digest();
    sum.update(header);
    sum.update(content);
    sum.finalize()
}

fn corrupt(how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored session is not a whole record: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: &[u8]) -> (Header, Vec<u8>) {
        let lifetime = Lifetime {
            created: Timestamp::from_millis(1),
            active: Timestamp::from_millis(2),
            idle: Millis::new(3),
            absolute: Millis::NEVER,
        };
        let header = Header { lifetime, revision: *b"0123456789abcdef" };
        let mut record = vec![0xff; HEADER];
        record.extend_from_slice(content);
        header.seal(&mut record);
        (header, record)
    }

    #[test]
    fn c12_every_damaged_bit_and_every_cut_is_found() {
        let (header, record) = record(b"some content");
        assert_eq!(Header::open(&record).ok(), Some(header));
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::open(&damaged).err().map(|error| error.kind()), Some(ErrorKind::Corrupt));
        }
        for length in 0..record.len() {
            assert!(Header::open(&record[..length]).is_err());
        }
        assert!(Header::open(&[&record[..], b"x"].concat()).is_err());
    }

    #[test]
    fn the_format_is_that_of_version_1() {
        let (_, record) = record(b"hi");
        let expected = b"sesl\x01\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\
            \xff\xff\xff\xff\xff\xff\xff\xff0123456789abcdef\x02\0\0\0\0\0\0\0";
        assert_eq!(record[..64], expected[..]);
        assert_eq!(record[68..], *b"hi");
    }
}
