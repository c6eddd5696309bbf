//! A sealed content: a header, and chunks that each prove their place.
//!
//! The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", 2015): a chunk's nonce is the write's random prefix, the chunk's number, and whether it is
//! the last. The session's key is bound to each.

use super::corrupt;
use crate::{
    error::{Error, ErrorKind},
    key::Key,
    ticket::{NONCE, SEAL, SealingKey, SealingKeys},
};

/// How much of a content is sealed as one. All chunks but the last are of this size.
pub(super) const CHUNK: usize = 64 * 1024;
pub(super) const SEALED_CHUNK: usize = CHUNK + SEAL;

/// What a sealed content begins with, and the version of the format.
const MAGIC: [u8; 5] = *b"seal\x01";
const KEY_ID: usize = 8;
const RANDOM: usize = NONCE - 5;
pub(super) const HEADER: usize = MAGIC.len() + KEY_ID + RANDOM;

pub(super) fn sealed_length(content: u64) -> u64 {
    let chunks = content.div_ceil(CHUNK as u64).max(1);
    content.saturating_add(HEADER as u64 + chunks.saturating_mul(SEAL as u64))
}

/// `None` for a length that no sealed content has.
pub(super) fn content_length(sealed: u64) -> Option<u64> {
    let chunks = sealed.checked_sub(HEADER as u64)?.div_ceil(SEALED_CHUNK as u64);
    let content = sealed.checked_sub(HEADER as u64 + chunks * SEAL as u64)?;
    (sealed_length(content) == sealed).then_some(content)
}

/// Seals or opens one chunk of a content after another.
pub(super) struct Chunks {
    key: SealingKey,
    session: [u8; 32],
    random: [u8; RANDOM],
    next: Option<u32>,
}

impl Chunks {
    /// A new content of a session, and its header.
    pub(super) fn begin(key: &SealingKey, session: Key) -> Result<(Self, [u8; HEADER]), Error> {
        let mut random = [0; RANDOM];
        getrandom::fill(&mut random).map_err(Error::no_random)?;
        let mut header = [0; HEADER];
        header[..5].copy_from_slice(&MAGIC);
        header[5..5 + KEY_ID].copy_from_slice(key.id());
        header[5 + KEY_ID..].copy_from_slice(&random);
        Ok((Self::new(key, session, random), header))
    }

    /// The content of a session that begins with this header.
    pub(super) fn resume(keys: &SealingKeys, session: Key, header: &[u8; HEADER]) -> Result<Self, Error> {
        let rest = header.strip_prefix(&MAGIC).ok_or_else(corrupt)?;
        let (id, rest) = rest.split_at(KEY_ID);
        let (key, _) = keys.named(id).ok_or_else(corrupt)?;
        let mut random = [0; RANDOM];
        random.copy_from_slice(rest);
        Ok(Self::new(key, session, random))
    }

    fn new(key: &SealingKey, session: Key, random: [u8; RANDOM]) -> Self {
        Self { key: key.clone(), session: session.into_bytes(), random, next: Some(0) }
    }

    /// Seals the next chunk in place, and grows it by its seal.
    pub(super) fn seal(&mut self, chunk: &mut Vec<u8>, from: usize, is_last: bool) -> Result<(), Error> {
        let nonce = self.nonce(is_last)?;
        let seal = self.key.encrypt(&nonce, &self.session, &mut chunk[from..])?;
        chunk.extend_from_slice(&seal);
        Ok(())
    }

    /// Opens the next chunk in place, and takes its seal away.
    pub(super) fn open(&mut self, chunk: &mut Vec<u8>, from: usize, is_last: bool) -> Result<(), Error> {
        let nonce = self.nonce(is_last)?;
        let (content, seal) = chunk[from..].split_last_chunk_mut::<SEAL>().ok_or_else(corrupt)?;
        if !self.key.decrypt(&nonce, &self.session, content, seal) {
            return Err(corrupt());
        }
        chunk.truncate(chunk.len() - SEAL);
        Ok(())
    }

    fn nonce(&mut self, is_last: bool) -> Result<[u8; NONCE], Error> {
        // Of 256 TiB no number is left.
        let number = self.next.ok_or_else(|| Error::new(ErrorKind::TooLarge, "the content is too large"))?;
        self.next = number.checked_add(1);
        let mut nonce = [0; NONCE];
        nonce[..RANDOM].copy_from_slice(&self.random);
        nonce[RANDOM..RANDOM + 4].copy_from_slice(&number.to_be_bytes());
        nonce[RANDOM + 4] = u8::from(is_last);
        Ok(nonce)
    }
}

