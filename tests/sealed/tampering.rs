//! A content that was changed, cut, moved or exchanged is never taken for one.

use futures::executor::block_on;
use proptest::prelude::*;
use sessile::{SessionStorage, SessionStorageMemory, WriteOptions};

use super::{CHUNK, HEADER, SEALED_CHUNK, corrupt, get, id, pattern, sealed, set, stored, streamed};
use crate::subjects::sealing::{NEW, OLD};

#[test]
fn every_changed_bit_and_every_cut_is_found() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW, OLD]);
    let id = id("an id");
    for content in [&b""[..], b"c", b"a session's content"] {
        set(&storage, &id, content.to_vec());
        let whole = stored(&delegate, &id);
        assert_eq!(whole.len(), HEADER + content.len() + 16);
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            set(&delegate, &id, changed);
            corrupt(&storage, &id, b"", &format!("bit {bit}"));
        }
        for length in 0..whole.len() {
            set(&delegate, &id, whole[..length].to_vec());
            corrupt(&storage, &id, b"", &format!("cut to {length} bytes"));
            set(&delegate, &id, whole[length + 1..].to_vec());
            corrupt(&storage, &id, b"", &format!("cut by its first {} bytes", length + 1));
        }
        for more in [1, 15, 16, 17, 70_000] {
            set(&delegate, &id, [&whole[..], &vec![0; more]].concat());
            corrupt(&storage, &id, b"", &format!("{more} bytes more"));
        }
        set(&delegate, &id, whole);
        assert_eq!(get(&storage, &id).unwrap().unwrap(), content);
    }
}

/// The header and the three sealed chunks of a content.
fn chunks(whole: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (header, rest) = whole.split_at(HEADER);
    (header.to_vec(), rest.chunks(SEALED_CHUNK).map(<[u8]>::to_vec).collect())
}

#[test]
fn chunks_that_were_moved_left_out_or_repeated_are_found() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    // The last is as long as the others, so that no length tells.
    let content = pattern(3 * CHUNK);
    set(&storage, &id, content.clone());
    let (header, parts) = chunks(&stored(&delegate, &id));
    assert_eq!(parts.len(), 3);
    let orders: [&[usize]; 14] = [
        &[1, 0, 2],
        &[0, 2, 1],
        &[2, 1, 0],
        &[1, 2, 0],
        &[0, 1],
        &[0, 2],
        &[1, 2],
        &[0],
        &[2],
        &[],
        &[0, 1, 2, 2],
        &[0, 0, 1, 2],
        &[0, 1, 1, 2],
        &[0, 1, 2, 0],
    ];
    for order in orders {
        let moved: Vec<_> = order.iter().flat_map(|at| parts[*at].clone()).collect();
        set(&delegate, &id, [&header[..], &moved].concat());
        corrupt(&storage, &id, &content, &format!("chunks {order:?}"));
    }
    let right = [&header[..], &parts.concat()].concat();
    set(&delegate, &id, right);
    assert_eq!(get(&storage, &id).unwrap().unwrap(), content);
    assert_eq!(streamed(&storage, &id).0, content);
}

#[test]
fn a_content_of_another_session_is_found() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let (mine, theirs) = (id("mine"), id("theirs"));
    for length in [5, 2 * CHUNK] {
        set(&storage, &mine, pattern(length));
        set(&storage, &theirs, vec![7; length]);
        let (one, other) = (stored(&delegate, &mine), stored(&delegate, &theirs));
        set(&delegate, &mine, other);
        set(&delegate, &theirs, one);
        corrupt(&storage, &mine, b"", "theirs as mine");
        corrupt(&storage, &theirs, b"", "mine as theirs");
    }
}

