//! Whether a session is there, as far as this storage remembers. It may be wrong: the database has the last word.

use std::cell::{Cell, RefCell};

use crate::key::Key;

/// How many sessions are remembered, at most.
const REMEMBERED: usize = 1_024;

/// What a storage remembers of the keys that it has met last, and how it went with those that it did not know.
pub(super) struct Guesses {
    /// The rest of a key at the place of its first bits, and whether something was there; zero is nothing.
    met: RefCell<Vec<u32>>,
    /// Whether nothing was there when the last unknown key was written to.
    is_lucky: Cell<bool>,
}

impl Guesses {
    pub(super) fn new() -> Self {
        Self { met: RefCell::new(vec![0; REMEMBERED]), is_lucky: Cell::new(false) }
    }

    /// Whether there is probably nothing under a key.
    pub(super) fn is_new(&self, key: &Key) -> bool {
        let (place, rest) = place_of(key);
        let met = self.met.borrow()[place];
        if met & !1 == rest { met == rest } else { self.is_lucky.get() }
    }

    /// Takes note of what is under a key.
    pub(super) fn note(&self, key: &Key, is_there: bool) {
        let (place, rest) = place_of(key);
        self.met.borrow_mut()[place] = rest | u32::from(is_there);
    }

    /// Takes note of what a write has found.
    pub(super) fn learn(&self, key: &Key, is_there: bool) {
        self.is_lucky.set(!is_there);
        self.note(key, is_there);
    }
}

fn place_of(key: &Key) -> (usize, u32) {
    let [a, b, c, d, ..] = *key.bytes();
    let word = u32::from_le_bytes([a, b, c, d]);
    // The second bit tells it from nothing, the first is for what was there.
    (word as usize % REMEMBERED, (word & !3) | 2)
}