pub(super) fn seal_whole(key: &SealingKey, session: Key, content: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut chunks, header) = Chunks::begin(key, session)?;
    let mut sealed = Vec::with_capacity(content.len() + HEADER + (content.len() / CHUNK + 1) * SEAL);
    sealed.extend_from_slice(&header);
    let mut rest = content;
    loop {
        let (chunk, more) = rest.split_at(rest.len().min(CHUNK));
        let from = sealed.len();
        sealed.extend_from_slice(chunk);
        chunks.seal(&mut sealed, from, more.is_empty())?;
        if more.is_empty() {
            return Ok(sealed);
        }
        rest = more;
    }
}

pub(super) fn open_whole(keys: &SealingKeys, session: Key, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let (header, mut rest) = sealed.split_first_chunk::<HEADER>().ok_or_else(corrupt)?;
    let mut chunks = Chunks::resume(keys, session, header)?;
    let mut content = Vec::with_capacity(rest.len());
    loop {
        let (chunk, more) = rest.split_at(rest.len().min(SEALED_CHUNK));
        let from = content.len();
        content.extend_from_slice(chunk);
        chunks.open(&mut content, from, more.is_empty())?;
        if more.is_empty() {
            return Ok(content);
        }
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::{id::SessionId, ticket::Secrets};

    const SECRET: &str = "the newest secret, of 32 or more bytes";

    fn keys() -> Result<SealingKeys, Error> {
        SealingKeys::derive(&Secrets::new([SECRET])?.derivations()?, b"sessile rest v1")
    }

    fn session() -> Result<Key, Error> {
        Ok(Key::of(&SessionId::new("an id")?))
    }

    /// As `seal_whole`, with a prefix that counts from zero.
    fn sealed(content: &[u8]) -> Result<Vec<u8>, Error> {
        let keys = keys()?;
        let mut random = [0; RANDOM];
        (0..).zip(&mut random).for_each(|(number, byte)| *byte = number);
        let mut chunks = Chunks::new(keys.newest(), session()?, random);
        let mut sealed = [&MAGIC, &keys.newest().id()[..], &random].concat();
        let last = content.len().saturating_sub(1) / CHUNK;
        for number in 0..=last {
            let from = sealed.len();
            sealed.extend_from_slice(&content[number * CHUNK..content.len().min((number + 1) * CHUNK)]);
            chunks.seal(&mut sealed, from, number == last)?;
        }
        Ok(sealed)
    }

    /// Made by another implementation (libsodium, through `PyNaCl`).
    #[test]
    fn the_format_is_that_of_version_1() -> Result<(), Error> {
        let expected = "7365616c013925c571d7723bf7000102030405060708090a0b0c0d0e0f10111280ae33fe366e246a\
            bc4863475836f534c5d35891fbddeb35b1bdd9bf1962a06a95d6f0";
        let small = sealed(b"a session's content")?;
        assert_eq!(base16ct::lower::encode_string(&small), expected);
        assert_eq!(open_whole(&keys()?, session()?, &small)?, b"a session's content");

        let content: Vec<u8> =
            (0..140_000_u32).flat_map(|at| (at * 7 % 251).to_le_bytes().into_iter().take(1)).collect();
        let large = sealed(&content)?;
        let sum = base16ct::lower::encode_string(&Sha256::digest(&large));
        assert_eq!(
            (large.len(), sum.as_str()),
            (140_080, "29034abddff449f3e1ede9e8624ee0a2b961e42f801312dd4fe2eae1af25f609")
        );
        assert_eq!(open_whole(&keys()?, session()?, &large)?, content);
        Ok(())
    }

    #[test]
    fn a_length_tells_that_of_the_content() {
        let chunk = CHUNK as u64;
        for content in [0, 1, 15, 16, 17, chunk - 1, chunk, chunk + 1, 2 * chunk, 2 * chunk + 1, 1 << 40] {
            assert_eq!(content_length(sealed_length(content)), Some(content), "{content}");
        }
        assert_eq!(sealed_length(0), 48);
        assert_eq!(sealed_length(chunk + 1) - sealed_length(chunk), 17);
        assert_eq!(sealed_length(u64::MAX), u64::MAX);
        let first = sealed_length(chunk);
        for none in (0..48).chain(first + 1..=first + 16) {
            assert_eq!(content_length(none), None, "{none}");
        }
    }

    #[test]
    fn no_two_chunks_have_the_same_nonce() -> Result<(), Error> {
        let mut seen = std::collections::HashSet::new();
        let mut chunks = Chunks::new(keys()?.newest(), session()?, [7; RANDOM]);
        for number in [0, 1, 2, 255, 256, 65_536, u32::MAX] {
            for is_last in [false, true] {
                chunks.next = Some(number);
                assert!(seen.insert(chunks.nonce(is_last)?), "chunk {number}");
            }
        }
        assert_eq!(chunks.nonce(false).err().map(|error| error.kind()), Some(ErrorKind::TooLarge));
        Ok(())
    }
}
