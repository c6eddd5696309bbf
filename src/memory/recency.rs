//! Which session was used least recently.

use super::slots::{NONE, Slots};

/// The neighbours of a session in the order of use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    newer: u32,
    older: u32,
}

impl Links {
    pub(super) const NONE: Self = Self { newer: NONE, older: NONE };
}

/// A session that stands in the order.
pub(super) trait Linked {
    fn links(&mut self) -> &mut Links;
}

/// A list through the slots themselves, newest first: no allocation, no time stamps.
#[derive(Debug)]
pub(super) struct Recency {
    newest: u32,
    oldest: u32,
}

impl Recency {
    pub(super) fn new() -> Self {
        Self { newest: NONE, oldest: NONE }
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NONE).then_some(self.oldest)
    }

    /// Puts a session that is not in the list at its head.
    pub(super) fn add<T: Linked>(&mut self, slots: &mut Slots<T>, slot: u32) {
        set(slots, slot, |links| *links = Links { newer: NONE, older: self.newest });
        set(slots, self.newest, |links| links.newer = slot);
        self.newest = slot;
        if self.oldest == NONE {
            self.oldest = slot;
        }
    }

    pub(super) fn remove<T: Linked>(&mut self, slots: &mut Slots<T>, slot: u32) {
        let Some(session) = slots.get_mut(slot) else { return };
        let Links { newer, older } = std::mem::replace(session.links(), Links::NONE);
        set(slots, newer, |links| links.older = older);
        set(slots, older, |links| links.newer = newer);
        if self.newest == slot {
            self.newest = older;
        }
        if self.oldest == slot {
            self.oldest = newer;
        }
    }

    /// The session has just been used.
    pub(super) fn touch<T: Linked>(&mut self, slots: &mut Slots<T>, slot: u32) {
        if self.newest != slot {
            self.remove(slots, slot);
            self.add(slots, slot);
        }
    }
}

fn set<T: Linked>(slots: &mut Slots<T>, slot: u32, change: impl FnOnce(&mut Links)) {
    if let Some(session) = slots.get_mut(slot) {
        change(session.links());
    }
}
