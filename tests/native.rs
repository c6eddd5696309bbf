//! The contract on native targets, on up to three executors; and what needs real threads.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::similar_names)]

mod subjects;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures::{AsyncReadExt, AsyncWriteExt, FutureExt, executor::block_on};
use sessile::{
    Error, ErrorKind, SessionId, SessionStorage, SessionStorageExt, SessionStorageMemory, SimplifiedOptions,
    SimplifiedSessionStorage, WriteOptions, conformance,
};

use crate::subjects::{
    Cached, MapMedium, Memory, Records, Simplified, folders::Folders, is_send, records::SharedRecords,
    sealing::Sealed,
};

/// On a worker thread, so that the case's future has to be `Send`.
fn on_tokio<F: Future<Output: Send> + Send + 'static>(case: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(runtime.spawn(case)).unwrap()
}

fn on_smol<F: Future<Output: Send> + Send + 'static>(case: F) -> F::Output {
    smol::block_on(smol::spawn(case))
}

macro_rules! on_one_executor {
    ($($subject:ident: $harness:expr;)*) => {$(
        mod $subject {
            use super::*;
            conformance::conformance_tests!(#[test] super::on_tokio, $harness);
        }
    )*};
}

macro_rules! on_three_executors {
    ($($subject:ident: $harness:expr;)*) => {$(
        mod $subject {
            use super::*;
            mod on_tokio {
                use super::*;
                conformance::conformance_tests!(#[test] super::super::on_tokio, $harness);
            }
            mod on_smol {
                use super::*;
                conformance::conformance_tests!(#[test] super::super::on_smol, $harness);
            }
            mod on_futures {
                use super::*;
                conformance::conformance_tests!(#[test] block_on, $harness);
            }
        }
    )*};
}

// What differs between executors is who polls, and on which thread: these meet all of it.
on_three_executors! {
    memory: Memory;
    simplified_shared_slow: Simplified::shared().slow();
    directory: Folders::relaxed();
    cached_directory: Cached(Folders::relaxed());
}

on_one_executor! {
    simplified_exclusive: Simplified::exclusive();
    simplified_shared: Simplified::shared();
    simplified_exclusive_slow: Simplified::exclusive().slow();
    directory_strict: Folders::strict();
    records: SharedRecords::new();
    records_slow: SharedRecords::new().slow();
    cached_memory: Cached(Memory);
    cached_simplified_slow: Cached(Simplified::exclusive().slow());
    sealed_memory: Sealed(Memory);
    sealed_directory: Sealed(Folders::relaxed());
}

#[test]
fn every_case_applies_to_a_storage_of_this_crate_or_asks_for_what_none_has() {
    let harnesses: [&dyn conformance::Harness; 3] =
        [&Memory, &Simplified::exclusive(), &Simplified::shared()];
    let alone: Vec<_> = conformance::cases()
        .iter()
        .filter(|case| !harnesses.iter().any(|&harness| case.applies_to(harness)))
        .map(conformance::Case::name)
        .collect();
    assert_eq!(
        alone,
        [
            "C4_invalidate_wins_over_a_write_in_flight_on_the_other_side",
            "C4_a_write_in_flight_does_not_outlive_the_session_made_anew",
            "C5_of_many_conditional_writes_on_two_sides_exactly_one_wins",
            "C9_what_is_written_on_one_side_is_read_on_the_other",
        ]
    );
}

#[test]
fn a_run_reports_each_case_once() {
    let report = block_on(conformance::run(&Memory));
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.passed.len() + report.not_applicable.len(), conformance::cases().len());
    let mut names: Vec<_> = conformance::cases().iter().map(conformance::Case::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), conformance::cases().len());
    assert!(block_on(conformance::check(&Memory, "C0_there_is_no_such_case")).is_err());
}

/// Compiles only where the futures of the calls are `Send`.
#[test]
fn what_users_call_is_send() {
    let id = SessionId::new("id").unwrap();
    let memory = SessionStorageMemory::new();
    let medium = MapMedium { records: Records::default(), yields: 1 };
    let simplified = SimplifiedSessionStorage::new(medium, SimplifiedOptions::new()).unwrap();
    let shared: Arc<dyn SessionStorage> = Arc::new(memory.clone());
    macro_rules! calls {
        ($storage:expr) => {
            block_on(is_send($storage.write(&id, WriteOptions::new(), async |channel| {
                channel.write_all(b"content").await?;
                Ok::<_, Error>(())
            })))
            .unwrap();
            let length = block_on(is_send($storage.read(&id, async |channel| {
                let mut content = Vec::new();
                channel.read_to_end(&mut content).await?;
                Ok::<_, Error>(content.len())
            })));
            assert_eq!(length.unwrap(), 7);
        };
    }
    calls!(memory);
    calls!(simplified);
    calls!(shared);
}

/// A write that begins while an invalidate is on its way to the place looks only when it has arrived there.
#[test]
fn c4_a_write_that_began_before_an_invalidate_resolved_does_not_follow_it() {
    use futures::poll;
    use sessile::{DirectoryOptions, ManualClock};

    let id = SessionId::new("id").unwrap();
    let mut met = 0;
    for polls in 1..30 {
        block_on(async {
            // All of it at one time, so that no time tells what came first.
            let options = DirectoryOptions::new().clock(Arc::new(ManualClock::default()));
            let storage = SharedRecords::new().slow().storage(0, options).unwrap();
            storage.set(&id, "old".into(), WriteOptions::new()).await.unwrap();
            let mut invalidate = storage.invalidate(&id);
            for _ in 0..polls {
                if poll!(&mut invalidate).is_ready() {
                    return;
                }
            }
            let mut set = storage.set(&id, "new".into(), WriteOptions::new());
            assert!(poll!(&mut set).is_pending());
            assert!(invalidate.await.unwrap());
            let _ = set.await;
            assert_eq!(storage.get(&id).await.unwrap(), None, "after {polls} polls");
            met += 1;
        });
    }
    assert!(met > 5, "{met}");
}

/// A panic of a provider or a consumer unwinds through the storage, which must be usable afterwards.
#[test]
fn c11_a_callback_that_panics_poisons_nothing() {
    let medium = MapMedium { records: Records::default(), yields: 0 };
    let simplified = SimplifiedSessionStorage::new(medium, SimplifiedOptions::new()).unwrap();
    let storages: [Arc<dyn SessionStorage>; 2] =
        [Arc::new(SessionStorageMemory::new()), Arc::new(simplified)];
    let id = SessionId::new("id").unwrap();
    block_on(async {
        for storage in storages {
            storage.set(&id, "old".into(), WriteOptions::new()).await.unwrap();
            let write = storage.write(&id, WriteOptions::new(), async |channel| -> Result<(), Error> {
                channel.write_all(b"half").await?;
                panic!("on purpose")
            });
            assert!(AssertUnwindSafe(write).catch_unwind().await.is_err());
            let read = storage.read(&id, async |_| -> Result<(), Error> { panic!("on purpose") });
            assert!(AssertUnwindSafe(read).catch_unwind().await.is_err());
            assert_eq!(storage.get(&id).await.unwrap().unwrap().0, "old");
            storage.set(&id, "new".into(), WriteOptions::new()).await.unwrap();
            assert_eq!(storage.get(&id).await.unwrap().unwrap().0, "new");
        }
    });
}

const THREADS: usize = 8;

fn on_threads(work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}

/// Adds one to the number in a session, by conditional writes.
async fn increment(storage: &dyn SessionStorage, id: &SessionId, whole: bool) {
    loop {
        let (content, info) = storage.get(id).await.unwrap().unwrap();
        let next = std::str::from_utf8(&content).unwrap().parse::<u64>().unwrap() + 1;
        let options = WriteOptions::new().if_revision(info.revision);
        let result = if whole {
            storage.set(id, next.to_string().into(), options).await
        } else {
            let mut writer = storage.begin(id, options).await.unwrap();
            writer.write_all(next.to_string().as_bytes()).await.unwrap();
            writer.commit().await
        };
        match result {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
        }
    }
}

#[test]
fn c5_threads_that_count_in_one_session_lose_nothing() {
    let medium = MapMedium { records: Records::default(), yields: 1 };
    let simplified = SimplifiedSessionStorage::new(medium, SimplifiedOptions::new().exclusive());
    let storages: [Arc<dyn SessionStorage>; 2] =
        [Arc::new(SessionStorageMemory::new()), Arc::new(simplified.unwrap())];
    for storage in storages {
        let id = SessionId::generate().unwrap();
        block_on(storage.set(&id, "0".into(), WriteOptions::new())).unwrap();
        on_threads(|number| {
            for round in 0..200 {
                block_on(increment(&*storage, &id, (number + round) % 2 == 0));
            }
        });
        let (content, _) = block_on(storage.get(&id)).unwrap().unwrap();
        assert_eq!(content, (THREADS * 200).to_string());
    }
}

/// Each thread creates, and invalidates what it or another created. Every creation that succeeded is
/// ended by exactly one invalidate that found it.
#[test]
fn c4_threads_that_create_and_invalidate_agree_on_how_often() {
    let medium = MapMedium { records: Records::default(), yields: 1 };
    let simplified = SimplifiedSessionStorage::new(medium, SimplifiedOptions::new().exclusive());
    let storages: [Arc<dyn SessionStorage>; 2] =
        [Arc::new(SessionStorageMemory::new()), Arc::new(simplified.unwrap())];
    for storage in storages {
        let ids: Vec<_> = (0..3).map(|_| SessionId::generate().unwrap()).collect();
        let (created, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        on_threads(|number| {
            for round in 0..400 {
                let id = &ids[(number + round) % ids.len()];
                block_on(async {
                    if (number * 31 + round * 17) % 5 < 3 {
                        match storage.set(id, "content".into(), WriteOptions::new().if_absent()).await {
                            Ok(_) => drop(created.fetch_add(1, Ordering::SeqCst)),
                            Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                        }
                    } else if storage.invalidate(id).await.unwrap() {
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        for id in &ids {
            if block_on(storage.invalidate(id)).unwrap() {
                ended.fetch_add(1, Ordering::SeqCst);
            }
        }
        assert!(created.load(Ordering::SeqCst) > 0);
        assert_eq!(created.load(Ordering::SeqCst), ended.load(Ordering::SeqCst));
    }
}

/// Writers stream while one thread logs the session out; nothing that began before comes back.
#[test]
fn c4_no_thread_brings_an_invalidated_session_back() {
    let storage = SessionStorageMemory::new();
    let id = SessionId::generate().unwrap();
    for _ in 0..300 {
        let writers: Vec<_> =
            (0..THREADS).map(|_| block_on(storage.begin(&id, WriteOptions::new())).unwrap()).collect();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for mut writer in writers {
                let over = &over;
                scope.spawn(move || {
                    block_on(async {
                        writer.write_all(b"content").await.unwrap();
                        let before = over.load(Ordering::SeqCst);
                        let commit = writer.commit().await;
                        assert!(!before || commit.is_err(), "a commit after invalidate had resolved");
                    });
                });
            }
            let (storage, id, over) = (&storage, &id, &over);
            scope.spawn(move || {
                block_on(storage.invalidate(id)).unwrap();
                over.store(true, Ordering::SeqCst);
                assert!(block_on(storage.get(id)).unwrap().is_none());
            });
        });
        assert!(block_on(storage.get(&id)).unwrap().is_none());
    }
    let stats = block_on(storage.stats()).unwrap();
    assert_eq!((stats.sessions, stats.bytes), (0, 0));
}

/// Whoever reads sees one whole content, whatever the others do.
#[test]
fn c2_threads_read_whole_contents_while_others_write() {
    let storage = SessionStorageMemory::new();
    let id = SessionId::generate().unwrap();
    block_on(storage.set(&id, vec![0; 50_000].into(), WriteOptions::new())).unwrap();
    on_threads(|number| {
        for round in 0..60 {
            block_on(async {
                if number % 2 == 0 {
                    let byte = u8::try_from(number * 8 + round % 8).unwrap();
                    // Also of the same length, which the table may put in the old one's place.
                    let length = if round % 3 == 0 { 50_000 } else { 40_000 + usize::from(byte) };
                    storage.set(&id, vec![byte; length].into(), WriteOptions::new()).await.unwrap();
                } else {
                    let mut reader = storage.open(&id).await.unwrap().unwrap();
                    let length = reader.info().byte_length.unwrap();
                    let mut content = Vec::new();
                    reader.read_to_end(&mut content).await.unwrap();
                    assert_eq!(content.len() as u64, length);
                    assert!(content.windows(2).all(|pair| pair[0] == pair[1]), "two contents mixed");
                }
            });
        }
    });
}

/// Every kind of call on a small bounded storage, from many threads.
#[test]
fn c10_threads_that_do_everything_leave_the_numbers_right() {
    let options = sessile::MemoryOptions::new().max_sessions(20).max_bytes(200_000);
    let storage = SessionStorageMemory::with_options(options).unwrap();
    let ids: Vec<_> = (0..40).map(|_| SessionId::generate().unwrap()).collect();
    on_threads(|number| {
        let mut state = number as u64 + 1;
        for _ in 0..1_500 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let choice = state >> 33;
            let id = &ids[usize::try_from(choice / 16).unwrap() % ids.len()];
            let length = usize::try_from(choice % 20_000).unwrap();
            let options = WriteOptions::new().tags(sessile::Tags::new([format!("{}", choice % 3)]).unwrap());
            block_on(async {
                match choice % 16 {
                    0..6 => drop(storage.set(id, vec![1; length].into(), options).await),
                    6..9 => {
                        let mut writer = storage.begin(id, options).await.unwrap();
                        if writer.write_all(&vec![2; length]).await.is_ok() && choice.is_multiple_of(2) {
                            drop(writer.commit().await);
                        }
                    }
                    9..11 => drop(storage.invalidate(id).await.unwrap()),
                    11 => drop(storage.touch(id).await.unwrap()),
                    12 => drop(storage.invalidate_tagged("1").await.unwrap()),
                    13 => drop(storage.list_tagged("2").await.unwrap()),
                    _ => drop(storage.get(id).await.unwrap()),
                }
                let stats = storage.stats().await.unwrap();
                assert!(stats.sessions <= 20 && stats.bytes <= 200_000, "over its limits: {stats:?}");
            });
        }
    });
    let (mut sessions, mut bytes) = (0, 0);
    for id in &ids {
        if let Some((content, _)) = block_on(storage.get(id)).unwrap() {
            sessions += 1;
            bytes += (content.len() + id.as_str().len()) as u64;
        }
    }
    let stats = block_on(storage.stats()).unwrap();
    assert_eq!((stats.sessions, stats.bytes), (sessions, bytes));
    let tagged: usize =
        ["0", "1", "2"].map(|tag| block_on(storage.list_tagged(tag)).unwrap().len()).iter().sum();
    assert_eq!(tagged as u64, sessions);
}