#[test]
fn chunks_of_two_revisions_are_not_mixed() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    let (old, new) = (pattern(3 * CHUNK), vec![7; 3 * CHUNK]);
    set(&storage, &id, old.clone());
    let (old_header, old_parts) = chunks(&stored(&delegate, &id));
    set(&storage, &id, new.clone());
    let (new_header, new_parts) = chunks(&stored(&delegate, &id));
    for replaced in 0..3 {
        let mut mixed = new_parts.clone();
        mixed[replaced].clone_from(&old_parts[replaced]);
        set(&delegate, &id, [&new_header[..], &mixed.concat()].concat());
        corrupt(&storage, &id, &new, &format!("chunk {replaced} of the revision before"));
        let mut mixed = old_parts.clone();
        mixed[replaced].clone_from(&new_parts[replaced]);
        set(&delegate, &id, [&old_header[..], &mixed.concat()].concat());
        corrupt(&storage, &id, &old, &format!("chunk {replaced} of the revision after"));
    }
    set(&delegate, &id, [&old_header[..], &new_parts.concat()].concat());
    corrupt(&storage, &id, b"", "the header of the revision before");
}

/// What nobody can find out who keeps nothing beside the medium. The times of a session are its delegate's, too.
#[test]
fn a_whole_record_that_is_put_back_is_not_found_out() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    set(&storage, &id, "before");
    let before = stored(&delegate, &id);
    set(&storage, &id, "after");
    set(&delegate, &id, before);
    assert_eq!(get(&storage, &id).unwrap().unwrap(), "before");
}

#[test]
fn what_was_never_sealed_is_not_taken() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    for content in [vec![], b"{}".to_vec(), vec![0; 48], b"seal\x01".to_vec(), pattern(CHUNK + HEADER + 32)] {
        set(&delegate, &id, content);
        corrupt(&storage, &id, b"", "what was written without a seal");
    }
}

#[test]
fn what_cannot_be_opened_can_be_replaced_touched_and_ended() {
    let delegate = SessionStorageMemory::new();
    let storage = sealed(&delegate, &[NEW]);
    let id = id("an id");
    set(&delegate, &id, "damaged");
    block_on(async {
        assert!(storage.touch(&id).await.unwrap());
        storage.set(&id, "new".into(), WriteOptions::new()).await.unwrap();
        assert_eq!(storage.get(&id).await.unwrap().unwrap().0, "new");
        delegate.set(&id, "damaged again".into(), WriteOptions::new()).await.unwrap();
        assert!(storage.invalidate(&id).await.unwrap());
        assert!(storage.get(&id).await.unwrap().is_none());
    });
}

#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Cut(usize),
    Remove(usize, usize),
    Insert(usize, Vec<u8>),
    Exchange(usize, usize, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        match self {
            Self::Flip(at, bits) => bytes[at % length] ^= bits,
            Self::Cut(at) => bytes.truncate(at % length),
            Self::Remove(at, count) => drop(bytes.drain(at % length..length.min(at % length + count))),
            Self::Insert(at, more) => drop(bytes.splice(at % length..at % length, more.iter().copied())),
            Self::Exchange(one, other, count) => {
                for step in 0..*count {
                    bytes.swap((one + step) % length, (other + step) % length);
                }
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..400_000_usize;
    prop_oneof![
        (at.clone(), 1..=255_u8).prop_map(|(at, bits)| Change::Flip(at, bits)),
        at.clone().prop_map(Change::Cut),
        (at.clone(), 1..70_000_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(at, more)| Change::Insert(at, more)),
        (at.clone(), at, 1..70_000_usize).prop_map(|(one, other, count)| Change::Exchange(one, other, count)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_change_gives_out_what_nobody_wrote(
        length in prop_oneof![0..300_usize, CHUNK - 2..CHUNK + 2, 0..3 * CHUNK],
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let delegate = SessionStorageMemory::new();
        let storage = sealed(&delegate, &[NEW]);
        let id = id("an id");
        let content = pattern(length);
        set(&storage, &id, content.clone());
        let whole = stored(&delegate, &id);
        let mut changed = whole.clone();
        for change in &changes {
            if !changed.is_empty() {
                change.apply(&mut changed);
            }
        }
        prop_assume!(changed != whole);
        set(&delegate, &id, changed);
        corrupt(&storage, &id, &content, "changed");
    }
}
