//! Where the sessions of a table lie.

/// A slab in blocks of a fixed size: a million sessions are never moved to make room for the next, so no
/// write ever waits for that.
#[derive(Debug)]
pub(super) struct Slots<T> {
    blocks: Vec<Box<[Slot<T>]>>,
    free: u32,
    len: u32,
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: u32 },
    Used(T),
}

/// No slot: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

const BLOCK: u32 = 256;

impl<T> Slots<T> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new(), free: NONE, len: 0 }
    }

    /// How many are in use.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// All positions that there are, used or not.
    pub(super) fn capacity(&self) -> u32 {
        // Sessions fill memory long before their number fills a u32: each takes more than 64 bytes.
        u32::try_from(self.blocks.len()).map_or(NONE, |blocks| blocks.saturating_mul(BLOCK))
    }

    pub(super) fn insert(&mut self, value: T) -> u32 {
        if self.free == NONE {
            self.add_block();
        }
        let position = self.free;
        let slot = self.slot_mut(position);
        if let Slot::Free { next } = *slot {
            *slot = Slot::Used(value);
            self.free = next;
            self.len += 1;
        }
        position
    }

    pub(super) fn remove(&mut self, position: u32) -> Option<T> {
        let next = self.free;
        let slot = self.blocks.get_mut((position / BLOCK) as usize)?.get_mut((position % BLOCK) as usize)?;
        if matches!(slot, Slot::Free { .. }) {
            return None;
        }
        let Slot::Used(value) = std::mem::replace(slot, Slot::Free { next }) else { return None };
        self.free = position;
        self.len -= 1;
        Some(value)
    }

    pub(super) fn get(&self, position: u32) -> Option<&T> {
        match self.blocks.get((position / BLOCK) as usize)?.get((position % BLOCK) as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, position: u32) -> Option<&mut T> {
        match self.blocks.get_mut((position / BLOCK) as usize)?.get_mut((position % BLOCK) as usize)? {
            Slot::Used(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    fn slot_mut(&mut self, position: u32) -> &mut Slot<T> {
        &mut self.blocks[(position / BLOCK) as usize][(position % BLOCK) as usize]
    }

    fn add_block(&mut self) {
        let first = self.capacity();
        let last = first + BLOCK - 1;
        let block = (first..=last).map(|n| Slot::Free { next: if n == last { NONE } else { n + 1 } });
        self.blocks.push(block.collect());
        self.free = first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freed_slots_are_used_again() {
        let mut slots = Slots::new();
        let positions: Vec<u32> = (0..1_000).map(|n| slots.insert(n)).collect();
        assert_eq!(slots.len(), 1_000);
        let capacity = slots.capacity();
        for &position in &positions[100..900] {
            assert!(slots.remove(position).is_some());
            assert!(slots.remove(position).is_none(), "removed twice");
        }
        for n in 0..800 {
            slots.insert(10_000 + n);
        }
        assert_eq!((slots.len(), slots.capacity()), (1_000, capacity));
        let mut held: Vec<u32> = (0..capacity).filter_map(|at| slots.get(at).copied()).collect();
        held.sort_unstable();
        let expected: Vec<u32> = (0..100).chain(900..1_000).chain(10_000..10_800).collect();
        assert_eq!(held, expected);
    }
}
