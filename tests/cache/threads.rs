//! Threads that use one cache at the same time: the same as in the random histories holds.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use sessile::{SessionStorageMemory, Tags};

use super::*;
use crate::log::{Caller, Floors, Logged};

const THREADS: usize = 8;
const CALLS: usize = 2_000;
const TAG: &str = "tag";

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

#[test]
fn c4_c9_threads_see_nothing_that_is_past() {
    for (shared, skips) in [(false, false), (true, false), (false, true)] {
        let delegate = Logged::new(shared);
        let mut options = CacheOptions::new().clock(sessile::ManualClock::default());
        if skips {
            options = options.skip_equal_writes();
        }
        let cache = CacheStorage::new(delegate.clone(), options).unwrap();
        let floors = Floors::default();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (cache, delegate, floors) = (&cache, &delegate, &floors);
                scope.spawn(move || {
                    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (thread as u64 + 1));
                    for call in 0..CALLS {
                        one_call(cache, delegate, floors, thread * CALLS + call + 1, &mut random);
                    }
                });
            }
        });
        Caller { number: 0, before: 0, after: 0 }.enter();
        for id in [id(), other()] {
            let there = block_on(delegate.memory().get(&id)).unwrap();
            for _ in 0..3 {
                assert_eq!(block_on(cache.get(&id)).unwrap(), there);
            }
        }
        let stats = cache.cache_stats().unwrap();
        assert!(stats.hits > 0 && stats.fills > 0 && stats.fills <= stats.misses, "{stats:?}");
    }
}

fn one_call(
    cache: &CacheStorage<Logged>,
    delegate: &Logged,
    floors: &Floors,
    number: usize,
    random: &mut Random,
) {
    let pace = |random: &mut Random| u8::try_from(random.below(3)).unwrap();
    Caller { number, before: pace(random), after: pace(random) }.enter();
    let id = if random.below(2) == 0 { id() } else { other() };
    let tagged = if random.below(2) == 0 { vec![TAG] } else { vec![] };
    let options = WriteOptions::new().tags(Tags::new(tagged).unwrap());
    let floor = floors.of(&id);
    match random.below(16) {
        0..8 => {
            let revision = if random.below(2) == 0 {
                block_on(cache.get(&id)).unwrap().map(|(_, info)| info.revision)
            } else {
                block_on(cache.open(&id)).unwrap().map(|reader| reader.into_info().revision)
            };
            let seen = delegate.seen(&id, floor, revision.as_ref());
            floors.raise(&id, seen.expect("what was read was not past"));
        }
        8..10 => {
            let content = format!("{}", random.below(3));
            let committed = block_on(cache.set(&id, content.into(), options)).unwrap();
            floors.raise(&id, delegate.seen(&id, 0, Some(&committed.revision)).unwrap());
        }
        10 => {
            let mut writer = block_on(cache.begin(&id, options)).unwrap();
            block_on(writer.write_all(b"streamed")).unwrap();
            // Refused where the session was invalidated meanwhile.
            if let Ok(committed) = block_on(writer.commit()) {
                floors.raise(&id, delegate.seen(&id, 0, Some(&committed.revision)).unwrap());
            }
        }
        11..14 => drop(block_on(cache.touch(&id)).unwrap()),
        14 => drop(block_on(cache.invalidate(&id)).unwrap()),
        _ => drop(block_on(cache.invalidate_tagged(TAG)).unwrap()),
    }
    for (id, number) in delegate.done_by(number) {
        floors.raise(&id, number);
    }
}

/// A touch takes what is kept of the session, and puts it back renewed; never over what was written in between.
#[test]
fn c9_threads_that_touch_take_no_write_back() {
    const WRITES: usize = 100_000;
    let cache = CacheStorage::new(SessionStorageMemory::new(), CacheOptions::new()).unwrap();
    let over = AtomicBool::new(false);
    write(&cache, &id(), "0");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert!(block_on(cache.touch(&id())).unwrap());
                }
            });
        }
        let read_back = || {
            (1..=WRITES).all(|number| {
                let content = number.to_string();
                write(&cache, &id(), &content);
                get(&cache, &id()) == Some(content)
            })
        };
        let all_read_back = read_back();
        over.store(true, Ordering::Relaxed);
        assert!(all_read_back, "what was read was older than what had been written");
    });
}
