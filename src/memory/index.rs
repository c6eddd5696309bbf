//! From an id's hash to its slot, and from a tag to its sessions.

use std::collections::HashMap;

use hashbrown::HashTable;

use crate::{seed::SeededState, session::Tags};

/// A hash table of slots in shards. Each shard grows on its own and at its own moment, so that no single
/// insert into a million sessions pays for all of them.
#[derive(Debug)]
pub(super) struct Index(Box<[SlotSet]>);

const SHARDS: usize = 256;

impl Index {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| SlotSet::default()).collect())
    }

    /// The slot whose session `is_it` recognises.
    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (shard, hash) = split(hash);
        let table = &self.0[shard].0;
        let found = table.find(spread(hash), |entry| entry.hash == hash && is_it(entry.slot));
        found.map(|entry| entry.slot)
    }

    pub(super) fn insert(&mut self, hash: u64, slot: u32) {
        let (shard, hash) = split(hash);
        self.0[shard].insert(Entry { hash, slot });
    }

    pub(super) fn remove(&mut self, hash: u64, slot: u32) {
        let (shard, hash) = split(hash);
        self.0[shard].remove(Entry { hash, slot });
    }
}

/// The shard from the upper half of the hash, the place in it from the lower.
fn split(hash: u64) -> (usize, u32) {
    #[allow(clippy::cast_possible_truncation)] // both are meant to be a part of the hash
    ((hash >> 32) as usize % SHARDS, hash as u32)
}

/// The slots that carry each tag (C13).
#[derive(Debug)]
pub(super) struct TagIndex(HashMap<Box<str>, SlotSet, SeededState>);

impl TagIndex {
    pub(super) fn new(hasher: SeededState) -> Self {
        Self(HashMap::with_hasher(hasher))
    }

    pub(super) fn insert(&mut self, tags: &Tags, slot: u32) {
        for tag in tags.iter() {
            if !self.0.contains_key(tag) {
                self.0.insert(tag.into(), SlotSet::default());
            }
            if let Some(slots) = self.0.get_mut(tag) {
                slots.insert(Entry::alone(slot));
            }
        }
    }

    pub(super) fn remove(&mut self, tags: &Tags, slot: u32) {
        for tag in tags.iter() {
            if let Some(slots) = self.0.get_mut(tag) {
                slots.remove(Entry::alone(slot));
                if slots.0.is_empty() {
                    self.0.remove(tag);
                }
            }
        }
    }

    pub(super) fn slots(&self, tag: &str) -> Vec<u32> {
        let slots = self.0.get(tag).map(|slots| slots.0.iter().map(|entry| entry.slot));
        slots.map(Iterator::collect).unwrap_or_default()
    }
}

/// Slots in a hash table; no slot is in it twice.
#[derive(Debug, Default)]
struct SlotSet(HashTable<Entry>);

/// A slot with its hash, so that growing a table reads no session.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    slot: u32,
}

impl Entry {
    /// Where slots are known by their number only. Multiplying spreads neighbours (Fibonacci hashing).
    fn alone(slot: u32) -> Self {
        Self { hash: slot.wrapping_mul(0x9e37_79b9), slot }
    }
}

impl SlotSet {
    fn insert(&mut self, entry: Entry) {
        self.0.insert_unique(spread(entry.hash), entry, |entry| spread(entry.hash));
    }

    fn remove(&mut self, entry: Entry) {
        if let Ok(entry) = self.0.find_entry(spread(entry.hash), |own| own.slot == entry.slot) {
            entry.remove();
        }
    }
}

/// hashbrown takes the place from the low bits and a tag from the top ones: give it bits in both.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
